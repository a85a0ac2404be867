"""The files of tables: their hashes, whether they are whole, and what to say when the disk refuses."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from ..durable import sync_file
from ..errors import StoreError

HASH_CHUNK_BYTES = 1 << 22
NOISE = re.compile(r",? ?/(home|rustc|root)/[^ ]*|LanceError\(\w+\): |External error: |\n.*")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a table: its role, its path relative to the package, size, BLAKE3."""

    role: str
    path: str
    bytes: int
    blake3: str


def table_uri(package: str, table: str) -> str:
    """Where a table of a package lies."""
    return f"{package}/{table}.lance"


def intact(package: str, files: Sequence[Sequence[Any]]) -> bool:
    """Whether each listed file of a table is there with its size, and its manifest is as written."""
    for role, path, size, digest in files:
        local = Path(package) / path
        if not local.is_file() or local.stat().st_size != size:
            return False
        if role == "manifest" and file_blake3(local) != digest:
            return False
    return True


def file_blake3(path: Path) -> str:
    """Hash a file with plain reads: a memory map would count as this process's memory."""
    digest = blake3()
    with open(path, "rb", buffering=0) as file:
        chunk = memoryview(bytearray(min(HASH_CHUNK_BYTES, os.fstat(file.fileno()).st_size + 1)))
        while got := file.readinto(chunk):
            digest.update(chunk[:got])
    return str(digest.hexdigest())


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Turn the engine's and the system's failures into errors that a user can act on."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise store_error(error, where) from None


def store_error(error: BaseException, where: str) -> StoreError:
    """Say what went wrong with storage, without the engine's own stack."""
    text = str(error)
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "os error 28" in text:
        return StoreError("the disk is full", where, "free some space, or build on another disk")
    if number == errno.EFBIG or "File too large" in text or "os error 27" in text:
        return StoreError("a file would grow over the allowed size", where, "raise the limit (ulimit -f)")
    if number in (errno.ENOTDIR, errno.EEXIST):
        return StoreError("a file is in the way of a folder", where, "choose another place")
    if (
        number in (errno.EACCES, errno.EPERM, errno.EROFS)
        or "ermission denied" in text
        or "Read-only" in text
    ):
        return StoreError(
            "may not be written or read", where, "check the permissions, or choose another place"
        )
    return StoreError(f"storage failed: {plain(text)}", where, "check the disk")


def plain(text: str) -> str:
    """The engine's words without the places in its own code."""
    return NOISE.sub("", text).strip() or "no reason given"


def hashed(role: str, path: Path, name: str) -> StoredFile:
    """Bring a file to the disk, and describe it under the name that it will have in the package."""
    with storage_errors(name):
        sync_file(path)
        return StoredFile(role, name, path.stat().st_size, file_blake3(path))
