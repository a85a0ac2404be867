"""The digests of values that were derived, source by source, and what they take; no pixel is read for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..column_sums import ColumnSums
from ..companions import companions
from ..digest import DigestColumn, SourceDigest, SourceHasher
from ..encoding import unpacked
from ..sources.base import Column
from ..store import stored_name
from .gathering import Located, gather

ROWS = 1 << 16
LARGE_ROWS = 64
"""Rows that are read at once; fewer where values may be files."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """One source's values: their digest, and the bytes that images take unpacked, and binaries, by column."""

    digest: SourceDigest
    held: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of columns over sources, and the bytes that they hold."""

    sums: ColumnSums
    held: dict[str, int]

    @classmethod
    def of_nothing(cls, columns: Sequence[Column]) -> Totals:
        """Before the first source."""
        return cls(ColumnSums(digests(columns)), dict.fromkeys(held_names(columns), 0))

    def add(self, source: Hashed) -> None:
        """Take in a source."""
        self.sums.add(source.digest)
        for name, size in source.held.items():
            self.held[name] += size

    def remove(self, source: Hashed) -> None:
        """Take out a source."""
        self.sums.remove(source.digest)
        for name, size in source.held.items():
            self.held[name] -= size


def digests(columns: Sequence[Column]) -> list[DigestColumn]:
    """Columns as the digest sees them, where images are read by their digests alone."""
    return [DigestColumn(c.name, c.logical, companions(c.name).digest if c.image else None) for c in columns]


def held_names(columns: Sequence[Column]) -> list[str]:
    """Under which names a record says what columns hold."""
    return [unpacked(c.name) if c.image else c.name for c in columns if pa.types.is_large_binary(c.type)]


def hashed(
    located: Located, columns: Sequence[Column], schema: pa.Schema, counts: Sequence[int], start: int = 0
) -> Iterator[Hashed]:
    """The digests of sources that have so many rows each, one after the other from position `start`."""
    seen = {c.name: companions(c.name).digest if c.image else c.name for c in columns}
    looks = {c.name: companions(c.name).looks for c in columns if c.image}
    large = [c.name for c in columns if not c.image and pa.types.is_large_binary(c.type)]
    names = list(dict.fromkeys([*seen.values(), *(name for pair in looks.values() for name in pair)]))
    reading = pa.schema([(name, schema.field(other).type) for name, other in seen.items()])
    hasher = SourceHasher(digests(columns), reading)
    batches = _Batches(located, names, schema, start, sum(counts), LARGE_ROWS if large else ROWS)
    for count in counts:
        hasher.again()
        held = dict.fromkeys(held_names(columns), 0)
        for part in batches.next(count):
            arrays = [part.column(name) for name in seen.values()]
            hasher.update(pa.RecordBatch.from_arrays(arrays, schema=reading))
            for name, pair in looks.items():
                held[unpacked(name)] += _pixel_bytes(*(part.column(one).to_pylist() for one in pair))
            for name in large:
                held[name] += pc.sum(pc.binary_length(part.column(name))).as_py() or 0
        yield Hashed(hasher.result(), held)


class _Batches:
    """Rows from `start` on, read some at a time and handed out in the pieces that are asked for."""

    def __init__(
        self, located: Located, names: Sequence[str], schema: pa.Schema, start: int, rows: int, step: int
    ) -> None:
        self._schema = pa.schema([schema.field(name) for name in names])
        asked = [(name, stored_name(name)) for name in names]
        self._asked, self._rows, self._step = located.asked(asked, np.arange(start, start + rows)), rows, step
        self._at = 0
        self._rest: pa.RecordBatch | None = None

    def next(self, count: int) -> Iterator[pa.RecordBatch]:
        """The next `count` rows."""
        while count:
            if self._rest is None or not self._rest.num_rows:
                stop = min(self._at + self._step, self._rows)
                self._rest, self._at = gather(self._asked, self._schema, self._at, stop), stop
            part = self._rest.slice(0, count)
            self._rest = self._rest.slice(part.num_rows)
            count -= part.num_rows
            yield part


def _pixel_bytes(dtypes: Sequence[str | None], shapes: Sequence[Sequence[int] | None]) -> int:
    pairs = zip(dtypes, shapes, strict=True)
    return sum(np.dtype(dtype).itemsize * math.prod(shape or ()) for dtype, shape in pairs if dtype)
