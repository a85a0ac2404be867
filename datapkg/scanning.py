"""A pinned table as a pyarrow dataset, for engines that say which columns and which rows they need.

Such an engine asks `scanner` for columns and hands over the part of its condition that it can say in Arrow's words.
What Lance understands of it is answered by Lance, so that only the rows wanted are read; the rest is filtered here,
batch by batch. Columns have the names that Lance knows; more columns, made from the rows' positions, cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
from numpy.typing import NDArray

from .access import RowAccess, Rows
from .errors import DamageError, DatapkgError
from .filters import ConditionError

Made = Callable[[NDArray[np.int64]], pa.Array]
"""Makes a column from positions."""


class Stream:
    """A pass over rows that an engine may begin."""

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self.projected_schema, self._batches = schema, batches

    def to_reader(self) -> pa.RecordBatchReader:
        """Begin it."""
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._batches)


class ScannedTable(pyarrow.dataset.Dataset):  # type: ignore[misc]  # pyarrow has no types
    """Rows of one table, in the order in which they lie.

    Parameters
    ----------
    rows
        The table's rows.
    names
        The columns that are shown, with the names that Lance knows them by.
    made
        More columns, each with its type and what makes it.
    """

    def __init__(
        self, rows: RowAccess, names: Mapping[str, str], made: Mapping[str, tuple[pa.DataType, Made]]
    ) -> None:
        self._rows, self._names, self._made = rows, dict(names), dict(made)
        self.failure: DatapkgError | None = None
        """Why a pass ended: the engine between tells of it in its own words."""
        stored = {field.name: field for field in rows.pinned.schema}
        fields = [pa.field(shown, stored[name].type) for shown, name in names.items()]
        self._schema = pa.schema([*fields, *(pa.field(name, kind) for name, (kind, _) in made.items())])

    @property
    def schema(self) -> pa.Schema:
        """All columns."""
        return self._schema

    def scanner(self, columns: Sequence[str] | None = None, filter: Any = None, **_: Any) -> Stream:
        """Begin a pass over some columns of the rows that fulfil a condition."""
        asked = list(columns) if columns is not None else self._schema.names
        schema = pa.schema([self._schema.field(name) for name in asked])
        return Stream(schema, self._told(self._scan(asked, filter)))

    def _scan(self, columns: list[str], condition: Any) -> Iterator[pa.RecordBatch]:
        if condition is not None and self._mentions(condition):
            yield from self._filtered(columns, condition)
            return
        scanned = self._scanned(columns, condition)
        try:
            first = next(scanned, None)
        except ConditionError:
            yield from self._filtered(columns, condition)
            return
        for at, batch in () if first is None else chain([first], scanned):
            yield self._shown(at, batch, columns)

    def _mentions(self, condition: Any) -> bool:
        """Whether a condition may name a column that Lance knows by another name, or not at all."""
        strange = [*(shown for shown, stored in self._names.items() if shown != stored), *self._made]
        return any(name in str(condition) for name in strange)

    def _filtered(self, columns: list[str], condition: Any) -> Iterator[pa.RecordBatch]:
        """Rows of a condition that Lance does not answer: a column is not its own, or a kind of value strange to it."""
        said = str(condition)
        asked = list(dict.fromkeys([*columns, *(name for name in self._schema.names if name in said)]))
        for at, batch in self._scanned(asked, None):
            kept = pa.Table.from_batches([self._shown(at, batch, asked)]).filter(condition).select(columns)
            yield from kept.to_batches()

    def _scanned(self, columns: Sequence[str], condition: Any) -> Iterator[Rows]:
        stored = [self._names[name] for name in columns if name in self._names]
        return self._rows.scan(stored, condition, positions=any(name in self._made for name in columns))

    def _shown(self, at: NDArray[np.int64], batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        arrays = [
            self._made[name][1](at) if name in self._made else batch.column(self._names[name])
            for name in columns
        ]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def _told(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Keep what went wrong: the engine between would tell of it in its own words."""
        try:
            yield from batches
        except ConditionError as error:
            where = f"table {self._rows.record.name}"
            self.failure = DamageError(f"a file of it is damaged ({error})", where, "run `datapkg verify`")
            raise self.failure from None
        except DatapkgError as error:
            self.failure = error
            raise
