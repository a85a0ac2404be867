"""Nested values as JSON text, and back: for files that hold no lists.

JSON has no number for what is not finite; Table Schema's words ``NaN``, ``INF`` and ``-INF`` stand for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from .errors import ExportError

NOT_FINITE = {"NaN": math.nan, "INF": math.inf, "-INF": -math.inf}


def json_text(value: Any, where: str) -> str:
    """Write a value as JSON; moments in ISO 8601, decimals in all their digits.

    Raises
    ------
    ExportError
        It holds bytes; `where` names the place.

    Examples
    --------
    >>> json_text({"area": [1.5, float("nan")]}, "here")
    '{"area": [1.5, "NaN"]}'
    """

    def text(strange: Any) -> str:
        if isinstance(strange, bytes):
            fix = "write to_base64(...), or hex(...), around it" if where == "the query" else "leave it out"
            raise ExportError("a value is bytes, which the file cannot hold", where, fix)
        written: Callable[[], str] | None = getattr(strange, "isoformat", None)
        return str(strange) if written is None else written()

    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=text)
    except ValueError:
        return json.dumps(_spelled(value), ensure_ascii=False, default=text)


def from_json(text: str, kind: pa.DataType) -> Any:
    """Read what `json_text` wrote of a value of an Arrow type. Raises ValueError where it is none."""
    return _revived(json.loads(text), kind)


def _spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _spelled(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_spelled(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "INF" if value > 0 else "-INF"
    return value


def _revived(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: _revived(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [_revived(one, kind.value_type) for one in value]
    if pa.types.is_floating(kind):
        return NOT_FINITE[value] if isinstance(value, str) else value
    if isinstance(value, str) and not pa.types.is_string(kind):
        return pa.scalar(value, pa.string()).cast(kind).as_py()
    return value
