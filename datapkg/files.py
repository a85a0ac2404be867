"""The files of a resource as columns; one becomes an object when it is looked at singly.

A hundred thousand files as objects, each with its path and what the system said of it, are a hundred megabytes and a second of
work. Here a path is text in a list, and numbers stand in one array. A file that is more than a place on this machine's disk
(rows in a manifest, a file that was fetched) is kept as the object that it is.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from .reading import SourceFile, Stat

NO_STAT: Stat = (0, 0, 0, 0, 0)
AT_A_TIME = 4096
"""How many rows of numbers are made into Python's own at a time."""


class PlainFile(NamedTuple):
    """A file of this machine, as far as reading it in one breath needs: `SourceFile` in plain values."""

    path: str
    local: str
    bytes: int
    stat: Stat


class Files(Sequence[SourceFile]):
    """Files in order. `sizes` and `stats` are a row each: bytes; device, inode, size, mtime_ns and ctime_ns.

    Examples
    --------
    >>> files = Files.of([SourceFile("a.csv", Path("/d/a.csv"), Path("/d"), 4, None, (1, 2, 4, 5, 5))])
    >>> files[0].path, files[0].stat, files.sizes.tolist(), len(files[:0])
    ('a.csv', (1, 2, 4, 5, 5), [4], 0)
    """

    __slots__ = ("_odd", "_rooted", "_roots", "locals", "paths", "sizes", "stats")

    def __init__(
        self,
        paths: list[str],
        places: list[str],
        roots: tuple[Path, ...],
        rooted: NDArray[np.int64],
        stats: NDArray[np.int64],
        odd: dict[int, SourceFile],
    ) -> None:
        self.paths, self.locals, self.stats = paths, places, stats
        self._roots, self._rooted, self._odd = roots, rooted, odd
        self.sizes: NDArray[np.int64] = stats[:, 2].copy()
        for at, file in odd.items():
            self.sizes[at] = file.bytes

    @classmethod
    def of(cls, files: Iterable[SourceFile]) -> Files:
        """Files that are objects."""
        if isinstance(files, Files):
            return files
        found = FilesFound()
        for file in files:
            found.take(file)
        return found.files()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as columns."""
        return Files, (self.paths, self.locals, self._roots, self._rooted, self.stats, self._odd)

    def __len__(self) -> int:
        return len(self.paths)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    @overload
    def __getitem__(self, at: int) -> SourceFile: ...
    @overload
    def __getitem__(self, at: slice) -> Files: ...
    def __getitem__(self, at: int | slice) -> SourceFile | Files:
        if isinstance(at, slice):
            return self._part(at)
        at = range(len(self))[at]
        stat: Stat = tuple(self.stats[at].tolist())
        return self._file(at, stat)

    def __iter__(self) -> Iterator[SourceFile]:
        return map(self._file, range(len(self)), self._tuples())

    def plain(self) -> Iterator[PlainFile | None]:
        """Each file in plain values; None where that is not all there is to say of it."""
        found = map(PlainFile, self.paths, self.locals, self.sizes.tolist(), self._tuples())
        if not self._odd:
            return found
        return (None if at in self._odd else file for at, file in enumerate(found))

    def take(self, at: NDArray[np.int64]) -> Files:
        """The files at some positions."""
        if np.array_equal(at, np.arange(len(self))):
            return self
        positions = at.tolist()
        odd = {new: self._odd[old] for new, old in enumerate(positions) if old in self._odd}
        paths, places = ([column[old] for old in positions] for column in (self.paths, self.locals))
        return Files(paths, places, self._roots, self._rooted[at], self.stats[at], odd)

    def _part(self, at: slice) -> Files:
        places = range(*at.indices(len(self)))
        odd = {new: self._odd[old] for new, old in enumerate(places if self._odd else ()) if old in self._odd}
        return Files(self.paths[at], self.locals[at], self._roots, self._rooted[at], self.stats[at], odd)

    @property
    def on_disk(self) -> NDArray[np.int64]:
        """The positions of the files that the system has told of: those of this machine."""
        told = np.ones(len(self), bool)
        told[list(self._odd)] = False
        return np.flatnonzero(told)

    def odd(self) -> Iterator[tuple[int, SourceFile]]:
        """The others, with their positions."""
        return iter(self._odd.items())

    def folders(self) -> set[Path]:
        """The roots of the files that lie somewhere."""
        places = {self._roots[at] for at in np.unique(self._rooted[self.on_disk]).tolist()}
        return places | {file.root for file in self._odd.values() if file.content is None}

    def _tuples(self) -> Iterator[Stat]:
        for start in range(0, len(self), AT_A_TIME):
            yield from map(tuple, self.stats[start : start + AT_A_TIME].tolist())

    def _file(self, at: int, stat: Stat) -> SourceFile:
        if at in self._odd:
            return self._odd[at]
        root = self._roots[self._rooted[at]]
        return SourceFile(self.paths[at], Path(self.locals[at]), root, stat[2], None, stat)


class FilesFound:
    """Files as they are found, one after the other."""

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._locals: list[str] = []
        self._root: tuple[Path | None, int] = None, 0
        self._roots: dict[Path, int] = {}
        self._rooted = array("q")
        self._stats = array("q")
        self._odd: dict[int, SourceFile] = {}

    def add(self, path: str, local: str, root: Path, stat: Stat) -> None:
        """Take in a file of this machine."""
        self._paths.append(path)
        self._locals.append(local)
        if self._root[0] is not root:  # to ask a dictionary for a path costs more than all else here
            self._root = root, self._roots.setdefault(root, len(self._roots))
        self._rooted.append(self._root[1])
        self._stats.extend(stat)

    def take(self, file: SourceFile) -> None:
        """Take in any file."""
        told = file.stat is not None and file.stat[2] == file.bytes
        if not told or file.content is not None or file.sha256:
            self._odd[len(self._paths)] = file
        self.add(file.path, str(file.local), file.root, file.stat or NO_STAT)

    def files(self) -> Files:
        """All of them."""
        rooted, stats = (np.frombuffer(column, np.int64) for column in (self._rooted, self._stats))
        return Files(self._paths, self._locals, tuple(self._roots), rooted, stats.reshape(-1, 5), self._odd)
