"""The HTML of a DataFrame whose image cells are thumbnails.

pandas writes the table, so that numbers, indices and missing values look as they always do, and escapes every text of
the data. Image cells stand in it as random numbers, which are replaced by thumbnails afterwards. Images are read for the
rows that are shown, in one batched request for each column.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..lazy import LazyArray, LazyDtype, is_image
from .cells import BUDGET_BYTES, Cell, cells_of
from .objects import ObjectsOfRows
from .outlines import Outline, outlines_of
from .page import wrapped
from .thumbnail import Style, composite_thumbnail, note, thumbnail

MOST = 20
"""Thumbnails of one display."""
FEWEST_ROWS = 2
MOST_COLUMNS = 20
GAP = "..."
COMPOSITE, MERGED = "composite", -1
"""The column of composites, which the frame does not have, and its place."""
CELL = re.compile(r"<td>(\d{18})</td>")


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of a frame that are shown, and its columns of images, by their places in it."""

    frame: pd.DataFrame
    rows: list[int]
    images: list[int]

    @property
    def cut(self) -> bool:
        """Whether rows are left out."""
        return len(self.rows) < len(self.frame)


def frame_html(frame: pd.DataFrame, style: Style, objects: ObjectsOfRows | None = None) -> str:
    """Write a frame that has images; `objects` gives further outlines for its rows."""
    part = _part(pd.DataFrame(frame))
    drawn = _thumbnails(part, style, objects)
    base = 10**17 + secrets.randbelow(8 * 10**17)  # so long that no value of the data is taken for one
    tokens: dict[str, str] = {}
    columns = {}
    for column, cells in drawn.items():
        numbers = np.arange(len(cells), dtype=np.int64) + base + len(tokens)
        tokens |= dict(zip(map(str, numbers.tolist()), cells, strict=True))
        columns[column] = numbers
    html = CELL.sub(
        lambda found: f'<td class="datapkg-cell">{tokens[found[1]]}</td>' if found[1] in tokens else found[0],
        _table(part, columns),
    )
    return wrapped(html, style.brightness if any("<img" in cell for cell in tokens.values()) else None)


def _part(frame: pd.DataFrame) -> Part:
    """As many rows as pandas shows, and no more than there may be thumbnails."""
    images = [at for at, kind in enumerate(frame.dtypes) if is_image(kind)]
    across = len(images) + (len(images) > 1)
    most = min(MOST // across, pd.get_option("display.max_rows") or MOST)
    most = max(FEWEST_ROWS, most - most % 2)
    if len(frame) <= most:
        return Part(frame, list(range(len(frame))), images)
    half = most // 2
    return Part(frame, [*range(half), *range(len(frame) - half, len(frame))], images)


def _thumbnails(part: Part, style: Style, objects: ObjectsOfRows | None) -> dict[int, list[str]]:
    """The HTML of image cells by column; where rows have images in several columns, `MERGED` is the column of composites."""
    around, among = _outlines(part, objects)
    budget, most = BUDGET_BYTES, MOST
    read: dict[int, list[Cell]] = {}
    several = len(part.images) > 1
    for column in part.images:
        if most < len(part.rows):
            break
        array: Any = part.frame.iloc[:, column].array
        assert isinstance(array, LazyArray)
        read[column], budget = cells_of(array[np.array(part.rows, np.intp)], budget, several)
        most -= len(part.rows)
    found = {
        column: [_cell(cell, style, around[at], among[at]) for at, cell in enumerate(cells)]
        for column, cells in read.items()
    }
    if len(read) > 1 and most >= len(part.rows):
        merged = [
            _merged(cells, style, around[at], among[at])
            for at, cells in enumerate(zip(*read.values(), strict=True))
        ]
        if any(merged):
            found[MERGED] = merged
    return found


def _cell(cell: Cell, style: Style, around: Sequence[Outline], among: Sequence[Outline]) -> str:
    if cell.image is not None:
        return thumbnail(cell.image, cell.facts, style, around, among)
    return note(cell.label or "None", cell.why)


def _merged(cells: Sequence[Cell], style: Style, around: Sequence[Outline], among: Sequence[Outline]) -> str:
    images = [cell.image for cell in cells if cell.image is not None]
    if len(images) < len(cells):
        return ""
    return composite_thumbnail(images, [cell.facts for cell in cells], style, around, among) or ""


def _outlines(part: Part, objects: ObjectsOfRows | None) -> tuple[list[list[Outline]], list[list[Outline]]]:
    """For each shown row the object that it is about, and the others in its image."""
    lazy = [at for at, kind in enumerate(part.frame.dtypes) if isinstance(kind, LazyDtype)]
    plain = part.frame.iloc[part.rows, [at for at in range(part.frame.shape[1]) if at not in lazy]]
    rows = plain.itertuples(name=None)  # with the index: older pandas has no row of no column
    records = [dict(zip(plain.columns, row[1:], strict=True)) for row in rows]
    around = [outlines_of(record) for record in records]
    return around, [objects.of(record) if objects else [] for record in records]


def _table(part: Part, drawn: Mapping[int, NDArray[np.int64]]) -> str:
    """The table as pandas writes it, with numbers in place of images.

    One row stands for those that are left out: pandas is told to leave it out too, and says so.
    """
    rows, middle = [*part.rows], len(part.rows) // 2
    if part.cut:
        rows.insert(middle, middle)
    frame = part.frame.iloc[rows]
    table = frame.iloc[:, :0]
    for place in _columns(part, drawn):
        name: Any = COMPOSITE if place == MERGED else GAP if place is None else frame.columns[place]
        if frame.columns.nlevels > 1 and not isinstance(name, tuple):
            name = (name,) * frame.columns.nlevels
        values: Any = GAP
        if place is not None and place in drawn:
            values = np.insert(drawn[place], middle, 0) if part.cut else drawn[place]
        elif place is not None:
            values = frame.iloc[:, place]
        table.insert(table.shape[1], name, values, allow_duplicates=True)
    shown = len(part.rows) if part.cut else None
    options = ("display.max_rows", shown, "display.min_rows", shown, "display.max_columns", None)
    with pd.option_context(*options, "display.show_dimensions", False, "display.large_repr", "truncate"):
        html: str = table._repr_html_()  # type: ignore[operator]
    return f"{html}<p>{len(part.frame):,} rows &times; {part.frame.shape[1]:,} columns</p>"


def _columns(part: Part, drawn: Collection[int]) -> list[int | None]:
    """The columns that are shown: as many as pandas shows, and those of images; None for a gap."""
    across = part.frame.shape[1]
    most = pd.get_option("display.max_columns")
    most = MOST_COLUMNS if most == 0 else across if most is None else most
    half = across if across <= most else most // 2
    shown = sorted({*range(min(half, across)), *range(max(across - half, 0), across), *part.images})
    found: list[int | None] = []
    for before, place in zip([-1, *shown], shown, strict=False):
        found += [None, place] if place > before + 1 else [place]
    if shown and shown[-1] < across - 1:
        found.append(None)
    if MERGED in drawn:
        found.insert(found.index(max(part.images)) + 1, MERGED)
    return found
