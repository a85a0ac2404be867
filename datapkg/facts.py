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
        self._known: dict[str, NDArray[np.object_]] = {}
        self._same: dict[Any, Any] = {}

    def get(self, at: NDArray[np.int64], columns: Sequence[str]) -> list[NDArray[np.object_]]:
        """The columns' values at row positions, in the order asked."""
        wanted = at[~self._has(at, columns)]
        if len(wanted):
            self._read(np.unique(wanted), columns)
        return [self._kept(name)[at] for name in columns]

    def all_known(self, at: NDArray[np.int64], columns: Sequence[str]) -> bool:
        """Whether nothing would have to be read."""
        return bool(self._has(at, columns).all())

    def note(self, at: NDArray[np.int64], batch: pa.RecordBatch, columns: Sequence[str]) -> None:
        """Keep what a batch says of the rows at `at`."""
        for name in columns:
            values = batch.column(name).to_pylist()
            kept = self._kept(name)
            for position, value in zip(at.tolist(), values, strict=True):
                value = tuple(value) if isinstance(value, list) else value
                kept[position] = self._same.setdefault(value, value)

    def _has(self, at: NDArray[np.int64], columns: Sequence[str]) -> NDArray[np.bool_]:
        known = np.ones(len(at), bool)
        for name in columns:
            known &= np.fromiter((value is not ... for value in self._kept(name)[at]), bool, len(at))
        return known

    def _read(self, at: NDArray[np.int64], columns: Sequence[str]) -> None:
        done = 0
        for batch in self.rows.pick(at, columns).to_batches():
            self.note(at[done : done + batch.num_rows], batch, columns)
            done += batch.num_rows

    def _kept(self, name: str) -> NDArray[np.object_]:
        return self._known.setdefault(name, np.full(self.rows.order.rows, ..., object))
