"""Decide what a build has to do: which files each resource has, and which resources are as they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from . import locate, sources, store, versions
from .changes import Change, hashed
from .errors import DamageError, SourceError, StoreError
from .manifest import Resource, normal
from .manifest.load import LoadedManifest
from .reading import MISSING, SourceFile, check_hash, local_path
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
MATCHED_MEMBER = '"matched member"'


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What one source gave to one table: a row of the table ``_sources``.

    `group` is the source's path. Of the other files that were read for it, `evidence` tells those that the resource
    matched too.
    """

    resource: str
    table: str
    group: str
    path: str
    bytes: int
    sha256: str
    rows: int
    digest: str
    evidence: str

    @property
    def matched(self) -> bool:
        """Whether the resource's own paths match the file."""
        return self.path == self.group or self.evidence == MATCHED_MEMBER


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
        """The files that a resource matched, by path; of a source with several tables, any one of its rows."""
        return {row.path: row for row in self.sources if row.resource == resource and row.matched}

    def members(self, resource: str) -> list[SourceRow]:
        """The other files that were read for a resource's sources; `group` is the source's path."""
        return [row for row in self.sources if row.resource == resource and not row.matched]


@dataclass(frozen=True, slots=True)
class ResourcePlan:
    """One resource: its files, and what is not as in the newest version."""

    resource: Resource
    settings: str
    readers: Mapping[str, str | int]
    files: tuple[SourceFile, ...]
    change: Change

    @property
    def unchanged(self) -> bool:
        """Whether all of it is as in the newest version."""
        return not self.change


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
        rows = tuple(source_rows(package, record))
    except DamageError as error:
        lost = (
            f"version {record.version} is damaged, so everything is read again: {error.what} ({error.where})"
        )
        return Previous(package, record, FilesList(record.version, {}, {}), (), lost)
    return Previous(package, record, files, rows)


def plan(loaded: LoadedManifest, before: Previous | None, allow_removals: bool, rehash: bool = False) -> Plan:
    """Find every resource's files, and what changed since the version before; `rehash` reads all of them."""
    resources = []
    warnings = [*loaded.warnings, *(_set_aside(before) if before is not None else ())]
    for resource in loaded.manifest.resources:
        found = locate.find(loaded, resource)
        warnings += found.warnings
        if before is not None and not allow_removals:
            _refuse_removals(resource, before.of(resource.name), found.files)
        settings = normal.settings_digest(resource)
        readers = sources.readers(resource.type)
        change = _change(before, resource, settings, readers, found.files, rehash)
        if (
            not change and resource.hash is not None
        ):  # the manifest may say another one than when the file was read
            for file in found.files:
                check_hash(file, resource.hash)
        resources.append(ResourcePlan(resource, settings, readers, found.files, change))
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
                f"table {table.name}: another program, or a build that was stopped, has made {count} later "
                f"states since version {before.record.version}; that is no version of the package, and is set aside"
            )


def _change(
    before: Previous | None,
    resource: Resource,
    settings: str,
    readers: Mapping[str, str | int],
    files: Sequence[SourceFile],
    rehash: bool,
) -> Change:
    """What is not as it was; files are not looked into where all of them are to be read anyway."""
    paths = [file.path for file in files]
    if before is None:
        return Change(added=tuple(paths), why="it is new")
    known = before.of(resource.name)
    added = tuple(path for path in paths if path not in known)
    there_now = set(paths)
    removed = tuple(path for path in known if path not in there_now)
    why = _why_all(before, resource, settings, readers, paths)
    if why:
        return Change(added, removed, (), why)
    there = [file for file in files if file.path in known]
    roots = {file.path: file.root for file in there}
    expected = [(file, known[file.path]) for file in there]
    members = [row for row in before.members(resource.name) if row.group in roots]
    expected += [(_member(row, roots[row.group]), row) for row in members]
    same_size = [(file, row) for file, row in expected if file.bytes == row.bytes]
    seen = hashed([file for file, _ in same_size], rehash)
    same = {id(row) for (_, row), sha256 in zip(same_size, seen, strict=True) if sha256 == row.sha256}
    changed = dict.fromkeys(row.group for _, row in expected if id(row) not in same)
    return Change(added, removed, tuple(changed))


def _why_all(
    before: Previous,
    resource: Resource,
    settings: str,
    readers: Mapping[str, str | int],
    paths: Sequence[str],
) -> str:
    """Why every file of a resource is to be read again; nothing where only its files decide."""
    tables = [table for table in before.record.tables if table.resource == resource.name]
    if not tables:
        return "it is new" if not before.of(resource.name) else "it has no table yet"
    if any(table.settings != settings for table in tables):
        return "the manifest says something else of it"
    if before.record.readers.get(resource.name) != readers:
        return "another version of datapkg or of a library reads it"
    if not all(before.intact(table.name) for table in tables):
        return "stored files are missing or damaged"
    if resource.as_listed:
        known, now = before.of(resource.name), set(paths)
        if [path for path in known if path in now] != [path for path in paths if path in known]:
            return "its files are listed in another order"
    return ""


def _member(row: SourceRow, root: Path) -> SourceFile:
    """A member as it is now; one that is gone has no bytes."""
    local = local_path(root, row.path)
    return SourceFile(row.path, local, root, local.stat().st_size if local.is_file() else MISSING)


def source_rows(package: str, record: Record) -> Iterable[SourceRow]:
    """The rows of a version's table ``_sources``."""
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
    """Whether a build, also one that was stopped, may have left this in a package's folder.

    One that was stopped right after the engine's commit has not pinned the table's state, but has made `versions`.
    """
    if path.name.endswith(".lance"):
        states = (path / "_versions").is_dir()
        return not states or store.pinned(path) or (path.parent / "versions").is_dir()
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
