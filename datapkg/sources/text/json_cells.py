"""Cells that hold JSON, against a JSON Schema: the constraint `jsonSchema` of a field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from .cells import Mask


def unlike_schema(column: pa.StringArray, schema: Mapping[str, Any]) -> Mask:
    """Which cells have a value that is no JSON, or none that the schema allows; each text is looked at once.

    Examples
    --------
    >>> cells = pa.array(['{"x": 1}', '{"x": "1"}', "x", None])
    >>> unlike_schema(cells, {"properties": {"x": {"type": "integer"}}}).tolist()
    [False, True, True, False]
    """
    from jsonschema import validators
    from referencing import Registry

    nothing_else: Registry[Any] = Registry()  # what is not in the schema is not fetched
    validator = validators.validator_for(schema)(schema, registry=nothing_else)
    coded = column.dictionary_encode()
    wrong = np.array([not _fits(text, validator) for text in coded.dictionary.to_pylist()], bool)
    found = np.zeros(len(column), bool)
    there = np.asarray(column.is_valid())
    found[there] = wrong[np.asarray(coded.indices.drop_null())]
    return found


def _fits(text: str, validator: Any) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return bool(validator.is_valid(value))
