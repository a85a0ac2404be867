"""Values of a coming table's rows, wherever they lie: in the version before, among what was just staged, or in both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..direct import DirectPixels, narrowed
from ..pixels import as_lists
from ..places import Place
from ..records import FilesList, Pin
from ..rows import RowOrder
from ..store import PinnedTable

Positions = NDArray[np.int64]
Look = tuple[str, tuple[int, ...]]
"""An image's dtype and shape."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A state of a table that can be read, in the package or among what is staged; it travels to workers.

    `files` says where its pixels lie, as far as that is known.
    """

    uri: str
    table: str
    pin: Pin
    place: Place = field(compare=False, repr=False)
    files: FilesList | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, place: Place, table: str, pin: Pin, files: FilesList | None = None) -> Stored:
        """A state by its pin."""
        return cls(place.uri, table, pin, place, files)

    def part(self, columns: Sequence[tuple[str, str]], addresses: Positions) -> Stored:
        """The state, with what is needed of `files` for some columns (true and stored names) and rows."""
        if self.files is None:
            return self
        stored = [name for _, name in columns]
        return replace(
            self, files=narrowed(self.files, self.table, stored, np.unique(addresses >> 32).tolist())
        )


@dataclass(frozen=True, slots=True)
class Part:
    """Rows to be read from one state: their addresses there, and which of the rows asked for they are, ascending."""

    stored: Stored
    addresses: Positions
    at: Positions


@dataclass(frozen=True, slots=True)
class Asked:
    """Columns (true and stored names) of some rows; a row that no part has is missing in all of them."""

    columns: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """Where some columns of a coming table stand: for each row a state and an address in it.

    `order` maps positions to addresses whose fragment is a number of `codes`: a pair of a state and a fragment there.
    """

    order: RowOrder
    stores: tuple[Stored, ...]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, runs: Iterable[tuple[int, int, int, int]], stores: Sequence[Stored]) -> Located:
        """Make it of runs in the order of rows: state, fragment, first row, rows."""
        codes: dict[tuple[int, int], int] = {}
        flat: list[int] = []
        for store, fragment, first, rows in runs:
            flat += [codes.setdefault((store, fragment), len(codes)), first, rows]
        pairs = np.array(list(codes), np.int64).reshape(-1, 2)
        return cls(RowOrder.of(flat), tuple(stores), pairs)

    def asked(self, columns: Sequence[tuple[str, str]], positions: Positions) -> Asked:
        """What to read for the rows at some positions."""
        if not len(positions):
            return Asked(tuple(columns), ())
        addresses = self.order.addresses(positions)
        stores, fragments = self.codes[addresses >> 32].T
        there = fragments << 32 | (addresses & 0xFFFFFFFF)
        parts = []
        for number in np.unique(stores):
            at = np.flatnonzero(stores == number)
            parts.append(Part(self.stores[number].part(columns, there[at]), there[at], at))
        return Asked(tuple(columns), tuple(parts))


def gather(asked: Asked, schema: pa.Schema, start: int, stop: int) -> pa.RecordBatch:
    """The rows from `start` to `stop` of what was asked for, under true names; `schema` has their types."""
    index = np.full(stop - start, -1, np.int64)
    found: list[pa.Table] = []
    count = 0
    for part in asked.parts:
        first, last = np.searchsorted(part.at, [start, stop])
        if first == last:
            continue
        found.append(_read(part.stored, asked.columns, schema, part.addresses[first:last]))
        index[part.at[first:last] - start] = np.arange(count, count + last - first)
        count += last - first
    if not found:
        return pa.RecordBatch.from_arrays([pa.nulls(stop - start, one.type) for one in schema], schema=schema)
    whole = pa.concat_tables(found).combine_chunks()
    if not np.array_equal(index, np.arange(count)):
        whole = whole.take(pa.array(index, mask=index < 0)).combine_chunks()
    return pa.RecordBatch.from_arrays([_one(column) for column in whole.columns], schema=schema)


def _read(
    stored: Stored, columns: Sequence[tuple[str, str]], schema: pa.Schema, addresses: Positions
) -> pa.Table:
    """Rows of a state under stored names: pixels straight from where they lie, the rest as the engine gives it."""
    order = None if (np.diff(addresses) > 0).all() else np.argsort(addresses)
    direct = {}
    for (_, name), column in zip(columns, schema, strict=True):
        if stored.files is not None and pa.types.is_fixed_size_list(column.type):
            pixels = DirectPixels(stored.place, stored.files, stored.table, name)
            images = pixels.read(addresses if order is None else addresses[order])
            if images is not None:
                direct[name] = as_lists(images if order is None else images[np.argsort(order)], column.type)
    names = [name for _, name in columns]
    rest = [name for name in names if name not in direct]
    taken = opened(stored).take(addresses, rest) if rest else None
    return pa.table(
        [direct[name] if taken is None or name in direct else taken.column(name) for name in names], names
    )


@lru_cache(maxsize=32)
def opened(stored: Stored) -> PinnedTable:
    """Open a state; a worker keeps it for its next task."""
    return PinnedTable(stored.place, stored.table, stored.pin)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks)
        if column.num_chunks
        else pa.array([], column.type)
    )
