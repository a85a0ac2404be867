"""Which cells differ in a column whose type changed: by value, where both types have values in common.

A column becomes text when one late cell is text: its old number 5 is then the text ``5``, and has not changed. A text
is the number that it would have been read as, no other: ``05`` is not 5.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..sources.text.cells import FALSE, INFINITE, LARGEST_EXACT, NUMBER, TRUE, WHOLE
from .cells import Mask, different, is_missing, plain


def different_by_value(old: pa.Array, new: pa.Array) -> Mask:
    """Say for each row whether its two cells differ.

    Examples
    --------
    >>> different_by_value(pa.array([5, 6, None]), pa.array(["5", "06", None])).tolist()
    [False, True, False]
    >>> different_by_value(pa.array([5, 6]), pa.array([5.0, 6.5])).tolist()
    [False, True]
    """
    missing = is_missing(old), is_missing(new)
    changed: Mask = missing[0] != missing[1]
    both = ~missing[0] & ~missing[1]
    if both.any():
        changed[both] = _values_differ(_encoded(old, both), _encoded(new, both))
    return changed


def _encoded(array: pa.Array, rows: Mask) -> pa.Array:
    array = array.filter(pa.array(rows))
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _values_differ(old: pa.Array, new: pa.Array) -> Mask:
    t = pa.types
    kinds = old.type, new.type
    if any(map(t.is_nested, kinds)):
        return ~np.array([_same(*pair) for pair in zip(old.to_pylist(), new.to_pylist(), strict=True)], bool)
    if _is_text(old.type):
        return _text_differs(old, new)
    if _is_text(new.type):
        return _text_differs(new, old)
    if all(map(t.is_integer, kinds)):
        whole = pa.decimal128(20)
        return different(old.cast(whole), new.cast(whole))
    if all(map(t.is_floating, kinds)):
        return different(old.cast(pa.float64()), new.cast(pa.float64()))
    if t.is_integer(old.type) and t.is_floating(new.type):
        return _whole_differs(old, new)
    if t.is_floating(old.type) and t.is_integer(new.type):
        return _whole_differs(new, old)
    if any(map(t.is_binary, kinds)) or any(map(t.is_large_binary, kinds)):
        return np.ones(len(old), bool)
    return different(old.cast(pa.large_string()), new.cast(pa.large_string()))


def _is_text(kind: pa.DataType) -> bool:
    t = pa.types
    return bool(t.is_string(kind) or t.is_large_string(kind) or t.is_string_view(kind))


def _whole_differs(whole: pa.Array, double: pa.Array) -> Mask:
    double = double.cast(pa.float64())
    changed = different(whole.cast(pa.float64(), safe=False), double)
    numbers = whole.to_numpy(zero_copy_only=False)
    for row in np.flatnonzero((numbers > LARGEST_EXACT) | (numbers < -LARGEST_EXACT)):
        changed[row] = whole[row].as_py() != double[row].as_py()  # Python compares them exactly
    return changed


def _text_differs(text: pa.Array, other: pa.Array) -> Mask:
    """Whether each text is other than what it would have to be to be read as the value in `other`."""
    t = pa.types
    text = plain(text)
    kind = other.type
    if t.is_integer(kind):
        return _read_differs(text, other, pc.match_substring_regex(text, WHOLE))
    if t.is_floating(kind):
        number = pc.match_substring_regex(text, NUMBER)
        infinite = pc.is_in(text, pa.array(INFINITE, text.type))
        return _read_differs(text, other.cast(pa.float64()), pc.or_(number, infinite))
    if t.is_boolean(kind):
        read = pc.case_when(
            pc.make_struct(*[pc.is_in(text, pa.array(words, text.type)) for words in (TRUE, FALSE)]),
            True,
            False,
        )
        return different(read, other)
    if t.is_binary(kind) or t.is_large_binary(kind):
        return np.ones(len(text), bool)
    return different(text, other.cast(pa.large_string()))


def _read_differs(text: pa.Array, other: pa.Array, readable: pa.Array) -> Mask:
    changed: Mask = np.ones(len(text), bool)
    rows = readable.to_numpy(zero_copy_only=False)
    if rows.any():
        chosen = text.filter(readable)
        try:
            read = chosen.cast(other.type)
        except pa.ArrowInvalid:  # a whole number beyond this type
            read = pa.array([_number(one, other.type) for one in chosen.to_pylist()], other.type)
        changed[rows] = different(read, other.filter(readable))
    return changed


def _number(text: str, kind: pa.DataType) -> Any:
    try:
        return pa.scalar(text).cast(kind).as_py()
    except pa.ArrowInvalid:
        return None


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, Sequence) and isinstance(new, Sequence) and not isinstance(old, str | bytes):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, float) and isinstance(new, float):
        return struct.pack("<d", old) == struct.pack("<d", new)
    return bool(old == new)
