"""The boxes of a HEIF or AVIF file: which images it holds, how large they are, and where their data stand.

Written after ISO/IEC 14496-12 and 23008-12. A file is a list of *items* (images, tiles, EXIF), each with properties and
with places in the file. Every place must lie inside of the file: one that was cut is found before anything is decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...errors import SourceError
from .format import CONVERT, COPY_AGAIN, cut_off

FILE, INSIDE = 0, 1
"""Where an item's data stand: places in the file, or places in the box `idat`."""
HIDDEN = 1


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its name, and where its content begins and ends."""

    name: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Item:
    """An item: its number and type, its properties in order, and its places in the file."""

    number: int
    kind: bytes
    hidden: bool
    properties: tuple[Box, ...]
    places: tuple[tuple[int, int], ...]

    def property(self, name: bytes) -> Box | None:
        """The first property of a name."""
        return next((box for box in self.properties if box.name == name), None)


@dataclass(frozen=True, slots=True)
class Items:
    """All items of a file: the one that is its image, and which refer to which, by (kind, from)."""

    primary: Item
    all: Mapping[int, Item]
    refers: Mapping[tuple[bytes, int], tuple[int, ...]]

    def referring(self, kind: bytes, to: int) -> tuple[Item, ...]:
        """The items that refer to one."""
        return tuple(
            self.all[start] for (name, start), ends in self.refers.items() if name == kind and to in ends
        )


class Numbers:
    """Reads whole numbers one after the other; IndexError where there are no more."""

    def __init__(self, content: memoryview, start: int, end: int) -> None:
        self._content, self._at, self._end = content, start, end

    def take(self, size: int) -> int:
        """The next number of `size` bytes."""
        if self._at + size > self._end:
            raise IndexError("a box ends too early")
        found = int.from_bytes(self._content[self._at : self._at + size], "big")
        self._at += size
        return found

    @property
    def at(self) -> int:
        """Where the next number stands."""
        return self._at


def boxes(content: memoryview, start: int, end: int, path: str) -> Iterator[Box]:
    """The boxes between two places.

    Raises
    ------
    SourceError
        One of them goes beyond the end.
    """
    at = start
    while at < end:
        if at + 8 > end:
            raise cut_off(path, len(content), "file")
        size, name = struct.unpack_from(">I4s", content, at)
        first = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, first)
            first += 8
        last = end if size == 0 else at + size
        if last > end or last < first:
            raise cut_off(path, len(content), "file")
        yield Box(name, first, last)
        at = last


def read_items(content: memoryview, meta: Box, path: str) -> Items:
    """Read the box `meta`.

    Raises
    ------
    SourceError
        An item's data go beyond the end of the file, or the file has no image.
    """
    found = {box.name: box for box in boxes(content, meta.start + 4, meta.end, path)}
    if not {b"pitm", b"iloc", b"iinf", b"iprp"} <= found.keys():
        raise SourceError("the file has no image", path, COPY_AGAIN)
    properties = _properties(content, found[b"iprp"], path)
    places = _places(content, found[b"iloc"], found.get(b"idat"), path)
    items = {
        number: Item(number, kind, hidden, properties.get(number, ()), places.get(number, ()))
        for number, kind, hidden in _kinds(content, found[b"iinf"], path)
    }
    primary = _versioned(content, found[b"pitm"])[1].take(4 if content[found[b"pitm"].start] else 2)
    if primary not in items:
        raise SourceError("the file has no image", path, COPY_AGAIN)
    refers = _references(content, found[b"iref"], path) if b"iref" in found else {}
    known = {
        key: tuple(one for one in ends if one in items) for key, ends in refers.items() if key[1] in items
    }
    return Items(items[primary], items, known)


def item_bytes(content: memoryview, item: Item) -> bytes:
    """An item's data."""
    return b"".join(bytes(content[start:end]) for start, end in item.places)


def _versioned(content: memoryview, box: Box) -> tuple[int, Numbers]:
    """A box's version, and the numbers behind it and its flags."""
    return content[box.start], Numbers(content, box.start + 4, box.end)


def _kinds(content: memoryview, box: Box, path: str) -> Iterator[tuple[int, bytes, bool]]:
    """Number, type, and whether it is hidden, of each item."""
    version, numbers = _versioned(content, box)
    numbers.take(4 if version else 2)
    for entry in boxes(content, numbers.at, box.end, path):
        version, inside = _versioned(content, entry)
        if version < 2:
            raise SourceError("a file with items of an old kind is not read", path, CONVERT)
        number = inside.take(2 if version == 2 else 4)
        inside.take(2)
        hidden = bool(content[entry.start + 3] & HIDDEN)
        yield number, inside.take(4).to_bytes(4, "big"), hidden


def _properties(content: memoryview, box: Box, path: str) -> dict[int, tuple[Box, ...]]:
    inside = list(boxes(content, box.start, box.end, path))
    listed = [p for one in inside if one.name == b"ipco" for p in boxes(content, one.start, one.end, path)]
    found: dict[int, tuple[Box, ...]] = {}
    for one in inside:
        if one.name != b"ipma":
            continue
        version, numbers = _versioned(content, one)
        wide = content[one.start + 3] & 1
        for _ in range(numbers.take(4)):
            number = numbers.take(4 if version else 2)
            chosen = [
                numbers.take(2) & 0x7FFF if wide else numbers.take(1) & 0x7F for _ in range(numbers.take(1))
            ]
            found[number] = tuple(listed[index - 1] for index in chosen if index)
    return found


def _places(
    content: memoryview, box: Box, inside: Box | None, path: str
) -> dict[int, tuple[tuple[int, int], ...]]:
    """Where each item's data stand, all of it inside of the file."""
    version, numbers = _versioned(content, box)
    sizes = numbers.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    found: dict[int, tuple[tuple[int, int], ...]] = {}
    for _ in range(numbers.take(4 if version == 2 else 2)):
        number = numbers.take(4 if version == 2 else 2)
        how = numbers.take(2) & 15 if version else FILE
        numbers.take(2)
        base, count = numbers.take(base_size), numbers.take(2)
        if count > 1 and not offset_size + length_size:
            raise IndexError("many places that take no bytes")
        places = []
        for _ in range(count):
            numbers.take(index_size if version else 0)
            places.append((base + numbers.take(offset_size), numbers.take(length_size)))
        if how not in (FILE, INSIDE) or (how == INSIDE and inside is None):
            raise SourceError("a file whose items lie in each other is not read", path, CONVERT)
        first, last = (0, len(content)) if how == FILE or inside is None else (inside.start, inside.end)
        found[number] = tuple((first + at, first + at + size if size else last) for at, size in places)
        if any(end > last or start > end for start, end in found[number]):
            raise cut_off(path, len(content), "file")
    return found


def _references(content: memoryview, box: Box, path: str) -> dict[tuple[bytes, int], tuple[int, ...]]:
    size = 4 if content[box.start] else 2
    found: dict[tuple[bytes, int], tuple[int, ...]] = {}
    for one in boxes(content, box.start + 4, box.end, path):
        numbers = Numbers(content, one.start, one.end)
        start = numbers.take(size)
        found[one.name, start] = tuple(numbers.take(size) for _ in range(numbers.take(2)))
    return found
