"""The rows of a stored table, under their true names and in the manifest's order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .errors import SchemaError, nearest
from .filters import ConditionError, refusal, stored_condition
from .places import Place
from .records import FilesList, TableRecord
from .rows import RowOrder
from .store import PinnedTable

BATCH_BYTES = 16 << 20
SCANNED_ROWS = 1000
"""A shorter run costs less when it is taken with its neighbours."""

Rows = tuple[NDArray[np.int64], pa.RecordBatch]


class RowAccess:
    """Reads rows by condition or position; each batch comes with its rows' positions in the table."""

    def __init__(self, package: Place, record: TableRecord, files: FilesList) -> None:
        self.record = record
        self.pinned = PinnedTable(package, record.name, record.stored)
        self.order = RowOrder.of(files.runs[record.name])
        self._stored_bytes = sum(int(entry[2]) for entry in files.files[record.name])

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, under true names; reads no row."""
        stored = {field.name: field for field in self.pinned.lance.schema}
        return pa.schema([_true_field(c.name, stored[c.stored]) for c in self.record.columns])

    def read(
        self, columns: Sequence[str], where: str | None = None, limit: int | None = None
    ) -> Iterator[Rows]:
        """Yield rows that fulfil a condition, in the manifest's order.

        Raises
        ------
        SchemaError
            The condition or the limit makes no sense.
        """
        if limit is not None and (type(limit) is not int or limit < 0):
            raise SchemaError(
                f"limit is {limit!r}", f"table {self.record.name}", "give a whole number from 0"
            )
        if where is not None and not isinstance(where, str):
            fix = "give a text such as \"Well = 'C6'\"; to filter by a mask, read the frame and write frame[mask]"
            raise SchemaError(f"where is a {type(where).__name__}", f"table {self.record.name}", fix)
        condition = None if where is None else stored_condition(where, self._names, self.record.name)
        try:
            if self.order.physical:
                yield from self._scan(columns, condition, limit)
            elif condition is None:
                yield from self._in_runs(columns, self.order.rows if limit is None else limit)
            else:
                yield from self.take(self._matching(condition)[:limit], columns)
        except ConditionError as error:
            raise refusal(str(error), self.record.name, list(self._names)) from None

    def take(
        self, positions: NDArray[np.int64], columns: Sequence[str], *, rows: int | None = None
    ) -> Iterator[Rows]:
        """Yield the rows at `positions`, in that order, by requests of `rows`; default: as whole rows fit memory."""
        step = max(1, rows or BATCH_BYTES * max(self.order.rows, 1) // max(self._stored_bytes, 1))
        for start in range(0, len(positions), step):
            at = positions[start : start + step]
            taken = self.pinned.take(self.order.addresses(at), self._stored(columns))
            done = 0
            for batch in taken.to_batches():
                yield at[done : done + batch.num_rows], self._named(batch, columns)
                done += batch.num_rows

    def refuse_unknown(self, columns: Sequence[str]) -> list[str]:
        """The columns as a list, if all of them are there."""
        if isinstance(columns, str):
            fix = f"write columns=[{columns!r}]" if columns in self._names else f"write where={columns!r}"
            raise SchemaError(f"columns is the text {columns!r}", f"table {self.record.name}", fix)
        for name in columns:
            if name not in self._names:
                raise SchemaError(
                    f"there is no column {name!r}", f"table {self.record.name}", nearest(name, self._names)
                )
        return list(columns)

    def _scan(self, columns: Sequence[str], condition: str | None, limit: int | None) -> Iterator[Rows]:
        if limit == 0:
            return
        scanned = self.pinned.batches(self._stored(columns), condition, batch_bytes=BATCH_BYTES, limit=limit)
        for batch in scanned:
            if batch.num_rows:
                yield self._positions(batch), self._named(batch, columns)

    def _in_runs(self, columns: Sequence[str], limit: int) -> Iterator[Rows]:
        """All rows in order: long runs are scanned one after the other, what lies between them is taken together."""
        short: list[NDArray[np.int64]] = []
        stored = self._stored(columns)
        for span in self.order.spans(min(limit, self.order.rows)):
            if span.rows < SCANNED_ROWS:
                short.append(np.arange(span.first, span.first + span.rows))
                continue
            if short:
                yield from self.take(np.concatenate(short), columns)
                short = []
            for batch in self.pinned.span(
                span.fragment, span.offset, span.rows, stored, batch_bytes=BATCH_BYTES
            ):
                yield self._positions(batch), self._named(batch, columns)
        if short:
            yield from self.take(np.concatenate(short), columns)

    def _matching(self, condition: str) -> NDArray[np.int64]:
        found = [
            self._positions(batch) for batch in self.pinned.batches([], condition, batch_bytes=BATCH_BYTES)
        ]
        return np.sort(np.concatenate([*found, np.empty(0, np.int64)]))

    def _positions(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        return self.order.positions(batch.column("_rowaddr").to_numpy().astype(np.int64))

    @cached_property
    def _names(self) -> dict[str, str]:
        return {column.name: column.stored for column in self.record.columns}

    def _stored(self, columns: Sequence[str]) -> list[str]:
        return [self._names[name] for name in columns]

    def _named(self, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        """The batch under true names."""
        return pa.RecordBatch.from_arrays(
            [batch.column(self._names[name]) for name in columns], names=list(columns)
        )


def _true_field(name: str, stored: pa.Field) -> pa.Field:
    """The field under its true name, with what datapkg says of it and nothing of the engine's."""
    ours = {k: v for k, v in (stored.metadata or {}).items() if k.startswith(b"datapkg:")}
    return pa.field(name, stored.type, metadata=ours or None)
