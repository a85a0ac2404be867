"""Heat maps of plates: one value for each well, by wells' names such as ``C06``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..doors.optional import optional
from ..errors import SchemaError

if TYPE_CHECKING:
    import pandas as pd

    from ..table import Table
    from .figure import Plot

WELLS, PLATES = ("Metadata_Well", "Well", "well"), ("Metadata_Plate", "Plate", "plate")
FORMATS = {96: (8, 12), 384: (16, 24), 1536: (32, 48)}
FUNCTIONS = ("mean", "median", "sum", "min", "max", "count")
NAME = re.compile(r"^([A-Za-z]{1,2})0*([1-9]\d?)$")
MOST_PLATES, ACROSS = 12, 3
EMPTY, COLOURS = "#e6e6e6", "viridis"


def plate(
    table: Table, column: str | None, where: str | None, function: str | None, wells: int | None
) -> Plot:
    """See `Table.plate`."""
    where_told = f"table {table.name}"
    if function not in (None, *FUNCTIONS):
        raise SchemaError(f"function is {function!r}", where_told, f"give one of: {', '.join(FUNCTIONS)}")
    if wells not in (None, *FORMATS):
        raise SchemaError(f"wells is {wells!r}", where_told, "give 96, 384 or 1536")
    if column is None and function not in (None, "count"):
        raise SchemaError(f"{function} needs a column", where_told, "name a column of numbers")
    optional("matplotlib")
    function = function or ("count" if column is None else "mean")
    well = _first(table, WELLS)
    if well is None:
        fix = f"join it with a table that has one; the names are {', '.join(WELLS)}"
        raise SchemaError("has no column of wells", where_told, fix)
    of_plate = _first(table, PLATES)
    values = _values(table, column, where, function, well, of_plate)
    places = {name: well_place(name) for name in values["well"].unique()}
    lost = [name for name, place in places.items() if place is None]
    if lost:
        what = f"the well {lost[0]!r} does not say its row and column"
        raise SchemaError(what, where_told, "plates can be drawn where wells are named such as C06 or AF48")
    rows, columns = _plate_size([place for place in places.values() if place], wells, where_told)
    plates = list(dict.fromkeys(values["plate"]))
    if len(plates) > MOST_PLATES:
        what = f"there are {len(plates):,} plates"
        raise SchemaError(what, where_told, f"choose up to {MOST_PLATES} of them with where=")
    grids = {}
    for name in plates:
        grids[name] = np.full((rows, columns), np.nan)
        own = values[values["plate"] == name]
        for at, value in zip(own["well"], own["value"], strict=True):
            grids[name][places[at]] = value
    return _drawn(grids, f"{function} of {column}" if column else "rows")


def well_place(name: object) -> tuple[int, int] | None:
    """Row and column of a well, from 0; None where its name is none.

    Examples
    --------
    >>> well_place("C06"), well_place("AF48"), well_place("042")
    ((2, 5), (31, 47), None)
    """
    found = NAME.match(str(name))
    if found is None:
        return None
    row = 0
    for letter in found[1].upper():
        row = row * 26 + ord(letter) - ord("A") + 1
    return row - 1, int(found[2]) - 1


def _first(table: Table, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _values(
    table: Table, column: str | None, where: str | None, function: str, well: str, of_plate: str | None
) -> pd.DataFrame:
    """One row for each well with rows: plate, well, value."""
    import pandas as pd

    asked = list(dict.fromkeys(name for name in (of_plate, well, column) if name))
    rows = table.to_pandas(asked, where)
    if column is None:
        measured = pd.Series(1.0, rows.index)
    elif pd.api.types.is_numeric_dtype(rows[column]) and not pd.api.types.is_complex_dtype(rows[column]):
        measured = pd.Series(rows[column].to_numpy("float64", na_value=math.nan), rows.index)
    else:
        fix = f"to count rows, write where=\"`{column}` = '...'\" without a column"
        raise SchemaError(f"the column {column!r} holds no numbers", f"table {table.name}", fix)
    where_is = [rows[of_plate] if of_plate else pd.Series("", rows.index), rows[well]]
    frame = pd.DataFrame({"plate": where_is[0], "well": where_is[1], "value": measured})
    grouped: Any = frame.dropna(subset=["well"]).groupby(["plate", "well"], sort=False, dropna=False)["value"]
    counted: pd.DataFrame = grouped.agg(function).reset_index()
    return counted


def _plate_size(places: list[tuple[int, int]], wells: int | None, where: str) -> tuple[int, int]:
    """Rows and columns of the smallest plate that has all wells, or of the one that is asked for."""
    rows, columns = (max((place[axis] for place in places), default=0) + 1 for axis in (0, 1))
    for size, shape in FORMATS.items():
        if wells in (None, size) and rows <= shape[0] and columns <= shape[1]:
            return shape
    what = f"there are wells in row {rows} and column {columns}"
    fix = "leave wells= out" if wells else "plates of up to 1536 wells can be drawn"
    raise SchemaError(what, where, fix)


def _drawn(grids: dict[Any, NDArray[np.float64]], what: str) -> Plot:
    """All plates, in one scale of colours."""
    from matplotlib import colormaps

    from .figure import Plot

    shape = next(iter(grids.values()), np.zeros(FORMATS[96])).shape
    across = min(ACROSS, max(1, len(grids)))
    down = max(1, math.ceil(len(grids) / across))
    figure = Plot(
        figsize=(4.4 * across + 0.8, 4.4 * shape[0] / shape[1] * down + 0.9 * down), layout="constrained"
    )
    known = [grid[np.isfinite(grid)] for grid in grids.values()]
    values = np.concatenate([*known, np.empty(0)])
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    drawn = None
    for axes, (name, grid) in zip(panels, grids.items(), strict=False):
        shades = colormaps[COLOURS].with_extremes(bad=EMPTY)
        drawn = axes.imshow(np.ma.masked_invalid(grid), cmap=shades, vmin=low, vmax=high)
        axes.set_title(str(name), fontsize=9, loc="left", parse_math=False)
        step = 1 if shape[1] <= 24 else 4
        axes.set_xticks(
            range(0, shape[1], step), [str(at + 1) for at in range(0, shape[1], step)], fontsize=6
        )
        axes.set_yticks(
            range(0, shape[0], step), [_row_name(at) for at in range(0, shape[0], step)], fontsize=6
        )
        axes.set_xticks(np.arange(shape[1] + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(shape[0] + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=0.5)
        axes.tick_params(which="both", length=0)
    for axes in panels[len(grids) :]:
        axes.set_axis_off()
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=panels.tolist(), shrink=0.8)
        bar.set_label(what, fontsize=8, parse_math=False)
        bar.ax.tick_params(labelsize=7)
    return figure


def _row_name(row: int) -> str:
    return chr(ord("A") + row) if row < 26 else "A" + chr(ord("A") + row - 26)
