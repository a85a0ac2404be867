"""Read chosen rows of a table, a few columns at a time, so that memory does not grow with the table.

Few rows are asked for by their place. Many rows are picked from a scan, which is much faster than places in
random order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..table import Table

BLOCK_BYTES = 8 << 20  # larger ones are no faster, and the engine holds several times as much
ASKED_ROWS = 1 << 16
SAMPLE_ROWS = 256
SCAN_FROM = 8  # a scan of all rows costs as much as asking for every eighth by its place

Positions = NDArray[np.int64]


class Chosen:
    """Positions in any order, and how they are read in ascending order and brought back."""

    def __init__(self, positions: Positions) -> None:
        self.ascending = positions
        self._back: pa.Array | None = None
        if len(positions) > 1 and not (np.diff(positions) > 0).all():
            order = np.argsort(positions)
            self.ascending = positions[order]
            back = np.empty_like(order)
            back[order] = np.arange(len(order))
            self._back = pa.array(back)

    def read(self, table: Table, columns: Sequence[str]) -> pa.Table:
        """Read the rows, in the order of the positions, under true names."""
        batches = _batches(table, self.ascending, columns)
        found = pa.Table.from_batches(batches, _schema(table, columns)).combine_chunks()
        return found if self._back is None else found.take(self._back)


def gather(table: Table, positions: Positions, columns: Sequence[str]) -> pa.Table:
    """Read the rows at `positions`, in that order, under true names."""
    return Chosen(positions).read(table, columns)


def stream(table: Table, positions: Positions, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Read the rows at ascending `positions` in one pass, so many at a time; an empty table if there is none."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in _batches(table, positions, columns):
        waiting.append(batch)
        held += len(batch)
        if held >= rows:
            together = pa.Table.from_batches(waiting)
            whole = held - held % rows
            yield from (together.slice(start, rows) for start in range(0, whole, rows))
            waiting, held = together.slice(whole).to_batches(), held - whole
    if held or not len(positions):
        yield pa.Table.from_batches(waiting, _schema(table, columns))


def blocks(tables: Sequence[Table], columns: Sequence[str], rows: int) -> Iterator[tuple[list[str], int]]:
    """Cut columns into groups, each with a number of rows that fits into memory at once."""
    widths = [_widths(table, columns) for table in tables]
    group: list[str] = []
    held = 0.0
    for name in columns:
        width = max(one[name] for one in widths)
        if group and (held + width) * rows > BLOCK_BYTES:
            yield group, _rows_at_once(held)
            group, held = [], 0.0
        group.append(name)
        held += width
    if group:
        yield group, _rows_at_once(held)


def _rows_at_once(width: float) -> int:
    return max(1, int(BLOCK_BYTES / max(width, 1e-3)))


def _schema(table: Table, columns: Sequence[str]) -> pa.Schema:
    return pa.schema([table.schema.field(name) for name in columns])


def _batches(table: Table, positions: Positions, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    few = len(positions) * SCAN_FROM < len(table) or not table.rows.order.physical
    return (_asked if few else _picked)(table, positions, columns)


def _asked(table: Table, positions: Positions, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for _, batch in table.rows.take(positions, columns, rows=ASKED_ROWS):
        yield batch


def _picked(table: Table, positions: Positions, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for at, batch in table.rows.read(columns):
        low, high = np.searchsorted(positions, (at[0], at[-1] + 1))
        if high - low == len(batch):
            yield batch
        elif high > low:
            yield batch.take(pa.array(positions[low:high] - at[0]))


def _widths(table: Table, columns: Sequence[str]) -> dict[str, float]:
    """Bytes a cell of each column takes; where the type does not tell, some rows are looked at."""
    widths = {}
    for name in columns:
        try:
            widths[name] = table.schema.field(name).type.bit_width / 8
        except ValueError:
            widths[name] = 0.0
    unknown = [name for name, width in widths.items() if not width]
    if unknown and len(table):
        rows = np.unique(np.linspace(0, len(table) - 1, SAMPLE_ROWS).astype(np.int64))
        sample = gather(table, rows, unknown)
        widths |= {name: sample.column(name).nbytes / len(rows) for name in unknown}
    return widths
