"""The lock: which sources and which content a build of a manifest must give.

It stands beside the manifest (``nf1.lock`` beside ``nf1.yaml``), one source and one column a line, made to be read in a
git diff. A plain build writes it; ``build --locked`` compares with it, and never writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .addresses import scheme_of
from .durable import Lines, replace, sealed, unsealed
from .errors import DamageError, LockedError, ManifestError
from .locked_sources import LockedSource, LockedSources
from .manifest.addresses import names_many
from .manifest.load import LoadedManifest
from .progress import Progress, silent
from .records import known
from .remote import Fetcher


@dataclass(frozen=True, slots=True)
class LockedArchive:
    """An archive that sources were chosen of."""

    resource: str
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LockedColumn:
    """A column of a table."""

    table: str
    name: str
    type: str
    digest: str


@dataclass(frozen=True, slots=True)
class LockedTable:
    """A table: its rows and its digest."""

    name: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class LockedDerivation:
    """A derived column, or a derived table where `column` is empty.

    `digest` is that of its values or of its recipe, as `proof` says. What made it is told, and not compared: with
    ``proof: values`` another version of a library may give the very same, and a recipe is in its digest.
    """

    table: str
    column: str
    type: str
    proof: str
    digest: str
    function: str = field(compare=False)
    code: str = field(compare=False)
    packages: Mapping[str, str] = field(compare=False)
    args: Mapping[str, Any] = field(compare=False)
    inputs: Mapping[str, str] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Lock:
    """What a build must give."""

    package: str
    manifest: str
    digest: str
    tables: tuple[LockedTable, ...]
    columns: tuple[LockedColumn, ...]
    sources: LockedSources
    derived: tuple[LockedDerivation, ...] = ()
    archives: tuple[LockedArchive, ...] = ()

    @property
    def files(self) -> tuple[LockedSource | LockedArchive, ...]:
        """All files that a build must find."""
        return (*self.sources, *self.archives)


def lock_path(manifest: Path) -> Path:
    """Where a manifest's lock stands."""
    return manifest.with_suffix(".lock")


def read_lock(manifest: Path) -> Lock:
    """Read a manifest's lock.

    Raises
    ------
    ManifestError
        There is none.
    DamageError
        It was changed by hand, or by a merge.
    """
    path = lock_path(manifest)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        fix = "build once without --locked, and keep the lock with the manifest"
        raise ManifestError("there is no lock", str(path), fix) from None
    document = unsealed(content, str(path))
    return known(
        Lock,
        {
            **document,
            "tables": tuple(known(LockedTable, table) for table in document["tables"]),
            "columns": tuple(known(LockedColumn, column) for column in document["columns"]),
            "sources": LockedSources.of(known(LockedSource, source) for source in document["sources"]),
            "derived": tuple(known(LockedDerivation, one) for one in document.get("derived", ())),
            "archives": tuple(known(LockedArchive, one) for one in document.get("archives", ())),
        },
    )


def write_lock(manifest: Path, lock: Lock) -> bool:
    """Write a manifest's lock, if it is not there as it should be; True if it was written."""
    path, content = lock_path(manifest), lock_content(lock)
    if path.is_file() and path.read_bytes() == content:
        return False
    replace(path, content)
    return True


def lock_content(lock: Lock) -> bytes:
    """What stands in a lock's file."""
    return sealed(_document(lock))


def _document(lock: Lock) -> dict[str, Any]:
    """The lock as plain values; `dataclasses.asdict` copies deeply, which takes 10 s for a million files."""
    later: dict[str, tuple[LockedDerivation | LockedArchive, ...]] = {
        "derived": lock.derived,
        "archives": lock.archives,
    }
    return {
        **{name: value for name, value in _shallow(lock).items() if name not in later},
        "tables": [_shallow(table) for table in lock.tables],
        "columns": [_shallow(column) for column in lock.columns],
        "sources": Lines(lock.sources.lines()),
        **{name: [_shallow(one) for one in many] for name, many in later.items() if many},
    }


def _shallow(
    value: Lock | LockedTable | LockedColumn | LockedDerivation | LockedArchive,
) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def refuse_other_files(
    manifest: Path, lock: Lock, name: str, digest: str, files: Iterable[tuple[str, str, int, str]]
) -> None:
    """Compare what is known before anything is decoded: the manifest, and (resource, path, bytes, sha256) of its files."""
    found = {(resource, path): (size, sha256) for resource, path, size, sha256 in files}
    wanted = {(source.resource, source.path): (source.bytes, source.sha256) for source in lock.files}
    differences = []
    if lock.package != name:
        differences.append(f"the package is named {name}, the lock's {lock.package}")
    if lock.manifest != digest:
        differences.append("the manifest says something else than when the lock was made")
    differences += [
        f"file {path} of {resource} is not there" for resource, path in sorted(set(wanted) - set(found))
    ]
    differences += [
        f"file {path} of {resource} is new" for resource, path in sorted(set(found) - set(wanted))
    ]
    for key in sorted(set(found) & set(wanted)):
        if found[key] != wanted[key]:
            (size, sha256), (old_size, old_sha256) = found[key], wanted[key]
            differences.append(
                f"file {key[1]} of {key[0]} is another: {size:,} bytes, sha256 {sha256[:12]}; "
                f"the lock has {old_size:,} bytes, {old_sha256[:12]}"
            )
    _refuse(manifest, differences)


def refuse_unknown_addresses(loaded: LoadedManifest, lock: Lock) -> None:
    """Before anything is fetched: the hash of everything that would be, must be known."""
    known = {(source.resource, source.path) for source in lock.files}
    _refuse(
        loaded.path,
        [
            f"file {path} of {resource.name} is new: neither the lock nor the manifest says its hash"
            for resource in loaded.manifest.resources
            for path in resource.path
            if scheme_of(path) and not (names_many(path) or resource.hash or (resource.name, path) in known)
        ],
    )


def fetcher_of(
    loaded: LoadedManifest, *, offline: bool = False, rehash: bool = False, progress: Progress = silent
) -> Fetcher:
    """What fetches the manifest's files, held to the hashes that its lock has, if it has one.

    Raises
    ------
    DamageError
        The lock was changed by hand, or by a merge.
    """
    path = lock_path(loaded.path)
    paths = (path for resource in loaded.manifest.resources for path in resource.path)
    learned: dict[str, str] = {}
    if any(map(scheme_of, paths)) and path.is_file():
        try:
            lock = read_lock(loaded.path)
        except DamageError as error:
            fix = "take it from a whole copy, or delete it: a build then learns the hashes again"
            raise DamageError(error.what, error.where, fix) from None
        learned = {one.path: one.sha256 for one in lock.files if scheme_of(one.path)}
    return Fetcher(learned, str(path), offline, rehash, progress)


def refuse_other_content(manifest: Path, lock: Lock, built: Lock) -> None:
    """Compare what was built with the lock, table by table, and say where the smallest differences are."""
    if built == lock:
        return
    differences = [*_table_differences(lock, built), *_derived_differences(lock, built)]
    if not differences and built.digest != lock.digest:
        differences.append(f"the package's digest is {built.digest[:16]}, the lock's {lock.digest[:16]}")
    _refuse(manifest, differences)


def _table_differences(lock: Lock, built: Lock) -> Iterator[str]:
    wanted = {table.name: table for table in lock.tables}
    found = {table.name: table for table in built.tables}
    for name in sorted(set(wanted) | set(found)):
        if name not in found:
            yield f"table {name} is not built"
        elif name not in wanted:
            yield f"table {name} is new"
        elif found[name] != wanted[name]:
            yield from _inside(name, lock, built, wanted[name], found[name])


def _derived_differences(lock: Lock, built: Lock) -> Iterator[str]:
    wanted = {(one.table, one.column): one for one in lock.derived}
    found = {(one.table, one.column): one for one in built.derived}
    for key in [*wanted, *(key for key in found if key not in wanted)]:
        table, column = key
        name = f"table {table}, derived column {column!r}" if column else f"derived table {table}"
        if key not in found:
            yield f"{name} is not built"
        elif key not in wanted:
            yield f"{name} is new"
        elif found[key].type != wanted[key].type:
            yield f"{name} is {found[key].type}, the lock has {wanted[key].type}"
        elif found[key].proof != wanted[key].proof:
            yield f"{name} is proven by its {found[key].proof}, in the lock by its {wanted[key].proof}"
        elif found[key].digest != wanted[key].digest:
            what = "another recipe" if found[key].proof == "recipe" else "other values"
            yield f"{name} has {what}{_why(wanted[key], found[key])}"


def _why(wanted: LockedDerivation, found: LockedDerivation) -> str:
    """What may be the reason for other values: code, arguments, or versions."""
    told = []
    if wanted.function != found.function:
        told.append(f"the function is {found.function}, was {wanted.function}")
    elif wanted.code != found.code:
        told.append("the code of its function is another")
    if wanted.args != found.args:
        told.append("its arguments are others")
    for name in sorted({*wanted.packages, *found.packages}):
        there, was = found.packages.get(name, "not used"), wanted.packages.get(name, "not used")
        if there != was:
            told.append(f"{name} is {there}, was {was}")
    return f" ({'; '.join(told)})" if told else ""


def _inside(name: str, lock: Lock, built: Lock, wanted: LockedTable, found: LockedTable) -> Iterator[str]:
    if found.rows != wanted.rows:
        yield f"table {name} has {found.rows:,} rows, the lock {wanted.rows:,}"
    old = {column.name: column for column in lock.columns if column.table == name}
    new = {column.name: column for column in built.columns if column.table == name}
    for column in [*old, *(column for column in new if column not in old)]:
        if column not in new:
            yield f"table {name} has no column {column!r}"
        elif column not in old:
            yield f"table {name} has a new column {column!r}"
        elif new[column].type != old[column].type:
            yield f"table {name}, column {column!r} is {new[column].type}, the lock has {old[column].type}"
        elif new[column].digest != old[column].digest:
            yield f"table {name}, column {column!r} has other values"
    if list(old) != list(new) and set(old) == set(new):
        yield f"table {name} has its columns in another order"
    known_digests = {source.path: source.tables.get(name) for source in lock.sources}
    for source in built.sources:
        if name in source.tables and source.tables[name] != known_digests.get(source.path):
            yield f"table {name}: the rows of {source.path} are others"


def _refuse(manifest: Path, differences: Sequence[str]) -> None:
    if differences:
        raise LockedError(
            "the build is not what the lock says; no version was written",
            str(lock_path(manifest)),
            "find out why; if the new content is right, build without --locked and commit the new lock",
            tuple(differences),
        )
