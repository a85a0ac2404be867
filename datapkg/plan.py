"""Decide what a build has to do: which files each resource has, and which resources are as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from . import locate, sources, store, versions
from .addresses import INSIDE, scheme_of
from .changes import Change, hashed
from .errors import DamageError, SourceError, StoreError
from .files import Files
from .manifest import Resource, normal
from .manifest.addresses import names_many
from .manifest.globs import chooses
from .manifest.load import LoadedManifest
from .manifest.missing import first_names
from .places import STAGING, Place
from .reading import MISSING, SourceFile, Stat, check_hash, local_path
from .records import FilesList, Record
from .remote import Fetcher
from .source_list import SOURCES, SourceRow, SourceRows, both, places_among, source_rows

OURS = ("versions", "releases", "datapackage.json")
NOWHERE = Path()
"""Where a file lies that is not here."""


@dataclass(frozen=True, slots=True)
class Previous:
    """The newest version, as far as a build needs it.

    With `rehash` the bytes of its tables are looked at, each table once; what was found is kept in `whole`.
    """

    package: Place
    record: Record
    files: FilesList
    sources: SourceRows
    damage: str = ""
    rehash: bool = False
    whole: dict[str, bool] = field(default_factory=dict)

    def intact(self, table: str) -> bool:
        """Whether the table's files are all there, so that the coming version may take it over."""
        listed = self.files.files.get(table, [["manifest", "", 0, ""]])
        if self.rehash and table not in self.whole:
            self.whole[table] = store.intact(self.package, listed, every=True)
        return self.whole.get(table, True) and store.intact(self.package, listed)

    def of(self, resource: str) -> SourceRows:
        """The files that a resource matched; of a source with several tables, any one of its rows."""
        rows = self.sources.of_resource(resource)
        return rows.at(rows.matched).first_of_each()

    def members(self, resource: str) -> SourceRows:
        """The other files that were read for a resource's sources; `group` is the source's path."""
        rows = self.sources.of_resource(resource)
        return rows.at(~rows.matched)


@dataclass(frozen=True, slots=True)
class ResourcePlan:
    """One resource: its files, what is not as in the newest version, and the positions of the files to be read for it.

    `hashes` has the sha256, by path, of the files that were looked into to know that. `archives` are those that files
    were chosen of.
    """

    resource: Resource
    settings: str
    readers: Mapping[str, str | int]
    files: Files
    change: Change
    stale: NDArray[np.int64]
    hashes: Mapping[str, str]
    archives: tuple[SourceFile, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether all of it is as in the newest version."""
        return not self.change

    @property
    def fresh(self) -> NDArray[np.int64]:
        """The positions of the files that are not read."""
        return np.setdiff1d(np.arange(len(self.files)), self.stale)


@dataclass(frozen=True, slots=True)
class Plan:
    """All resources in manifest order, and what a user should know about their files.

    `asked` holds what the system said of every folder that was looked into, before any file was read, and of every file
    that is not among those of a resource; `disturbed` says that something has happened to the package since its newest version. `listed` says that a bucket was listed:
    only listing it again tells whether it holds the same.
    """

    resources: tuple[ResourcePlan, ...]
    warnings: tuple[str, ...]
    asked: Mapping[str, Stat]
    disturbed: bool
    listed: bool = False


def previous(package: Place, name: str, rehash: bool = False) -> Previous | None:
    """Read the newest version of the package that a build goes into; None if there is none yet.

    What it says of sources decides what is read again: so these few bytes are always held against their hash. Those of
    its other tables are with `rehash`.

    Raises
    ------
    StoreError
        The folder holds another package, or something else; or it can only be read.
    """
    package.refuse_read_only()
    if not versions.numbers(package):
        refuse_strangers(package)
        return None
    record = versions.read_record(package, versions.resolve(package))
    if record.name != name:
        raise StoreError(
            f"holds the package {record.name!r}, not {name!r}",
            package.uri,
            "build into another folder, or mend the name",
        )
    if record.taken_from is not None:
        what = (
            f"holds rows that were chosen from {record.taken_from.address}, and not all that a manifest makes"
        )
        raise StoreError(what, package.uri, "build into another place")
    try:
        files = versions.read_files(package, record)
        if not store.intact(package, files.files[SOURCES], every=True):
            raise DamageError("is not what was written", f"table {SOURCES}")
        rows = source_rows(package, record, files)
    except DamageError as error:
        lost = (
            f"version {record.version} is damaged, so everything is read again: {error.what} ({error.where})"
        )
        return Previous(package, record, FilesList(record.version, {}, {}), SourceRows.of(()), damage=lost)
    return Previous(package, record, files, rows, rehash=rehash)


def plan(
    loaded: LoadedManifest,
    before: Previous | None,
    allow_removals: bool,
    rehash: bool = False,
    fetcher: Fetcher | None = None,
    many: Callable[[Resource], object] | None = None,
) -> Plan:
    """Find every resource's files, and what changed since the version before; `rehash` reads all of them.

    Without a `fetcher` nothing is fetched, and nothing is known of addresses. `many` is told of a resource as soon as it is
    known to have many files.
    """
    fetcher = fetcher or Fetcher(offline=True)
    resources = []
    aside = list(_set_aside(before)) if before is not None else []
    warnings = [*loaded.warnings, *aside]
    asked: dict[str, Stat] = {}
    for resource in loaded.manifest.resources:
        found = locate.find(loaded, resource, fetcher, many)
        asked = {**found.asked, **asked}
        warnings += found.warnings
        files = found.files
        if found.unfetched:
            warnings.append(_not_here(resource.name, found.unfetched))
            files = ordered(resource, [*files, *as_before(before, resource, found.unfetched, fetcher)])
        if before is not None and not allow_removals:
            _refuse_removals(resource.name, before, files)
        settings = normal.settings_digest(resource)
        readers = sources.readers(resource.type)
        hashes: dict[str, str] = {}
        change = _change(before, resource, settings, readers, files, hashes, rehash)
        if not change and resource.hash is not None and not resource.members:
            for file in files:  # the manifest may say another one than when the file was read
                if not file.sha256:
                    check_hash(file, resource.hash)
        stale = _stale(before, resource, change, files)
        resources.append(
            ResourcePlan(resource, settings, readers, files, change, stale, hashes, found.archives)
        )
    paths = (path for resource in loaded.manifest.resources for path in resource.path)
    listed = any(scheme_of(path) and names_many(path) for path in paths)
    return Plan(tuple(resources), tuple(warnings), asked, bool(aside), listed)


def _not_here(resource: str, addresses: Sequence[str]) -> str:
    return f"{resource}: not in the cache, so that a build has to ask for it: {first_names(addresses)}"


def as_before(
    before: Previous | None, resource: Resource, addresses: Sequence[str], fetcher: Fetcher
) -> Iterator[SourceFile]:
    """The files that addresses gave to the version before, where they are not here, and may still be what they were."""
    every = before.sources.of_resource(resource.name) if before else SourceRows.of(())
    paths = every.values("path")
    for address in addresses:
        matches = chooses(address) if names_many(address) else address.__eq__
        rows = every.at(np.array([bool(matches(path.partition(INSIDE)[0])) for path in paths], bool))
        known = fetcher.known(address, resource.hash or "")
        was = {row.sha256 for row in rows if row.path == address}
        if rows and (names_many(address) or known in ("", *was)):
            matched = rows.at(rows.matched).first_of_each()
            yield from (SourceFile(r.path, NOWHERE, NOWHERE, r.bytes, sha256=r.sha256) for r in matched)
        elif not names_many(address):
            yield SourceFile(address, NOWHERE, NOWHERE, MISSING, sha256=known)


def ordered(resource: Resource, files: Sequence[SourceFile]) -> Files:
    """Files in the order of the manifest."""
    if resource.as_listed:
        listed = {path: at for at, path in enumerate(resource.path)}
        return Files.of(sorted(files, key=lambda file: listed.get(file.path.partition(INSIDE)[0], 0)))
    return Files.of(sorted(files, key=lambda file: file.path.encode()))


def _set_aside(before: Previous) -> Iterator[str]:
    if before.damage:
        yield before.damage
        return
    for table in (*before.record.tables, before.record.sources):
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
    files: Files,
    hashes: dict[str, str],
    rehash: bool,
) -> Change:
    """What is not as it was; files are not looked into where all of them are to be read anyway.

    The sha256 of those that are, is added to `hashes`.
    """
    if before is None:
        return Change(added=tuple(files.paths), why="it is new")
    known = before.of(resource.name)
    paths, known_paths = pa.array(files.paths, pa.string()), known.column("path")
    at = places_among(paths, known_paths)
    added = tuple(files.paths[one] for one in np.flatnonzero(at < 0).tolist())
    gone = places_among(known_paths, paths) < 0
    removed = tuple(known.at(gone).values("path"))
    why = _why_all(before, resource, settings, readers)
    if why:
        return Change(added, removed, (), why)
    here = np.flatnonzero(at >= 0)
    was = known.at(at[here])
    differs = _differing(files.take(here), was, hashes, rehash)
    if resource.empty == "error":  # what was skipped may be no more: it is read again, to be refused
        differs |= was.skipped
    changed = was.at(differs).values("group")
    if len(rows := before.members(resource.name)):
        roots = {files.paths[one]: files[one].root for one in here.tolist()}
        rows = rows.at(
            np.array([roots.get(group, NOWHERE) != NOWHERE for group in rows.values("group")], bool)
        )
        members = Files.of(member_file(row, roots[row.group]) for row in rows)
        changed += rows.at(_differing(members, rows, hashes, rehash)).values("group")
    if (added or removed or changed) and not before.sources.of_resource(resource.name).complete:
        why = "an older datapkg read its files, and did not keep what they gave cause to say"
    moved = resource.as_listed and bool((np.diff(at[here]) < 0).any())
    return Change(added, removed, tuple(dict.fromkeys(changed)), why, moved)


def _differing(files: Files, was: SourceRows, hashes: dict[str, str], rehash: bool) -> NDArray[np.bool_]:
    """Which files are not what they were; the sha256 of those that were looked into for it is added to `hashes`."""
    differs: NDArray[np.bool_] = files.sizes != was.numbers("bytes")
    if differs.all():
        return differs
    at = np.flatnonzero(~differs)
    same_size = files if len(at) == len(files) else files.take(at)
    seen = hashed(same_size, rehash)
    hashes |= zip(same_size.paths, seen, strict=True)
    differs[at] = both(pc.not_equal(pa.array(seen, pa.string()), was.at(at).column("sha256")))
    return differs


def _stale(before: Previous | None, resource: Resource, change: Change, files: Files) -> NDArray[np.int64]:
    """The files to be read: those that came or changed, and those that were read together with any such."""
    if before is None or change.why:
        return np.arange(len(files))
    touched = pa.array([*change.added, *change.removed, *change.changed], pa.string())
    rows = before.sources.of_resource(resource.name)
    groups = rows.at(both(pc.is_in(rows.column("path"), touched))).column("group")
    together = rows.at(both(pc.is_in(rows.column("group"), groups)) & rows.matched).values("path")
    stale = {*change.added, *together}
    return np.array([at for at, path in enumerate(files.paths) if path in stale], np.int64)


def _why_all(
    before: Previous,
    resource: Resource,
    settings: str,
    readers: Mapping[str, str | int],
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
    return ""


def member_file(row: SourceRow, root: Path) -> SourceFile:
    """A member as it is now; one that is gone has no bytes."""
    local = local_path(root, row.path)
    return SourceFile(row.path, local, root, local.stat().st_size if local.is_file() else MISSING)


def refuse_strangers(package: Place) -> None:
    """Raise StoreError where something else than a package, or than what is left of an attempt at one, is there."""
    strange = [name for name in package.names() if not _ours(package, name)]
    if strange:
        raise StoreError(
            f"holds something else than a package (first: {strange[0]})",
            package.uri,
            "give an empty or new one",
        )


def _ours(package: Place, name: str) -> bool:
    """Whether a build, also one that was stopped, may have left this in a package's folder.

    In a folder it has made `versions` before all else.
    """
    if name.endswith(".lance"):
        if "_versions" not in package.names(name) or "versions" in package.names():
            return True
        return store.built(package, name.removesuffix(".lance"))
    return name in OURS or name.startswith(STAGING)


def _refuse_removals(resource: str, before: Previous, files: Files) -> None:
    known = before.of(resource).values("path")
    refused = suspicious(resource, list(set(known) - set(files.paths)), len(known))
    if refused is not None:
        raise refused


def suspicious(resource: str, gone: Sequence[str], known: int) -> SourceError | None:
    """What to say where so many of a resource's `known` files are gone that perhaps a drive is not mounted."""
    gone = sorted(path for path in gone if not locate.is_inline(path))
    if len(gone) * 10 <= known:
        return None
    return SourceError(
        f"{len(gone)} of {known} files of the last version are gone, first {gone[0]}",
        f"resource {resource}",
        "check that the drive is mounted; if they were removed on purpose, build with --allow-removals",
    )
