"""Which rows of a table are meant, and in which order: condition, order, sample, limit.

Only the columns that a condition or an order names are read for it, never a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .access import RowAccess
from .errors import SchemaError

SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that fulfil a condition; of them a sample, if one is asked for; then in order; then the first so many."""

    where: str | None = None
    limit: int | None = None
    order_by: str | Sequence[str] | None = None
    sample: int | None = None
    seed: int = 0

    @property
    def in_order(self) -> bool:
        """Whether the rows come as a scan gives them."""
        return self.order_by is None and self.sample is None

    def positions(self, rows: RowAccess) -> NDArray[np.int64]:
        """The rows' positions.

        Raises
        ------
        SchemaError
            A part of the selection makes no sense.
        """
        keys = [] if self.order_by is None else sort_keys(self.order_by, rows)
        found = rows.matching(self.where, self.limit if self.in_order else None)
        if self.sample is not None:
            found = found[_drawn(len(found), self.sample, self.seed, rows.record.name)]
        if keys:
            found = found[ordered(rows.pick(found, list(dict.fromkeys(name for name, _ in keys))), keys)]
        if self.limit is not None:
            rows.matching(limit=self.limit)  # refuses what is no limit
        return found[: self.limit]


def sort_keys(order_by: str | Sequence[str], rows: RowAccess) -> list[tuple[str, str]]:
    """The columns to sort by, each with Arrow's word for its direction."""
    keys, names, where = [], rows.schema.names, f"table {rows.record.name}"
    if not isinstance(order_by, str | Sequence):
        fix = 'give a column\'s name, or a list of them; "Count desc" is the other way round'
        raise SchemaError(f"order_by is {order_by!r}", where, fix)
    for text in [order_by] if isinstance(order_by, str) else order_by:
        column, _, direction = str(text).rpartition(" ")
        if text in names or direction.lower() not in ("asc", "desc"):
            if text not in names and column in names:
                raise SchemaError(
                    f"there is no order {direction!r}", where, f"write {column!r}, or '{column} desc'"
                )
            column, direction = text, "asc"
        rows.refuse_unknown([column])
        kind = rows.schema.field(column).type
        if pa.types.is_nested(kind) or pa.types.is_large_binary(kind):
            what = f"rows cannot be sorted by the column {column!r}, whose values have no order"
            raise SchemaError(what, where, "sort by columns of numbers, text or true and false")
        keys.append((column, "descending" if direction.lower() == "desc" else "ascending"))
    return keys


def ordered(values: pa.Table, keys: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
    """How to put rows into order; equal ones stay as they were, missing values come last in both directions.

    Examples
    --------
    >>> ordered(pa.table({"x": [2, None, 3, 2]}), [("x", "descending")]).tolist()
    [2, 0, 3, 1]
    """
    numbered = {str(number): values.column(name) for number, (name, _) in enumerate(keys)}
    directions = [(str(number), direction) for number, (_, direction) in enumerate(keys)]
    order = pc.sort_indices(
        pa.table({**numbered, "place": pa.array(np.arange(len(values)))}),
        sort_keys=[*directions, ("place", "ascending")],
    )
    return np.asarray(order, np.int64)


def _drawn(count: int, sample: int, seed: int, table: str) -> NDArray[np.int64]:
    """Which of `count` rows a sample has, ascending: the same for a seed on every machine, for ever."""
    for name, value, end in (("n", sample, count), ("seed", seed, SEEDS - 1)):
        if type(value) is not int or not 0 <= value <= end:
            fix = f"give a whole number from 0 to {end:,}"
            raise SchemaError(f"{name} of the sample is {value!r}", f"table {table}", fix)
    drawn = np.random.RandomState(seed).permutation(count)[:sample]  # its stream is promised not to change
    return np.sort(drawn).astype(np.int64)
