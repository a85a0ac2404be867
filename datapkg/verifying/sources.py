"""Read the sources again and compare them with a version: that the package holds what the files say.

Each source is decoded and digested as a build does it, and its digest compared with the one that the version has for
it. Where they differ, the file and the stored rows are read side by side for the first row and column that does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import engine as engines
from .. import ingest
from .. import sources as formats
from ..access import RowAccess
from ..digest import Level, SourceHasher
from ..engine import Note, Run
from ..errors import DatapkgError, SourceError
from ..faults import Fault
from ..ingest import BATCH_BYTES, ScanTask, digest_columns
from ..locate import find
from ..lock import fetcher_of
from ..looks import Scanned, ToStore
from ..manifest import Resource, normal
from ..manifest.load import load
from ..places import Place
from ..progress import Counter, Progress
from ..reading import Reading, SourceFile
from ..records import FilesList, Record, TableRecord
from ..sources.base import TableSchema
from .rows import RowStream, StoredSource, StoredTable, stored_sources

SOURCES = "_sources"
INLINE_BYTES = 64 << 20  # starting processes takes longer than reading this much
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class DigestTask:
    """Files of one resource to be digested for one table."""

    resource: Resource
    table: TableSchema
    files: tuple[ToStore, ...]


@dataclass(slots=True)
class Comparison:
    """Compares the files of a manifest with one version of a package."""

    package: Place
    record: Record
    files: FilesList
    stored: Mapping[str, Sequence[StoredSource]]
    run: Run
    progress: Progress
    tables: set[str] = field(default_factory=set)

    def resource(self, resource: Resource, files: Sequence[SourceFile]) -> Iterator[Fault]:
        """Compare one resource's tables; if a file cannot be read, only that is said."""
        note = Counter(
            f"looking at {resource.name}", len(files), sum(file.bytes for file in files), self.progress
        )
        tasks = [ScanTask(resource, group) for group in ingest.grouped(files, lambda file: file.bytes)]
        own = {table.name for table in self.record.tables if table.resource == resource.name}
        self.tables |= own
        scanned: list[Scanned] = []
        wrong = []
        for part, errors in self.run(scan_all, tasks, note):
            scanned += part
            wrong += [Fault(f"cannot be read again: {error.what}", source=error.where) for error in errors]
        if wrong:
            yield from wrong
            return
        try:
            format_ = formats.get(resource.type)
            decision = format_.decide(resource, [(one.file.path, one.scan) for one in scanned])
        except DatapkgError as error:
            yield Fault(f"the files make no table any more: {error.what}", source=error.where)
            return
        for table in decision.tables:
            yield from self._table(resource, table, scanned)
        for name in sorted(own - {table.name for table in decision.tables}):
            yield Fault("the sources do not make this table", table=name)

    def _table(self, resource: Resource, table: TableSchema, scanned: Sequence[Scanned]) -> Iterator[Fault]:
        known = {one.name: one for one in self.record.tables}.get(table.name)
        if known is None or known.resource != resource.name:
            yield Fault("the sources make this table, and the version does not have it", table=table.name)
            return
        different = list(_columns(known, table))
        yield from different
        stored = {source.path: source for source in self.stored.get(table.name, ())}
        found = {one.file.path: one for one in scanned if table.name in one.scan.evidence}
        for path in sorted(set(stored) ^ set(found)):
            what = "is not among the files any more" if path in stored else "is not in the version"
            yield Fault(what, table=table.name, source=path)
        if not different:
            both = [one for path, one in found.items() if path in stored]
            yield from self._rows(resource, known, table, both, stored)

    def _rows(
        self,
        resource: Resource,
        known: TableRecord,
        table: TableSchema,
        scanned: Sequence[Scanned],
        stored: Mapping[str, StoredSource],
    ) -> Iterator[Fault]:
        sizes = sum(one.file.bytes for one in scanned)
        note = Counter(f"comparing {table.name}", len(scanned), sizes, self.progress)
        groups = ingest.grouped([one.to_store() for one in scanned], lambda one: one.file.bytes)
        tasks = [DigestTask(resource, table, group) for group in groups]
        digests = [digest for part in self.run(digest_all, tasks, note) for digest in part]
        starts = np.cumsum([0, *(source.rows for source in stored.values())])
        first = dict(zip(stored, starts.tolist(), strict=False))
        for one, digest in zip(scanned, digests, strict=True):
            path = one.file.path
            if isinstance(digest, SourceError):
                yield Fault(f"cannot be read again: {digest.what}", table=table.name, source=path)
            elif digest != stored[path].digest:
                rows = RowAccess(self.package, known, self.files)
                task = DigestTask(resource, table, (one.to_store(),))
                at, what = first_difference(task, rows, first[path], stored[path].rows)
                yield Fault(what, table=table.name, source=path, row=at)


def check_sources(
    package: Place,
    record: Record,
    files: FilesList,
    manifest: str | Path,
    root: str | Path | None,
    allow: Mapping[str, str | Path] | None,
    notes: list[str],
    progress: Progress,
) -> Iterator[Fault]:
    """Decode everything that a manifest names and compare it with a version.

    Raises
    ------
    ManifestError
        The manifest is wrong, or its files are not there.
    """
    places = {name: Path(folder) for name, folder in (allow or {}).items()}
    loaded = load(Path(manifest), None if root is None else Path(root), places)
    if normal.manifest_digest(loaded.manifest) != record.manifest_digest:
        notes.append(f"{manifest} is not the manifest that version {record.version} was built from")
    stored = stored_sources(StoredTable(package, record.sources, files, None))
    if stored is None:
        yield Fault("sources cannot be compared: the list of them is damaged", table=SOURCES)
        return
    with fetcher_of(loaded, progress=progress) as fetcher:
        found = [(one, find(loaded, one, fetcher).files) for one in loaded.manifest.resources]
    size = sum(file.bytes for _, those in found for file in those)
    with engines.get("inline" if size < INLINE_BYTES else "local").session(None, bare=True) as run:
        comparison = Comparison(package, record, files, stored, run, progress)
        for resource, those in found:
            yield from comparison.resource(resource, those)
    for table in record.tables:
        if table.name not in comparison.tables and table.origin is None:
            yield Fault("the manifest does not name what this table was made of", table=table.name)


def scan_all(task: ScanTask, note: Note) -> tuple[list[Scanned], list[SourceError]]:
    """Look at each file of a task, and go on after one that cannot be read; a worker's task."""
    found: list[Scanned] = []
    errors: list[SourceError] = []
    for file in task.files:
        try:
            found += ingest.scan(ScanTask(task.resource, (file,)), note)
        except SourceError as error:
            errors.append(SourceError(error.what, file.path, error.fix))
    return found, errors


def digest_all(task: DigestTask, note: Note) -> list[str | SourceError]:
    """The digest of each file's rows of one table, or why it has none; a worker's task."""
    found: list[str | SourceError] = []
    hasher = SourceHasher(digest_columns(task.table.columns), task.table.arrow())
    for one in task.files:
        note(one.file.path, 0)
        hasher.again()
        try:
            for batch in _batches(task, one):
                hasher.update(batch)
            found.append(hasher.result().digest)
        except SourceError as error:
            found.append(error)
        note(one.file.path, max(one.file.bytes, 1))
    return found


def first_difference(task: DigestTask, rows: RowAccess, start: int, count: int) -> tuple[int | None, str]:
    """Read one file beside its stored rows: the position of the first row that differs, and in what."""
    names = [column.name for column in task.table.columns]
    images = {column.name for column in task.table.columns if column.image}
    stream = RowStream(batch for _, batch in rows.take(np.arange(start, start + count), names))
    at = start
    for batch in _batches(task, task.files[0]):
        stored = pa.Table.from_batches(list(stream.next(batch.num_rows)), rows.schema).combine_chunks()
        both = min(batch.num_rows, stored.num_rows)
        differing = []
        for name in names:
            new, old = batch.column(name), stored.column(name)
            if name not in images and (row := _first(new.slice(0, both), old.slice(0, both))) is not None:
                differing.append(
                    (row, name, f"{_shown(new[row])} in its source, {_shown(old[row])} in the package")
                )
        if differing:
            row, name, what = min(differing, key=lambda found: found[0])
            return at + row, f"the column {name} is {what}"
        if both < batch.num_rows:
            return at + both, f"its source has more than the {count:,} rows that are in the package"
        at += both
    if at < start + count:
        return at, f"its source has {at - start:,} rows, and {count:,} are in the package"
    return None, "its digest is not the recorded one, but its rows are those of the source"


def _first(new: pa.Array, old: pa.ChunkedArray) -> int | None:
    """The first row in which two columns differ, found by halving; values are equal if the digest says so."""
    stored = old.combine_chunks()

    def same(rows: int) -> bool:
        return _digest(new.slice(0, rows)) == _digest(stored.slice(0, rows))

    if same(len(new)):
        return None
    low, high = 0, len(new)  # equal before row `low`, different before row `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if same(middle) else (low, middle)
    return low


def _digest(array: pa.Array) -> bytes:
    level = Level(array.type)
    level.update(array)
    return level.digest()


def _columns(known: TableRecord, table: TableSchema) -> Iterator[Fault]:
    """Columns that differ in name, order or type."""
    stored = {column.name: column for column in known.own}
    found = {column.name: column for column in table.columns}
    for name in [*stored, *(name for name in found if name not in stored)]:
        if name not in found:
            yield Fault(f"the column {name} is not in the sources", table=table.name)
        elif name not in stored:
            yield Fault(f"the column {name} is in the sources only", table=table.name)
        elif stored[name].type != found[name].logical:
            why = f" ({found[name].why})" if found[name].why else ""
            what = f"the column {name} is {found[name].logical} in the sources{why}, {stored[name].type} in the package"
            yield Fault(what, table=table.name)
    if list(stored) != list(found) and set(stored) == set(found):
        yield Fault("its columns stand in another order in the sources", table=table.name)


def _batches(task: DigestTask, one: ToStore) -> Iterator[pa.RecordBatch]:
    with Reading(one.file, one.seen, members=one.members) as reading:
        yield from formats.get(task.resource.type).batches(reading, task.resource, task.table, BATCH_BYTES)


def _shown(value: pa.Scalar) -> str:
    if not value.is_valid:
        return "missing"
    if pa.types.is_large_binary(value.type):
        return f"{len(value.as_buffer()):,} bytes"
    plain: Any = value.as_py()
    text = repr(plain)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
