"""What small columns say of single rows, read when first asked for and then kept.

A lazy column prints an image's dtype and shape and compares its digest without a look at its pixels. It asks here;
rows that are not known yet are read in one batched request, however many were asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .access import RowAccess


class RowFacts:
    """Values of small columns by row position, as Python values; lists come as tuples, equal ones as one object."""

    def __init__(self, rows: RowAccess) -> None:
        self.rows = rows
        self._values: dict[str, NDArray[np.object_]] = {}
        self._known: dict[str, NDArray[np.bool_]] = {}
        self._same: dict[Any, Any] = {}

    def get(self, at: NDArray[np.int64], columns: Sequence[str]) -> list[NDArray[np.object_]]:
        """The columns' values at row positions, in the order asked."""
        known = np.logical_and.reduce([self._of(name)[at] for name in columns])
        if not known.all():
            self._read(np.unique(at[~known]), columns)
        return [self._values[name][at] for name in columns]

    def all_known(self, at: NDArray[np.int64], columns: Sequence[str]) -> bool:
        """Whether nothing would have to be read."""
        return all(self._of(name)[at].all() for name in columns)

    def note(self, at: NDArray[np.int64], batch: pa.RecordBatch, columns: Sequence[str]) -> None:
        """Keep what a batch says of the rows at `at`."""
        for name in columns:
            self._of(name)[at] = True
            values = batch.column(name)
            if pa.types.is_nested(values.type):
                shared = [self._shared(value) for value in values.to_pylist()]
                self._values[name][at] = np.array([*shared, None], object)[:-1]
            else:
                self._values[name][at] = values.to_numpy(zero_copy_only=False)

    def _read(self, at: NDArray[np.int64], columns: Sequence[str]) -> None:
        done = 0
        for batch in self.rows.pick(at, columns).to_batches():
            self.note(at[done : done + batch.num_rows], batch, columns)
            done += batch.num_rows

    def _of(self, name: str) -> NDArray[np.bool_]:
        """Which rows are known of a column."""
        if name not in self._known:
            self._known[name] = np.zeros(self.rows.order.rows, bool)
            self._values[name] = np.empty(self.rows.order.rows, object)
        return self._known[name]

    def _shared(self, value: list[Any] | None) -> tuple[Any, ...] | None:
        return None if value is None else self._same.setdefault(tuple(value), tuple(value))
