"""A package in a folder: every file is on the disk, under its name, when a call returns."""

from __future__ import annotations

import io
import mmap
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from shlex import quote

from blake3 import blake3

from ..durable import put_if_absent, replace, sync_file, sync_folder
from ..errors import StoreError
from .base import ATTEMPT, RECORD, STAGING, VERSIONS, Entry, Place, Sees
from .failures import storage_errors

CHUNK_BYTES = 1 << 22
SMALL_BYTES = 1 << 16
MANIFESTS = (".yaml", ".yml", ".json")
YOUNG_NS = 2 * 10**9
"""A folder that changed later than this may change again without another time."""


class Folder(Place):
    """A folder of this machine."""

    nothing = "there is no such folder"
    options = None

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()  # a later change of the current folder does not matter
        self.uri = str(self.path)

    def __repr__(self) -> str:
        return f"Folder({self.uri!r})"

    def local(self, name: str) -> Path:
        """Where a file lies."""
        return self.path / name

    def exists(self) -> bool:
        """Whether there is anything."""
        return self.path.exists()

    def read(self, name: str) -> bytes:
        """A file's bytes."""
        with open(f"{self.uri}/{name}", "rb", buffering=0) as file:  # a Path takes as long as the file
            return file.readall()

    def chunks(self, name: str) -> Iterator[memoryview | bytes]:
        """A file's bytes piece by piece, with plain reads: a memory map would count as this process's memory."""
        with open(self.local(name), "rb", buffering=0) as file:
            piece = memoryview(bytearray(min(CHUNK_BYTES, os.fstat(file.fileno()).st_size + 1)))
            while got := file.readinto(piece):
                yield piece[:got]

    def read_into(self, name: str, parts: Sequence[tuple[int, memoryview]]) -> None:
        """Fill each part with a file's bytes from its offset on."""
        file = os.open(f"{self.uri}/{name}", os.O_RDONLY)
        try:
            for offset, part in parts:
                done = os.preadv(file, [part], offset)
                while done < len(part):
                    got = os.preadv(file, [part[done:]], offset + done)
                    if not got:
                        raise EOFError(name)
                    done += got
        finally:
            os.close(file)

    def mapped(self, name: str) -> memoryview:
        """A file's bytes, as a memory map: none is read before it is looked at."""
        with open(self.local(name), "rb", buffering=0) as file:
            if not os.fstat(file.fileno()).st_size:
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def blake3(self, name: str) -> str:
        """The BLAKE3 of a file."""
        with open(f"{self.uri}/{name}", "rb", buffering=0) as file:
            start = file.read(SMALL_BYTES)
            if len(start) < SMALL_BYTES and not file.read(1):
                return str(blake3(start).hexdigest())
        digest = blake3(max_threads=blake3.AUTO)
        for chunk in self.chunks(name):
            digest.update(chunk)
        return str(digest.hexdigest())

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """The bytes of those of some files that are there."""
        found = {}
        for name in names:
            path = self.local(name)
            if path.is_file():
                found[name] = path.stat().st_size
        return found

    def touched(self, name: str) -> float:
        """When a file got its bytes or its name."""
        return self._entry(self.local(name)).touched

    def latest(self) -> int | None:
        """The newest version; a folder of thousands that did not change is not listed again."""
        folder = f"{self.uri}/{VERSIONS}"
        try:
            said = os.stat(folder)  # noqa: PTH116 - a Path takes as long as the call
            state = said.st_dev, said.st_ino, said.st_mtime_ns, said.st_ctime_ns
            settled = time.time_ns() - max(said.st_mtime_ns, said.st_ctime_ns) > YOUNG_NS
            return (_newest if settled else _newest.__wrapped__)(folder, state)
        except OSError:
            return None  # the listing of all tells why

    def names(self, folder: str = "") -> list[str]:
        """The names right below a folder."""
        try:
            return sorted(os.listdir(f"{self.uri}/{folder}"))  # noqa: PTH208 - names are all that is wanted
        except (FileNotFoundError, NotADirectoryError):
            if self.path.is_file():
                built = f"build it (datapkg build {quote(str(self.path))}), and open the package that is made"
                fix = built if self.path.suffix in MANIFESTS else "name a folder"
                raise StoreError("is a file, not a folder", self.uri, fix) from None
            return []

    def entries(self, folder: str = "", *, deep: bool = True) -> list[Entry]:
        """The files below a folder; links to folders are not followed."""
        found = []
        for parent, folders, files in os.walk(self.local(folder)):
            for file in files:
                with suppress(FileNotFoundError):  # builds come and go
                    found.append(self._entry(Path(parent, file)))
            if not deep:
                folders.clear()
        return sorted(found, key=lambda entry: entry.name)

    def put(self, name: str, content: bytes, *, lasting: bool = True) -> None:
        """Write a whole file."""
        made(self.local(name).parent)
        if lasting:
            replace(self.local(name), content)
        else:
            self.local(name).write_bytes(content)

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Create a file, by a link where the disk has them: of two builders one wins."""
        made(self.local(name).parent)
        return put_if_absent(self.local(name), content)

    def write(self, name: str, pieces: Iterable[memoryview | bytes], size: int, attempt: str) -> None:  # noqa: ARG002
        """Write a file in the attempt's folder, and move it to its name when it is whole and on the disk."""
        growing = self.staging(attempt).local(name)
        with storage_errors(self.uri):
            growing.parent.mkdir(parents=True, exist_ok=True)
            with open(growing, "wb", buffering=0) as file:
                for piece in pieces:
                    _write_all(file, memoryview(piece))
            sync_file(growing)
            self.move_in(self.staging(attempt), [(name, name)])

    def move_in(self, staging: Place, files: Sequence[tuple[str, str]], *, keep: bool = False) -> None:
        """Rename or link files of the same disk: no byte is moved."""
        assert isinstance(staging, Folder)
        folders = {self.local(name).parent for _, name in files}
        for folder in folders:
            made(folder)
        for there, name in files:
            if keep:
                _linked(staging.local(there), self.local(name))
                continue
            try:
                staging.local(there).replace(self.local(name))
            except FileNotFoundError:  # a build that ends may just have tidied up
                made(self.local(name).parent)
                staging.local(there).replace(self.local(name))
        for folder in folders:
            sync_folder(folder)

    def rename(self, name: str, to: str) -> None:
        """Give a file another name."""
        os.utime(self.local(name))
        self.local(name).rename(self.local(to))
        for folder in {self.local(name).parent, self.local(to).parent}:
            sync_folder(folder)

    def remove(self, names: Sequence[str]) -> None:
        """Remove files, and folders in which nothing is left."""
        for name in names:
            self.local(name).unlink(missing_ok=True)
        emptied = {folder for name in names for folder in Path(name).parents if folder.name}
        deepest_first = sorted(emptied, key=lambda folder: -len(folder.parts))
        _remove_empty([self.local(str(folder)) for folder in deepest_first])

    def settle(self, name: str) -> None:
        """Bring a file, and the names of all folders that it lies in, to the disk."""
        path = self.local(name)
        sync_file(path)
        while path != self.path:
            path = path.parent
            sync_folder(path)

    def begin(self, attempt: str) -> None:
        """Make the package's folder, and one for the attempt."""
        made(self.path / "versions")
        self.staging(attempt).path.mkdir(parents=True)  # a build that ends may just have tidied up

    def room(self, attempt: str) -> Folder:
        """The attempt's folder."""
        return self.staging(attempt)

    def reached(self, attempt: str, blind: Sees) -> Folder:
        """This folder, if all machines see it."""
        if machine := blind(self.staging(attempt).path):
            fix = "build on a disk that all machines share at the same path, or into a bucket"
            raise StoreError(f"does not see {self.uri}, which workers write to", machine, fix)
        return self

    def staging(self, attempt: str) -> Folder:
        """A folder beside the tables: what is committed is renamed into them."""
        return Folder(self.local(f"{STAGING}{attempt}"))

    @contextmanager
    def desk(self) -> Iterator[Folder]:
        """This folder."""
        yield self

    def stagings(self) -> list[Place]:
        """The staging folders in the package."""
        found = [self.local(name) for name in self.names() if ATTEMPT.fullmatch(name)]
        return [Folder(path) for path in found if path.is_dir()]

    def end(self, attempt: str) -> None:
        """Remove the attempt's folder, and the package's if there is nothing in it."""
        self.staging(attempt).clear()
        self.tidy()

    def tidy(self) -> None:
        """Remove the package's folder if it holds nothing but an empty ``versions``, and folders of tables that are."""
        tables = [self.path / name for name in self.names() if name.endswith(".lance")]
        if not self.names("versions"):
            _remove_empty([*(table / "data" for table in tables), *tables])
        if self.names() == ["versions"]:
            _remove_empty([self.path / "versions", self.path])

    def clear(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _entry(self, path: Path) -> Entry:
        stat = path.lstat()
        return Entry(path.relative_to(self.path).as_posix(), stat.st_size, max(stat.st_mtime, stat.st_ctime))


def _write_all(file: io.FileIO, piece: memoryview) -> None:
    while piece:
        piece = piece[file.write(piece) :]


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove those of some folders that are empty; one that holds anything stays."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _linked(path: Path, other: Path) -> None:
    """Give a file a second name; where the disk has no links it is written twice."""
    other.unlink(missing_ok=True)
    try:
        other.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, other)


def made(folder: Path) -> None:
    """Make a folder, and those it lies in; their names are on the disk when the call returns."""
    if folder.is_dir():
        return
    made(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


@lru_cache(maxsize=64)
def _newest(folder: str, state: tuple[int, ...]) -> int | None:  # noqa: ARG001 - another state is another folder
    """The newest version that a folder of records holds: of a thousand, all others need not be understood or sorted."""
    records = [name for name in os.listdir(folder) if name[-6:-5].isdigit()]  # noqa: PTH208 - as above
    newest = max(records, key=lambda name: (len(name), name), default="")
    return int(newest[: -len(".json")]) if RECORD.match(newest) else None
