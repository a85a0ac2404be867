"""Digests of sources that give one row each, many at once: what rows have in common is digested once.

A hundred thousand little images are as many sources. Most of their columns say the same in all rows (type, size, axes ...),
so a value's digest is made once. The digests are those of `SourceHasher`, which makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise, repeat
from struct import pack

import numpy as np
import pyarrow as pa
from blake3 import blake3

from .column_sums import MOST_KEPT, ColumnSums
from .digest import NOTHING, DigestColumn, Level, SourceHasher

ONE = pack("<Q", 1)
LONGEST = 512
"""Texts that are longer on average hardly ever come twice."""


class RowHasher:
    """Digests the rows of a batch, each as a source of its own."""

    def __init__(self, columns: Sequence[DigestColumn], schema: pa.Schema) -> None:
        self._hasher = SourceHasher(columns, schema)
        self._kept: list[dict[bytes, bytes]] = [{} for _ in columns]

    def digests(self, batch: pa.RecordBatch, sums: ColumnSums) -> list[str]:
        """The hex digest of each row, in order, when the rows have been taken into the sums; rows are under true names."""
        levels: list[list[bytes]] = []
        for i, (own, seen) in enumerate(self._hasher.seen(batch)):
            gone = own.null_count
            found = [b""] * len(own) if gone == len(own) else list(self._levels(i, seen))
            if 0 < gone < len(own):
                missing = own.is_null().to_pylist()
                found = [b"" if no else level for no, level in zip(missing, found, strict=True)]
            levels.append(found)
            sums.add_rows(i, found, gone)
        return self._hasher.of_rows(batch.num_rows, levels)

    def _levels(self, column: int, array: pa.Array) -> Iterable[bytes]:
        """The digest of each row's level of a column."""
        values = _texts(array)
        if values is None:
            return self._kept_levels(column, array)
        if values and isinstance(values[0], memoryview):
            return map(_text_level, values)
        different = set(values)
        if len(different) == len(values):
            return map(_text_level, values)
        known = {value: _text_level(value) for value in different}
        return [known[value] for value in values]

    def _kept_levels(self, column: int, array: pa.Array) -> Iterator[bytes]:
        kept = self._kept[column]
        for row, key in enumerate(_keys(array)):
            found = kept.get(key) if key is not None else None
            if found is None:
                level = Level(array.type)
                level.update(array.slice(row, 1))
                found = level.digest()
                if key is not None:
                    if len(kept) == MOST_KEPT:
                        kept.clear()
                    kept[key] = found
            yield found


def _text_level(value: bytes | memoryview) -> bytes:
    """The digest of a level of one text: what `Level` gives."""
    return blake3(_text_head(len(value)) + blake3(value).digest()).digest()


@lru_cache(maxsize=4096)
def _text_head(length: int) -> bytes:
    return ONE + NOTHING + blake3(pack("<Q", length)).digest()


def _texts(array: pa.Array) -> list[bytes | memoryview] | None:
    """The bytes of each text or binary, in place where they are long; None where there are nulls, or values of another kind."""
    kind, t = array.type, pa.types
    wide = t.is_large_string(kind) or t.is_large_binary(kind)
    if array.null_count or not (wide or t.is_string(kind) or t.is_binary(kind)):
        return None
    _, ends, values = array.buffers()
    offsets = np.frombuffer(ends, "<i8" if wide else "<i4")[array.offset :][: len(array) + 1]
    first, *rest = (offsets - offsets[0]).tolist()
    if values is None:
        return [b""] * len(array)
    held = memoryview(values)[int(offsets[0]) : int(offsets[-1])]
    places = pairwise((first, *rest))
    if len(held) > LONGEST * len(array):  # whole files, which nobody copies or compares
        return [held[start:end] for start, end in places]
    content = bytes(held)
    return [content[start:end] for start, end in places]


def _keys(array: pa.Array) -> Iterator[bytes | None]:
    """The bytes of each row's value; None where a value has none of its own."""
    kind, t = array.type, pa.types
    if (t.is_integer(kind) or t.is_floating(kind)) and not array.null_count:
        width = kind.bit_width // 8
        data = bytes(memoryview(array.buffers()[1])[array.offset * width :][: len(array) * width])
        yield from (data[at : at + width] for at in range(0, len(data), width))
    elif t.is_list(kind) and t.is_int32(kind.value_type):
        yield from (repr(value).encode() for value in array.to_pylist())
    elif array.null_count == len(array):
        yield from repeat(b"all of them are missing", len(array))
    else:
        yield from repeat(None, len(array))
