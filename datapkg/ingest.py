"""What a worker does with its share of a resource's files: look at them, or store their rows.

Both functions take one task and are the same on every engine. A task is a group of neighbouring files sized by
bytes, never one small file: a fragment has a cost of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from . import sources
from .column_sums import ColumnSums
from .companions import companions
from .digest import DigestColumn, SourceHasher
from .encoding import is_packed, pixel_bytes
from .engine import Note
from .files import Files
from .looks import Looking, Looks, Scanned, ToStore
from .manifest import Resource
from .places import Place
from .reading import MAX_IMAGE_BYTES, Reading, SourceFile
from .row_digests import RowHasher
from .source_list import as_json
from .sources.base import Column, TableSchema
from .store import Fragment, write_fragment

TASK_BYTES, LEAST_TASK_BYTES, TASK_SHARE = 64 << 20, 16 << 20, 8
"""What a task's files take at most; towards the end no more than a share of what is left, and so much at least."""
TASK_FILES, LEAST_TASK_FILES = 4096, 1024
"""The same of their number."""
BATCH_BYTES = 12 << 20  # Lance's cost a byte doubles from 18 MB a batch to 35
LARGE_BATCH_BYTES = 1 << 20
TINY_BATCHES = 16
IMAGE_COLUMNS = ("image_bytes", "image_array")
UNPACKED = "image_array_unpacked"


@dataclass(frozen=True, slots=True)
class ScanTask:
    """Files of one resource to be looked at."""

    resource: Resource
    files: Sequence[SourceFile]
    max_image_bytes: int = MAX_IMAGE_BYTES
    threads: int = 1

    def reading(self, file: SourceFile) -> Reading:
        """A reading of one of the files."""
        return Reading(file, max_image_bytes=self.max_image_bytes, threads=self.threads)


@dataclass(frozen=True, slots=True)
class IngestTask:
    """Files of one resource whose rows are to be stored."""

    package: Place
    attempt: str
    resource: Resource
    tables: tuple[TableSchema, ...]
    files: tuple[ToStore, ...]
    max_image_bytes: int = MAX_IMAGE_BYTES
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a task gave to one table: its fragment, and of each source its rows, their digest and what image columns hold.

    `held` is JSON, as in ``_sources``. Of a packed column it also says, under ``image_array_unpacked``, what its pixels
    take unpacked. The columns' digests are summed up already: kept for each source, they would grow with files x columns.
    """

    fragment: Fragment | None
    rows: list[int]
    digests: list[str]
    sums: ColumnSums
    held: list[str]


def scan(task: ScanTask, note: Note) -> Looks:
    """Look at each file of a task."""
    source = sources.get(task.resource.type)
    files = Files.of(task.files)
    found = Looking(files)
    for file in files:
        note(file.path, 0)
        with task.reading(file) as reading:
            told = source.scan(reading, task.resource)
        found.take(Scanned.of(reading, told))
        note(file.path, max(file.bytes, 1))
    return found.looks()


def ingest(task: IngestTask, note: Note) -> dict[str, Ingested]:
    """Store the rows of a task's files, table by table."""
    return {
        table.name: _ingest_table(task, table, note if i == 0 else _silent(note))
        for i, table in enumerate(task.tables)
    }


def grouped(files: Sequence[Any], size: Callable[[Any], int]) -> Iterator[tuple[Any, ...]]:
    """Cut a sequence into tasks by bytes; the cut depends on nothing but the files.

    The last tasks are smaller, so that all workers come to their end at about the same time.

    Examples
    --------
    >>> list(grouped([1, 2, 70 << 20, 3], lambda item: item))
    [(1, 2), (73400320,), (3,)]
    """
    return (tuple(files[part]) for part in cut([size(file) for file in files]))


def cut(sizes: Sequence[int]) -> Iterator[slice]:
    """Where a sequence of files of these sizes is cut into tasks."""
    first = total = 0
    rest = sum(sizes)
    most, files = _most(rest, len(sizes))
    for at, size in enumerate(sizes):
        if at > first and (total + size > most or at - first == files):
            yield slice(first, at)
            rest -= total
            first, total = at, 0
            most, files = _most(rest, len(sizes) - at)
        total += size
    if first < len(sizes):
        yield slice(first, len(sizes))


def _most(rest_bytes: int, rest_files: int) -> tuple[int, int]:
    """What the next task has at most, of what is left: bytes, files."""
    limits = (LEAST_TASK_BYTES, rest_bytes, TASK_BYTES), (LEAST_TASK_FILES, rest_files, TASK_FILES)
    most_bytes, most_files = (max(least, min(most, rest // TASK_SHARE)) for least, rest, most in limits)
    return most_bytes, most_files


def digest_columns(columns: Iterable[Column]) -> list[DigestColumn]:
    """See a table's columns as the digest does."""
    return [DigestColumn(c.name, c.logical, companions(c.name).digest if c.image else None) for c in columns]


def _ingest_table(task: IngestTask, table: TableSchema, note: Note) -> Ingested:
    source = sources.get(task.resource.type)
    storing = Storing(table)

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


class Storing:
    """The rows of one table on their way into a fragment: digested source by source, checked and measured."""

    def __init__(self, table: TableSchema) -> None:
        self.table = table
        self._schema = table.arrow()
        columns = digest_columns(table.columns)
        self._hasher, self._sums = SourceHasher(columns, self._schema), ColumnSums(columns)
        self._rows_hasher = RowHasher(columns, self._schema)
        self._rows: list[int] = []
        self._digests: list[str] = []
        self._held: list[str] = []
        self._holds: dict[str, int] = {}

    def begin(self) -> None:
        """Begin with a source."""
        self._hasher.again()
        self._holds = {c.name: 0 for c in self.table.columns if c.name in IMAGE_COLUMNS}

    def take(self, batch: pa.RecordBatch) -> None:
        """Take in the source's next rows."""
        if batch.schema != self._schema:
            raise TypeError(f"{self.table.name}: rows of {batch.schema} where {self._schema} was decided")
        self._hasher.update(batch)
        _add_held(self._holds, batch)

    def take_each(self, batch: pa.RecordBatch) -> None:
        """Take in rows that are a whole source each."""
        if batch.schema != self._schema:
            raise TypeError(f"{self.table.name}: rows of {batch.schema} where {self._schema} was decided")
        self._rows += [1] * batch.num_rows
        self._digests += self._rows_hasher.digests(batch, self._sums)
        self._held += _held_by_row(batch, [c.name for c in self.table.columns if c.name in IMAGE_COLUMNS])

    def end(self) -> None:
        """All rows of the source have been taken in."""
        source = self._sums.add(self._hasher.result())
        self._rows.append(source.rows)
        self._digests.append(source.digest)
        self._held.append(_told(self._holds))

    def written(self, package: Place, attempt: str, rows: Iterator[pa.RecordBatch]) -> Ingested:
        """Write the rows, which are taken in on the way."""
        fragment = write_fragment(package, attempt, self.table.name, self._schema, coalesced(rows))
        return Ingested(fragment, self._rows, self._digests, self._sums, self._held)


def _told(held: Mapping[str, int]) -> str:
    return as_json(held) if held else ""


def _add_held(held: dict[str, int], batch: pa.RecordBatch) -> None:
    for name in IMAGE_COLUMNS:
        if name in held:
            held[name] += batch.column(name).nbytes
    if "image_array" in held and is_packed(batch.schema.field("image_array").type):
        unpacked = pixel_bytes(batch.column("image_array"))
        held[UNPACKED] = held.get(UNPACKED, 0) + unpacked


def _held_by_row(batch: pa.RecordBatch, names: Sequence[str]) -> list[str]:
    """What image columns hold of each row; rows that hold the same share the text that says so."""
    columns = [_row_bytes(batch.column(name)) for name in names]
    if "image_array" in names and is_packed(batch.schema.field("image_array").type):
        names = [*names, UNPACKED]
        packed = batch.column("image_array")
        columns.append([pixel_bytes(packed.slice(row, 1)) for row in range(len(packed))])
    if not columns:
        return [""] * batch.num_rows
    rows = list(zip(*columns, strict=True))
    known = {sizes: _told(dict(zip(names, sizes, strict=True))) for sizes in set(rows)}
    return [known[sizes] for sizes in rows]


def _row_bytes(array: pa.Array) -> list[int]:
    """What each row of a column takes."""
    if pa.types.is_fixed_size_list(array.type) and not array.null_count:
        return [array.nbytes // len(array)] * len(array)
    return [array.slice(row, 1).nbytes for row in range(len(array))]


def coalesced(batches: Iterable[pa.RecordBatch], batch_bytes: int = BATCH_BYTES) -> Iterator[pa.RecordBatch]:
    """Join small batches: the engine's cost of a batch does not depend on its size.

    Tiny ones are joined early: the columns of 500 batches cost more than what is in them. Large ones are left alone,
    since to join them is to copy them.
    """
    waiting: list[pa.RecordBatch] = []
    tiny: list[pa.RecordBatch] = []
    total = 0
    for batch in batches:
        size = batch.nbytes
        if total and total + size > batch_bytes:
            yield _joined(_emptied(waiting, tiny))
            total = 0
        if size >= LARGE_BATCH_BYTES:
            if total:
                yield _joined(_emptied(waiting, tiny))
                total = 0
            yield batch
            del batch  # whoever takes a batch holds the only reference: a large image is in memory once
            continue
        tiny.append(batch)
        total += size
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
    return lambda path, done, files=1: note(path, min(done, 1), files)
