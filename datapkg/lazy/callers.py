"""Who asks for a column's cells as Python objects: pandas gives no other sign.

To print a frame and to write it as CSV, pandas turns an extension array into objects, as it does when a user asks for
them. Printing must read no pixel, and a CSV file must not hold the abridged text of an array, so the two are told apart by
the function of pandas that asks. If pandas renames it, printing reads the images it shows; tests tell.
"""

from __future__ import annotations

import sys

PRINTING, PRINTING_CELL, WRITING_CSV = "_format_strings", "_pprint_seq", "get_values_for_csv"


def asked_by(function: str) -> bool:
    """Whether this function of pandas called the method that asks."""
    frame = sys._getframe(2)  # the method itself is one up
    return frame.f_code.co_name == function and frame.f_globals.get("__name__", "").startswith("pandas.")
