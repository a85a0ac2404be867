"""Version and release records: small JSON files, created if absent and never changed.

``versions/N.json`` is the commit point. Everything it depends on is on disk before it; whatever has no record does
not exist. Its list of files is written beside it under the attempt's own name first, and only the attempt that won
number N gives it the name ``N.files.json``: so two builders never write the same file.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from blake3 import blake3

from .errors import DamageError, StoreError, VersionError, nearest
from .store import storage_errors, sync_file, sync_folder

FORMAT = 1
ALL_TABLES = ""
"""What a record's warnings about several tables together stand under; others stand under their resource."""
RECORD = re.compile(r"^([1-9]\d*)\.json$")
SEAL = re.compile(rb'"blake3": "([0-9a-f]{64})"\n}\n$')


@dataclass(frozen=True, slots=True)
class ColumnRecord:
    """A column: its true name, the name Lance knows it by, its logical type, nulls in this version, digest."""

    name: str
    stored: str
    type: str
    nulls: int
    digest: str
    image: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table of one version: which Lance version it is, and what is in it."""

    name: str
    kind: str
    resource: str
    lance_version: int
    rows: int
    digest: str
    settings: str
    image_bytes: dict[str, int]
    columns: tuple[ColumnRecord, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One version of the whole package."""

    format: int
    name: str
    version: int
    created: str
    attempt: str
    datapkg: str
    readers: dict[str, dict[str, str | int]]
    manifest: str
    manifest_digest: str
    facts: str
    digest: str
    files: str
    previous: str | None
    sources: TableRecord
    tables: tuple[TableRecord, ...]
    warnings: dict[str, list[str]] = field(default_factory=dict)

    def table(self, name: str) -> TableRecord:
        """The table's record, by its name."""
        for table in self.tables:
            if table.name == name:
                return table
        raise VersionError(
            f"there is no table {name!r}", self.name, nearest(name, [t.name for t in self.tables])
        )


@dataclass(frozen=True, slots=True)
class FilesList:
    """A version's files with size and BLAKE3 by table, and the order of its rows.

    `runs` holds per table (fragment, first row, rows) in manifest order.
    """

    version: int
    files: dict[str, list[list[Any]]]
    runs: dict[str, list[list[int]]] = field(default_factory=dict)


def sealed(document: Mapping[str, Any]) -> bytes:
    """Write a document as JSON whose last member is the BLAKE3 of all bytes before it.

    Examples
    --------
    >>> unsealed(sealed({"version": 2}), "here")
    {'version': 2}
    """
    text = json.dumps(document, indent=1, ensure_ascii=False)
    head = text.removesuffix("\n}").encode() + b",\n "
    return head + b'"blake3": "' + blake3(head).hexdigest().encode() + b'"\n}\n'


def unsealed(content: bytes, where: str) -> dict[str, Any]:
    """Read a sealed document. Raises DamageError if any byte of it is not as written."""
    seal = SEAL.search(content)
    if seal is None or blake3(content[: seal.start()]).hexdigest().encode() != seal[1]:
        raise DamageError("the file is damaged", where, "copy it again from a whole copy of the package")
    document: dict[str, Any] = json.loads(content)
    del document["blake3"]
    return document


def numbers(package: str) -> list[int]:
    """All version numbers of a package, ascending."""
    try:
        names = os.listdir(Path(package) / "versions")  # noqa: PTH208 - names are all that is wanted
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(found[1]) for name in names if (found := RECORD.match(name)))


def read_record(package: str, version: int) -> Record:
    """Read one version's record.

    Raises
    ------
    VersionError
        There is no such version, or a newer datapkg wrote it.
    DamageError
        The record is not as written.
    """
    path = Path(package) / "versions" / f"{version}.json"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        have = ", ".join(str(n) for n in numbers(package)) or "none"
        raise VersionError(
            f"there is no version {version}", package, f"versions that are there: {have}"
        ) from None
    document = unsealed(content, str(path))
    if document["format"] > FORMAT:
        raise VersionError(
            f"its format {document['format']} is newer than this datapkg reads ({FORMAT})",
            str(path),
            f"install datapkg {document['datapkg']} or newer",
        )
    tables = tuple(_table(table) for table in document.pop("tables"))
    sources = _table(document.pop("sources"))
    return Record(**document, tables=tables, sources=sources)


def read_files(package: str, record: Record) -> FilesList:
    """Read the files list that belongs to `record`, also where its writer was killed before it had its name."""
    folder = Path(package) / "versions"
    for name in (f"{record.version}.files.json", f".{record.version}-{record.attempt}.files.json"):
        with suppress(FileNotFoundError):
            content = (folder / name).read_bytes()
            if blake3(content).hexdigest() == record.files:
                return FilesList(**unsealed(content, str(folder / name)))
    raise DamageError(
        "the list of its files is missing or damaged",
        str(folder / f"{record.version}.files.json"),
        "copy it again from a whole copy of the package",
    )


def releases(package: str) -> dict[str, int]:
    """Release names and their versions."""
    folder = Path(package) / "releases"
    if not folder.is_dir():
        return {}
    return {
        path.name.removesuffix(".json"): int(unsealed(path.read_bytes(), str(path))["version"])
        for path in sorted(folder.glob("*.json"))
        if not path.name.startswith(".")
    }


def resolve(package: str, version: int | str | None = None, as_of: str | datetime | None = None) -> int:
    """Find the number of a version given by number, release name, or time (a day means its end, UTC).

    Raises
    ------
    StoreError
        There is no package at this place.
    VersionError
        The package has no such version.
    """
    have = numbers(package)
    if not have:
        there = Path(package).exists()
        raise StoreError(
            "is no datapkg package" if there else "there is no such folder",
            package,
            "check the path; a package is a folder that `datapkg build` made",
        )
    if version is not None and as_of is not None:
        raise VersionError("version and as_of cannot both be given", package, "give one of them")
    if as_of is not None:
        return _at(package, have, as_of)
    if version is None:
        return have[-1]
    if isinstance(version, str):
        named = releases(package)
        if version not in named:
            fix = nearest(version, named) or "no release has a name yet; give a number"
            raise VersionError(f"there is no release {version!r}", package, fix)
        return named[version]
    if version not in have:
        raise VersionError(
            f"there is no version {version}", package, f"versions that are there: {', '.join(map(str, have))}"
        )
    return version


def publish(package: str, document: Record, files: FilesList) -> bool:
    """Make a version visible; False if another builder took its number first."""
    folder = Path(package) / "versions"
    content = sealed(asdict(files))
    if blake3(content).hexdigest() != document.files:
        raise ValueError("the record names another list of files")
    own = folder / f".{document.version}-{document.attempt}.files.json"
    with storage_errors(package):
        folder.mkdir(parents=True, exist_ok=True)  # another build that failed may have taken it away, empty
        _write(own, content)
        won = put_if_absent(folder / f"{document.version}.json", sealed(asdict(document)))
        if won:
            own.replace(folder / f"{document.version}.files.json")
        else:
            own.unlink()
        sync_folder(folder)
    return won


def files_digest(files: FilesList) -> str:
    """The BLAKE3 by which a record names its list of files."""
    return str(blake3(sealed(asdict(files))).hexdigest())


def record_digest(package: str, version: int) -> str:
    """The BLAKE3 by which a record names the one before it."""
    return str(blake3((Path(package) / "versions" / f"{version}.json").read_bytes()).hexdigest())


def name_release(package: str, name: str, version: int) -> bool:
    """Give a version a release name; False if the name is taken, also in other case."""
    folder = Path(package) / "releases"
    with storage_errors(package):
        folder.mkdir(exist_ok=True)
        if name.casefold() in {taken.casefold() for taken in releases(package)}:
            return False
        done = put_if_absent(folder / f"{name}.json", sealed({"version": version}))
        sync_folder(folder)
    return done


def put_if_absent(path: Path, content: bytes) -> bool:
    """Create a file with all of its content at once, on disk when this returns; False if it is there already."""
    temporary = path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(4).hex()}")
    _write(temporary, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    return True


def next_time(previous: str | None) -> str:
    """Now, in UTC, and later than the version before."""
    now = datetime.now(UTC)
    if previous is not None:
        now = max(now, datetime.fromisoformat(previous) + timedelta(microseconds=1))
    return now.isoformat(timespec="microseconds")


def all_records(package: str) -> Iterator[Record]:
    """Every version's record, oldest first."""
    for number in numbers(package):
        yield read_record(package, number)


def _table(document: dict[str, Any]) -> TableRecord:
    columns = tuple(ColumnRecord(**column) for column in document.pop("columns"))
    return TableRecord(**document, columns=columns)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    sync_file(path)


def _at(package: str, have: list[int], as_of: str | datetime) -> int:
    try:
        when = datetime.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    except ValueError:
        raise VersionError(
            f"as_of {as_of!r} is no date or time", package, "write it like 2026-11-01"
        ) from None
    if isinstance(as_of, str) and len(as_of) == len("2026-11-01"):
        when += timedelta(days=1)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    for number in reversed(have):
        created = datetime.fromisoformat(read_record(package, number).created)
        if created < when or (created == when and len(str(as_of)) != len("2026-11-01")):
            return number
    raise VersionError(
        f"there was no version yet at {as_of}", package, "`datapkg log` lists the versions with their times"
    )
