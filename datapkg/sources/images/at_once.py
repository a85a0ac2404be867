"""Plain TIFFs, each in one breath: opened, read, hashed, looked at and closed, and its pixels put beside those of the others.

Of a hundred thousand little files, what is done for each costs more than its bytes. So nothing is made for one of these that is
not kept, and what is odd about a file is left to `look`, which reads it again and says what it is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...encoding import holds
from ..base import Scan, TableSchema
from ..tiff.alike import AlikeTiffs
from ..tiff.apart import Apart
from ..tiff.plain import Plain, decoded, read_plain
from .batches import Waiting, layout_of
from .kinds import TIFF

if TYPE_CHECKING:
    from ...files import Files, PlainFile
    from ...manifest.models import Resource

Got = TypeVar("Got")

MOST_BYTES = 4 << 20
"""What a file, and its image, take at most."""
ROOM_BYTES = 12 << 20
APART_BYTES = 64 << 10
"""Pixels of fewer bytes are copied in less time than it takes to read them apart."""
MOST_ODD = 4
"""After so many files that are not plain, one after the other, no more are tried."""
SUFFIXES = tuple(f".{suffix}" for suffix in TIFF.suffixes)


def pixels_of(files: Files, most: int) -> float:
    """What the pixels of plain TIFFs take, up to `most`; infinite where a file is not plain, or cannot be read."""
    total = 0.0
    for file in files.plain():
        content = read(file) if file is not None and _may_be_plain(file) else None
        plain = None if content is None else read_plain(memoryview(content))
        total += inf if plain is None else plain.bytes
        if total > most:
            break
    return total


class AtOnce:
    """Reads files of one resource for one table; None where a file is not plain, has changed, or does not fit."""

    def __init__(
        self, resource: Resource, table: TableSchema, max_image_bytes: int, note: Callable[[str, int], None]
    ) -> None:
        self._resource, self._note = resource, note
        self._layout = layout_of(table)
        self._most = min(MOST_BYTES, max_image_bytes)
        self._keeps_bytes = "bytes" in resource.keep
        self._place = (0, 0) if resource.rows == "image" else (0,) * 5
        self._alike = AlikeTiffs()
        self._scans: dict[tuple[str, tuple[int, ...]], Scan | None] = {}
        self._before: tuple[int, Plain] | None = None
        self._odd = 0
        self._room = np.empty(0, np.uint8)
        self._used = 0

    def __call__(self, file: PlainFile) -> tuple[Waiting, Scan, str] | None:
        """The row of a file, what it showed, and its sha256."""
        if self._odd == MOST_ODD:
            return None
        found = self._found(file)
        self._odd = self._odd + 1 if found is None else 0
        return found

    def _found(self, file: PlainFile) -> tuple[Waiting, Scan, str] | None:
        if not _may_be_plain(file):
            return None
        if self._before is not None and self._before[0] == file.bytes:
            found = self._found_apart(file, self._before[1])
            if found is not None:
                return found
        self._before = None
        content = read(file)
        told = None if content is None else self._alike.read(content)
        if content is None or told is None:
            return None
        plain, facts, metadata = told
        scan = self._scan(plain)
        if scan is None:
            return None
        if not self._keeps_bytes and plain.bytes >= APART_BYTES and plain.is_as_in_memory:
            self._before = file.bytes, plain
        if plain.is_compressed:
            self._note(file.path, 0)  # a library that decodes may die of a file
        room = self._room_for(plain)
        if decoded(plain, memoryview(content), room) is None:
            return None
        self._used += room.nbytes
        sha256 = hashlib.sha256(content).hexdigest()
        held = memoryview(content) if self._keeps_bytes else None
        row = Waiting(file.path, file.bytes, sha256, facts, metadata, room, self._place, held)
        return row, scan, sha256

    def _found_apart(self, file: PlainFile, plain: Plain) -> tuple[Waiting, Scan, str] | None:
        """The row of a file whose pixels, if it is like the one before, can be read to where they are to stand."""
        room = self._room_for(plain)
        pixels = room.reshape(-1).view(np.uint8)
        content = read_apart(file, plain.strips[0][0], pixels)
        told = None if content is None else self._alike.read(content)
        scan = self._scan(plain)
        if content is None or told is None or told[0] is not plain or scan is None:
            return None
        self._used += room.nbytes
        made = hashlib.sha256(content.before)
        made.update(pixels.data)
        made.update(content.behind)
        sha256 = made.hexdigest()
        return Waiting(file.path, file.bytes, sha256, *told[1:], room, self._place, None), scan, sha256

    def _scan(self, plain: Plain) -> Scan | None:
        """What a look at the file tells; None where its image does not fit."""
        kind = plain.dtype, plain.shape
        if kind not in self._scans:
            fits = plain.bytes <= self._most and (self._layout is None or holds(self._layout, *kind))
            evidence = {self._resource.name: {"images": [[plain.dtype, list(plain.shape), 1]]}}
            self._scans[kind] = Scan(evidence) if fits else None
        return self._scans[kind]

    def _room_for(self, plain: Plain) -> NDArray[Any]:
        """Where the pixels go: behind those of the file before, so that they need not be put together later."""
        dtype, size = np.dtype(plain.dtype), plain.bytes
        if self._used + size > len(self._room) or self._used % dtype.itemsize:
            self._room, self._used = np.empty(max(size, ROOM_BYTES), np.uint8), 0
        return self._room[self._used : self._used + size].view(dtype).reshape(plain.shape)


def _may_be_plain(file: PlainFile) -> bool:
    return 0 < file.bytes <= MOST_BYTES and file.path.lower().endswith(SUFFIXES)


def read(file: PlainFile) -> bytes | None:
    """A file's bytes; None unless it is, when they have been read, what it was when it was found.

    The system changes a file's ctime when it is written to, and when another takes its place.
    """
    return _unchanged(file, lambda opened: os.read(opened, file.bytes + 1), len)


def read_apart(file: PlainFile, start: int, pixels: NDArray[np.uint8]) -> Apart | None:
    """As `read`; the bytes from `start` go into the memory of `pixels`."""
    rest = file.bytes - start - len(pixels)
    if rest < 0:
        return None
    before, behind = bytearray(start), bytearray(rest + 1)
    got = _unchanged(file, lambda opened: os.readv(opened, [before, pixels.data, behind]), int)
    return None if got is None else Apart(bytes(before), bytes(behind[:-1]), got)


def _unchanged(file: PlainFile, reading: Callable[[int], Got], size: Callable[[Got], int]) -> Got | None:
    try:
        opened = os.open(file.local, os.O_RDONLY)
        try:
            got = reading(opened)
            stat = os.fstat(opened)
        finally:
            os.close(opened)
    except OSError:
        return None
    now = stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
    return got if now == file.stat and size(got) == file.bytes else None
