"""The result of a comparison: DataFrames, JSON, text, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .images import ImagePair, PixelChange, changed_images, pixel_changes
from .keys import NEW, OLD, keys
from .sources import SourceChange
from .tables import TableDiff
from .values import as_json, cell_values

if TYPE_CHECKING:
    import pandas as pd

    from ..reader import Package

TABLES = (
    "table",
    "state",
    "matched_by",
    "old_rows",
    "new_rows",
    "added",
    "removed",
    "changed",
    "cells",
    "images",
)
COLUMNS = ("table", "column", "change", "old", "new")
ROWS = ("table", "change", "key", "old_row", "new_row")
CELLS = ("table", "key", "column", "old", "new", "old_row", "new_row")
IMAGES = (
    "table",
    "key",
    "pixels_changed",
    "max_difference",
    "box",
    "metadata",
    "old",
    "new",
    "old_row",
    "new_row",
)
SOURCES = ("resource", "path", "change", "was", "old_bytes", "new_bytes", "old_sha256", "new_sha256")

TEXT, ANY = "str", "object"
DTYPES = {
    **dict.fromkeys(("table", "state", "matched_by", "column", "change", "resource", "path", "was"), TEXT),
    **dict.fromkeys(("old_sha256", "new_sha256"), TEXT),
    **dict.fromkeys(("key", "old", "new", "max_difference", "box", "metadata"), ANY),
}
"""What is not listed is a whole number, which may be missing."""

Row = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Diff:
    """What differs between two versions, `old` and `new`. It prints as what the command line prints.

    Keys, values and pixels are read when they are asked for: the packages have to be where they were.
    """

    old: Package
    new: Package
    differences: tuple[TableDiff, ...]
    files: tuple[SourceChange, ...]

    @property
    def ok(self) -> bool:
        """Whether both hold the same content: equal digests. Other source files may have given it."""
        return all(table.state == "equal" for table in self.differences)

    @cached_property
    def tables(self) -> pd.DataFrame:
        """One row a table: its state, what its rows are matched by, and how much differs."""
        return _frame(TABLES, (self._table(table) for table in self.differences))

    @cached_property
    def columns(self) -> pd.DataFrame:
        """One row for each column that was added, removed or retyped, with its types."""
        return _frame(COLUMNS, (row for table in self.differences for row in _columns(table)))

    @cached_property
    def rows(self) -> pd.DataFrame:
        """One row for each row that was removed, changed or added; positions are those of `to_pandas`."""
        return _frame(ROWS, (row for table in self.differences for row in _rows(table)))

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row for each changed cell, of rows and columns that both versions have."""
        return _frame(CELLS, (row for table in self.differences for row in _cells(table)))

    @cached_property
    def images(self) -> pd.DataFrame:
        """One row for each image with other pixels or another description; `old` and `new` are type and shape."""
        return _frame(
            IMAGES, (row for table in self.differences for row in _images(table, self.pairs(table)))
        )

    @cached_property
    def sources(self) -> pd.DataFrame:
        """One row for each source file that was added, removed, changed or renamed."""
        return _frame(SOURCES, (_source(change) for change in self.files))

    def pairs(self, table: TableDiff) -> list[ImagePair]:
        """The images of one table that differ; no pixel is read."""
        return self._pairs[table.name]

    def as_json(self) -> dict[str, Any]:
        """The differences as plain values, by table; a table that is equal is left out."""
        return {
            table.name: _table_json(table, self.pairs(table))
            for table in self.differences
            if table.state != "equal"
        }

    def as_text(self, title: str | None = None) -> str:
        """The differences as the terminal shows them; the title names both sides, unless one is given."""
        from .text import text

        return text(self, title)

    def as_markdown(self, title: str | None = None) -> str:
        """The differences as a pull request shows them, in Markdown: a table, and details folded below it."""
        from .markdown import markdown

        return markdown(self, title)

    def draw(self, folder: str | Path) -> list[Path]:
        """Draw each image whose pixels differ as a PNG: before, after, difference.

        Parameters
        ----------
        folder
            Is made if it is not there. No file in it is overwritten.

        Returns
        -------
        The files.
        """
        from .drawing import draw

        return [path for table in self.differences for path in draw(table, self.pairs(table), Path(folder))]

    def __str__(self) -> str:
        return self.as_text()

    __repr__ = __str__  # the last line of a notebook's cell shows the difference

    @cached_property
    def _pairs(self) -> dict[str, list[ImagePair]]:
        return {table.name: changed_images(table) for table in self.differences}

    def _table(self, table: TableDiff) -> Row:
        matched = table.matched
        return {
            "table": table.name,
            "state": table.state,
            "matched_by": None if table.state == "equal" else str(table.identity),
            "old_rows": None if table.old is None else len(table.old),
            "new_rows": None if table.new is None else len(table.new),
            "added": len(matched.added),
            "removed": len(matched.removed),
            "changed": len(table.changed[1]),
            "cells": sum(len(cells.new_rows) for cells in table.cells),
            "images": len(self.pairs(table)),
        }


def _columns(table: TableDiff) -> Iterator[Row]:
    types = [
        {} if side is None else {column.name: column.type for column in side.record.columns}
        for side in (table.old, table.new)
    ]
    changes = table.columns
    retyped = tuple(one.column for one in changes.retyped)
    for change, names in (("added", changes.added), ("removed", changes.removed), ("retyped", retyped)):
        for name in names:
            old, new = (side.get(name) for side in types)
            yield {"table": table.name, "column": name, "change": change, "old": old, "new": new}


def _rows(table: TableDiff) -> Iterator[Row]:
    old_rows, new_rows = table.changed
    parts = (
        ("removed", keys(table, OLD, table.matched.removed), table.matched.removed.tolist(), None),
        ("changed", keys(table, NEW, new_rows), old_rows.tolist(), new_rows.tolist()),
        ("added", keys(table, NEW, table.matched.added), None, table.matched.added.tolist()),
    )
    for change, found, before, after in parts:
        nowhere = [None] * len(found)
        for key, old_row, new_row in zip(found, before or nowhere, after or nowhere, strict=True):
            yield {"table": table.name, "change": change, "key": key, "old_row": old_row, "new_row": new_row}


def _cells(table: TableDiff) -> Iterator[Row]:
    """Changed cells by row, and within a row by column."""
    if not table.cells:
        return
    rows = table.changed[1]
    found = keys(table, NEW, rows)
    where = np.concatenate([cells.new_rows for cells in table.cells])
    parts = np.repeat(np.arange(len(table.cells)), [len(cells.new_rows) for cells in table.cells])
    within = np.concatenate([np.arange(len(cells.new_rows)) for cells in table.cells])
    values = [(cell_values(cells.old), cell_values(cells.new)) for cells in table.cells]
    order = np.lexsort((parts, where))
    at = np.searchsorted(rows, where[order])
    for row, part, i in zip(at.tolist(), parts[order].tolist(), within[order].tolist(), strict=True):
        cells, (old, new) = table.cells[part], values[part]
        yield {
            "table": table.name,
            "key": found[row],
            "column": cells.column,
            "old": old[i],
            "new": new[i],
            "old_row": int(cells.old_rows[i]),
            "new_row": int(cells.new_rows[i]),
        }


def _images(table: TableDiff, pairs: list[ImagePair]) -> Iterator[Row]:
    if not pairs:
        return
    found = keys(table, NEW, np.array([pair.new_row for pair in pairs]))
    for key, pair, pixels in zip(found, pairs, pixel_changes(table, pairs), strict=True):
        yield {
            "table": table.name,
            "key": key,
            **_pixels(pixels),
            "metadata": list(pair.metadata),
            "old": pair.form[0],
            "new": pair.form[1],
            "old_row": pair.old_row,
            "new_row": pair.new_row,
        }


def _pixels(change: PixelChange) -> Row:
    return {
        "pixels_changed": change.changed,
        "max_difference": change.max_difference,
        "box": None if change.box is None else list(change.box),
    }


def _source(change: SourceChange) -> Row:
    return {
        "resource": change.resource,
        "path": change.path,
        "change": change.change,
        "was": change.was,
        "old_bytes": change.old and change.old.bytes,
        "new_bytes": change.new and change.new.bytes,
        "old_sha256": change.old and change.old.sha256,
        "new_sha256": change.new and change.new.sha256,
    }


def _table_json(table: TableDiff, pairs: list[ImagePair]) -> dict[str, Any]:
    changed = ("key", "column", "old", "new")
    images = ("key", "pixels_changed", "max_difference", "box")
    value = {
        "columns_added": list(table.columns.added),
        "columns_removed": list(table.columns.removed),
        "columns_retyped": [asdict(one) for one in table.columns.retyped],
        "added": keys(table, NEW, table.matched.added),
        "removed": keys(table, OLD, table.matched.removed),
        "changed": [{name: row[name] for name in changed} for row in _cells(table)],
        "images": [{name: row[name] for name in images} for row in _images(table, pairs)],
    }
    plain: dict[str, Any] = as_json(value)
    return plain


def _frame(names: tuple[str, ...], rows: Iterator[Row]) -> pd.DataFrame:
    """A DataFrame whose columns keep what they are given: whole numbers stay whole, None stays None."""
    import pandas as pd

    listed = list(rows)
    values = {name: [row[name] for row in listed] for name in names}
    return pd.DataFrame(
        {name: pd.Series(found, dtype=DTYPES.get(name, "Int64")) for name, found in values.items()}
    )
