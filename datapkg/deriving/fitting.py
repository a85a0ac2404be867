"""Python's and NumPy's values as those of an Arrow type: exact, or refused. Arrow itself cuts 1.5 down to 1 without a word."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa


def fitting(kind: pa.DataType, value: Any) -> Any:
    """A value as Arrow is to take it; None is a missing one.

    Raises
    ------
    TypeError, OverflowError
        It is not of this type.

    Examples
    --------
    >>> fitting(pa.list_(pa.int32()), np.array([1.0, 2.0]))
    [1, 2]
    >>> fitting(pa.int32(), 1.5)
    Traceback (most recent call last):
    TypeError: 1.5
    """
    if isinstance(value, np.ndarray):
        value = value[()] if value.ndim == 0 else value.tolist()
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if value is None:
        return None
    t = pa.types
    if t.is_list(kind):
        return _list(kind.value_type, value)
    if t.is_struct(kind):
        return _struct(kind, value)
    if t.is_boolean(kind):
        return _instance(bool, value)
    if t.is_string(kind):
        return _instance(str, value)
    if t.is_large_binary(kind):
        return bytes(_instance((bytes, bytearray, memoryview), value))
    if t.is_integer(kind):
        return _whole(value)
    return _real(kind, value) if t.is_floating(kind) else value  # Arrow is exact with times


def _instance(wanted: type | tuple[type, ...], value: Any) -> Any:
    if not isinstance(value, wanted):
        raise TypeError(value)
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != math.floor(value):
        raise TypeError(value)
    return int(value)


def _real(kind: pa.DataType, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    number = float(value)
    if kind.bit_width < 64 and math.isfinite(number) and abs(number) > np.finfo(kind.to_pandas_dtype()).max:
        raise OverflowError(value)
    if isinstance(value, int) and int(number) != value:
        raise OverflowError(value)
    return number


def _list(kind: pa.DataType, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError(value)
    return [fitting(kind, one) for one in value]


def _struct(kind: pa.DataType, value: Any) -> dict[str, Any]:
    names = {field.name for field in kind}
    if not isinstance(value, Mapping) or not names.issuperset(value):
        raise TypeError(value)
    return {field.name: fitting(field.type, value.get(field.name)) for field in kind}
