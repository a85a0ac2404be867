"""The content of a coming version, table by table: taken over from the version before, or read from its files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from . import ingest, sources
from .aside import Aside
from .column_sums import ColumnSums
from .digest import table_digest
from .engine import Needs, Run
from .engine.inline import Here
from .errors import DamageError
from .hashes import remember
from .ingest import Ingested, IngestTask, ScanTask
from .known_files import archive_rows, file_rows, known_files, table_rows
from .looks import Looks
from .old_tables import OldTable
from .one_pass import Looked, OnePassTask, scan_and_store
from .places import Place
from .plan import Previous, ResourcePlan
from .progress import Counter, Progress
from .reading import MAX_IMAGE_BYTES, SourceFile, check_hash
from .records import ColumnRecord, TableRecord
from .short import is_short
from .source_list import ARCHIVE, SourceRows
from .sources.base import TableSchema
from .store import Fragment, Layer, stored_name
from .store.ready import load_engine
from .succession import Pieces, Succession, pieces_of


@dataclass(frozen=True, slots=True)
class Content:
    """One table of the coming version.

    `schema` and `fragments` are empty where it is taken over; `succession` says how it follows from the version
    before, where some of its rows stay. `layers` are its derived columns.
    """

    table: TableRecord
    rows: SourceRows
    schema: pa.Schema | None = None
    fragments: tuple[Fragment, ...] = ()
    succession: Succession | None = None
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceContent:
    """One resource in the coming version: its tables, one row for each source file, what a user should know.

    `notes` are about this build, `warnings` about the data, whichever build read them.
    """

    name: str
    tables: tuple[Content, ...]
    files: SourceRows
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Growing:
    """A table while its tasks come in, in manifest order; of each source its rows, their digest, what images hold, and where they stand."""

    schema: TableSchema
    sums: ColumnSums
    fragments: list[Fragment] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    come: list[Pieces] = field(default_factory=list)

    def add(self, part: Ingested) -> None:
        rows = np.array(part.rows, np.int64)
        self.come.append(pieces_of(-1 - len(self.fragments), rows.cumsum() - rows, rows))
        if part.fragment is not None:
            self.fragments.append(part.fragment)
        self.sums.join(part.sums)
        self.rows += part.rows
        self.digests += part.digests
        self.held += part.held


def taken_over(resource: ResourcePlan, before: Previous) -> ResourceContent:
    """A resource that is as it was in the version before; an archive may hold the same files and be another one."""
    name = resource.resource.name
    tables = tuple(
        Content(table, before.sources.of_table(table.name))
        for table in before.record.tables
        if table.resource == name
    )
    warnings = tuple(before.record.warnings.get(name, ()))
    members = before.members(name)
    members = members.at(~members.says("evidence", ARCHIVE))
    rows = SourceRows.joined([before.of(name), members, archive_rows(resource)])
    return ResourceContent(name, tables, rows, warnings)


@dataclass(slots=True)
class Reader:
    """Reads resources from their files, and stores their rows for the coming version."""

    package: Place
    attempt: str
    run: Run
    progress: Progress
    aside: Aside
    before: Previous | None = None
    max_image_bytes: int = MAX_IMAGE_BYTES

    def read(self, resource: ResourcePlan) -> ResourceContent:
        """Look at every file that may have changed, decide the tables, store the rows that are new.

        A table that the decision leaves as it was keeps its other rows; any other is stored again as a whole.
        """
        begun = time.time_ns()
        looked = self._scan(resource)
        scanned = Looks.joined(resource.files.take(resource.stale), [part.files for part in looked])
        self.aside(remember, scanned.files, scanned.hashes, begun)
        whole = len(scanned) == len(resource.files)
        if not whole and self.before is not None:
            fresh = resource.fresh
            known = known_files(fresh, resource, self.before)
            scanned = known.placed(fresh, scanned, resource.stale, resource.files)
        decision = sources.get(resource.resource.type).decide(resource.resource, scanned.told())
        following, notes = self._following(resource, decision.tables)
        anew = [table for table in decision.tables if table.name not in following]
        looked = [self._kept(part, decision.tables if whole or not anew else ()) for part in looked]
        groups = ingest.cut(scanned.files.sizes.tolist()) if anew and not whole else ()
        growing = self._ingest(
            resource, anew, looked if whole else [Looked(scanned[group]) for group in groups]
        )
        growing |= self._ingest(resource, [one.schema for one in following.values()], looked)
        tables = tuple(
            _content(resource, growing[schema.name], scanned, following.get(schema.name))
            for schema in decision.tables
        )
        warnings = (*folded(scanned), *decision.warnings)
        rows = SourceRows.joined([file_rows(resource, scanned), archive_rows(resource)])
        return ResourceContent(resource.resource.name, tables, rows, warnings, notes)

    def _following(
        self, resource: ResourcePlan, tables: Sequence[TableSchema]
    ) -> tuple[dict[str, _Following], tuple[str, ...]]:
        """The tables that keep rows of the version before, and why others do not."""
        if self.before is None or resource.change.why:
            return {}, ()
        there = {
            table.name for table in self.before.record.tables if table.resource == resource.resource.name
        }
        staying = set(resource.files.take(resource.fresh).paths)
        found, notes = {}, []
        for schema in tables:
            if schema.name not in there:
                continue
            old = OldTable(self.before, schema)
            why = old.unlike()
            if not why:
                try:
                    gone = np.array([at for path, at in old.at.items() if path not in staying], np.int64)
                    found[schema.name] = _Following(schema, old, old.sums_without(gone))
                except DamageError as error:
                    why = error.what
            if why:
                notes.append(f"table {schema.name}: all of its rows are stored again, since {why}")
        return found, tuple(notes)

    def _scan(self, resource: ResourcePlan) -> list[Looked]:
        name = resource.resource.name
        stale = resource.files.take(resource.stale)
        groups = [stale[part] for part in ingest.cut(stale.sizes.tolist())]
        threads = self._threads(len(groups))
        scans = [ScanTask(resource.resource, files, self.max_image_bytes, threads) for files in groups]
        tasks = [OnePassTask(self.package, self.attempt, scan) for scan in scans]
        note = self._counter(f"looking at {name}", resource)
        run = self._run(resource, (file for scan in scans for file in scan.files))
        if run is self.run:
            self.aside(_load)
        parts = list(run(scan_and_store, tasks, note, Needs(threads)))
        if resource.resource.hash is not None and not resource.resource.members:
            for one in (one for part in parts for one in part.files):
                check_hash(one.file, resource.resource.hash, one.seen)
        return parts

    def _ingest(
        self, resource: ResourcePlan, tables: Sequence[TableSchema], looked: Sequence[Looked]
    ) -> dict[str, _Growing]:
        """Take the rows that were stored under the decided tables already, and store the others."""
        growing = {
            table.name: _Growing(table, ColumnSums(ingest.digest_columns(table.columns))) for table in tables
        }
        if not tables:
            return growing
        parts = [part.rows_of(tables) for part in looked]
        threads = self._threads(parts.count(None))
        tasks = [
            IngestTask(
                self.package,
                self.attempt,
                resource.resource,
                tuple(tables),
                tuple(one.to_store() for one in part.files),
                self.max_image_bytes,
                threads,
            )
            for part, stored in zip(looked, parts, strict=True)
            if stored is None
        ]
        note = self._counter(f"storing {resource.resource.name}", resource)
        run = self._run(resource, (one.file for task in tasks for one in task.files))
        ingested = iter(list(run(ingest.ingest, tasks, note, Needs(threads))))
        for stored in parts:
            for name, rows in (next(ingested) if stored is None else stored).items():
                growing[name].add(rows)
        return growing

    def _kept(self, part: Looked, tables: Sequence[TableSchema]) -> Looked:
        """What was looked at, with the rows that were stored on the way only if they are the decided tables'."""
        if part.stored is None or part.rows_of(tables) is not None:
            return part
        fragment = part.stored.fragment
        files = () if fragment is None else fragment.files
        self.package.staging(self.attempt).remove([file.path for file in files])
        return Looked(part.files)

    def _run(self, resource: ResourcePlan, files: Iterable[SourceFile]) -> Run:
        """What reads some files: this process, if that is short, and the user did not ask for workers."""
        return Here() if self.run.may_be_here and is_short(resource.resource, files) else self.run

    def _threads(self, tasks: int) -> int:
        """On how many threads each of so many tasks may work."""
        return max(1, min(self.run.threads, self.run.workers // max(tasks, 1)))

    def _counter(self, doing: str, resource: ResourcePlan) -> Counter:
        total = int(resource.files.sizes.sum())
        return Counter(doing, len(resource.files), total, self.progress)


def _load() -> None:
    """Load what this process needs behind the workers' work: the storage engine, and pandas, which Arrow looks for once."""
    load_engine()
    pa.array([None])


@dataclass(frozen=True, slots=True)
class _Following:
    """A table that keeps rows of the version before, and the sums of its columns over them."""

    schema: TableSchema
    old: OldTable
    sums: ColumnSums


def _content(
    resource: ResourcePlan, growing: _Growing, scanned: Looks, following: _Following | None
) -> Content:
    """A table of the coming version: what its tasks gave, and what stays of the version before."""
    name = growing.schema.name
    at = scanned.which(lambda scan: name in scan.evidence)
    given = growing.rows, growing.digests, growing.held
    come = np.concatenate([np.empty((0, 3), np.int64), *growing.come])
    if following is None:
        rows, succession = table_rows(resource, scanned, at, name, given), None
    else:
        read = np.isin(at, resource.stale)
        old = np.array([following.old.at[scanned.files.paths[one]] for one in at[~read].tolist()], np.int64)
        order = np.argsort(np.append(np.flatnonzero(read), np.flatnonzero(~read)))
        new = table_rows(resource, scanned, at[read], name, given)
        rows = SourceRows.joined([new, following.old.sources.at(old)]).at(order)
        growing.sums.join(following.sums)
        succession = following.old.succession(np.concatenate([come, following.old.stay(old)])[order])
    about = growing.schema, growing.sums, resource.resource.name, resource.settings
    record = table_record(*about, rows.values("digest"), rows.total, rows.held())
    return Content(record, rows, growing.schema.arrow(), tuple(growing.fragments), succession)


def folded(scanned: Looks) -> list[str]:
    """The files' warnings; one that many files have alike is told once, with their number and the first."""
    alike: dict[str, list[tuple[str, str]]] = {}
    if not len(scanned.which(lambda scan: scan.warnings)):
        return []
    for path, scan in scanned.told():
        for warning in scan.warnings:
            told = warning if warning.startswith(path) else f"{path}: {warning}"
            alike.setdefault(told.removeprefix(path), []).append((path, told))
    return [
        same[0][1] if len(same) == 1 else f"{len(same):,} files, first {same[0][0]}{text}"
        for text, same in alike.items()
    ]


def table_record(
    schema: TableSchema,
    sums: ColumnSums,
    resource: str,
    settings: str,
    digests: Sequence[str],
    rows: int,
    held: Mapping[str, int],
) -> TableRecord:
    """What a version's record says of a table, from its columns' sums, the digests of its sources, and what they hold."""
    columns = tuple(
        ColumnRecord(c.name, stored_name(c.name), c.logical, nulls, digest, c.image is not None, c.why)
        for c, nulls, digest in zip(schema.columns, sums.nulls, sums.digests(), strict=True)
    )
    pairs = [(c.name, c.logical) for c in schema.columns]
    digest = table_digest(schema.name, schema.kind, pairs, digests)
    held = {c.name: 0 for c in schema.columns if c.name in ingest.IMAGE_COLUMNS} | dict(held)
    return TableRecord(schema.name, schema.kind, resource, rows, digest, settings, None, held, columns)
