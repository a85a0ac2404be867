"""What a package needs of the place where it lies: a folder of this machine, or a prefix in a bucket.

Names below a place are relative and written with ``/``. What is written is whole and safe when the call returns, and
a file that must not be there yet is created so that of two builders one wins. All else of a package, what its files
mean and in which order they are written, is the same on every place.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .folder import Folder

VERSIONS = "versions"
"""The folder of the versions' records."""
RECORD = re.compile(r"^([1-9]\d*)\.json$")
"""The name of a record in it."""
STAGING = ".building-"
FINISHED = "finished"
"""What stands for an attempt in the name of the staging folder that outlives attempts: results that may be taken up."""
ATTEMPT = re.compile(rf"{re.escape(STAGING)}([0-9a-f]+|{FINISHED})")
Sees = Callable[[Path], str]
"""Tells which of the machines that workers run on does not see a folder of this one; empty if all do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file below a place: its name, its bytes, and when it was last touched (seconds since 1970)."""

    name: str
    bytes: int
    touched: float


class Place(ABC):
    """Where a package lies.

    `uri` names it for people and for the engine, `options` is what the engine needs beside, `nothing` says that there
    is nothing.
    """

    uri: str
    nothing: str
    options: dict[str, str] | None

    def __str__(self) -> str:
        return self.uri

    def at(self, name: str) -> str:
        """The address of something below the place."""
        return f"{self.uri}/{name}"

    def for_engine(self, name: str) -> str:
        """The address at which the engine reads something below the place."""
        return self.at(name)

    def latest(self) -> int | None:
        """The newest version, where the place finds it sooner than all of them; None where a listing tells."""
        return None

    def name_of(self, address: str) -> str:
        """The name of what has this address."""
        return address.removeprefix(f"{self.uri}/")

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is anything."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A file's bytes. Raises FileNotFoundError where there is none."""

    @abstractmethod
    def chunks(self, name: str) -> Iterator[memoryview | bytes]:
        """A file's bytes piece by piece; a piece is gone when the next one comes."""

    @abstractmethod
    def read_into(self, name: str, parts: Sequence[tuple[int, memoryview]]) -> None:
        """Fill each part with a file's bytes from its offset on, in as few requests as may be.

        Raises FileNotFoundError where there is no file, EOFError where it ends before a part does.
        """

    def mapped(self, name: str) -> memoryview | None:  # noqa: ARG002 - a place that has files looks for it
        """A file's bytes as they lie in the system's file cache, read-only; None where there is no such thing.

        Raises FileNotFoundError where there is no file.
        """
        return None

    @abstractmethod
    def blake3(self, name: str) -> str:
        """The BLAKE3 of a file."""

    @abstractmethod
    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """The bytes of those of some files that are there."""

    @abstractmethod
    def touched(self, name: str) -> float:
        """When a file got its bytes or its name (seconds since 1970)."""

    @abstractmethod
    def names(self, folder: str = "") -> list[str]:
        """The names of files and folders right below a folder, sorted; none where there is no such folder."""

    @abstractmethod
    def entries(self, folder: str = "", *, deep: bool = True) -> list[Entry]:
        """The files below a folder, sorted; only those right below it if not `deep`."""

    @abstractmethod
    def put(self, name: str, content: bytes, *, lasting: bool = True) -> None:
        """Write a whole file, in the place of one that may be there; not `lasting`, a power cut may lose it."""

    @abstractmethod
    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Create a file with all of its content at once; False if it is there already."""

    @abstractmethod
    def write(self, name: str, pieces: Iterable[memoryview | bytes], size: int, attempt: str) -> None:
        """Write a whole file from its pieces, `size` bytes in all, in the place of one that may be there.

        If the pieces end in an error, it is raised as it is, and no file appears.
        """

    @abstractmethod
    def move_in(self, staging: Place, files: Sequence[tuple[str, str]], *, keep: bool = False) -> None:
        """Take files over from a staging place: their names there, and here. They go there, unless `keep` says not."""

    @abstractmethod
    def rename(self, name: str, to: str) -> None:
        """Give a file another name; its time is that of the renaming. Raises FileNotFoundError where there is none."""

    @abstractmethod
    def remove(self, names: Sequence[str]) -> None:
        """Remove files, those that are there."""

    @abstractmethod
    def clear(self) -> None:
        """Remove all that is there."""

    @abstractmethod
    def settle(self, name: str) -> None:
        """Bring a file to the disk that the engine has written."""

    def refuse_read_only(self) -> None:  # noqa: B027 - folders and buckets tell when they are written to
        """Raise StoreError where nothing can ever be written."""

    def refuse_careless(self) -> None:  # noqa: B027 - a disk never overwrites what must not be there
        """Raise StoreError where the place cannot keep two builders apart."""

    @abstractmethod
    def begin(self, attempt: str) -> None:
        """Make ready for a build; a place that may not be written to is told now, not after an hour."""

    @abstractmethod
    def room(self, attempt: str) -> Folder:
        """A folder of this machine for what the process that builds needs on the way."""

    @abstractmethod
    def reached(self, attempt: str, blind: Sees) -> Place:
        """This place, staged where all workers of an attempt can write.

        Raises
        ------
        StoreError
            There is no such place: a machine does not see the package's disk.
        """

    @abstractmethod
    def staging(self, attempt: str) -> Place:
        """The place for what a build has not committed."""

    @abstractmethod
    def desk(self) -> AbstractContextManager[Folder]:
        """A folder of this machine to write files in that come here: of a folder itself."""

    @abstractmethod
    def stagings(self) -> list[Place]:
        """The staging places of all builds that run, or were stopped, as far as this machine knows."""

    @abstractmethod
    def end(self, attempt: str) -> None:
        """Leave nothing behind of what a build did not commit."""

    def tidy(self) -> None:  # noqa: B027 - a store has no folders
        """Remove the folders of a package in which there is nothing."""
