"""Conditions in SQL: written with the columns' true names, and explained where they make no sense."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .errors import SchemaError, nearest

TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*') | (?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    | `(?P<ticked>[^`]+)` | "(?P<quoted>[^"]+)" | (?P<bare>[^\W\d]\w*(?:\.[^\W\d]\w*)*) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
KEYWORDS = frozenset(
    [
        "and",
        "as",
        "between",
        "by",
        "case",
        "cast",
        "date",
        "double",
        "else",
        "end",
        "escape",
        "exists",
        "false",
        "float",
        "from",
        "group",
        "having",
        "ilike",
        "in",
        "int",
        "interval",
        "is",
        "like",
        "limit",
        "not",
        "null",
        "offset",
        "or",
        "order",
        "regexp",
        "select",
        "similar",
        "string",
        "then",
        "timestamp",
        "to",
        "true",
        "union",
        "when",
        "where",
    ]
)
NO_FIELD = re.compile(r'No field named "?`?([^".`]+)')
WRONG_TYPE = re.compile(r"Received literal (\w+)\((.*?)\) and could not convert to literal of type '(\w+)")
PARSER = re.compile(r".*\(sql parser error: (.*)\)$", re.DOTALL)
NOISE = re.compile(
    r"Error parsing (?:function|statement): |Error during planning: |Invalid user input: |Schema error: |LanceError\(\w+\): |,? ?/(?:home|rustc|root)/.*|\n.*"
)
KINDS = {
    "Utf8": "text",
    "LargeUtf8": "text",
    "Float32": "numbers",
    "Float64": "numbers",
    "Boolean": "true or false",
    "FixedSizeList": "lists",
    "LargeList": "lists",
    "List": "lists",
    "Struct": "lists",
}
NUMBER = re.compile(r"-?\d+\.?\d*")
LOOSE = (";", "&", "|")
HINT = "write it like: Well = 'C6' and t < 3 (text in single quotes, numbers without; join by and, or)"


class ConditionError(Exception):
    """The engine refused a condition, in its own words."""


def stored_condition(where: str, stored: Mapping[str, str], table: str) -> str:
    """Put the names that the engine knows in place of true ones; texts in quotes stay as they are.

    A name may stand bare, in backticks, or in double quotes; one that is a word of SQL needs backticks.

    Raises
    ------
    SchemaError
        A name is no column, or brackets do not match.

    Examples
    --------
    >>> stored_condition("Cells.Area > 1E5 and Well = 'Cells.Area'", {"Cells.Area": "Cells%2EArea", "Well": "Well"}, "t")
    "(`Cells%2EArea` > 100000 and `Well` = 'Cells.Area')"
    """
    if not where.strip():
        raise SchemaError("the condition makes no sense: it is empty", f"table {table}", "leave where out")
    depth = 0
    parts = []
    for token in TOKEN.finditer(where):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth < 0 or token[0] in LOOSE or (token[0] == "," and not depth):
            raise SchemaError(
                f"the condition makes no sense at {where[token.start() :]!r}", f"table {table}", HINT
            )
        parts.append(_translated(token, where, stored, table))
    return f"({''.join(parts)})"


def refusal(said: str, table: str, names: list[str]) -> SchemaError:
    """Explain why the engine refused a condition, from what it said."""
    where = f"table {table}"
    if found := NO_FIELD.search(said):
        return _no_column(found[1], table, names)
    if found := WRONG_TYPE.search(said):
        given, value, kind = found[1], found[2].strip('"'), found[3]
        kind = KINDS.get(kind, "whole numbers" if "Int" in kind else kind)
        what = f"the condition compares a column of {kind} with {value!r}"
        return SchemaError(what, where, _other_way(given, value, kind))
    told = PARSER.sub(r"\1", NOISE.sub("", said))
    return SchemaError(f"the condition makes no sense: {told}", where, HINT)


def _other_way(given: str, value: str, kind: str) -> str:
    """How to write a value that a column of some kind can be compared with."""
    text = KINDS.get(given) == "text"
    if kind == "text" and not text:
        return f"put it into single quotes: '{value}'"
    if kind == "whole numbers" and given.startswith("Float"):
        return f"compare with a whole number, or write cast(column as double) in the place of the column, as in cast(t as double) < {value}"
    if "numbers" in kind and text and NUMBER.fullmatch(value):
        return f"write it without quotes: {value}"
    return HINT


def _translated(token: re.Match[str], where: str, stored: Mapping[str, str], table: str) -> str:
    name = token["ticked"] or token["quoted"]
    if name is not None:
        if name not in stored:
            raise _no_column(name, table, list(stored))
        return f"`{stored[name]}`"
    if token["number"] and float(token[0]).is_integer() and not token[0].isdecimal():
        return str(int(float(token[0])))  # the engine compares whole numbers with whole numbers only
    name = token["bare"]
    if name is None or name.lower() in KEYWORDS or where[token.end() :].lstrip().startswith("("):
        return token[0]
    if name in stored:
        return f"`{stored[name]}`"
    column, dot, inner = name.partition(".")
    if dot and column in stored:
        return f"`{stored[column]}`.{inner}"
    alike = [one for one in stored if one.casefold() == name.casefold()]
    if len(alike) == 1:
        return f"`{stored[alike[0]]}`"
    raise _no_column(name, table, list(stored))


def _no_column(name: str, table: str, names: list[str]) -> SchemaError:
    fix = nearest(name, names)
    if fix.startswith("choose"):
        fix = f"if it is text, put it into single quotes: '{name}'; {fix}"
    return SchemaError(f"the condition names {name!r}, which is no column", f"table {table}", fix)
