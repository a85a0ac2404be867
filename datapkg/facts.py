"""What small columns say of single rows, read when first asked for and then kept.

A lazy column prints an image's dtype and shape and compares its digest without a look at its pixels. It asks here;
rows that are not known yet are read in one batched request, however many were asked for, and their neighbours with
them, which costs no request more. What the record proves of a column is never read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .access import RowAccess
from .companions import PLACES, companions
from .constants import DTYPES, constant, image_axes, image_shapes
from .distinct import distinct

NEIGHBOURS = 1 << 12
"""Rows are read in blocks of so many, where no more than `FEW` are asked for."""
FEW = 64


class RowFacts:
    """Values of small columns by row position, as Python values; lists come as tuples, equal ones as one object."""

    def __init__(self, rows: RowAccess) -> None:
        self.rows = rows
        self._values: dict[str, NDArray[np.object_]] = {}
        self._known: dict[str, NDArray[np.bool_]] = {}
        self._same: dict[Any, Any] = {}
        self._alike: dict[str, Any] = {}

    def get(self, at: NDArray[np.int64], columns: Sequence[str]) -> list[NDArray[np.object_]]:
        """The columns' values at row positions, in the order asked."""
        wanted = [name for name in columns if not self._of(name)[at].all()]
        if wanted:
            known = np.logical_and.reduce([self._of(name)[at] for name in wanted])
            self._read(distinct(at[~known]), wanted)
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
        done, at = 0, self._with_neighbours(at)
        for batch in self.rows.pick(at, columns).to_batches():
            self.note(at[done : done + batch.num_rows], batch, columns)
            done += batch.num_rows

    def _of(self, name: str) -> NDArray[np.bool_]:
        """Which rows are known of a column."""
        if name not in self._known:
            self._known[name] = np.zeros(self.rows.order.rows, bool)
            self._values[name] = np.empty(self.rows.order.rows, object)
            value = self.alike(name)
            if value is not None:
                self._known[name][:] = True
                self._values[name][:] = np.array([value, None], object)[:1]
        return self._known[name]

    def alike(self, name: str) -> Any:
        """The value that all rows have in a column, if the record proves it; None if not."""
        if name not in self._alike:
            columns = {column.name: column for column in self.rows.record.columns}
            rows = self.rows.order.rows
            self._alike[name] = (
                constant(columns[name], rows, self._candidates(name)) if name in columns else None
            )
        return self._alike[name]

    def _candidates(self, name: str) -> Iterable[Any]:
        """The values that a column of all images of a table may well have in common."""
        if name in PLACES:
            return [0]  # so it is in each row where each file holds one image
        for column in self.rows.record.columns:
            if column.image and name in companions(column.name).looks:
                beside = companions(column.name)
                kind = self.rows.schema.field(column.name).type
                return DTYPES if name == beside.dtype else image_shapes(kind)
        if name == "axes" and self.rows.record.image_bytes:
            return image_axes(5)
        return ()

    def _with_neighbours(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows, and those around them in the same files."""
        if len(at) > FEW:
            return at
        starts, rows = self.rows.order.starts, self.rows.order.rows
        run = np.searchsorted(starts, at, "right") - 1
        ends = np.append(starts[1:], rows)
        first = np.maximum(starts[run], at // NEIGHBOURS * NEIGHBOURS)
        stop = np.minimum(ends[run], (at // NEIGHBOURS + 1) * NEIGHBOURS)
        return distinct(np.concatenate([np.arange(*span) for span in zip(first, stop, strict=True)]))

    def _shared(self, value: list[Any] | None) -> tuple[Any, ...] | None:
        return None if value is None else self._same.setdefault(tuple(value), tuple(value))
