"""Digests of sources that give one row each, many at once: what rows have in common is digested once.

A hundred thousand little images are as many sources. Most of their columns say the same in all rows (type, size, axes ...),
so a value's digest is kept under the value's own bytes. The digests are those of `SourceHasher`, which makes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from .digest import MOST_KEPT, DigestColumn, Level, SourceDigest, SourceHasher

LONGEST_KEPT = 512


class RowHasher:
    """Digests the rows of a batch, each as a source of its own."""

    def __init__(self, columns: Sequence[DigestColumn], schema: pa.Schema) -> None:
        self._hasher = SourceHasher(columns, schema)
        self._kept: list[dict[bytes, bytes]] = [{} for _ in columns]

    def digests(self, batch: pa.RecordBatch) -> list[SourceDigest]:
        """The digest of each row, in order; rows are under true names."""
        levels: list[Iterator[bytes]] = []
        nulls: list[Sequence[int]] = []
        for i, (own, seen) in enumerate(self._hasher.seen(batch)):
            nulls.append(_nulls(own))
            levels.append(self._levels(i, seen))
        rows = zip(zip(*nulls, strict=True), zip(*levels, strict=True), strict=True)
        return [self._hasher.of_levels(1, gone, level) for gone, level in rows]

    def _levels(self, column: int, array: pa.Array) -> Iterator[bytes]:
        """The digest of each row's level of a column."""
        kept = self._kept[column]
        for row, key in enumerate(_keys(array)):
            found = kept.get(key) if key is not None else None
            if found is None:
                level = Level(array.type)
                level.update(array.slice(row, 1))
                found = level.digest()
                if key is not None and len(key) <= LONGEST_KEPT:
                    if len(kept) == MOST_KEPT:
                        kept.clear()
                    kept[key] = found
            yield found


def _nulls(array: pa.Array) -> Sequence[int]:
    if not array.null_count:
        return [0] * len(array)
    gone: list[int] = array.is_null().to_numpy(zero_copy_only=False).astype(int).tolist()
    return gone


def _keys(array: pa.Array) -> Iterator[bytes | None]:
    """The bytes of each row's value; None where a value has none of its own."""
    kind, t = array.type, pa.types
    wide = t.is_large_string(kind) or t.is_large_binary(kind)
    plain = (t.is_integer(kind) or t.is_floating(kind)) and not array.null_count
    if plain:
        width = kind.bit_width // 8
        data = bytes(memoryview(array.buffers()[1])[array.offset * width :][: len(array) * width])
        yield from (data[at : at + width] for at in range(0, len(data), width))
    elif (wide or t.is_string(kind) or t.is_binary(kind)) and not array.null_count:
        _, ends, values = array.buffers()
        offsets = np.frombuffer(ends, "<i8" if wide else "<i4")[array.offset :][: len(array) + 1].tolist()
        held = memoryview(b"" if values is None else values)
        for start, end in pairwise(offsets):
            yield bytes(held[start:end]) if end - start <= LONGEST_KEPT else None
    elif t.is_list(kind) and t.is_int32(kind.value_type):
        yield from (repr(value).encode() for value in array.to_pylist())
    elif array.null_count == len(array):
        yield from [b"all of them are missing"] * len(array)
    else:
        yield from [None] * len(array)
