"""Look at files and store their rows in one pass, under a table that was guessed.

The evidence of all files decides what the table is. Where that is the table that a task guessed, its fragment is what
a second pass would have stored, to the byte; else it is thrown away, and the second pass is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from . import sources
from .collecting import rarely_collected
from .engine import Note
from .files import Files, PlainFile
from .ingest import BATCH_BYTES, Ingested, ScanTask, Storing, scan
from .looks import Looking, Looks, Scanned
from .places import Place
from .sources.base import JoiningSource, OnePassSource, Scan, TableSchema
from .store.ready import load_engine

JOINED = 256
"""How many small rows are made into one batch."""


@dataclass(frozen=True, slots=True)
class OnePassTask:
    """Files to be looked at, whose rows are stored on the way as long as they fit a guessed table.

    The table is guessed from samples of the files where none is given.
    """

    package: Place
    attempt: str
    scan: ScanTask
    table: TableSchema | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """Files that were looked at; `stored` are their rows, if all of them fitted the guessed `table`."""

    files: Looks
    table: TableSchema | None = None
    stored: Ingested | None = None

    def rows_of(self, tables: Sequence[TableSchema]) -> dict[str, Ingested] | None:
        """What was stored, if it is what storing the rows of the decided tables would give."""
        if self.table is None or self.stored is None or len(tables) != 1:
            return None
        return {self.table.name: self.stored} if self.table.same_rows(tables[0]) else None


def ready(kind: str) -> None:
    """Load what the first task over files of a format needs."""
    sources.get(kind)
    load_engine()


@rarely_collected()
def scan_and_store(task: OnePassTask, note: Note) -> Looked:
    """Look at each file of a task, and store the rows on the way if they can be guessed."""
    files, resource = Files.of(task.scan.files), task.scan.resource
    source = sources.get(resource.type)
    if not isinstance(source, OnePassSource):
        return Looked(scan(task.scan, note))
    table = task.table
    if table is None and files.sizes.sum() >= source.guess_bytes * len(files):
        table = source.guess(files, resource)
    if table is None:
        return Looked(scan(task.scan, note))
    found = Looking(files)
    storing = Storing(table)
    looking = _look(task.scan, source, storing, found, note)
    try:
        stored = storing.written(task.package, task.attempt, _fitting(looking))
    except _MisfitError:
        stored = None
        for _ in looking:
            pass
    return Looked(found.looks(), table, stored)


class _MisfitError(Exception):
    """A row does not fit the guessed table: what was stored goes, and the files are only looked at."""


def _fitting(looking: Iterator[pa.RecordBatch | None]) -> Iterator[pa.RecordBatch]:
    for batch in looking:
        if batch is None:
            raise _MisfitError
        yield batch
        del batch


def _look(
    task: ScanTask, source: OnePassSource, storing: Storing, found: Looking, note: Note
) -> Iterator[pa.RecordBatch | None]:
    """Yield the rows of a task's files as long as they fit; None, once, where they do not."""
    fits = True
    noted = _Noted(note)
    small = _Small(source, task, storing, noted.begun)
    files = Files.of(task.files)
    for at, plain in enumerate(files.plain()):
        told = small.at_once(plain) if fits and plain is not None else None
        if plain is not None and told is not None:
            found.add(*told)
            noted.done(plain)
            if small.is_full:
                noted.tell()
                yield from small.batch()
            continue
        file = files[at]
        note(file.path, 0)
        with task.reading(file) as reading:
            looked = source.look(reading, task.resource, storing.table if fits else None, BATCH_BYTES)
            if not small.takes(looked):
                yield from small.batch()
                storing.begin()
                for batch in looked.rows():
                    if batch is None:
                        fits = False
                    else:
                        storing.take(batch)
                    yield batch
                    del batch
                scan = looked.finish()
                if storing.table.name in scan.evidence:
                    storing.end()
            else:
                scan = looked.finish()
        found.take(Scanned.of(reading, scan))
        note(file.path, max(file.bytes, 1))
        if small.is_full:
            yield from small.batch()
    noted.tell()
    yield from small.batch()


class _Noted:
    """Tells of little files when they are many; one that was told of when it was begun is told of when it is done."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._begun = False
        self._files = self._bytes = 0
        self._last = ""

    def begun(self, path: str, done: int) -> None:
        """A file was begun that a worker may die of."""
        self._begun = True
        self._note(path, done)

    def done(self, file: PlainFile) -> None:
        """The next file is done."""
        self._last = file.path
        self._files += 1
        self._bytes += max(file.bytes, 1)
        if self._begun:
            self.tell()

    def tell(self) -> None:
        """Tell of all that are done."""
        if self._files:
            self._note(self._last, self._bytes, self._files)
        self._begun, self._files, self._bytes = False, 0, 0


class _Small:
    """Rows of small files that wait until they are many."""

    def __init__(
        self, source: OnePassSource, task: ScanTask, storing: Storing, note: Callable[[str, int], None]
    ) -> None:
        self._source = source if isinstance(source, JoiningSource) else None
        self._resource, self._storing = task.resource, storing
        self._rows: list[Any] = []
        self._bytes = 0
        self._at_once = (
            None
            if self._source is None
            else self._source.at_once(task.resource, storing.table, task.max_image_bytes, note)
        )

    @property
    def is_full(self) -> bool:
        """Whether there are as many as make a batch."""
        return len(self._rows) == JOINED or self._bytes >= BATCH_BYTES

    def at_once(self, file: PlainFile) -> tuple[Scan, str] | None:
        """Take a file's only row, if the file can be read in one breath: what it showed, and its sha256."""
        found = None if self._at_once is None else self._at_once(file)
        if found is None:
            return None
        row, scan, sha256 = found
        self._rows.append(row)
        self._bytes += row.bytes
        return scan, sha256

    def takes(self, looked: Any) -> bool:
        """Take a file's only row, if it is one that may wait."""
        row = None if self._source is None else self._source.waiting(looked)
        if row is not None:
            self._rows.append(row)
            self._bytes += row.bytes
        return row is not None

    def batch(self) -> Iterator[pa.RecordBatch]:
        """The rows that wait, as one batch of as many sources."""
        if self._rows and self._source is not None:
            batch = self._source.joined(self._rows, self._resource, self._storing.table)
            self._rows.clear()
            self._bytes = 0
            self._storing.take_each(batch)
            yield batch
