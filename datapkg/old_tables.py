"""A table of the version before, where the coming version changes some of its rows only.

What stays is known without being read: which rows each file gave, their digests, and the sums of all columns. Of files
that go, the rows are read once more, to take them out of the sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .access import RowAccess
from .column_sums import ColumnSums
from .digest import SourceHasher
from .errors import DamageError
from .ingest import digest_columns
from .plan import Previous
from .source_list import SourceRow
from .sources.base import TableSchema
from .store import stored_name
from .succession import STAY, Pieces, Succession, pieces_of


class OldTable:
    """One table as the version before has it, under the schema that the coming one would give it."""

    def __init__(self, before: Previous, schema: TableSchema) -> None:
        self._schema, self._before = schema, before
        self.record = before.record.table(schema.name)
        self._rows = RowAccess(before.package, self.record, before.files)
        self.sources = before.sources.of_table(schema.name)
        self.at = {path: at for at, path in enumerate(self.sources.values("path"))}
        ends = self.sources.numbers("rows").cumsum()
        self._first = ends - self.sources.numbers("rows")

    def stay(self, at: NDArray[np.int64]) -> Pieces:
        """Where the rows of sources stand."""
        return pieces_of(STAY, self._first[at], self.sources.numbers("rows")[at])

    def succession(self, pieces: Pieces) -> Succession:
        """How the coming table follows from this one."""
        return Succession.of(self._before.files.runs[self.record.name], pieces)

    def unlike(self) -> str:
        """Why the table's rows cannot stay as they are; empty where they can."""
        old = {column.name: column for column in self.record.own}
        new = {column.name: column for column in self._schema.columns}
        for name in [*new, *old]:
            if name not in old:
                return f"the column `{name}` is new"
            if name not in new:
                return f"the column `{name}` is gone"
            if old[name].type != new[name].logical:
                return f"`{name}` was {old[name].type} and is {new[name].logical} now"
        if list(old) != list(new):
            return "its columns stand in another order"
        if self.record.kind != self._schema.kind:
            return f"it was of the kind {self.record.kind}"
        there, wanted = self._rows.schema, self._schema.arrow()
        for column in self._schema.columns:
            if old[column.name].stored != stored_name(column.name) or _differ(
                there.field(column.name), wanted.field(column.name)
            ):
                return f"`{column.name}` needs another form of storage for its {'images' if column.image else 'values'}"
        return ""

    def sums_without(self, gone: NDArray[np.int64]) -> ColumnSums:
        """The sums of all columns over the files that stay; `gone` are the places of those that go, in order.

        Raises
        ------
        DamageError
            The rows of a file that goes are not those that were stored.
        """
        columns = digest_columns(self._schema.columns)
        sums = ColumnSums.of(columns, [c.digest for c in self.record.own], [c.nulls for c in self.record.own])
        seen_as = {c.name: c.image_digest or c.name for c in columns}
        schema = pa.schema([(name, self._rows.schema.field(seen).type) for name, seen in seen_as.items()])
        hasher = SourceHasher(columns, schema)
        for source, batches in self._rows_of(gone, sorted(set(seen_as.values()))):
            hasher.again()
            for batch in batches:
                arrays = [batch.column(seen) for seen in seen_as.values()]
                hasher.update(pa.RecordBatch.from_arrays(arrays, schema=schema))
            result = hasher.result()
            if result.digest != source.digest:
                raise DamageError(
                    f"the rows of {source.path} are not those that were stored",
                    f"table {self.record.name}",
                    "copy the package again from a whole one, or build into another folder",
                )
            sums.remove(result)
        return sums

    def _rows_of(
        self, gone: NDArray[np.int64], columns: Sequence[str]
    ) -> Iterator[tuple[SourceRow, Iterator[pa.RecordBatch]]]:
        """The rows of some files, one file after the other; each one's batches are to be taken before the next.

        All are asked for together: a request for each file would take longer than to build the table anew.
        """
        sources = self.sources.at(gone)
        positions = [
            np.arange(first, first + rows)
            for first, rows in zip(self._first[gone].tolist(), sources.values("rows"), strict=True)
        ]
        taken = self._rows.take(np.concatenate([*positions, np.empty(0, np.int64)]), columns)
        batches = (batch for _, batch in taken if batch.num_rows)
        rest: list[pa.RecordBatch] = []

        def next_rows(wanted: int) -> Iterator[pa.RecordBatch]:
            while wanted:
                batch = rest.pop() if rest else next(batches)
                if batch.num_rows > wanted:
                    rest.append(batch.slice(wanted))
                    batch = batch.slice(0, wanted)
                wanted -= batch.num_rows
                yield batch

        for source in sources:
            yield source, next_rows(source.rows)


def _differ(stored: pa.Field, wanted: pa.Field) -> bool:
    ours = {key: value for key, value in (wanted.metadata or {}).items() if key.startswith(b"datapkg:")}
    return stored.type != wanted.type or (stored.metadata or {}) != ours
