"""SQLite databases as sources: a table, a view or a query is one table of the package.

Rows come in the order of the database: by row number, or by the primary key of a table that has no row numbers; a
view or a query says its own order. Where the resource names a column of encoded images, each row is an image.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from ...digest import logical
from ...errors import SchemaError, nearest
from ...manifest.models import Resource
from ...reading import Reading
from ..base import Column, Decision, Scan, TableSchema
from . import images, types
from .database import Rows, opened, quoted, rows_of
from .types import Held

SOURCE_PATH, SOURCE_ROW = "source_path", "source_row"
ORIGIN = (
    Column(SOURCE_PATH, pa.string(), "string", why="text, the file that the row is from"),
    Column(SOURCE_ROW, pa.int64(), "int64", why="int64, the row in that file, from 0"),
)
CELL_BYTES = 64
"""What a value that is neither text nor bytes counts when batches are cut."""


class SqliteSource:
    """The format of SQLite databases."""

    kind = "sqlite"
    reads = 1
    libraries = ("tifffile", "imagecodecs", "simplejpeg", "pillow")

    def scan(self, reading: Reading, resource: Resource) -> Scan:
        """Count what each column holds, and read the headers of all images."""
        file = reading.file
        with opened(file, reading.in_place()) as connection:
            rows = rows_of(connection, file, resource)
            held, total = types.look(connection, rows)
            evidence: dict[str, Any] = {"columns": [one.to_json() for one in held], "rows": total}
            told: list[str] = []
            if resource.image is not None:
                look = images.look(connection, rows, reading, resource)
                evidence |= look.to_json()
                told += [f"{file.path}: {look.skipped:,} rows without an image, left out"] * bool(
                    look.skipped
                )
                told += [f"{file.path}: {text}" for text in look.warnings]
        return Scan({resource.name: evidence}, tuple(told))

    def decide(self, resource: Resource, scans: Sequence[tuple[str, Scan]]) -> Decision:
        """Join the columns of all files by name, and decide each one's type."""
        evidence = [scan.evidence[resource.name] for _, scan in scans]
        held = types.joined([one["columns"] for one in evidence])
        where = f"resource {resource.name!r}"
        _refuse_unlike(resource, held, where)
        told = [text for one in held for text in types.warnings(one, where)]
        told += list(_lacking(resource, scans, held))
        if resource.image is not None:
            return Decision((images.decide(resource, held, evidence),), tuple(told))
        columns = list(ORIGIN) if resource.many else []
        for one in held:
            if resource.many and one.name in (SOURCE_PATH, SOURCE_ROW):
                what = f"the column {one.name!r} has the name of one that says where rows come from"
                raise SchemaError(what, where, "rename it in a query")
            kind, why = types.decide(one, resource.name)
            columns.append(Column(one.name, kind, logical(kind), why=why))
        return Decision((TableSchema(resource.name, "table", tuple(columns)),), tuple(told))

    def batches(
        self, reading: Reading, resource: Resource, table: TableSchema, batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows, under the decided types."""
        with opened(reading.file, reading.in_place()) as connection:
            rows = rows_of(connection, reading.file, resource)
            if resource.image is not None:
                yield from images.batches(connection, rows, reading, resource, table, batch_bytes)
                return
            first = 0
            for part in parts(connection, rows, batch_bytes):
                yield _batch(part, first, rows, reading.file.path, table)
                first += len(part)


def parts(connection: sqlite3.Connection, rows: Rows, batch_bytes: int) -> Iterator[list[tuple[Any, ...]]]:
    """The rows in lists of about so many bytes."""
    part: list[tuple[Any, ...]] = []
    size = 0
    for row in connection.execute(rows.select([quoted(column.name) for column in rows.columns])):
        part.append(row)
        size += sum(len(cell) if isinstance(cell, str | bytes) else CELL_BYTES for cell in row)
        if size >= batch_bytes:
            yield part
            part, size = [], 0
    if part:
        yield part


def _batch(
    part: Sequence[tuple[Any, ...]], first: int, rows: Rows, path: str, table: TableSchema
) -> pa.RecordBatch:
    cells = dict(zip([one.name for one in rows.columns], zip(*part, strict=True), strict=True))
    count = len(part)
    arrays = []
    for column in table.columns:
        if column.name == SOURCE_PATH and SOURCE_PATH not in cells:
            arrays.append(pa.array([path] * count))
        elif column.name == SOURCE_ROW and SOURCE_ROW not in cells:
            arrays.append(pa.array(range(first, first + count), pa.int64()))
        else:
            found = cells.get(column.name)
            arrays.append(
                pa.nulls(count, column.type)
                if found is None
                else types.values_of(found, column, range(first + 1, first + count + 1), path)
            )
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow())


def _refuse_unlike(resource: Resource, held: Sequence[Held], where: str) -> None:
    names = [one.name for one in held]
    named = [field.name for field in resource.table_schema.fields]
    for name in [*named, *([resource.image] if resource.image else [])]:
        if name not in names:
            raise SchemaError(f"there is no column {name!r}", where, nearest(name, names))
    if "" in names:
        raise SchemaError("a column has no name", where, "name it in a query: select ... as Well")


def _lacking(resource: Resource, scans: Sequence[tuple[str, Scan]], held: Sequence[Held]) -> Iterator[str]:
    """Which files lack what."""
    for path, scan in scans:
        there = {name for name, *_ in scan.evidence[resource.name]["columns"]}
        lost = [one.name for one in held if one.name not in there]
        if lost:
            shown = ", ".join(f"`{name}`" for name in lost[:5])
            yield f"{path} lacks {len(lost)} columns ({shown}); these cells are missing"
