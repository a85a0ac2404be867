"""Where a well lies on its plate, by the ways in which laboratories write it.

A row in letters and a column in digits (``C06``, ``C6``, ``c-6``, ``C - 06``, ``AF48``), ``r03c06``, or columns of their own for
both. Numbers alone (``042``) count wells along rows on some instruments and down columns on others: only the user knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from ..errors import SchemaError

if TYPE_CHECKING:
    import pandas as pd

    from ..table import Table

Numbered = Literal["rows", "columns"]
Position = tuple[int, int]

WELLS = ("Metadata_Well", "Well", "well")
ROWS = ("Metadata_Row", "Metadata_WellRow", "Row", "row", "WellRow", "well_row")
COLUMNS = (
    *("Metadata_Column", "Metadata_Col", "Metadata_WellColumn", "Metadata_WellCol"),
    *("Column", "Col", "column", "col", "WellColumn", "well_column"),
)
FORMATS = {96: (8, 12), 384: (16, 24), 1536: (32, 48)}
NAME = re.compile(r"^([A-Za-z]{1,2})\s*[-_ ]?\s*0*([1-9]\d?)$")
ROW_AND_COLUMN = re.compile(r"^r0*([1-9]\d?)[-_ ]?c0*([1-9]\d?)$", re.IGNORECASE)
NUMBER = re.compile(r"^0*([1-9]\d{0,3})$")


def well_columns(table: Table) -> tuple[str, ...]:
    """The column of wells, or those of rows and columns of the plate. Raises SchemaError where there are none."""
    for names in ((WELLS,), (ROWS, COLUMNS)):
        found = [next((name for name in some if name in table.columns), None) for some in names]
        if None not in found:
            return tuple(name for name in found if name is not None)
    fix = f"join it with a table that has one; the names are {', '.join(WELLS)}, or a row ({', '.join(ROWS)}) and a column"
    raise SchemaError("has no column of wells", f"table {table.name}", fix)


def well_names(rows: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series[Any]:
    """Each row's well; of a row and a column, such as 3 and 6, its name: ``C6``."""
    import pandas as pd

    if len(columns) == 1:
        return rows[columns[0]]
    known = rows[list(columns)].drop_duplicates().dropna()
    named = {pair: _named(*pair) for pair in known.itertuples(index=False, name=None)}
    pairs = rows[list(columns)].itertuples(index=False, name=None)
    return pd.Series([named.get(pair) for pair in pairs], rows.index, dtype=object)


def well_places(
    wells: Iterable[object], size: int | None, numbered: Numbered | None, where: str
) -> tuple[dict[object, Position], tuple[int, int]]:
    """The row and column of each well, from 0, and those of the plate: the smallest that has all, unless `size` says which.

    Raises
    ------
    SchemaError
        A well is none, is a number and nobody said how they count, or lies on no plate of this size.
    """
    named = {well: well_place(well) for well in wells}
    unnamed = [well for well, place in named.items() if place is None]
    if not unnamed:
        found = {well: place for well, place in named.items() if place is not None}
        return found, _shape(found.values(), size, where)
    numbers = {well: int(match[1]) for well in named if (match := NUMBER.match(_text(well)))}
    if len(numbers) < len(named):
        lost = [well for well in unnamed if well not in numbers] or unnamed
        what = f"the well {_text(lost[0])!r} does not say its row and column"
        raise SchemaError(
            what, where, "plates can be drawn where wells are named such as C06, C-6, r03c06 or AF48"
        )
    most = max(numbers.values())
    shape = next((FORMATS[count] for count in FORMATS if most <= count and size in (None, count)), None)
    if shape is None:
        fix = (
            "leave wells= out" if size and most <= max(FORMATS) else "plates of up to 1536 wells can be drawn"
        )
        raise SchemaError(f"there is a well of the number {most}", where, fix)
    if numbered is None:
        what = f"its wells are numbers, such as {_text(unnamed[0])!r}, which may count along rows or down columns"
        fix = 'write numbered="rows" where 2 is A02, numbered="columns" where 2 is B01'
        raise SchemaError(what, where, fix)
    return {well: numbered_place(number, shape, numbered) for well, number in numbers.items()}, shape


def well_place(name: object) -> Position | None:
    """Row and column of a well, from 0; None where its name does not say them.

    Examples
    --------
    >>> well_place("C06"), well_place("c - 6"), well_place("AF48"), well_place("r03c06"), well_place("042")
    ((2, 5), (2, 5), (31, 47), (2, 5), None)
    """
    text = _text(name)
    if (found := ROW_AND_COLUMN.match(text)) is not None:
        return int(found[1]) - 1, int(found[2]) - 1
    if (found := NAME.match(text)) is None:
        return None
    row = 0
    for letter in found[1].upper():
        row = row * 26 + ord(letter) - ord("A") + 1
    return row - 1, int(found[2]) - 1


def numbered_place(number: int, shape: tuple[int, int], numbered: Numbered) -> Position:
    """Row and column, from 0, of the well of a number, from 1.

    Examples
    --------
    >>> numbered_place(13, (8, 12), "rows"), numbered_place(13, (8, 12), "columns")
    ((1, 0), (4, 1))
    """
    rows, columns = shape
    if numbered == "rows":
        return divmod(number - 1, columns)
    column, row = divmod(number - 1, rows)
    return row, column


def row_name(row: int) -> str:
    """The letters of a row, from 0.

    Examples
    --------
    >>> row_name(2), row_name(31)
    ('C', 'AF')
    """
    return chr(ord("A") + row) if row < 26 else row_name(row // 26 - 1) + row_name(row % 26)


def _named(row: object, column: object) -> str:
    text, number = _text(row), NUMBER.match(_text(row))
    letters = row_name(int(number[1]) - 1) if number else text if text.isalpha() else f"row {text}, column "
    return f"{letters}{_text(column)}"


def _text(well: object) -> str:
    """A well as text: a number that came as a float is a whole one still."""
    return str(int(well)) if isinstance(well, float) and well.is_integer() else str(well).strip()


def _shape(places: Iterable[Position], size: int | None, where: str) -> tuple[int, int]:
    """Rows and columns of the smallest plate that has all wells, or of the one that is asked for."""
    rows, columns = (max(axis, default=0) + 1 for axis in (zip(*places, strict=True) if places else ((), ())))
    for count, shape in FORMATS.items():
        if size in (None, count) and rows <= shape[0] and columns <= shape[1]:
            return shape
    fix = "leave wells= out" if size else "plates of up to 1536 wells can be drawn"
    raise SchemaError(f"there are wells in row {rows} and column {columns}", where, fix)
