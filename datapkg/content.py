"""The content of a coming version, table by table: taken over from the version before, or read from its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow as pa

from . import ingest, sources
from .digest import ColumnSums, SourceDigest, SourceHasher, table_digest
from .engine import Run
from .ingest import Ingested, IngestTask, Looked, OnePassTask, Scanned, ScanTask
from .plan import MATCHED_MEMBER, SOURCES, SOURCES_SCHEMA, Previous, ResourcePlan, SourceRow
from .progress import Counter, Progress
from .reading import MAX_IMAGE_BYTES, Seen, SourceFile, check_hash
from .records import ColumnRecord, TableRecord
from .sources.base import Column, TableSchema
from .store import Fragment, stored_name, write_fragment

SOURCES_BATCH = 512
"""Rows of ``_sources`` in a batch: each holds some kilobytes of evidence."""


@dataclass(frozen=True, slots=True)
class Content:
    """One table of the coming version; `schema` and `fragments` are empty where it is taken over."""

    table: TableRecord
    rows: tuple[SourceRow, ...]
    schema: pa.Schema | None = None
    fragments: tuple[Fragment, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceContent:
    """One resource in the coming version: its tables, one row for each source file, what a user should know."""

    name: str
    tables: tuple[Content, ...]
    files: tuple[SourceRow, ...]
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Growing:
    """A table while its tasks come in, in manifest order."""

    schema: TableSchema
    sums: ColumnSums
    fragments: list[Fragment] = field(default_factory=list)
    digests: list[SourceDigest] = field(default_factory=list)
    image_bytes: dict[str, int] = field(default_factory=dict)

    def add(self, part: Ingested) -> None:
        if part.fragment is not None:
            self.fragments.append(part.fragment)
        self.sums.join(part.sums)
        self.digests += part.sources
        for name, held in part.image_bytes.items():
            self.image_bytes[name] = self.image_bytes.get(name, 0) + held


def taken_over(resource: ResourcePlan, before: Previous) -> ResourceContent:
    """A resource that is as it was in the version before."""
    name = resource.resource.name
    tables = tuple(
        Content(table, tuple(row for row in before.sources if row.table == table.name))
        for table in before.record.tables
        if table.resource == name
    )
    warnings = tuple(before.record.warnings.get(name, ()))
    return ResourceContent(name, tables, (*before.of(name).values(), *before.members(name)), warnings)


@dataclass(slots=True)
class Reader:
    """Reads resources from their files, and stores their rows for the coming version."""

    package: str
    attempt: str
    run: Run
    progress: Progress
    max_image_bytes: int = MAX_IMAGE_BYTES

    def read(self, resource: ResourcePlan) -> ResourceContent:
        """Look at every file, decide the tables, store the rows."""
        looked = self._scan(resource)
        scanned = [one for part in looked for one in part.files]
        decision = sources.get(resource.resource.type).decide(
            resource.resource, [(one.file, one.scan) for one in scanned]
        )
        growing = self._ingest(resource, decision.tables, looked)
        tables = tuple(_content(resource, growing[schema.name], scanned) for schema in decision.tables)
        files = _file_rows(resource, scanned)
        warnings = (*folded(scanned), *decision.warnings)
        return ResourceContent(resource.resource.name, tables, tuple(files), warnings)

    def _scan(self, resource: ResourcePlan) -> list[Looked]:
        name = resource.resource.name
        groups = list(ingest.grouped(resource.files, lambda file: file.bytes))
        threads = self._threads(len(groups))
        scans = [ScanTask(resource.resource, files, self.max_image_bytes, threads) for files in groups]
        tasks = [OnePassTask(self.package, self.attempt, scan) for scan in scans]
        note = self._counter(f"looking at {name}", resource)
        parts = list(self.run(ingest.scan_and_store, tasks, note))
        if resource.resource.hash is not None:
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
        ingested = iter(list(self.run(ingest.ingest, tasks, note)))
        for stored in parts:
            for name, rows in (next(ingested) if stored is None else stored).items():
                growing[name].add(rows)
        return growing

    def _threads(self, tasks: int) -> int:
        """On how many threads each of so many tasks may work."""
        return max(1, self.run.workers // max(tasks, 1))

    def _counter(self, doing: str, resource: ResourcePlan) -> Counter:
        total = sum(file.bytes for file in resource.files)
        return Counter(doing, len(resource.files), total, self.progress)


def sources_content(package: str, attempt: str, resources: Sequence[ResourceContent]) -> Content:
    """The table ``_sources`` of the coming version; a file that adds to no table has a row without one."""
    rows: list[SourceRow] = []
    for resource in resources:
        adding = [row for content in resource.tables for row in content.rows]
        known = {(row.group, row.path) for row in adding}  # of this resource: another may have the same file
        rows += adding
        rows += [row for row in resource.files if (row.group, row.path) not in known]
    columns = tuple(
        Column(f.name, f.type, "string" if f.type != pa.int64() else "int64") for f in SOURCES_SCHEMA
    )
    schema = TableSchema(SOURCES, "sources", columns)
    hashed = ingest.digest_columns(columns)
    hasher = SourceHasher(hashed, SOURCES_SCHEMA)
    growing, sums = _Growing(schema, ColumnSums(hashed)), ColumnSums(hashed)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(rows), SOURCES_BATCH):
            part = [asdict(row) for row in rows[start : start + SOURCES_BATCH]]
            batch = pa.RecordBatch.from_pylist(part, SOURCES_SCHEMA)
            hasher.update(batch)
            yield batch

    fragment = write_fragment(package, attempt, SOURCES, SOURCES_SCHEMA, batches())
    growing.add(Ingested(fragment, (sums.add(hasher.result()),), sums, {}))
    return Content(_record(growing, "", ""), (), SOURCES_SCHEMA, tuple(growing.fragments))


def _content(resource: ResourcePlan, growing: _Growing, scanned: Sequence[Scanned]) -> Content:
    name = growing.schema.name
    fills = [one for one in scanned if name in one.scan.evidence]
    rows = tuple(
        replace(
            _file_row(resource, one.file.path, one.file, one.seen),
            table=name,
            rows=source.rows,
            digest=source.digest,
            evidence=_json(one.scan.evidence[name]),
        )
        for one, source in zip(fills, growing.digests, strict=True)
    )
    record = _record(growing, resource.resource.name, resource.settings)
    return Content(record, rows, growing.schema.arrow(), tuple(growing.fragments))


def folded(scanned: Sequence[Scanned]) -> list[str]:
    """The files' warnings; one that many files have alike is told once, with their number and the first."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for one in scanned:
        path = one.file.path
        for warning in one.scan.warnings:
            told = warning if warning.startswith(path) else f"{path}: {warning}"
            alike.setdefault(told.removeprefix(path), []).append((path, told))
    return [
        same[0][1] if len(same) == 1 else f"{len(same):,} files, first {same[0][0]}{text}"
        for text, same in alike.items()
    ]


def _file_rows(resource: ResourcePlan, scanned: Sequence[Scanned]) -> list[SourceRow]:
    """One row for each file that was matched, and for each other one that was read with it, in the lead's group."""
    rows = []
    for one in scanned:
        row = _file_row(resource, one.scan.lead or one.file.path, one.file, one.seen)
        rows.append(replace(row, evidence=MATCHED_MEMBER) if one.scan.lead else row)
    led = {one.file.path for one in scanned if one.scan.lead}
    for one in scanned:
        others = [(file, seen) for file, seen in one.members if file.path not in led]
        rows += [_file_row(resource, one.file.path, file, seen) for file, seen in others]
    return rows


def _file_row(resource: ResourcePlan, group: str, file: SourceFile, seen: Seen) -> SourceRow:
    """A file's row as it is where the file adds to no table."""
    return SourceRow(
        resource=resource.resource.name,
        table="",
        group=group,
        path=file.path,
        bytes=file.bytes,
        sha256=seen.sha256,
        rows=0,
        digest="",
        evidence="null",
    )


def _record(growing: _Growing, resource: str, settings: str) -> TableRecord:
    schema = growing.schema
    columns = tuple(
        ColumnRecord(c.name, stored_name(c.name), c.logical, nulls, digest, c.image is not None, c.why)
        for c, nulls, digest in zip(schema.columns, growing.sums.nulls, growing.sums.digests(), strict=True)
    )
    digest = table_digest(
        schema.name,
        schema.kind,
        [(c.name, c.logical) for c in schema.columns],
        [source.digest for source in growing.digests],
    )
    rows = sum(source.rows for source in growing.digests)
    held: Mapping[str, int] = growing.image_bytes
    return TableRecord(schema.name, schema.kind, resource, rows, digest, settings, None, dict(held), columns)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
