"""The cache of what was fetched: files under the name of their sha256, and what is known of the addresses.

::

    fetched/objects/ab/abcd...   files, whole, named by their sha256; moved in when they are complete, never changed
    fetched/parts/               what a stopped transfer has brought so far, and what state of the file that was
    fetched/addresses/           of each address the hash that it had last, and the server's mark of that state
    fetched/trees/               folders in which files stand beside each other under their own names

Two processes may use it at once: one fetches an address, the other waits and finds it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from ..cache import cache_folder
from ..durable import sealed, sync_file, unsealed
from ..errors import DamageError, StoreError
from ..places.failures import store_error

if TYPE_CHECKING:
    from filelock import BaseFileLock

OTHER_DISK = (
    "free some space, or set DATAPKG_CACHE to a folder on another disk; what was fetched so far is kept"
)


@dataclass(frozen=True, slots=True)
class Memory:
    """What an address had when it was last fetched.

    `tag` is the mark that the server `served` gave that state, `said` the hash that the manifest gave of it.
    """

    address: str
    sha256: str
    bytes: int
    served: str
    tag: str
    said: str


def vault() -> Path:
    """The folder of the cache for what is fetched."""
    return cache_folder().absolute() / "fetched"


def held(sha256: str) -> Path:
    """Where a file of this hash lies, if it is there."""
    return vault() / "objects" / sha256[:2] / sha256


def recalled(address: str) -> Memory | None:
    """What is known of an address, as long as the file is there."""
    with suppress(OSError, DamageError, TypeError):
        memory = Memory(**unsealed(_about(address).read_bytes(), address))
        if memory.address == address and held(memory.sha256).is_file():
            return memory
    return None


def remember(memory: Memory) -> None:
    """Keep what is known of an address; a courtesy, so that a failure is none."""
    place = _about(memory.address)
    with suppress(OSError):
        _note(place, sealed(asdict(memory)))


@contextmanager
def claimed(address: str) -> Iterator[None]:
    """Keep other processes from fetching the same address meanwhile; they wait."""
    with cache_errors():
        place = vault() / "parts" / f"{_key(address)}.lock"
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(place)
        try:
            lock.acquire()
        except NotImplementedError:
            what, fix = "the cache's disk cannot lock files", "set DATAPKG_CACHE to a folder on a local disk"
            raise StoreError(what, str(vault()), fix) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def cache_errors() -> Iterator[None]:
    """Turn what the disk says of the cache into errors that a user can act on."""
    try:
        yield
    except OSError as error:
        told = store_error(error, str(vault()))
        raise StoreError(told.what, str(vault()), OTHER_DISK) from None


class Part:
    """What a transfer has brought so far of one address from one server, which a later one goes on with.

    `tag` is the server's mark of the state that the bytes are of; empty where it gives none.
    """

    def __init__(self, address: str, served: str) -> None:
        self._place = vault() / "parts" / _key(f"{address}\n{served}")
        self._mark = self._place.with_suffix(".json")
        self.tag = ""
        with suppress(OSError, DamageError, KeyError):
            self.tag = str(unsealed(self._mark.read_bytes(), address)["tag"])

    @property
    def bytes(self) -> int:
        """How many bytes are there."""
        try:
            return self._place.stat().st_size
        except FileNotFoundError:
            return 0

    def begin(self, tag: str) -> None:
        """Throw away what is there, and begin with a state of the file."""
        with cache_errors():
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._place.write_bytes(b"")
            self._mark.unlink(missing_ok=True)
            if tag:
                _note(self._mark, sealed({"tag": tag}))
        self.tag = tag

    @contextmanager
    def writing(self) -> Iterator[PartWriter]:
        """Add to what is there; what was written stays, however it ends."""
        with cache_errors():
            handle = os.open(self._place, os.O_WRONLY | os.O_APPEND)
        try:
            yield PartWriter(handle)
        finally:
            os.close(handle)

    def read(self) -> Iterator[memoryview]:
        """The bytes so far, piece by piece."""
        buffer = memoryview(bytearray(1 << 20))
        with cache_errors(), open(self._place, "rb", buffering=0) as file:
            while got := file.readinto(buffer):
                yield buffer[:got]

    def keep(self, sha256: str) -> Path:
        """Move the whole file to its place in the cache."""
        place = held(sha256)
        with cache_errors():
            place.parent.mkdir(parents=True, exist_ok=True)
            sync_file(self._place)
            self._place.chmod(0o444)
            if not place.is_file():  # another address may have the same file: who reads it keeps it
                self._place.replace(place)
            self._place.unlink(missing_ok=True)
            self._mark.unlink(missing_ok=True)
        return place

    def drop(self) -> None:
        """Throw away what is there."""
        with cache_errors():
            self._place.unlink(missing_ok=True)
            self._mark.unlink(missing_ok=True)


class PartWriter:
    """Adds pieces to a part."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def write(self, piece: bytes | memoryview) -> None:
        """Write all of a piece."""
        left = memoryview(piece).cast("B")
        with cache_errors():
            while len(left):
                left = left[os.write(self._handle, left) :]


def _lock(place: Path) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(place)


def _note(place: Path, content: bytes) -> None:
    """Write a small file whole; that a power cut loses it does not matter."""
    place.parent.mkdir(parents=True, exist_ok=True)
    growing = place.with_name(f".{place.name}-{uuid.uuid4().hex}")
    try:
        growing.write_bytes(content)
        growing.replace(place)
    finally:
        growing.unlink(missing_ok=True)


def _about(address: str) -> Path:
    return vault() / "addresses" / f"{_key(address)}.json"


def _key(text: str) -> str:
    return blake3(text.encode()).hexdigest()[:32]
