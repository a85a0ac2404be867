"""Decide what a build has to do: which files each resource has, and which resources are as they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from . import locate, sources, store, versions
from .engine.local import cpus
from .errors import DamageError, SourceError, StoreError
from .manifest import Resource, normal
from .manifest.load import LoadedManifest
from .reading import MISSING, SourceFile, check_hash, look
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
    ]
)
OURS = ("versions", "releases", "datapackage.json")
BATCH_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What one source gave to one table: a row of the table ``_sources``."""

    resource: str
    table: str
    group: str
    path: str
    bytes: int
    sha256: str
    rows: int
    digest: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Previous:
    """The newest version, as far as a build needs it."""

    package: str
    record: Record
    files: FilesList
    sources: tuple[SourceRow, ...]
    damage: str = ""

    def intact(self, table: str) -> bool:
        """Whether the table's files are all there, so that the coming version may take it over."""
        return store.intact(self.package, self.files.files.get(table, [["manifest", "", 0, ""]]))

    def of(self, resource: str) -> dict[str, SourceRow]:
        """A resource's sources by path; of a source with several tables, any one of its rows."""
        return {row.path: row for row in self.sources if row.resource == resource and row.path == row.group}

    def members(self, resource: str) -> list[SourceRow]:
        """The other files that were read for a resource's sources; `group` is the source's path."""
        return [row for row in self.sources if row.resource == resource and row.path != row.group]


@dataclass(frozen=True, slots=True)
class ResourcePlan:
    """One resource: its files, and whether all of it is as in the newest version."""

    resource: Resource
    settings: str
    readers: Mapping[str, str | int]
    files: tuple[SourceFile, ...]
    unchanged: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """All resources in manifest order, and what a user should know about their files."""

    resources: tuple[ResourcePlan, ...]
    warnings: tuple[str, ...]


def previous(package: str, name: str) -> Previous | None:
    """Read the newest version of the package that a build goes into; None if there is none yet.

    Raises
    ------
    StoreError
        The folder holds another package, or something else.
    """
    if not versions.numbers(package):
        _refuse_strangers(package)
        return None
    record = versions.read_record(package, versions.resolve(package))
    if record.name != name:
        raise StoreError(
            f"holds the package {record.name!r}, not {name!r}",
            package,
            "build into another folder, or mend the name",
        )
    try:
        files = versions.read_files(package, record)
        rows = tuple(_source_rows(package, record))
    except DamageError as error:
        lost = (
            f"version {record.version} is damaged, so everything is read again: {error.what} ({error.where})"
        )
        return Previous(package, record, FilesList(record.version, {}, {}), (), lost)
    return Previous(package, record, files, rows)


def plan(loaded: LoadedManifest, before: Previous | None, allow_removals: bool) -> Plan:
    """Find every resource's files, and which resources are as they were in the version before."""
    resources = []
    warnings = [*loaded.warnings, *(_set_aside(before) if before is not None else ())]
    for resource in loaded.manifest.resources:
        found = locate.find(loaded, resource)
        warnings += found.warnings
        if before is not None and not allow_removals:
            _refuse_removals(resource, before.of(resource.name), found.files)
        settings = normal.settings_digest(resource)
        readers = sources.readers(resource.type)
        same = before is not None and _unchanged(before, resource, settings, readers, found.files)
        if same and resource.hash is not None:  # the manifest may say another one than when the file was read
            for file in found.files:
                check_hash(file, resource.hash)
        resources.append(ResourcePlan(resource, settings, readers, found.files, same))
    return Plan(tuple(resources), tuple(warnings))


def _set_aside(before: Previous) -> Iterator[str]:
    if before.damage:
        yield before.damage
        return
    for table in before.record.tables:
        if not before.intact(table.name):
            yield f"table {table.name}: files of version {before.record.version} are missing or damaged; it is stored again"
            continue
        count = store.set_aside(before.package, table.name, table.stored.lance_version)
        if count:
            yield (
                f"table {table.name}: another program has made {count} later states since version "
                f"{before.record.version}; that is no version of the package, and is set aside"
            )


def _unchanged(
    before: Previous,
    resource: Resource,
    settings: str,
    readers: Mapping[str, str | int],
    files: Sequence[SourceFile],
) -> bool:
    tables = [table for table in before.record.tables if table.resource == resource.name]
    if not tables or any(table.settings != settings for table in tables):
        return False
    if before.record.readers.get(resource.name) != readers:
        return False
    if not all(before.intact(table.name) for table in tables):
        return False
    known = before.of(resource.name)
    if {file.path for file in files} != set(known):
        return False
    if resource.as_listed and [file.path for file in files] != list(known):
        return False
    roots = {file.path: file.root for file in files}
    expected = [(file, known[file.path]) for file in files]
    expected += [(_member(row, roots[row.group]), row) for row in before.members(resource.name)]
    if any(file.bytes != row.bytes for file, row in expected):
        return False
    with ThreadPoolExecutor(cpus()) as pool:  # hashing leaves Python's lock
        seen = pool.map(look, [file for file, _ in expected])
        return all(one.sha256 == row.sha256 for one, (_, row) in zip(seen, expected, strict=True))


def _member(row: SourceRow, root: Path) -> SourceFile:
    """A member as it is now; one that is gone has no bytes."""
    inside = row.path.partition("/")[2] if row.path.startswith("@") else row.path
    local = root / inside
    return SourceFile(row.path, local, root, local.stat().st_size if local.is_file() else MISSING)


def _source_rows(package: str, record: Record) -> Iterable[SourceRow]:
    pinned = store.PinnedTable(package, SOURCES, record.sources.stored)
    for batch in pinned.batches(SOURCES_SCHEMA.names, batch_bytes=BATCH_BYTES):
        for row in batch.select(SOURCES_SCHEMA.names).to_pylist():
            yield SourceRow(**row)


def _refuse_strangers(package: str) -> None:
    folder = Path(package)
    if folder.exists() and not folder.is_dir():
        raise StoreError("is a file, not a folder", package, "name another folder for the package")
    if not folder.is_dir():
        return
    strange = sorted(path.name for path in folder.iterdir() if not _ours(path))
    if strange:
        raise StoreError(
            f"holds something else than a package (first: {strange[0]})",
            package,
            "build into an empty or new folder",
        )


def _ours(path: Path) -> bool:
    """Whether a build, also one that was stopped, may have left this in a package's folder."""
    if path.name.endswith(".lance"):
        return not (path / "_versions").is_dir() or store.pinned(path)
    return path.name in OURS or path.name.startswith(store.STAGING)


def _refuse_removals(resource: Resource, known: Mapping[str, SourceRow], files: Sequence[SourceFile]) -> None:
    gone = sorted(set(known) - {file.path for file in files})
    gone = [path for path in gone if not locate.is_inline(path)]
    if len(gone) * 10 > len(known):
        raise SourceError(
            f"{len(gone)} of {len(known)} files of the last version are gone, first {gone[0]}",
            f"resource {resource.name}",
            "check that the drive is mounted; if they were removed on purpose, build with --allow-removals",
        )
