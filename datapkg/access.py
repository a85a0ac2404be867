"""The rows of a stored table, under their true names and in the manifest's order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .blobs import DirectBlobs, listed_blobs
from .distinct import distinct
from .errors import SchemaError, nearest
from .filters import ConditionError, refusal, stored_condition
from .placed import NestedImages, nested_images
from .places import Folder, Place
from .records import FilesList, TableRecord
from .rows import RowOrder
from .store import PinnedTable
from .versions import whole_instead

BATCH_BYTES = 16 << 20
FILE_COLUMN = "image_bytes"

PICKED_ROWS = 1 << 16
SCAN_FROM = 8
"""Where more than one row of so many is wanted, a scan of all is quicker than picking."""
SCANNED_ROWS = 1000
"""A shorter run costs less when it is taken with its neighbours."""

NOWHERE = np.empty(0, np.int64)

Rows = tuple[NDArray[np.int64], pa.RecordBatch]


class RowAccess:
    """Reads rows by condition or position; each batch comes with its rows' positions in the table.

    `proves` says that what is read is compared with the digests beside it.
    """

    proves = False

    def __init__(
        self, package: Place, record: TableRecord, files: FilesList, *, direct: bool = False
    ) -> None:
        """Rows of a version; with `direct` images of all rows are read from where they lie on this machine."""
        self.record, self._direct = record, direct and isinstance(package, Folder)
        self._instead = partial(whole_instead, package, files.version)
        self.pinned = PinnedTable(package, record.name, record.stored, self._instead)
        self.order = RowOrder.of(files.runs[record.name])
        self._files = files
        self._known_blobs: dict[str, DirectBlobs] = {}
        self._known_images: dict[str, NestedImages | None] = {}

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, under true names; reads no row."""
        stored = {field.name: field for field in self.pinned.schema}
        return pa.schema([_true_field(c.name, stored[c.stored]) for c in self.record.columns])

    def read(
        self,
        columns: Sequence[str],
        where: str | None = None,
        limit: int | None = None,
        *,
        batch_bytes: int | None = BATCH_BYTES,
    ) -> Iterator[Rows]:
        """Yield rows that fulfil a condition, in the manifest's order; `batch_bytes` None leaves batches to the engine.

        Raises
        ------
        SchemaError
            The condition or the limit makes no sense.
        """
        condition = self._condition(where, limit)
        if large := [
            name
            for name in columns
            if self._blobs(name).large or (batch_bytes is not None and self._placed(name))
        ]:
            yield from self._with_large(large, columns, where, limit, batch_bytes)
            return
        with self._explained():
            if self.order.physical:
                yield from self._scan(columns, condition, limit, batch_bytes)
            elif condition is None:
                yield from self._in_runs(columns, self.order.rows if limit is None else limit, batch_bytes)
            else:
                rows = self._rows_of(batch_bytes)
                yield from self.take(self._matching(condition)[:limit], columns, rows=rows)

    def matching(self, where: str | None = None, limit: int | None = None) -> NDArray[np.int64]:
        """Positions of the rows that fulfil a condition, ascending; without one no row is read.

        Raises
        ------
        SchemaError
            The condition or the limit makes no sense.
        """
        condition = self._condition(where, limit)
        if condition is None:
            return np.arange(self.order.rows)[:limit]
        with self._explained():
            return self._matching(condition)[:limit]

    def scan(self, stored: Sequence[str], condition: Any, positions: bool) -> Iterator[Rows]:
        """Yield rows as they lie on the disk, with their positions if asked; columns have the names that Lance knows.

        Parameters
        ----------
        condition
            Of Arrow's kind, over stored names.

        Raises
        ------
        ConditionError
            Lance cannot answer the condition.
        """
        self.check()
        for batch in self.pinned.batches(stored, condition, batch_bytes=None, addresses=positions):
            yield self._positions(batch) if positions else NOWHERE, batch

    def check(self) -> None:
        """Nothing is checked before rows are read; a package that was opened to be verified does it."""

    def take(
        self, positions: NDArray[np.int64], columns: Sequence[str], *, rows: int | None = None
    ) -> Iterator[Rows]:
        """Yield the rows at `positions`, in that order, by requests of `rows`; default: as whole rows fit memory."""
        step = rows or self._rows_of(BATCH_BYTES)
        blobs = self._blobs(columns[0]) if len(columns) == 1 else None
        for start in range(0, len(positions), step):
            at = positions[start : start + step]
            direct = blobs.read(self.order.addresses(at)) if blobs else None
            if direct is not None:
                yield at, pa.RecordBatch.from_arrays([direct], names=list(columns))
                continue
            taken = self.pinned.take(self.order.addresses(at), self._stored(columns))
            done = 0
            for batch in taken.to_batches():
                yield at[done : done + batch.num_rows], self._named(batch, columns)
                done += batch.num_rows

    def pick(self, positions: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Small columns of the rows at `positions`, in that order, as one table.

        Many rows are picked from a scan of all: to ask for each costs several times as much.
        """
        many = len(positions) * SCAN_FROM > self.order.rows
        read = (
            self.read(columns, batch_bytes=None) if many else self.take(positions, columns, rows=PICKED_ROWS)
        )
        schema = pa.schema([self.schema.field(name) for name in columns])
        table = pa.Table.from_batches([batch for _, batch in read], schema)
        return table.take(pa.array(positions)) if many else table

    def refuse_unknown(self, columns: Sequence[str], more: Sequence[str] = ()) -> list[str]:
        """The columns as a list, if all of them are there, or among `more`."""
        if isinstance(columns, str):
            fix = f"write columns=[{columns!r}]" if columns in self._names else f"write where={columns!r}"
            raise SchemaError(f"columns is the text {columns!r}", f"table {self.record.name}", fix)
        for name in columns:
            if name not in self._names and name not in more:
                known = [*self._names, *more]
                raise SchemaError(
                    f"there is no column {name!r}", f"table {self.record.name}", nearest(str(name), known)
                )
        return list(columns)

    def _condition(self, where: str | None, limit: int | None) -> str | None:
        if limit is not None and (type(limit) is not int or limit < 0):
            raise SchemaError(
                f"limit is {limit!r}", f"table {self.record.name}", "give a whole number from 0"
            )
        if where is not None and not isinstance(where, str):
            fix = "give a text such as \"Well = 'C6'\"; to filter by a mask, read the frame and write frame[mask]"
            raise SchemaError(
                f"where is a {type(where).__name__}, not a text", f"table {self.record.name}", fix
            )
        return None if where is None else stored_condition(where, self._names, self.record.name)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ConditionError as error:
            raise refusal(str(error), self.record.name, list(self._names)) from None

    def _scan(
        self, columns: Sequence[str], condition: str | None, limit: int | None, batch_bytes: int | None
    ) -> Iterator[Rows]:
        if limit == 0:
            return
        done = 0
        for batch in self.pinned.batches(
            self._stored(columns),
            condition,
            batch_bytes=batch_bytes,
            limit=limit,
            addresses=condition is not None,
        ):
            if batch.num_rows:
                found = (
                    np.arange(done, done + batch.num_rows) if condition is None else self._positions(batch)
                )
                done += batch.num_rows
                yield found, self._named(batch, columns)

    def _with_large(
        self,
        large: Sequence[str],
        columns: Sequence[str],
        where: str | None,
        limit: int | None,
        batch_bytes: int | None,
    ) -> Iterator[Rows]:
        """Rows with columns of large values: these are taken from where they lie, since a scan keeps much of what it read."""
        others = [name for name in columns if name not in large]
        step = self._rows_of(batch_bytes)
        found = self.read(others, where, limit) if others else iter([(self.matching(where, limit), None)])
        for positions, batch in found:
            for start in range(0, len(positions), step):
                at = positions[start : start + step]
                arrays = (
                    {} if batch is None else dict(zip(others, batch.slice(start, step).columns, strict=True))
                )
                arrays |= {name: self._values(name, at) for name in large}
                yield at, pa.RecordBatch.from_arrays([arrays[name] for name in columns], names=list(columns))

    def _rows_of(self, batch_bytes: int | None) -> int:
        """How many whole rows hold so many bytes."""
        return max(1, (batch_bytes or BATCH_BYTES) * max(self.order.rows, 1) // max(self._stored_bytes, 1))

    def _in_runs(self, columns: Sequence[str], limit: int, batch_bytes: int | None) -> Iterator[Rows]:
        """All rows in order: long runs are scanned one after the other, what lies between them is taken together."""
        short: list[NDArray[np.int64]] = []
        step = self._rows_of(batch_bytes)
        stored = self._stored(columns)
        for span in self.order.spans(min(limit, self.order.rows)):
            if span.rows < SCANNED_ROWS:
                short.append(np.arange(span.first, span.first + span.rows))
                continue
            if short:
                yield from self.take(np.concatenate(short), columns, rows=step)
                short = []
            for batch in self.pinned.span(
                span.fragment, span.offset, span.rows, stored, batch_bytes=batch_bytes
            ):
                yield self._positions(batch), self._named(batch, columns)
        if short:
            yield from self.take(np.concatenate(short), columns, rows=step)

    def _matching(self, condition: str) -> NDArray[np.int64]:
        found = [
            self._positions(batch) for batch in self.pinned.batches([], condition, batch_bytes=BATCH_BYTES)
        ]
        return np.sort(np.concatenate([*found, np.empty(0, np.int64)]))

    def _positions(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        return self.order.positions(batch.column("_rowaddr").to_numpy().astype(np.int64))

    def _values(self, column: str, at: NDArray[np.int64]) -> pa.Array:
        """A column's values at positions: images from where they lie, where that is known, others as they are taken."""
        placed = self._placed(column)
        if placed is not None:
            images = placed.values(self.order.addresses(at), self.schema.field(column).type)
            if images is not None:
                return images
        taken = [part.column(0) for _, part in self.take(at, [column], rows=len(at))]
        return taken[0] if len(taken) == 1 else pa.concat_arrays(taken)

    def _placed(self, column: str) -> NestedImages | None:
        """Where the column's images lie, if all places are known."""
        if column not in self._known_images:
            found = None
            if self._direct and column in self._image_columns:
                of = self._files, self.record.name, self._names[column]
                found = nested_images(self.pinned.package, *of, self._instead)
            known = found is not None and found.told.issuperset(distinct(self.order.keys >> 32).tolist())
            self._known_images[column] = found if known else None
        return self._known_images[column]

    def _blobs(self, column: str) -> DirectBlobs:
        """Where the column's bytes lie; nothing where only the engine knows."""
        if column not in self._known_blobs:
            listed = listed_blobs(self._files, self.record.name, self._names[column])
            self._known_blobs[column] = DirectBlobs(
                self.pinned.package, self._files, self.record.name, listed
            )
        return self._known_blobs[column]

    @cached_property
    def _names(self) -> dict[str, str]:
        return {column.name: column.stored for column in self.record.columns}

    @cached_property
    def _image_columns(self) -> set[str]:
        return {column.name for column in self.record.columns if column.image}

    @cached_property
    def _stored_bytes(self) -> int:
        return sum(int(entry[2]) for entry in self._files.files[self.record.name])

    @cached_property
    def _unmarked(self) -> set[str]:
        """The columns of which neither we nor the engine say anything in their fields: large ones are marked."""
        return {one.name for one in self.record.columns if not one.image and one.type != "binary"}

    def _stored(self, columns: Sequence[str]) -> list[str]:
        return [self._names[name] for name in columns]

    def _named(self, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        """The batch under true names, and without what the engine says of its columns."""
        stored = self._stored(columns)
        if batch.schema.names == stored == list(columns) and self._unmarked.issuperset(columns):
            return batch
        come = batch.schema.names[: len(stored)] == stored
        arrays = batch.columns[: len(stored)] if come else [batch.column(name) for name in stored]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _true_field(name: str, stored: pa.Field) -> pa.Field:
    """The field under its true name, with what datapkg says of it and nothing of the engine's."""
    ours = {k: v for k, v in (stored.metadata or {}).items() if k.startswith(b"datapkg:")}
    return pa.field(name, stored.type, metadata=ours or None)
