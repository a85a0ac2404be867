"""How many rows each page of a data file holds: the engine's Python interface does not say it, the file's end does.

A data file ends in a footer, which names a table of where each column is described; a description is a message of Google's
Protocol Buffers, whose second field repeats once for each page. The third field of a page is its rows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

FOOTER = struct.Struct("<QQQIIHH4s")
MARK = b"LANC"
PLACE = struct.Struct("<QQ")
NUMBER, LONG, TEXT, SHORT = 0, 1, 2, 5
"""How a field's value is written: a number of any length, eight bytes, text or a message, four bytes."""
FIXED = {LONG: 8, SHORT: 4}
PAGE, ROWS = 2, 3


def rows_of_pages(path: Path, column: int) -> list[int]:
    """The rows of each page of a column, by its number in the file.

    Raises
    ------
    ValueError
        The file does not end as a data file does.
    """
    with open(path, "rb", buffering=0) as file:
        file.seek(-FOOTER.size, 2)
        _, table, _, _, columns, _, _, mark = FOOTER.unpack(file.read(FOOTER.size))
        if mark != MARK or column >= columns:
            raise ValueError("the end of a data file is not known")
        file.seek(table + column * PLACE.size)
        place, size = PLACE.unpack(file.read(PLACE.size))
        file.seek(place)
        described = file.read(size)
    return [
        next((rows for field, rows in fields(page) if field == ROWS and isinstance(rows, int)), 0)
        for number, page in fields(described)
        if number == PAGE and isinstance(page, bytes)
    ]


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message, numbers and texts: the number of each, and its value.

    Examples
    --------
    >>> list(fields(bytes([0x18, 0xAC, 0x02, 0x12, 1, 7])))
    [(3, 300), (2, b'\\x07')]
    """
    at = 0
    while at < len(message):
        key, at = _number(message, at)
        if key & 7 == NUMBER:
            value, at = _number(message, at)
            yield key >> 3, value
            continue
        size = FIXED.get(key & 7)
        if size is None:
            size, at = _number(message, at)
            if key & 7 != TEXT or at + size > len(message):
                raise ValueError("the end of a data file is not known")
        yield key >> 3, message[at : at + size]
        at += size


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits in each byte, the lowest first, and where it ends."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("the end of a data file is not known")
