"""Compute the digests again from the stored rows: that what is stored is the content which the record claims.

A table whose files are damaged is read in a process of its own: the engine may panic over damaged bytes, and what it
prints then helps nobody.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from .. import engine as engines
from ..access import FILE_COLUMN, RowAccess
from ..column_sums import ColumnSums
from ..companions import companions
from ..digest import SourceDigest, SourceHasher, logical, table_digest
from ..engine import Note
from ..errors import DatapkgError, StoreError
from ..faults import Fault
from ..places import Place
from ..progress import Counter, Progress
from ..proofs import seen_columns
from ..records import ColumnRecord, FilesList, Record, TableRecord
from ..verified import FILE_PROOF, wrong_files, wrong_images

SOURCES = "_sources"


@dataclass(frozen=True, slots=True)
class StoredSource:
    """What a row of ``_sources`` says of one source's rows in one table."""

    path: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table to be read: its record, its files and rows, its sources in order; None for ``_sources`` itself."""

    package: Place
    record: TableRecord
    files: FilesList
    sources: tuple[StoredSource, ...] | None


def check_rows(
    package: Place, records: Sequence[tuple[Record, FilesList]], damaged: set[str], progress: Progress
) -> Iterator[Fault]:
    """Recompute every digest of these versions; a table that several versions share is read once."""
    done: set[tuple[object, ...]] = set()
    for record, files in records:
        listing = StoredTable(package, record.sources, _only(files, SOURCES), None)
        sources = stored_sources(listing) if SOURCES not in damaged else None
        if sources is None:
            what = (
                f"the digests of version {record.version} cannot be computed: its list of sources is damaged"
            )
            yield Fault(what, table=SOURCES)
            continue
        tables = [listing]
        for table in record.tables:
            own = tuple(sources.get(table.name, ()))
            tables.append(StoredTable(package, table, _only(files, table.name), own))
        new = [table for table in tables if _key(table) not in done]
        done |= {_key(table) for table in new}
        yield from _read(record.version, new, damaged, progress)


def stored_sources(listing: StoredTable) -> dict[str, list[StoredSource]] | None:
    """The sources of each table in order, by the table ``_sources``; None if it cannot be read."""
    found: dict[str, list[StoredSource]] = {}
    rows = RowAccess(listing.package, listing.record, listing.files)
    try:
        for _, batch in rows.read(["table", "path", "rows", "digest"]):
            for row in batch.to_pylist():
                source = StoredSource(row["path"], row["rows"], row["digest"])
                found.setdefault(row["table"], []).append(source)
    except StoreError:
        raise
    except (DatapkgError, ValueError):
        return None
    return found


def recompute(table: StoredTable, note: Note) -> list[Fault]:
    """Read one table and compare the digests of its rows, columns and sources with its record; a worker's task."""
    found: list[Fault] = []
    try:
        found.extend(_faults(table, note))
    except StoreError:  # out of reach is not damaged
        raise
    except DatapkgError as error:
        found.append(Fault(error.what, table=table.record.name))
    except (pa.ArrowException, ValueError, TypeError) as error:
        found.append(Fault(f"its rows cannot be read ({type(error).__name__})", table=table.record.name))
    return found


def recompute_silently(table: StoredTable, note: Note) -> list[Fault]:
    """As `recompute`, in a process of its own, without what the engine prints while it panics."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return recompute(table, note)


class RowStream:
    """Rows that come in batches, handed out in the pieces that are asked for."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._rest: pa.RecordBatch | None = None

    def next(self, count: int) -> Iterator[pa.RecordBatch]:
        """Yield the next `count` rows, or all that are left."""
        while count:
            if self._rest is None or not self._rest.num_rows:
                self._rest = next(self._batches, None)
            if self._rest is None:
                return
            part = self._rest.slice(0, count)
            self._rest = self._rest.slice(part.num_rows)
            count -= part.num_rows
            yield part


def _read(
    version: int, tables: Sequence[StoredTable], damaged: set[str], progress: Progress
) -> Iterator[Fault]:
    size = sum(int(file[2]) for table in tables for file in table.files.files[table.record.name])
    note = Counter(f"reading version {version}", sum(len(t.sources or "1") for t in tables), size, progress)
    for table in tables:
        if table.record.name not in damaged:
            yield from recompute(table, note)
            continue
        with engines.get("local").session(1, bare=True) as run:
            try:
                yield from next(run(recompute_silently, [table], note))
            except DatapkgError:
                what = "its rows cannot be read: the engine breaks down over what is damaged"
                yield Fault(what, table=table.record.name)


def _faults(table: StoredTable, note: Note) -> Iterator[Fault]:
    record = table.record
    parts = [seen_columns(record.own), seen_columns(record.derived)]
    rows = RowAccess(table.package, record, table.files)
    yield from _types(record, rows.schema)
    stream = RowStream(batch for _, batch in rows.read(rows.schema.names))
    sources = [StoredSource("", record.rows, "")] if table.sources is None else table.sources
    sums, found, at = [ColumnSums(columns) for columns in parts], [], 0
    hashers = [SourceHasher(columns, rows.schema) for columns in parts]
    for source in sources:
        for hasher in hashers:
            hasher.again()
        bytes_read = 1
        for batch in stream.next(source.rows):
            for hasher in hashers:
                hasher.update(batch)
            yield from _images(record, source, at, batch)
            at, bytes_read = at + batch.num_rows, bytes_read + batch.nbytes
        result, _ = (one.add(hasher.result()) for one, hasher in zip(sums, hashers, strict=True))
        found.append(result)
        note(f"{record.name}/{source.path}", bytes_read)
        if source.digest and result.digest != source.digest:
            yield Fault("its rows do not have its digest", table=record.name, source=source.path)
    if any(stream.next(1)):
        yield Fault("it has rows of no source", table=record.name, row=at)
    yield from _columns(record, record.own, sums[0])
    yield from _columns(record, record.derived, sums[1])
    yield from _against_record(record, found)


def _columns(record: TableRecord, columns: Sequence[ColumnRecord], sums: ColumnSums) -> Iterator[Fault]:
    for column, nulls, digest in zip(columns, sums.nulls, sums.digests(), strict=True):
        if (column.nulls, column.digest) != (nulls, digest):
            yield Fault(f"the column {column.name} does not have its digest", table=record.name)


def _against_record(record: TableRecord, found: Sequence[SourceDigest]) -> Iterator[Fault]:
    pairs = [(column.name, column.type) for column in record.own]
    digest = table_digest(record.name, record.kind, pairs, [one.digest for one in found])
    if digest != record.digest:
        yield Fault("its rows do not have the table's digest", table=record.name)


def _images(record: TableRecord, source: StoredSource, first: int, batch: pa.RecordBatch) -> Iterator[Fault]:
    """Compare pixels and image files with the digests in their own rows."""
    names = batch.schema.names
    wrong = [
        found
        for c in record.columns
        if c.image and companions(c.name).digest in names
        for found in wrong_images(batch, c.name)
    ]
    wrong += wrong_files(batch) if {FILE_COLUMN, FILE_PROOF} <= set(names) else ()
    for row, what in wrong:
        yield Fault(what, table=record.name, source=source.path, row=first + row)


def _types(record: TableRecord, schema: pa.Schema) -> Iterator[Fault]:
    for column in record.columns:
        stored = logical(schema.field(column.name).type)
        if not column.image and stored != column.type:
            yield Fault(
                f"the column {column.name} is stored as {stored}, not {column.type}", table=record.name
            )


def _only(files: FilesList, table: str) -> FilesList:
    return FilesList(files.version, {table: files.files[table]}, {table: files.runs[table]})


def _key(table: StoredTable) -> tuple[object, ...]:
    runs = tuple(table.files.runs[table.record.name])
    return table.record.stored.blake3, table.record.digest, runs, table.sources
