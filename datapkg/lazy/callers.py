"""What pandas wants a column's cells for, when it asks for them as Python objects: it gives no other sign.

To print a frame, to write it, to look rows up in an index and to compare frames in a test, pandas turns an extension
array into objects, as it does when a user asks for them. Printing must read no pixel, a file must not hold the abridged
text of an array, and images are compared by their digests, so that purposes are told apart by the functions of pandas
that ask. If pandas renames one, the images are read that it is about; tests tell.

To turn a frame of nothing but lazy columns, or to take a row out of it, pandas takes the cells out one by one and makes
columns of them again. There it gets stand-ins: arrays of one cell each, of which nothing is read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, get_args

from .dtype import LazyDtype

if TYPE_CHECKING:
    import pandas as pd

Place = Literal["a CSV file", "a spreadsheet", "a table of an SQL database"]
Purpose = Literal["compare", "look up", "move", "print", "quantile"] | Place

PLACES: tuple[Place, ...] = get_args(Place)
PURPOSES: dict[str, Purpose] = {
    "_format_regular_rows": "a spreadsheet",
    "_format_strings": "print",
    "_get_engine_target": "look up",
    "_get_formatter": "print",
    "_get_strcols_without_index": "print",
    "_pprint_seq": "print",
    "_translate_body": "print",
    "assert_extension_array_equal": "compare",
    "format_object_summary": "print",
    "get_values_for_csv": "a CSV file",
    "insert_data": "a table of an SQL database",
    "is_monotonic_increasing": "look up",
    "is_nested_list_like": "print",
    "quantile": "quantile",
    "ranker": "compare",
    "to_markdown": "print",
}
"""Functions of pandas, and what they want cells for."""
MOVES: dict[str, Callable[[Mapping[str, Any]], object]] = {
    "build_row": lambda known: known.get("dtype"),
    "fast_xs": lambda known: known.get("dtype"),
    "series_generator": lambda known: _common_dtype(known["self"].obj),
    "stack_v3": lambda known: known.get("dtype"),
    "transpose": lambda known: known.get("arr_typ") and known.get("first_dtype"),
}
"""Functions of pandas that move cells, and how each names the dtype of the columns that it will make of them."""
ONE_BY_ONE = ("__getitem__", "build_row", "iget", "<listcomp>")
"""Functions of pandas that ask for one cell on behalf of these."""
BETWEEN = ("pandas", "tabulate", __name__.rpartition(".")[0])
"""Modules whose functions may stand between; with a function of the user's, nothing is known of the purpose."""


def purpose() -> Purpose | None:
    """What the method that asks this was called for; None where cells are wanted as what they are."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and _between(frame.f_globals.get("__name__") or ""):
        name = frame.f_code.co_name
        if (found := PURPOSES.get(name)) is not None:
            return None if _formats_cells(frame) else found
        if name in MOVES and isinstance(MOVES[name](frame.f_locals), LazyDtype):
            return "move"
        frame = frame.f_back
    return None


def asked_by(*functions: str) -> bool:
    """Whether the method that asks this was called right away by one of some functions of pandas."""
    frame = sys._getframe(2)
    return frame.f_code.co_name in functions and _between(frame.f_globals.get("__name__") or "")


def _formats_cells(frame: FrameType) -> bool:
    """Whether a user gave a function that prints cells, as in ``frame.to_html(formatters={"image_array": thumbnail})``."""
    writer = frame.f_locals.get("self")
    return getattr(writer, "formatter", None) is not None or bool(getattr(writer, "_display_funcs", None))


def _common_dtype(frame: pd.DataFrame) -> object:
    """The dtype of all columns; None where they differ."""
    kinds = set(frame.dtypes)
    return kinds.pop() if len(kinds) == 1 else None


def _between(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in BETWEEN)
