"""The files of tables: their hashes, whether they are whole, and what to say when the disk refuses."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..errors import StoreError
from ..places import Place

NOISE = re.compile(r",? ?/(home|rustc|root)/[^ ]*|LanceError\(\w+\): |External error: |\n.*")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a table: its role, its path relative to the package, size, BLAKE3."""

    role: str
    path: str
    bytes: int
    blake3: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """Rows written, but not yet part of any version: `metadata` is the engine's own description (JSON)."""

    metadata: str
    rows: int
    files: tuple[StoredFile, ...]


def table_uri(package: Place, table: str) -> str:
    """Where a table of a package lies."""
    return package.at(f"{table}.lance")


def intact(package: Place, files: Sequence[Sequence[Any]]) -> bool:
    """Whether each listed file of a table is there with its size, and its manifest is as written."""
    sizes = package.sizes(path for _, path, _, _ in files)
    return all(sizes.get(path) == size for _, path, size, _ in files) and all(
        package.blake3(path) == digest for role, path, _, digest in files if role == "manifest"
    )


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


def hashed(role: str, where: Place, file: str, name: str) -> StoredFile:
    """Bring a file to the disk, and describe it under the name that it has, or will have, in the package."""
    with storage_errors(name):
        where.settle(file)
        return StoredFile(role, name, where.sizes([file])[file], where.blake3(file))
