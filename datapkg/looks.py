"""What a look at each file of a resource told, as columns: most files tell the same, and nothing but a hash of their own.

What many files tell alike is one object for all of them. A file that was read together with others, or was not what the
search had found, is kept as the object that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .files import Files
from .reading import Reading, Seen, SourceFile, Stat, look
from .sources.base import Scan, Told

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


class Looks(Sequence[Scanned]):
    """Looks at files, in their order; `hashes` are the files' sha256."""

    __slots__ = ("_scans", "_single", "_which", "files", "hashes")

    def __init__(
        self,
        files: Files,
        hashes: list[str],
        scans: list[Scan],
        which: NDArray[np.int32],
        single: dict[int, Scanned],
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
        found = cls(files, [], [], np.empty(0, np.int32), {})
        which = [found._which]
        for part in parts:
            found._single |= {len(found.hashes) + at: one for at, one in part._single.items()}
            which.append(part._which + np.int32(len(found._scans)))
            found._scans += part._scans
            found.hashes += part.hashes
        found._which = np.concatenate(which)
        return found

    def placed(
        self, at: NDArray[np.int64], others: Looks, elsewhere: NDArray[np.int64], files: Files
    ) -> Looks:
        """Looks at all of some files: these at some of their positions, and others elsewhere."""
        together = Looks.joined(files, [self, others])
        order = np.argsort(np.append(at, elsewhere))
        return together._reordered(order, files)

    def _reordered(self, order: NDArray[np.int64], files: Files) -> Looks:
        """The looks at some positions, which are at these files."""
        positions = order.tolist()
        single = {new: self._single[old] for new, old in enumerate(positions) if old in self._single}
        hashes = [self.hashes[old] for old in positions]
        return Looks(files, hashes, self._scans, self._which[order], single)

    def __len__(self) -> int:
        return len(self.hashes)

    @overload
    def __getitem__(self, at: int) -> Scanned: ...
    @overload
    def __getitem__(self, at: slice) -> Looks: ...
    def __getitem__(self, at: int | slice) -> Scanned | Looks:
        if isinstance(at, slice):
            return self._reordered(np.arange(*at.indices(len(self))), self.files[at])
        at = range(len(self))[at]
        return self._scanned(at, self.files[at])

    def __iter__(self) -> Iterator[Scanned]:
        return map(self._scanned, range(len(self)), self.files)

    def told(self) -> Told:
        """Each file's path, and what it showed."""
        return Told(self.files.paths, self._scans, self._which)

    def which(self, chosen: Callable[[Scan], object]) -> NDArray[np.int64]:
        """The positions of files whose scan is chosen."""
        return np.flatnonzero(np.array([bool(chosen(scan)) for scan in self._scans], bool)[self._which])

    def texts(self, text: Callable[[Scan], str], at: NDArray[np.int64]) -> pa.Array:
        """What is to be written of the scans at some positions, each text once."""
        numbers, places = np.unique(self._which[at], return_inverse=True)
        texts = pa.array([text(self._scans[number]) for number in numbers.tolist()], pa.large_string())
        return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), texts)

    def with_members(self) -> Iterator[Scanned]:
        """The looks at files that were read together with others."""
        return (one for _, one in sorted(self._single.items()) if one.members)

    def _scanned(self, at: int, file: SourceFile) -> Scanned:
        if at in self._single:
            return self._single[at]
        assert file.stat is not None
        return Scanned(
            file, self._scans[int(self._which[at])], Seen(_identity(file.stat), self.hashes[at]), ()
        )


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
        return Looks(self._files, self._hashes, scans, np.array(self._which, np.int32), self._single)


def _identity(stat: Stat) -> tuple[int, int, int, int]:
    return stat[1], stat[0], stat[2], stat[3]
