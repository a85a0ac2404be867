"""What a build gives, as its lock says it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow.compute as pc

from . import versions
from .changes import hashed
from .content import ResourceContent
from .lock import Lock, LockedArchive, LockedColumn, LockedDerivation, LockedTable
from .locked_sources import TYPES, LockedSources
from .manifest import normal
from .manifest.load import LoadedManifest
from .manifest.normal import parse_recorded
from .places import Place
from .plan import Plan
from .proofs import derived_of
from .records import Record, TableRecord
from .source_list import ARCHIVE, SourceRows, source_rows


def lock_of(loaded: LoadedManifest, digest: str, resources: Sequence[ResourceContent]) -> Lock:
    """The lock of a build's content."""
    tables = [content.table for resource in resources for content in resource.tables]
    given = SourceRows.joined(content.rows for resource in resources for content in resource.tables)
    files = SourceRows.joined(resource.files for resource in resources)
    order = [resource.name for resource in resources]
    manifest = normal.manifest_digest(loaded.manifest)
    return _lock(loaded.manifest.name, manifest, digest, tables, files, given, order)


def lock_of_version(package: Place, record: Record) -> Lock:
    """The lock of a version that is stored, as the build that made it would write it."""
    rows = source_rows(package, record, versions.read_files(package, record))
    order = [resource.name for resource in parse_recorded(record.manifest, record.manifest_digest).resources]
    return _lock(record.name, record.manifest_digest, record.digest, record.tables, rows, rows, order)


def _lock(
    name: str,
    manifest: str,
    digest: str,
    tables: Iterable[TableRecord],
    files: SourceRows,
    given: SourceRows,
    order: Sequence[str],
) -> Lock:
    """A lock, from the rows of files, and from those that say what files gave to tables."""
    by_name = sorted(tables, key=lambda table: table.name)
    return Lock(
        package=name,
        manifest=manifest,
        digest=digest,
        tables=tuple(
            LockedTable(table.name, table.rows, table.digest) for table in by_name if table.origin is None
        ),
        columns=tuple(
            LockedColumn(table.name, column.name, column.type, column.digest)
            for table in by_name
            for column in (table.own if table.origin is None else ())
        ),
        sources=_sources(files, given, order),
        derived=tuple(one for table in by_name for one in _derived(table)),
        archives=tuple(_archives(files, order)),
    )


def _derived(table: TableRecord) -> Iterator[LockedDerivation]:
    """The derived columns of a table, and the table itself where it is derived; its columns where their values count."""
    columns = {column.name: column for column in table.columns}
    proofs = derived_of([table])
    for made in table.lineage:
        whole = made.table != table.name
        digests = {name: proofs[table.name, name] for name in ([""] if whole else made.columns)}
        if whole and made.proof == "values":
            digests |= {column.name: ("values", column.digest) for column in table.own}
        for name, (proof, digest) in digests.items():
            kind = columns[name].type if name else f"{table.rows} rows" if proof == "values" else table.kind
            yield LockedDerivation(
                table.name,
                name,
                kind,
                proof,
                digest,
                made.function,
                made.code,
                made.packages,
                made.args,
                made.inputs,
            )


def files_of(planned: Plan) -> list[tuple[str, str, int, str]]:
    """Every source file as it is now: resource, path, bytes and sha256; those that the plan did not read are read.

    The plan must have been made with `rehash`.
    """
    found = []
    for one in planned.resources:
        unread = one.files.take(
            np.array([at for at, path in enumerate(one.files.paths) if path not in one.hashes], np.int64)
        )
        hashes = {**one.hashes, **dict(zip(unread.paths, hashed(unread, rehash=True), strict=True))}
        sizes = zip(one.files.paths, one.files.sizes.tolist(), strict=True)
        found += [(one.resource.name, path, size, hashes[path]) for path, size in sizes]
        found += [(one.resource.name, file.path, file.bytes, file.sha256) for file in one.archives]
    return found


def _archives(rows: SourceRows, order: Sequence[str]) -> list[LockedArchive]:
    """The archives that files were chosen of, by resource and path."""
    archives = _ordered(rows.at(rows.says("evidence", ARCHIVE)), order)
    return [LockedArchive(row.resource, row.path, row.bytes, row.sha256) for row in archives]


def _sources(files: SourceRows, given: SourceRows, order: Sequence[str]) -> LockedSources:
    """The files that resources matched, by resource and path, each with what it gave to each table."""
    files = _ordered(files.at(files.matched), order)
    named = files.named("resource", "path")
    tables = {}
    for name in filter(None, set(given.texts("table"))):
        rows = given.of_table(name)
        others, digests = rows.named("resource", "path"), rows.column("digest")
        where = None if others.equals(named) else pc.index_in(named, others)
        if where is None or where.null_count < len(where):
            tables[name] = digests if where is None else digests.take(where)
    return LockedSources({name: files.dense(name) for name in TYPES}, tables)


def _ordered(rows: SourceRows, order: Sequence[str]) -> SourceRows:
    """One row for each file, by resource and path."""
    parts = [rows.of_resource(name) for name in order]
    return SourceRows.joined(part.at(part.order("path")).first_of_each() for part in parts)
