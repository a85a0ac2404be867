"""Versions and releases of a package: small JSON files, created if absent and never changed.

``versions/N.json`` is the commit point. Everything it depends on is on disk before it; whatever has no record does
not exist. Its list of files is written beside it under the attempt's own name first, and only the attempt that won
number N gives it the name ``N.files.json``: so two builders never write the same file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

from blake3 import blake3

from .durable import sealed, unsealed
from .errors import DamageError, DatapkgError, StoreError, VersionError, nearest
from .places import RECORD, VERSIONS, Place, refusal
from .records import FilesList, Record, files_of, record_document, record_of
from .removed import removed
from .store import intact, storage_errors

RELEASE = re.compile(r"^((?!\d+\.json$)[A-Za-z0-9][A-Za-z0-9._+-]{0,63})\.json$")


def numbers(package: Place) -> list[int]:
    """All version numbers of a package, ascending."""
    return sorted(int(found[1]) for name in _names(package, VERSIONS) if (found := RECORD.match(name)))


def read_record(package: Place, version: int) -> Record:
    """Read one version's record.

    Raises
    ------
    VersionError
        There is no such version, or a newer datapkg wrote it.
    DamageError
        The record is not as written.
    """
    name = record_name(version)
    try:
        content = _content(package, name)
    except FileNotFoundError:
        raise _no_version(package, version, numbers(package)) from None
    return record_of(unsealed(content, package.at(name)), package.at(name))


def files_content(package: Place, record: Record) -> bytes:
    """The files list that belongs to `record`, also where its writer was killed before it had its name."""
    named = list_name(record)
    for name in (named, own_list(record), named):  # it may get its name while we look
        with suppress(FileNotFoundError):
            content = _content(package, name)
            if blake3(content).hexdigest() == record.files:
                return content
    raise DamageError(
        "the list of its files is missing or damaged",
        package.at(list_name(record)),
        "copy it again from a whole copy of the package",
    )


def read_files(package: Place, record: Record) -> FilesList:
    """Read the list of a version's files. Raises DamageError where it is missing or not as written."""
    return files_of(json.loads(files_content(package, record)), package.at(list_name(record)))


def all_records(package: Place) -> Iterator[Record]:
    """Every version's record, oldest first."""
    for number in numbers(package):
        yield read_record(package, number)


def releases(package: Place) -> dict[str, int]:
    """Release names and their versions; a damaged release file names none."""
    named = {}
    for name in release_names(package):
        with suppress(DamageError):
            named[name] = release(package, name)
    return named


def last_release(package: Place, before: int | None = None) -> int | None:
    """The newest version that has a release name, of those before a number; None if none has one."""
    named = [number for number in releases(package).values() if before is None or number < before]
    return max(named, default=None)


def named(package: Place) -> dict[int, str]:
    """The release names of each version that has one, parted by commas."""
    found: dict[int, str] = {}
    for name, number in releases(package).items():
        found[number] = f"{found[number]}, {name}" if number in found else name
    return found


def release_names(package: Place) -> list[str]:
    """All names that are taken."""
    return sorted(found[1] for name in _names(package, "releases") if (found := RELEASE.match(name)))


def release(package: Place, name: str) -> int:
    """The version that a release name means. Raises VersionError for a name that is not there."""
    path = f"releases/{name}.json"
    try:
        content = _content(package, path) if RELEASE.match(f"{name}.json") else None
    except FileNotFoundError:
        content = None
    if content is None:
        fix = nearest(name, release_names(package)) or "no version has a release name yet; give a number"
        raise VersionError(f"there is no release {name!r}", package.uri, fix)
    return int(unsealed(content, package.at(path))["version"])


def whole_instead(package: Place, damaged: int) -> str:
    """What to open in the place of a damaged version: the newest that is whole; nothing where none is.

    All files must be there with their sizes; their content is not looked at.
    """
    for number in reversed(numbers(package)):
        with suppress(DatapkgError, OSError):
            if number != damaged and _is_whole(package, read_record(package, number)):
                return f"; version {number} is whole, and can be opened"
    return ""


def advised(error: DamageError, package: Place, damaged: int) -> DamageError:
    """The same error, which also says what to open instead."""
    return DamageError(error.what, error.where, f"{error.fix}{whole_instead(package, damaged)}")


def _is_whole(package: Place, record: Record) -> bool:
    return all(intact(package, files) for files in read_files(package, record).files.values())


def _names(package: Place, folder: str) -> list[str]:
    try:
        return package.names(folder)
    except OSError as error:
        raise _unreadable(error, package.at(folder)) from None


def _content(package: Place, name: str) -> bytes:
    """A file's bytes. Raises FileNotFoundError where there is none."""
    try:
        return package.read(name)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(error, package.at(name)) from None


def _unreadable(error: OSError, where: str) -> DatapkgError:
    """What hinders reading a file that is there: rights, or a disk that fails."""
    what, fix = (
        f"cannot be read ({error.strerror or error})",
        "copy it again from a whole copy of the package",
    )
    return refusal(error, where) or DamageError(what, where, fix)


def resolve(package: Place, version: int | str | None = None, as_of: str | date | None = None) -> int:
    """Find the number of a version given by number, release name, or time (a day means its end, UTC).

    Raises
    ------
    StoreError
        There is no package at this place.
    VersionError
        The package has no such version.
    """
    if version is None and as_of is None and (newest := package.latest()) is not None:
        return newest
    have = numbers(package)
    if not have:
        raise _no_package(package)
    if version is not None and as_of is not None:
        raise VersionError("version and as_of cannot both be given", package.uri, "give one of them")
    if as_of is not None:
        return _at(package, have, as_of)
    if version is None:
        return have[-1]
    if isinstance(version, str):
        if not version.isdecimal():
            return release(package, version)
        version = int(version)
    if version not in have:
        raise _no_version(package, version, have)
    return version


def publish(package: Place, record: Record, files: FilesList) -> bool:
    """Make a version visible; False if another builder took its number first."""
    listed = sealed(asdict(files))
    if blake3(listed).hexdigest() != record.files:
        raise ValueError("the record names another list of files")
    with storage_errors(package.uri):
        package.put(own_list(record), listed)
        won = package.put_if_absent(record_name(record.version), sealed(record_document(record)))
        if won:
            name_list(package, record)
        else:
            package.remove([own_list(record)])
    return won


def republish(package: Place, record: Record, content: bytes, listed: bytes) -> bool:
    """Make a version of another place visible here, its two files byte for byte; False if another has its number.

    Who makes the very same version at the same time succeeds too. Both use the same name for the list at first, so
    that only its last name may be relied on.
    """
    name = record_name(record.version)
    with storage_errors(package.uri):
        package.put(own_list(record), listed)
        there = package.put_if_absent(name, content) or package.read(name) == content
        if there:
            package.put(list_name(record), listed)
        package.remove([own_list(record)])
    return there


def name_list(package: Place, record: Record) -> None:
    """Give the list of a version's files its name; whoever made the version may have been stopped before."""
    with storage_errors(package.uri), suppress(FileNotFoundError):  # it has its name, mostly
        package.rename(own_list(record), list_name(record))


def files_digest(files: FilesList) -> str:
    """The BLAKE3 by which a record names its list of files."""
    return str(blake3(sealed(asdict(files))).hexdigest())


def record_digest(package: Place, version: int) -> str:
    """The BLAKE3 by which a record names the one before it, which may have been removed meanwhile."""
    try:
        return str(blake3(package.read(record_name(version))).hexdigest())
    except FileNotFoundError:
        return removed(package, version).record


def name_release(package: Place, name: str, version: int) -> bool:
    """Give a version a release name; False if the name is taken, also in other case."""
    with storage_errors(package.uri):
        if name.casefold() in {taken.casefold() for taken in release_names(package)}:
            return False
        return package.put_if_absent(f"releases/{name}.json", sealed({"version": version}))


def next_time(previous: str | None) -> str:
    """Now, in UTC, and later than the version before."""
    now = datetime.now(UTC)
    if previous is not None:
        now = max(now, datetime.fromisoformat(previous) + timedelta(microseconds=1))
    return now.isoformat(timespec="microseconds")


def _no_package(package: Place) -> StoreError:
    if any(name.endswith(".lance") for name in package.names()):
        return StoreError(
            "holds tables but no version: an incomplete copy, or a build that was stopped",
            package.uri,
            "copy the whole package again, or build it again",
        )
    parent, _, name = package.uri.rpartition("/")
    if name.endswith(".lance") and "_versions" in package.names():
        return StoreError(
            "is a table", package.uri, f"open {parent} and take its table {name.removesuffix('.lance')!r}"
        )
    what = "is no datapkg package" if package.exists() else package.nothing
    return StoreError(what, package.uri, "check the path; a package is what `datapkg build` made")


def own_list(record: Record) -> str:
    """Where the list of a version's files lies in the package until it has its name."""
    return f"versions/.{record.version}-{record.attempt}.files.json"


def record_name(version: int) -> str:
    """Where a version's record lies in the package."""
    return f"versions/{version}.json"


def list_name(record: Record) -> str:
    """Where the list of a version's files lies in the package."""
    return f"versions/{record.version}.files.json"


def _date_or_time(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)


def _no_version(package: Place, version: int, have: list[int]) -> VersionError:
    there = ", ".join(str(number) for number in have[-10:]) or "none"
    return VersionError(f"there is no version {version}", package.uri, f"versions that are there: {there}")


def _at(package: Place, have: list[int], as_of: str | date) -> int:
    until = _end(package, as_of)
    for number in reversed(have):
        if datetime.fromisoformat(read_record(package, number).created) <= until:
            return number
    raise VersionError(
        f"there was no version yet at {as_of}",
        package.uri,
        "`datapkg log` lists the versions with their times",
    )


def _end(package: Place, as_of: str | date) -> datetime:
    """The last moment that `as_of` means: the moment itself, or the end of a day."""
    try:
        if isinstance(as_of, str):
            as_of = _date_or_time(as_of)
        elif not isinstance(as_of, date):
            raise ValueError(as_of)
    except ValueError:
        raise VersionError(
            f"as_of {as_of!r} is no date or time", package.uri, "write it like 2026-11-01"
        ) from None
    if isinstance(as_of, datetime):
        return as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)
    return datetime(as_of.year, as_of.month, as_of.day, 23, 59, 59, 999_999, tzinfo=UTC)
