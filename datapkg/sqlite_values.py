"""SQLite's values for those of Arrow columns, and back.

SQLite knows whole numbers of 64 bits, doubles, text and bytes. What it does not know is text that says the same:
moments in ISO 8601, lists and structs as JSON, whole numbers beyond 63 bits and decimals in all their digits (such a
column is declared TEXT, or SQLite would round them). It has no NaN: where one is, it keeps a missing value. Of a zero it
keeps no sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .json_text import from_json, json_text

TYPES_TABLE = "_datapkg_columns"
"""The table of an exported database that says what its columns are in the package."""


def declared(kind: pa.DataType) -> str:
    """How a column of this type is declared in SQLite.

    Examples
    --------
    >>> [declared(kind) for kind in (pa.int32(), pa.uint64(), pa.float32(), pa.date32(), pa.list_(pa.int8()))]
    ['INTEGER', 'TEXT', 'REAL', 'DATE', 'JSON']
    """
    t = pa.types
    if t.is_null(kind):
        return ""
    if kind == pa.uint64() or t.is_decimal(kind) or t.is_duration(kind):
        return "TEXT"
    for name, fits in (
        ("BOOLEAN", t.is_boolean),
        ("INTEGER", t.is_integer),
        ("REAL", t.is_floating),
        ("DATE", t.is_date),
        ("TIME", t.is_time),
        ("TIMESTAMP", t.is_timestamp),
        ("JSON", t.is_nested),
    ):
        if fits(kind):
            return name
    return "BLOB" if _is_binary(kind) else "TEXT"


def to_sqlite(column: pa.Array, where: str) -> tuple[list[Any], int]:
    """A column's values as SQLite takes them, and how many NaN are missing values there.

    Raises
    ------
    ExportError
        A list or struct holds bytes.

    Examples
    --------
    >>> to_sqlite(pa.array([1.5, float("nan"), None]), "here")
    ([1.5, None, None], 1)
    >>> to_sqlite(pa.array([2**64 - 1], pa.uint64()), "here")
    (['18446744073709551615'], 0)
    """
    kind, t = column.type, pa.types
    if t.is_dictionary(kind):
        return to_sqlite(column.dictionary_decode(), where)
    if t.is_nested(kind):
        return [None if one is None else json_text(one, where) for one in column.to_pylist()], 0
    if t.is_floating(kind):
        wrong = pc.is_nan(column.cast(pa.float64()))
        count = pc.sum(wrong).as_py() or 0
        return (pc.if_else(wrong, None, column.cast(pa.float64())) if count else column).to_pylist(), count
    if declared(kind) in ("TEXT", "DATE", "TIME", "TIMESTAMP"):
        return column.cast(pa.string()).to_pylist(), 0
    return column.to_pylist(), 0


def negative_zeros(column: pa.Array) -> int:
    """How many values lose their sign: SQLite keeps -0.0 as 0.0.

    Examples
    --------
    >>> negative_zeros(pa.array([-0.0, 0.0, -1.0, None]))
    1
    """
    if not pa.types.is_floating(column.type):
        return 0
    values = column.cast(pa.float64()).drop_null().to_numpy()
    return int(np.count_nonzero(np.signbit(values) & (values == 0)))


def from_sqlite(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values of SQLite as a column of a type. Raises ValueError or TypeError where one is none.

    Examples
    --------
    >>> from_sqlite(["2026-11-01", None], pa.date32()).to_pylist()
    [datetime.date(2026, 11, 1), None]
    """
    t = pa.types
    if t.is_null(kind):
        return pa.nulls(len(values))
    if t.is_nested(kind):
        return pa.array([None if one is None else from_json(one, kind) for one in values], kind)
    if t.is_boolean(kind):
        return pa.array(values, pa.int8()).cast(pa.bool_())
    if t.is_string(kind):
        return pa.array([one if one is None or isinstance(one, str) else repr(one) for one in values], kind)
    if t.is_time(kind):  # Arrow reads no time of day alone
        moments = pc.binary_join_element_wise("1970-01-01", pa.array(values, pa.string()), " ")
        return moments.cast(pa.timestamp(kind.unit)).cast(kind)
    if t.is_temporal(kind) or declared(kind) == "TEXT":
        return pa.array(values, pa.string()).cast(kind)
    return pa.array(values, kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
