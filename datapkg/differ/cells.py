"""Which cells of two equally long columns differ: exactly, by bits.

NaN equals a NaN of the same bits, -0.0 differs from 0.0, and a missing value differs from NaN. Lists and structs
are compared by what is in them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

BITS = {pa.float16(): pa.uint16(), pa.float32(): pa.uint32(), pa.float64(): pa.uint64()}


def different(old: pa.Array, new: pa.Array) -> Mask:
    """Say for each row whether its two cells differ; both columns have one logical type.

    Examples
    --------
    >>> different(pa.array([1.0, 0.0, None, float("nan")]), pa.array([1.0, -0.0, None, float("nan")])).tolist()
    [False, True, False, False]
    >>> different(pa.array([[1], [2, 3]]), pa.array([[1], [2, 4]])).tolist()
    [False, True]
    """
    old, new = plain(old), plain(new)
    if old.type == new.type and not pa.types.is_nested(old.type):
        return _unequal(old, new)
    missing = is_missing(old), is_missing(new)
    changed: Mask = missing[0] != missing[1]
    both = ~missing[0] & ~missing[1]
    if both.any():
        changed[both] = _inside(old.filter(pa.array(both)), new.filter(pa.array(both)))
    return changed


def plain(array: pa.Array) -> pa.Array:
    """The array in the one encoding that its values are compared in: floats as their bits, text as large text."""
    kind = array.type
    t = pa.types
    if t.is_dictionary(kind):
        return plain(array.dictionary_decode())
    if kind in BITS:
        return array.view(BITS[kind])
    if t.is_string(kind) or t.is_string_view(kind):
        return array.cast(pa.large_string())
    if t.is_binary(kind) or t.is_binary_view(kind) or t.is_fixed_size_binary(kind):
        return array.cast(pa.large_binary())
    return array


def is_missing(array: pa.Array) -> Mask:
    """Which cells have no value."""
    missing: Mask = array.is_null().to_numpy(zero_copy_only=False)
    return missing


def _unequal(old: pa.Array, new: pa.Array) -> Mask:
    if old.equals(new):
        return np.zeros(len(old), bool)
    unequal: Mask = pc.fill_null(pc.not_equal(old, new), False).to_numpy(zero_copy_only=False)
    if old.null_count or new.null_count:
        unequal = unequal | (is_missing(old) != is_missing(new))
    return unequal


def _inside(old: pa.Array, new: pa.Array) -> Mask:
    """Compare cells that are all there."""
    if pa.types.is_struct(old.type):
        pairs = zip(old.flatten(), new.flatten(), strict=True)
        fields = [different(*pair) for pair in pairs]
        merged: Mask = np.logical_or.reduce(fields) if fields else np.zeros(len(old), bool)
        return merged
    if not pa.types.is_nested(old.type):
        raise TypeError(f"{old.type} and {new.type} are no two encodings of one type")
    lengths = _lengths(old)
    changed: Mask = lengths != _lengths(new)
    alike = ~changed
    items = different(old.filter(pa.array(alike)).flatten(), new.filter(pa.array(alike)).flatten())
    ends = np.cumsum(lengths[alike])
    count = np.concatenate([np.zeros(1, np.int64), np.cumsum(items)])
    changed[alike] = count[ends] > count[ends - lengths[alike]]
    return changed


def _lengths(lists: pa.Array) -> NDArray[np.int64]:
    if pa.types.is_fixed_size_list(lists.type):
        return np.full(len(lists), lists.type.list_size, np.int64)
    lengths: NDArray[np.int64] = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths
