"""What pandas wants a column's cells for, when it asks for them as Python objects: it gives no other sign.

To print a frame, to write it, to look rows up in an index and to compare frames in a test, pandas turns an extension
array into objects, as it does when a user asks for them. Printing must read no pixel, a file must not hold the abridged
text of an array, and images are compared by their digests, so that purposes are told apart by the functions of pandas
that ask. If pandas renames one, the images are read that it is about; tests tell.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Literal, get_args

Place = Literal["a CSV file", "a spreadsheet", "a table of an SQL database"]
Purpose = Literal["compare", "look up", "print", "quantile"] | Place

PLACES: tuple[Place, ...] = get_args(Place)
PURPOSES: dict[str, Purpose] = {
    "_format_regular_rows": "a spreadsheet",
    "_format_strings": "print",
    "_get_engine_target": "look up",
    "_pprint_seq": "print",
    "assert_extension_array_equal": "compare",
    "format_object_summary": "print",
    "get_values_for_csv": "a CSV file",
    "insert_data": "a table of an SQL database",
    "is_monotonic_increasing": "look up",
    "quantile": "quantile",
    "ranker": "compare",
    "to_markdown": "print",
}
"""Functions of pandas, and what they want cells for."""
BETWEEN = ("pandas", "tabulate", __name__.rpartition(".")[0])
"""Modules whose functions may stand between; with a function of the user's, nothing is known of the purpose."""


def purpose() -> Purpose | None:
    """What the method that asks this was called for; None where cells are wanted as what they are."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and _between(frame.f_globals.get("__name__") or ""):
        if (found := PURPOSES.get(frame.f_code.co_name)) is not None:
            return None if _formats_cells(frame) else found
        frame = frame.f_back
    return None


def _formats_cells(frame: FrameType) -> bool:
    """Whether a user gave a function that prints cells, as in ``frame.to_html(formatters={"image_array": thumbnail})``."""
    return getattr(frame.f_locals.get("self"), "formatter", None) is not None


def _between(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in BETWEEN)
