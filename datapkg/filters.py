"""Conditions in SQL: written with the columns' true names, and explained where they make no sense."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .errors import SchemaError, nearest

TOKEN = re.compile(r"'(?:[^']|'')*'|`(?P<quoted>[^`]+)`|(?P<bare>[^\W\d]\w*(?:\.[^\W\d]\w*)*)")
NO_FIELD = re.compile(r'No field named "?`?([^".`]+)')
WRONG_TYPE = re.compile(r"Received literal \w+\((.*?)\) and could not convert to literal of type '(\w+)")
NOISE = re.compile(r"Invalid user input: |Schema error: |, ?/[^ ]*/rust/.*|\n.*")
HINT = "write it like: Well = 'C6' and t < 3"


def stored_condition(where: str, stored: Mapping[str, str]) -> str:
    """Put the names that the engine knows in place of true ones; texts in quotes stay as they are.

    Examples
    --------
    >>> stored_condition("Cells.Area > 5 and Well = 'Cells.Area'", {"Cells.Area": "Cells%2EArea", "Well": "Well"})
    "`Cells%2EArea` > 5 and `Well` = 'Cells.Area'"
    """

    def named(found: re.Match[str]) -> str:
        name = found["quoted"] or found["bare"]
        if name is None or name not in stored:
            return found[0]
        return f"`{stored[name]}`"

    return TOKEN.sub(named, where)


def refusal(said: str, table: str, names: list[str]) -> SchemaError:
    """Explain why the engine refused a condition, from what it said."""
    where = f"table {table}"
    if found := NO_FIELD.search(said):
        return SchemaError(
            f"the condition names {found[1]!r}, which is no column", where, nearest(found[1], names)
        )
    if found := WRONG_TYPE.search(said):
        value, kind = found[1].strip('"'), found[2]
        kind = {"Utf8": "text", "LargeUtf8": "text", "Float64": "numbers", "Int64": "whole numbers"}.get(
            kind, kind
        )
        return SchemaError(f"the condition compares a column of {kind} with {value!r}", where, HINT)
    return SchemaError(f"the condition makes no sense: {NOISE.sub('', said)}", where, HINT)
