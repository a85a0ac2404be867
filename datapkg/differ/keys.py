"""The keys of rows, as they are shown: values of the key columns, or source file and row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .gathering import Positions, gather
from .tables import TableDiff
from .values import cell_values

if TYPE_CHECKING:
    from ..table import Table

OLD, NEW = 0, 1
OCCURRENCE = "(occurrence)"
"""Stands in the keys of a table whose keys repeat: 0 for the first row of a key, 1 for the second ..."""


def keys(diff: TableDiff, side: int, positions: Positions) -> list[dict[str, Any]]:
    """The keys of the old (0) or new (1) rows at `positions`, in their order."""
    table = (diff.old, diff.new)[side]
    if table is None or not len(positions):
        return []
    if not diff.identity.columns:
        return _places(diff, side, positions)
    found = _columns(diff, table, positions)
    if diff.matched.occurrences:
        for key, count in zip(found, diff.matched.occurrences[side].of(positions).tolist(), strict=True):
            key[OCCURRENCE] = count
    return found


def _columns(diff: TableDiff, table: Table, positions: Positions) -> list[dict[str, Any]]:
    names = diff.identity.columns
    columns = gather(table, positions, names).combine_chunks().columns
    cells = [cell_values(column) for column in columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*cells, strict=True)]


def _places(diff: TableDiff, side: int, positions: Positions) -> list[dict[str, Any]]:
    spans = diff.spans[side]
    starts = np.array([span.start for span in spans])
    at = np.searchsorted(starts, positions, "right") - 1  # of sources without rows, the last that starts here
    rows = positions - starts[at]
    paths = [spans[i].path for i in at.tolist()]
    return [{"source_path": path, "source_row": row} for path, row in zip(paths, rows.tolist(), strict=True)]
