"""What a package knows of its versions, and whether two packages are one: the same up to where one of them ends.

Each record holds the BLAKE3 of the one before. So where two packages agree about their last common version, they
agree about all before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .. import versions
from ..durable import unsealed
from ..errors import StoreError, VersionError
from ..places import Place
from ..records import FilesList, Record, files_of, record_of
from ..removed import Removed, removed, removed_numbers

OTHER_PLACE = "give a place of its own, or look at both with `datapkg log`"


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version's two files: what they say, and their very bytes."""

    record: Record
    content: bytes
    files: FilesList
    listed: bytes

    @classmethod
    def read(cls, package: Place, number: int) -> StoredVersion:
        """Read a version of a package. Raises DamageError where a file of it is not as written."""
        name = versions.record_name(number)
        try:
            content = package.read(name)
        except FileNotFoundError:
            what = f"version {number} was removed meanwhile"
            raise VersionError(what, package.uri, "run the same again") from None
        record = record_of(unsealed(content, package.at(name)), package.at(name))
        listed = versions.files_content(package, record)
        where = package.at(versions.list_name(record))
        return cls(record, content, files_of(unsealed(listed, where), where), listed)


@dataclass(frozen=True, slots=True)
class History:
    """The versions of a package that are there, and the notes about those that are no more."""

    package: Place
    numbers: tuple[int, ...]
    gone: Mapping[int, Removed]

    @classmethod
    def of(cls, package: Place) -> History:
        """Look at a package; there may be none yet."""
        notes = {number: removed(package, number) for number in removed_numbers(package)}
        return cls(package, tuple(versions.numbers(package)), notes)

    @classmethod
    def of_version(cls, package: Place, record: Record) -> History:
        """One version as a package of its own: of those before it nothing is left but the last one's hash."""
        notes = {}
        if record.previous is not None:
            before = record.version - 1
            notes[before] = Removed(before, record.previous, False, 0.0, all_before=True)
        return cls(package, (record.version,), notes)

    @property
    def known(self) -> set[int]:
        """The versions that something is known of."""
        return {*self.numbers, *self.gone}

    @property
    def floor(self) -> int:
        """The version that stands for all before it, which are not there; 0 if there is none."""
        return max([number for number, note in self.gone.items() if note.all_before], default=0)

    def digest(self, number: int) -> str:
        """The BLAKE3 of a known version's record."""
        if number in self.gone:
            return self.gone[number].record
        return versions.record_digest(self.package, number)


def refuse_other(source: History, target: History) -> None:
    """Make sure that two packages are one.

    Raises
    ------
    StoreError
        They have different names.
    VersionError
        They have different versions of one number, or none in common.
    """
    if not target.known:
        return
    if target.numbers and source.numbers:
        ours, theirs = (versions.read_record(one.package, one.numbers[-1]).name for one in (source, target))
        if ours != theirs:
            raise StoreError(f"holds the package {theirs!r}, not {ours!r}", target.package.uri, OTHER_PLACE)
    shared = sorted(source.known & target.known)
    if not shared:
        what = f"has no version in common with {source.package.uri}, so that they may be different packages"
        raise VersionError(what, target.package.uri, OTHER_PLACE)
    if source.digest(shared[-1]) != target.digest(shared[-1]):
        first = next(number for number in shared if source.digest(number) != target.digest(number))
        what = f"its history is another one from version {first} on than that of {source.package.uri}"
        raise VersionError(what, target.package.uri, OTHER_PLACE)


def to_copy(source: History, target: History) -> list[int]:
    """The versions that the target lacks. What was removed there, or left out on purpose, stays so."""
    return [number for number in source.numbers if number not in target.known and number > target.floor]
