"""The table ``_sources``: what each source file gave to each table, so that a build need not ask the file again.

Its rows are columns; one becomes an object when it is looked at singly. Text that most rows share (the resource, the
table, the evidence ...) is held once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .access import RowAccess
from .places import Place
from .records import FilesList, Record

SOURCES = "_sources"
SOURCES_SCHEMA = pa.schema(
    [
        ("resource", pa.string()),
        ("table", pa.string()),
        ("group", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("rows", pa.int64()),
        ("digest", pa.string()),
        ("evidence", pa.large_string()),
        ("held", pa.string()),
        ("warnings", pa.large_string()),
    ]
)
LATER = ("held", "warnings")
"""Columns that the first packages do not have."""
SHARED = ("resource", "table", "evidence", "held", "warnings")
"""Columns of few different texts, in most packages."""
IN_MEMORY = pa.schema(
    [(f.name, pa.dictionary(pa.int32(), f.type) if f.name in SHARED else f.type) for f in SOURCES_SCHEMA]
)
BETWEEN = "\0"
READ_ROWS, BATCH_ROWS, BATCH_BYTES = 512, 4096, 2 << 20
"""How many rows are made into objects, or a batch, at a time; a row may hold some kilobytes of evidence."""
MATCHED_MEMBER = '"matched member"'
ARCHIVE = '"archive"'
"""What `evidence` says of an archive that files were chosen of: it is no source itself, and gives nothing to a table."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What one source gave to one table: a row of the table ``_sources``.

    `group` is the source's path. Of the other files that were read for it, `evidence` tells those that the resource
    matched too. `held` is the bytes that image columns hold of it, `warnings` what its reading gave cause to say; both
    are JSON, and empty where there is nothing. None is what a datapkg that did not keep them leaves unknown.
    """

    resource: str
    table: str
    group: str
    path: str
    bytes: int
    sha256: str
    rows: int
    digest: str
    evidence: str
    held: str | None = ""
    warnings: str | None = ""


class SourceRows(Sequence[SourceRow]):
    """Rows of ``_sources`` in order; `columns` holds them under `IN_MEMORY`.

    Examples
    --------
    >>> rows = SourceRows.of([SourceRow("r", "t", "a.csv", "a.csv", 4, "0f", 1, "d1", "null")])
    >>> rows[0].path, rows.values("bytes"), rows.matched.tolist(), len(rows.at(rows.says("table", "u")))
    ('a.csv', [4], [True], 0)
    """

    __slots__ = ("columns",)

    def __init__(self, columns: pa.Table) -> None:
        self.columns = columns

    @classmethod
    def of(cls, rows: Iterable[SourceRow]) -> SourceRows:
        """Rows that are objects."""
        found = [*zip(*map(attrgetter(*SOURCES_SCHEMA.names), rows), strict=True)] or [()] * len(
            SOURCES_SCHEMA
        )
        return cls.made(dict(zip(SOURCES_SCHEMA.names, map(list, found), strict=True)))

    @classmethod
    def made(cls, columns: Mapping[str, Any]) -> SourceRows:
        """Rows of columns: an Arrow array or a list each, or what stands in all rows; one at least is no single value."""
        count = next(len(values) for values in columns.values() if not isinstance(values, str | int))
        found = []
        for field in SOURCES_SCHEMA:
            values = columns[field.name]
            if isinstance(values, str | int):
                values = pa.repeat(pa.scalar(values, field.type), count)
            elif not isinstance(values, pa.Array):
                values = pa.array(values, field.type)
            found.append(values.dictionary_encode() if field.name in SHARED else values)
        return cls(pa.Table.from_arrays(found, schema=IN_MEMORY))

    @classmethod
    def joined(cls, parts: Iterable[SourceRows]) -> SourceRows:
        """Rows of several, one after the other."""
        tables = [one.columns for one in parts if len(one)] or [IN_MEMORY.empty_table()]
        return cls(
            tables[0] if len(tables) == 1 else pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        )

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    @overload
    def __getitem__(self, at: int) -> SourceRow: ...
    @overload
    def __getitem__(self, at: slice) -> SourceRows: ...
    def __getitem__(self, at: int | slice) -> SourceRow | SourceRows:
        if isinstance(at, slice):
            return self.at(np.arange(*at.indices(len(self))))
        return next(iter(SourceRows(self.columns.slice(range(len(self))[at], 1))))

    def __iter__(self) -> Iterator[SourceRow]:
        for start in range(0, len(self), READ_ROWS):
            some = SourceRows(self.columns.slice(start, READ_ROWS))
            yield from map(SourceRow, *map(some.values, SOURCES_SCHEMA.names))

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> SourceRows:
        """The rows at some positions, or those that are true."""
        if rows.dtype == bool:
            return self if rows.all() else SourceRows(self.columns.filter(pa.array(rows)).combine_chunks())
        if np.array_equal(rows, np.arange(len(self))):
            return self
        return SourceRows(self.columns.take(pa.array(rows)).combine_chunks())

    def column(self, name: str) -> pa.Array:
        """A column as one array."""
        chunks = self.columns.column(name).chunks
        return chunks[0] if len(chunks) == 1 else pa.array([], IN_MEMORY.field(name).type)

    def dense(self, name: str) -> pa.Array:
        """A column as one array, each text in its place."""
        column = self.column(name)
        return column.dictionary_decode() if name in SHARED else column

    def values(self, name: str) -> list[Any]:
        """A column as Python's values."""
        if name in SHARED:
            texts = [*self.texts(name), None]  # the last for what is unknown
            return [texts[at] for at in self.numbers(name).tolist()]
        values: list[Any] = self.column(name).to_pylist()
        return values

    def numbers(self, name: str) -> NDArray[np.int64]:
        """A column of numbers; of shared texts their places among `texts`, -1 where it is unknown."""
        column = self.column(name)
        if name in SHARED:
            column = pc.fill_null(column.indices, -1)
        return np.asarray(column, np.int64)

    def texts(self, name: str) -> list[str]:
        """The different texts of a shared column; one may be there twice, or in no row."""
        texts: list[str] = self.column(name).dictionary.to_pylist()
        return texts

    def named(self, *names: str) -> pa.Array:
        """Columns of text as one, to tell rows apart."""
        return pc.binary_join_element_wise(*map(self.dense, names), BETWEEN)

    def says(self, name: str, text: str) -> NDArray[np.bool_]:
        """Which rows have this text in a shared column."""
        told = np.array([*(one == text for one in self.texts(name)), False])  # the last for what is unknown
        return told[self.numbers(name)]

    @property
    def led(self) -> NDArray[np.bool_]:
        """Which rows are of files that were read since another one led to them."""
        return both(pc.not_equal(self.column("path"), self.column("group")))

    @property
    def own(self) -> NDArray[np.bool_]:
        """Which rows are of sources: files that the resource's own paths match, and that no other file led to."""
        return ~(self.led | self.says("evidence", ARCHIVE))

    @property
    def matched(self) -> NDArray[np.bool_]:
        """Which rows are of files that the resource's own paths match."""
        return self.own | self.says("evidence", MATCHED_MEMBER)

    @property
    def skipped(self) -> NDArray[np.bool_]:
        """Which rows are of files that were matched and found empty, as `empty: skip` allows."""
        return self.own & self.says("table", "")

    @property
    def complete(self) -> bool:
        """Whether the rows tell all that a build would have to read the files for."""
        return not any(self.column(name).null_count for name in LATER)

    @property
    def total(self) -> int:
        """The rows of tables that these rows tell of."""
        return int(self.numbers("rows").sum())

    def of_resource(self, resource: str) -> SourceRows:
        """The rows of a resource."""
        return self.at(self.says("resource", resource))

    def of_table(self, table: str) -> SourceRows:
        """The rows of a table."""
        return self.at(self.says("table", table))

    def order(self, *names: str) -> NDArray[np.int64]:
        """The positions of the rows in the order of some columns, equal ones as they stand; Arrow sorts text by its bytes."""
        columns = pa.table({name: self.dense(name) for name in names})
        return np.asarray(pc.sort_indices(columns, [(name, "ascending") for name in names]), np.int64)

    def first_of_each(self) -> SourceRows:
        """The first row of each path."""
        paths = self.column("path")
        if pc.all(pc.less(paths[:-1], paths[1:])).as_py() or pc.count_distinct(paths).as_py() == len(self):
            return self
        _, first = np.unique(np.asarray(paths.dictionary_encode().indices), return_index=True)
        return self.at(first)

    def held(self) -> dict[str, int]:
        """The bytes that image columns hold of all rows."""
        held: dict[str, int] = {}
        numbers = self.numbers("held")
        counts = np.bincount(numbers[numbers >= 0]).tolist()
        for text, files in zip(self.texts("held"), counts, strict=False):
            for name, size in (json.loads(text) if text else {}).items():
                held[name] = held.get(name, 0) + files * size
        return held

    def batches(self, schema: pa.Schema = SOURCES_SCHEMA) -> Iterator[pa.RecordBatch]:
        """The rows as a table holds them.

        They are copies: the storage engine takes a slice for as large as all that it is a slice of, and cuts pages by that.
        """
        lengths = np.array([*map(len, self.texts("evidence")), 0])[self.numbers("evidence")]
        rows = max(1, min(BATCH_ROWS, BATCH_BYTES * len(self) // (int(lengths.sum()) + 1)))
        for start in range(0, len(self), rows):
            some = self.at(np.arange(start, min(start + rows, len(self))))
            arrays = [some.dense(name) for name in schema.names]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def source_rows(package: Place, record: Record, files: FilesList) -> SourceRows:
    """The rows of a version's table ``_sources``, in order."""
    rows = RowAccess(package, record.sources, files)
    columns = {column.name for column in record.sources.columns}
    there = [name for name in SOURCES_SCHEMA.names if name in columns]
    parts = []
    for _, batch in rows.read(there):
        missing = {name: pa.nulls(batch.num_rows, SOURCES_SCHEMA.field(name).type) for name in LATER}
        read = {name: batch.column(name).cast(SOURCES_SCHEMA.field(name).type) for name in there}
        parts.append(SourceRows.made(missing | read))
    return SourceRows.joined(parts)


_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode  # made once


def as_json(value: Any) -> str:
    """A value as ``_sources`` holds it."""
    return _encode(value)


def places_among(values: pa.Array, among: pa.Array) -> NDArray[np.int64]:
    """Where each value stands first among others; -1 where it is not there."""
    return np.asarray(pc.fill_null(pc.index_in(values, among), -1), np.int64)


def both(array: pa.Array) -> NDArray[np.bool_]:
    """Arrow's truths as NumPy's."""
    return np.asarray(array.to_numpy(zero_copy_only=False), bool)
