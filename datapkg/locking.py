"""What a build gives, as its lock says it."""

from __future__ import annotations

from collections.abc import Sequence

from .content import ResourceContent
from .lock import Lock, LockedColumn, LockedSource, LockedTable
from .manifest import normal
from .manifest.load import LoadedManifest
from .plan import Plan
from .reading import look


def lock_of(loaded: LoadedManifest, digest: str, resources: Sequence[ResourceContent]) -> Lock:
    """The lock of a build's content."""
    tables = sorted(
        (content.table for resource in resources for content in resource.tables), key=lambda table: table.name
    )
    return Lock(
        package=loaded.manifest.name,
        manifest=normal.manifest_digest(loaded.manifest),
        digest=digest,
        tables=tuple(LockedTable(table.name, table.rows, table.digest) for table in tables),
        columns=tuple(
            LockedColumn(table.name, column.name, column.type, column.digest)
            for table in tables
            for column in table.columns
        ),
        sources=tuple(source for resource in resources for source in _sources(resource)),
    )


def files_of(planned: Plan) -> list[tuple[str, str, int, str]]:
    """Every source file as it is now: resource, path, bytes and sha256; all of them are read."""
    return [
        (one.resource.name, file.path, file.bytes, look(file).sha256)
        for one in planned.resources
        for file in one.files
    ]


def _sources(resource: ResourceContent) -> list[LockedSource]:
    given: dict[str, dict[str, str]] = {}
    for content in resource.tables:
        for row in content.rows:
            given.setdefault(row.path, {})[content.table.name] = row.digest
    own = [row for row in resource.files if row.path == row.group]
    return [
        LockedSource(
            row.resource, row.path, row.bytes, row.sha256, dict(sorted(given.get(row.path, {}).items()))
        )
        for row in sorted(own, key=lambda row: row.path.encode())
    ]
