"""What a look at each file of a resource told, as columns: most files tell the same, and nothing but a hash of their own.

What many files tell alike is one object for all of them. A file that was read together with others, or was not what the
search had found, is kept as the object that it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple, overload

from .files import Files
from .reading import Reading, Seen, SourceFile, Stat, look
from .sources.base import Scan

Members = tuple[tuple[SourceFile, Seen], ...]


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file that was looked at: what it showed, what it was, and what its members were."""

    file: SourceFile
    scan: Scan
    seen: Seen
    members: Members

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as plain values."""
        return Scanned, (self.file, self.scan, self.seen, self.members)

    @classmethod
    def of(cls, reading: Reading, told: Scan) -> Scanned:
        """What a reading that has come to its end told; members that it had no need of are read for their hash."""
        members = tuple((one, reading.members.get(one.path) or look(one)) for one in told.members)
        return cls(reading.file, told, reading.seen, members)

    def to_store(self) -> ToStore:
        """What storing its rows needs to know."""
        members = {file.path: seen for file, seen in self.members}
        return ToStore(self.file, self.seen, members, frozenset(self.scan.evidence))


@dataclass(frozen=True, slots=True)
class ToStore:
    """A file whose rows are to be stored: how it and its members were seen, and the tables that it adds to."""

    file: SourceFile
    seen: Seen
    members: Mapping[str, Seen]
    fills: frozenset[str]


class Told(NamedTuple):
    """What a row of a file needs: `Scanned` in plain values."""

    path: str
    bytes: int
    sha256: str
    scan: Scan
    members: Members


class Looks(Sequence[Scanned]):
    """Looks at files, in their order; `hashes` are the files' sha256."""

    __slots__ = ("_scans", "_single", "_which", "files", "hashes")

    def __init__(
        self, files: Files, hashes: list[str], scans: list[Scan], which: list[int], single: dict[int, Scanned]
    ) -> None:
        self.files, self.hashes = files, hashes
        self._scans, self._which, self._single = scans, which, single

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as columns."""
        return Looks, (self.files, self.hashes, self._scans, self._which, self._single)

    @classmethod
    def of(cls, scanned: Iterable[Scanned]) -> Looks:
        """Looks that are objects."""
        looks = list(scanned)
        found = Looking(Files.of(one.file for one in looks))
        for one in looks:
            found.take(one)
        return found.looks()

    @classmethod
    def joined(cls, files: Files, parts: Iterable[Looks]) -> Looks:
        """Looks at all of some files, of which each part has the next."""
        found = cls(files, [], [], [], {})
        for part in parts:
            found._single |= {len(found.hashes) + at: one for at, one in part._single.items()}
            first = len(found._scans)
            found._which += [first + which for which in part._which]
            found._scans += part._scans
            found.hashes += part.hashes
        return found

    def __len__(self) -> int:
        return len(self.hashes)

    @overload
    def __getitem__(self, at: int) -> Scanned: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Scanned]: ...
    def __getitem__(self, at: int | slice) -> Scanned | Sequence[Scanned]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        at = range(len(self))[at]
        return self._scanned(at, self.files[at])

    def __iter__(self) -> Iterator[Scanned]:
        return map(self._scanned, range(len(self)), self.files)

    def told(self) -> Iterator[Told]:
        """What each told, in plain values."""
        scans = (self._scans[which] for which in self._which)
        members = repeat(()) if not self._single else map(self._members, range(len(self)))
        return map(Told, self.files.paths, self.files.sizes.tolist(), self.hashes, scans, members)

    def _members(self, at: int) -> Members:
        return self._single[at].members if at in self._single else ()

    def _scanned(self, at: int, file: SourceFile) -> Scanned:
        if at in self._single:
            return self._single[at]
        assert file.stat is not None
        return Scanned(file, self._scans[self._which[at]], Seen(_identity(file.stat), self.hashes[at]), ())


class Looking:
    """Looks as they are made, at one file after the other."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._hashes: list[str] = []
        self._scans: dict[int, tuple[int, Scan]] = {}
        self._which: list[int] = []
        self._single: dict[int, Scanned] = {}

    def add(self, scan: Scan, sha256: str) -> None:
        """The next file is what the search found, and was read alone."""
        known = self._scans.setdefault(
            id(scan), (len(self._scans), scan)
        )  # held, so that no other gets its number
        self._which.append(known[0])
        self._hashes.append(sha256)

    def take(self, one: Scanned) -> None:
        """Take in a look at the next file."""
        stat = one.file.stat
        if one.members or stat is None or one.seen.identity != _identity(stat):
            self._single[len(self._which)] = one
        self.add(one.scan, one.seen.sha256)

    def looks(self) -> Looks:
        """All of them."""
        scans = [scan for _, scan in self._scans.values()]
        return Looks(self._files, self._hashes, scans, self._which, self._single)


def _identity(stat: Stat) -> tuple[int, int, int, int]:
    return stat[1], stat[0], stat[2], stat[3]
