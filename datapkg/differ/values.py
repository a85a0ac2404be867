"""Cells as plain values, for JSON and for a terminal. Nothing that differs is made equal: NaN is not missing."""

from __future__ import annotations

import hashlib
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

SHOWN = 40
BEFORE = 10


def cell_values(array: pa.Array) -> list[Any]:
    """The cells as Python values; a binary one as its length and hash.

    Examples
    --------
    >>> cell_values(pa.array([b"abc"]))[0][:31]
    '3 bytes, sha256:ba7816bf8f01cfe'
    """
    return [_hashed(value) for value in array.to_pylist()]


def as_json(value: Any) -> Any:
    """A cell as JSON has it: dates as text, and numbers that JSON does not have as ``"NaN"`` and ``"Infinity"``.

    Examples
    --------
    >>> as_json({"at": date(2026, 11, 1), "area": float("nan")})
    {'at': '2026-11-01', 'area': 'NaN'}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta | Decimal):
        return str(value)
    return value


def shown(value: Any) -> str:
    """A cell on a terminal: short, on one line.

    Examples
    --------
    >>> shown(None), shown(0.1), shown("two\\nlines")
    ('(missing)', '0.1', 'two\\\\nlines')
    """
    if value is None:
        return "(missing)"
    text = value if isinstance(value, str) else str(as_json(value))
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[: SHOWN + 1])
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def shown_change(old: Any, new: Any) -> str:
    """Two cells on a terminal; long texts from shortly before they part.

    Examples
    --------
    >>> shown_change(1, None)
    '1 -> (missing)'
    >>> shown_change("x" * 50 + "tail", "x" * 50 + "end")
    '...xxxxxxxxxxtail -> ...xxxxxxxxxxend'
    """
    if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > SHOWN:
        pairs = enumerate(zip(old, new, strict=False))
        alike = next((i for i, (one, other) in pairs if one != other), min(len(old), len(new)))
        if alike > 2 * BEFORE:
            old, new = (f"...{text[alike - BEFORE :]}" for text in (old, new))
    return f"{shown(old)} -> {shown(new)}"


def _hashed(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"{len(value):,} bytes, sha256:{hashlib.sha256(value).hexdigest()}"
    if isinstance(value, dict):
        return {key: _hashed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_hashed(one) for one in value]
    return value
