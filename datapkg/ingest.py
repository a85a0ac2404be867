"""What a worker does with its share of a resource's files: look at them, store their rows, or both in one pass.

Each function takes one task and is the same on every engine. A task is a group of neighbouring files sized by
bytes, never one small file: a fragment has a cost of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from . import sources
from .digest import ColumnSums, DigestColumn, SourceDigest, SourceHasher
from .encoding import is_packed, pixel_bytes
from .engine import Note
from .manifest import Resource
from .reading import MAX_IMAGE_BYTES, Reading, Seen, SourceFile, look
from .sources.base import Column, OnePassSource, Scan, TableSchema
from .store import Fragment, write_fragment

TASK_BYTES = 64 << 20
TASK_FILES = 1024
BATCH_BYTES = 12 << 20  # Lance's cost a byte doubles from 18 MB a batch to 35
TINY_BATCHES = 16
GUESSED_BYTES = 1 << 18
"""Files that are smaller on average are read twice: their samples tell too little, and take too long."""
IMAGE_COLUMNS = ("image_bytes", "image_array")
UNPACKED = "image_array_unpacked"


@dataclass(frozen=True, slots=True)
class ScanTask:
    """Files of one resource to be looked at."""

    resource: Resource
    files: tuple[SourceFile, ...]
    max_image_bytes: int = MAX_IMAGE_BYTES
    threads: int = 1


@dataclass(frozen=True, slots=True)
class OnePassTask:
    """Files to be looked at, whose rows are stored on the way as long as they fit a guessed table.

    The table is guessed from samples of the files where none is given.
    """

    package: str
    attempt: str
    scan: ScanTask
    table: TableSchema | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file that was looked at: what it showed, what it was, and what its members were."""

    file: SourceFile
    scan: Scan
    seen: Seen
    members: tuple[tuple[SourceFile, Seen], ...]

    def to_store(self) -> ToStore:
        """What storing its rows needs to know."""
        members = {file.path: seen for file, seen in self.members}
        return ToStore(self.file, self.seen, members, frozenset(self.scan.evidence))


@dataclass(frozen=True, slots=True)
class ToStore:
    """A file whose rows are to be stored: how it and its members were seen, and the tables that it adds to."""

    file: SourceFile
    seen: Seen
    members: Mapping[str, Seen]
    fills: frozenset[str]


@dataclass(frozen=True, slots=True)
class IngestTask:
    """Files of one resource whose rows are to be stored."""

    package: str
    attempt: str
    resource: Resource
    tables: tuple[TableSchema, ...]
    files: tuple[ToStore, ...]
    max_image_bytes: int = MAX_IMAGE_BYTES
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a task gave to one table: its fragment, its sources' digests, and bytes held by image columns.

    Of a packed column `image_bytes` also says, under ``image_array_unpacked``, what its pixels take unpacked.
    The columns' digests are summed up already: kept for each source, they would grow with files x columns.
    """

    fragment: Fragment | None
    sources: tuple[SourceDigest, ...]
    sums: ColumnSums
    image_bytes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Looked:
    """Files that were looked at; `stored` are their rows, if all of them fitted the guessed `table`."""

    files: list[Scanned]
    table: TableSchema | None = None
    stored: Ingested | None = None

    def rows_of(self, tables: Sequence[TableSchema]) -> dict[str, Ingested] | None:
        """What was stored, if it is what storing the rows of the decided tables would give."""
        if self.table is None or self.stored is None or len(tables) != 1:
            return None
        return {self.table.name: self.stored} if self.table.same_rows(tables[0]) else None


def scan(task: ScanTask, note: Note) -> list[Scanned]:
    """Look at each file of a task."""
    source = sources.get(task.resource.type)
    found = []
    for file in task.files:
        note(file.path, 0)
        with _reading(task, file) as reading:
            evidence = source.scan(reading, task.resource)
        found.append(_scanned(reading, evidence))
        note(file.path, max(file.bytes, 1))
    return found


def scan_and_store(task: OnePassTask, note: Note) -> Looked:
    """Look at each file of a task, and store the rows on the way if they can be guessed."""
    files, resource = task.scan.files, task.scan.resource
    source = sources.get(resource.type)
    if not isinstance(source, OnePassSource):
        return Looked(scan(task.scan, note))
    table = task.table
    if table is None and sum(file.bytes for file in files) >= GUESSED_BYTES * len(files):
        table = source.guess(files, resource)
    if table is None:
        return Looked(scan(task.scan, note))
    found: list[Scanned] = []
    storing = _Storing(table)
    looking = _look(task.scan, source, storing, found, note)
    try:
        stored = storing.written(task.package, task.attempt, _fitting(looking))
    except _MisfitError:
        stored = None
        for _ in looking:
            pass
    return Looked(found, table, stored)


class _MisfitError(Exception):
    """A row does not fit the guessed table: what was stored goes, and the files are only looked at."""


def _fitting(looking: Iterator[pa.RecordBatch | None]) -> Iterator[pa.RecordBatch]:
    for batch in looking:
        if batch is None:
            raise _MisfitError
        yield batch
        del batch


def _look(
    task: ScanTask, source: OnePassSource, storing: _Storing, found: list[Scanned], note: Note
) -> Iterator[pa.RecordBatch | None]:
    """Yield the rows of a task's files as long as they fit; None, once, where they do not."""
    fits = True
    for file in task.files:
        note(file.path, 0)
        with _reading(task, file) as reading:
            looked = source.look(reading, task.resource, storing.table if fits else None, BATCH_BYTES)
            storing.begin()
            for batch in looked.rows():
                if batch is None:
                    fits = False
                else:
                    storing.take(batch)
                yield batch
                del batch
            evidence = looked.finish()
        if storing.table.name in evidence.evidence:
            storing.end()
        found.append(_scanned(reading, evidence))
        note(file.path, max(file.bytes, 1))


def _reading(task: ScanTask, file: SourceFile) -> Reading:
    return Reading(file, max_image_bytes=task.max_image_bytes, threads=task.threads)


def _scanned(reading: Reading, evidence: Scan) -> Scanned:
    members = tuple((one, reading.members.get(one.path) or look(one)) for one in evidence.members)
    return Scanned(reading.file, evidence, reading.seen, members)


def ingest(task: IngestTask, note: Note) -> dict[str, Ingested]:
    """Store the rows of a task's files, table by table."""
    return {
        table.name: _ingest_table(task, table, note if i == 0 else _silent(note))
        for i, table in enumerate(task.tables)
    }


def grouped(files: Sequence[Any], size: Callable[[Any], int]) -> Iterator[tuple[Any, ...]]:
    """Cut a sequence into tasks by bytes; the cut depends on nothing but the files.

    Examples
    --------
    >>> list(grouped([1, 2, 70 << 20, 3], lambda item: item))
    [(1, 2), (73400320,), (3,)]
    """
    group: list[Any] = []
    total = 0
    for file in files:
        if group and (total + size(file) > TASK_BYTES or len(group) == TASK_FILES):
            yield tuple(group)
            group, total = [], 0
        group.append(file)
        total += size(file)
    if group:
        yield tuple(group)


def digest_columns(columns: Iterable[Column]) -> list[DigestColumn]:
    """See a table's columns as the digest does."""
    return [DigestColumn(c.name, c.logical, "image_digest" if c.image else None) for c in columns]


def _ingest_table(task: IngestTask, table: TableSchema, note: Note) -> Ingested:
    source = sources.get(task.resource.type)
    storing = _Storing(table)

    def rows() -> Iterator[pa.RecordBatch]:
        for one in task.files:
            if table.name not in one.fills:
                continue
            file = one.file
            note(file.path, 0)
            storing.begin()
            limit, threads = task.max_image_bytes, task.threads
            with Reading(
                file, one.seen, members=one.members, max_image_bytes=limit, threads=threads
            ) as reading:
                for batch in source.batches(reading, task.resource, table, BATCH_BYTES):
                    storing.take(batch)
                    yield batch
                    del batch  # a large image is gone before the next is decoded
            storing.end()
            note(file.path, max(file.bytes, 1))

    return storing.written(task.package, task.attempt, rows())


class _Storing:
    """The rows of one table on their way into a fragment: digested source by source, checked and measured."""

    def __init__(self, table: TableSchema) -> None:
        self.table = table
        self._schema = table.arrow()
        columns = digest_columns(table.columns)
        self._hasher, self._sums = SourceHasher(columns, self._schema), ColumnSums(columns)
        self._digests: list[SourceDigest] = []
        self._held = dict.fromkeys([c.name for c in table.columns if c.name in IMAGE_COLUMNS], 0)

    def begin(self) -> None:
        """Begin with a source."""
        self._hasher.again()

    def take(self, batch: pa.RecordBatch) -> None:
        """Take in the source's next rows."""
        if batch.schema != self._schema:
            raise TypeError(f"{self.table.name}: rows of {batch.schema} where {self._schema} was decided")
        self._hasher.update(batch)
        _add_held(self._held, batch)

    def end(self) -> None:
        """All rows of the source have been taken in."""
        self._digests.append(self._sums.add(self._hasher.result()))

    def written(self, package: str, attempt: str, rows: Iterator[pa.RecordBatch]) -> Ingested:
        """Write the rows, which are taken in on the way."""
        fragment = write_fragment(package, attempt, self.table.name, self._schema, coalesced(rows))
        return Ingested(fragment, tuple(self._digests), self._sums, self._held)


def _add_held(held: dict[str, int], batch: pa.RecordBatch) -> None:
    for name in IMAGE_COLUMNS:
        if name in held:
            held[name] += batch.column(name).nbytes
    if "image_array" in held and is_packed(batch.schema.field("image_array").type):
        unpacked = pixel_bytes(batch.column("image_array"))
        held[UNPACKED] = held.get(UNPACKED, 0) + unpacked


def coalesced(batches: Iterable[pa.RecordBatch], batch_bytes: int = BATCH_BYTES) -> Iterator[pa.RecordBatch]:
    """Join small batches: the engine's cost of a batch does not depend on its size.

    Tiny ones are joined early: the columns of 500 batches cost more than what is in them.
    """
    waiting: list[pa.RecordBatch] = []
    tiny: list[pa.RecordBatch] = []
    total = 0
    for batch in batches:
        size = batch.nbytes
        if total and total + size > batch_bytes:
            yield _joined(_emptied(waiting, tiny))
            total = 0
        tiny.append(batch)
        total += size
        del batch  # whoever takes a full batch holds the only reference: a large image is in memory once
        if total >= batch_bytes:
            yield _joined(_emptied(waiting, tiny))
            total = 0
        if len(tiny) == TINY_BATCHES:
            waiting.append(_joined(_emptied(tiny)))
    if waiting or tiny:
        yield _joined(_emptied(waiting, tiny))


def _emptied(*lists: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    batches = [batch for one in lists for batch in one]
    for one in lists:
        one.clear()
    return batches


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _silent(note: Note) -> Note:
    """Name the file that is read, but do not count its bytes a second time."""
    return lambda path, done: note(path, min(done, 1))
