"""How many rows each page of a data file holds: the engine's Python interface does not say it, the file's end does.

A data file ends in a footer, which names a table of where each column is described; a description is a message
(`messages`), whose second field repeats once for each page. The third field of a page is its rows.
"""

from __future__ import annotations

import struct
from pathlib import Path

from .messages import fields

FOOTER = struct.Struct("<QQQIIHH4s")
MARK = b"LANC"
PLACE = struct.Struct("<QQ")
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
