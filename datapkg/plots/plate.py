"""Heat maps of plates: one value for each well."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..doors.optional import optional
from ..errors import SchemaError
from .wells import FORMATS, Numbered, row_name, well_columns, well_names, well_places

if TYPE_CHECKING:
    import pandas as pd

    from ..table import Table
    from .figure import Plot

PLATES = ("Metadata_Plate", "Plate", "plate")
NUMBERS = "choose a column of numbers: `datapkg show PACKAGE TABLE` lists the columns with their types"
FUNCTIONS = ("mean", "median", "sum", "min", "max", "count")
MOST_PLATES, ACROSS = 12, 3
EMPTY, COLOURS = "#e6e6e6", "viridis"


def plate(
    table: Table,
    column: str | None,
    where: str | None,
    function: str | None,
    wells: int | None,
    numbered: Numbered | None,
) -> Plot:
    """See `Table.plate`."""
    where_told = f"table {table.name}"
    for name, value, known in (
        ("function", function, FUNCTIONS),
        ("wells", wells, tuple(FORMATS)),
        ("numbered", numbered, ("rows", "columns")),
    ):
        if value not in (None, *known):
            raise SchemaError(
                f"{name} is {value!r}", where_told, f"give one of: {', '.join(map(str, known))}"
            )
    if column is None and function not in (None, "count"):
        raise SchemaError(f"{function} needs a column", where_told, "name a column of numbers")
    optional("matplotlib")
    function = function or ("count" if column is None else "mean")
    of_plate = next((name for name in PLATES if name in table.columns), None)
    values = _values(table, column, where, function, well_columns(table), of_plate)
    places, shape = well_places(values["well"].unique(), wells, numbered, where_told)
    plates = list(dict.fromkeys(values["plate"]))
    if len(plates) > MOST_PLATES:
        what = f"there are {len(plates):,} plates"
        raise SchemaError(what, where_told, f"choose up to {MOST_PLATES} of them with where=")
    grids = {}
    for name in plates:
        grids[name] = np.full(shape, np.nan)
        own = values[values["plate"] == name]
        for at, value in zip(own["well"], own["value"], strict=True):
            grids[name][places[at]] = value
    return _drawn(grids, f"{function} of {column}" if column else "rows")


def _values(
    table: Table,
    column: str | None,
    where: str | None,
    function: str,
    wells: tuple[str, ...],
    of_plate: str | None,
) -> pd.DataFrame:
    """One row for each well with rows: plate, well, value."""
    import pandas as pd

    asked = list(dict.fromkeys(name for name in (of_plate, *wells, column) if name))
    rows = table.to_pandas(asked, where)
    if column is None:
        measured = pd.Series(1.0, rows.index)
    elif pd.api.types.is_numeric_dtype(rows[column]) and not pd.api.types.is_complex_dtype(rows[column]):
        measured = pd.Series(rows[column].to_numpy("float64", na_value=math.nan), rows.index)
    else:
        text = pd.api.types.is_string_dtype(rows[column])
        fix = f"to count rows, write where=\"`{column}` = '...'\" without a column" if text else NUMBERS
        raise SchemaError(f"the column {column!r} holds no numbers", f"table {table.name}", fix)
    plates = rows[of_plate] if of_plate else pd.Series("", rows.index)
    frame = pd.DataFrame({"plate": plates, "well": well_names(rows, wells), "value": measured})
    grouped: Any = frame.dropna(subset=["well"]).groupby(["plate", "well"], sort=False, dropna=False)["value"]
    counted: pd.DataFrame = grouped.agg(function).reset_index()
    return counted


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
            range(0, shape[0], step), [row_name(at) for at in range(0, shape[0], step)], fontsize=6
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
