"""What a column of a SQLite table holds, counted by SQLite itself, and the type that follows.

In SQLite each value has a type of its own; what a column is declared as is a wish. So types are decided over all
values: what is declared counts where every value fits it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ...arrow_types import recorded_type
from ...errors import SchemaError, SourceError
from ...manifest.types import TypeTextError
from ...sqlite_values import TYPES_TABLE, declared, from_sqlite
from ..base import Column
from .database import Rows, SqlColumn, quoted

AT_ONCE = 100
"""SQLite has a limit of 2,000 results."""
LARGEST_EXACT = 2**53
CLASSES = ("integer", "real", "text", "blob")
DATE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
CLOCK = "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"
MOMENTS: dict[str, tuple[pa.DataType, str]] = {
    "DATE": (pa.date32(), f"({{c}} glob '{DATE}' and date({{c}}, '+0 days') = {{c}})"),
    "TIME": (pa.time64("us"), f"({{c}} glob '{CLOCK}*' and time({{c}}) = substr({{c}}, 1, 8) and {{rest9}})"),
    "TIMESTAMP": (
        pa.timestamp("us"),
        f"({{c}} glob '{DATE}[ T]{CLOCK}*' and datetime({{c}}, '+0 days') = replace(substr({{c}}, 1, 19), 'T', ' ') and {{rest20}})",
    ),
}
"""For what is declared so: its type, and which text is such a moment; adding no day makes SQLite refuse 30 February."""
SAME = {"DATETIME": "TIMESTAMP", "BOOL": "BOOLEAN"}
NUMBERS = {"integer": "whole numbers", "real": "numbers", "text": "text", "blob": "bytes"}
COUNTS = ("integer", "real", "text", "blob", "low", "high", "large", "fitting")


@dataclass(frozen=True, slots=True)
class Held:
    """What one column holds, over all files: how many values of each class, and how far its whole numbers go.

    `large` counts whole numbers that a double may not hold, `fitting` texts that are what the column is declared as;
    `kind` is what the column was in a package, where the database is an export of it.
    """

    name: str
    declared: str
    counts: Mapping[str, int]
    kind: str = ""

    @property
    def classes(self) -> list[str]:
        """The classes that have a value."""
        return [name for name in CLASSES if self.counts[name]]

    def to_json(self) -> list[Any]:
        """As evidence."""
        return [self.name, self.declared, [self.counts[name] for name in COUNTS], self.kind]


def look(connection: sqlite3.Connection, rows: Rows) -> tuple[list[Held], int]:
    """Count what each column holds, and the rows."""
    kinds = _recorded(connection, rows.table)
    found: list[Held] = []
    total = 0
    for start in range(0, len(rows.columns), AT_ONCE):
        some = rows.columns[start : start + AT_ONCE]
        asked = ["count(*)", *(count for column in some for count in _counts(column))]
        total, *numbers = connection.execute(f"select {', '.join(asked)} from {rows.source}").fetchone()
        for at, column in enumerate(some):
            told = [value or 0 for value in numbers[at * len(COUNTS) : (at + 1) * len(COUNTS)]]
            counts = dict(zip(COUNTS, told, strict=True))
            found.append(Held(column.name, column.declared, counts, kinds.get(column.name, "")))
    return found, total


def joined(evidence: Sequence[Sequence[Sequence[Any]]]) -> list[Held]:
    """What the columns of all files hold, joined by name, in the order in which they come."""
    found: dict[str, Held] = {}
    for file in evidence:
        for name, wish, told, kind in file:
            counts = dict(zip(COUNTS, told, strict=True))
            if name in found:
                one = found[name]
                before = one.counts
                counts = {key: before[key] + counts[key] for key in COUNTS} | {
                    "low": min(before["low"], counts["low"]),
                    "high": max(before["high"], counts["high"]),
                }
                wish, kind = (wish if one.declared == wish else ""), (kind if one.kind == kind else "")
            found[name] = Held(name, wish, counts, kind)
    return list(found.values())


def decide(held: Held, resource: str) -> tuple[pa.DataType, str]:
    """A column's type, and why.

    Raises
    ------
    SchemaError
        It holds bytes beside something else.
    """
    there, count = held.classes, held.counts
    if "blob" in there and len(there) > 1:
        what = f"`{held.name}` holds bytes ({count['blob']}) beside {_mixture(held, 'blob')}"
        fix = "write a query that makes one kind of them, such as cast(COLUMN as text), or hex(COLUMN)"
        raise SchemaError(what, f"resource {resource}", fix)
    if kind := _restored(held):
        return kind, f"{held.kind}, as it was in the package that the database was made of"
    if not there:
        return pa.null(), "null, because no row has a value"
    if there == ["blob"]:
        return pa.large_binary(), "binary, because its values are bytes"
    if "text" in there and len(there) > 1:
        return pa.string(), f"text, because it holds {_mixture(held)}"
    if there == ["text"]:
        wish = _wish(held)
        if wish in MOMENTS and count["fitting"] == count["text"]:
            return MOMENTS[wish][0], f"{MOMENTS[wish][0]}, as it is declared {held.declared}"
        return pa.string(), "text, because its values are text"
    if there == ["integer"]:
        if _wish(held) == "BOOLEAN" and count["low"] >= 0 and count["high"] <= 1:
            return pa.bool_(), f"bool, as it is declared {held.declared}, and holds 0 and 1"
        return pa.int64(), "int64, because its values are whole numbers"
    if count["integer"] and count["large"]:
        return pa.string(), f"text, because it holds numbers and {count['large']} whole numbers beyond 2**53"
    return pa.float64(), "double, because its values are numbers"


def warnings(held: Held, where: str) -> Iterator[str]:
    """What a user should know of a column: values that are not of the kind that most are of."""
    if len(held.classes) > 1 and "text" in held.classes:
        yield f"{where}: `{held.name}` holds {_mixture(held)}, so all of it is text"
    wish = _wish(held)
    if wish in MOMENTS and held.classes == ["text"] and held.counts["fitting"] < held.counts["text"]:
        wrong = held.counts["text"] - held.counts["fitting"]
        yield f"{where}: `{held.name}` is declared {held.declared}, but {wrong} of its values are none, so it stays text"


def values_of(values: Sequence[Any], column: Column, numbers: Sequence[int], path: str) -> pa.Array:
    """One column's values under its type; `numbers` are those of their rows, from 1.

    Raises
    ------
    SourceError
        One does not fit it.
    """
    try:
        return from_sqlite(values, column.type)
    except (pa.ArrowException, TypeError, ValueError, KeyError, OverflowError):
        at = next(number for number, value in enumerate(values) if not _fits(value, column))
        what = (
            f"`{str(values[at])[:60]}` in the column `{column.name}` does not fit its type {column.logical}"
        )
        fix = "mend the value, or read the table by a query, which has types of its own"
        raise SourceError(what, f"{path}, row {numbers[at]}", fix) from None


def _fits(value: Any, column: Column) -> bool:
    try:
        from_sqlite([value], column.type)
    except (pa.ArrowException, TypeError, ValueError, KeyError, OverflowError):
        return False
    return True


def _restored(held: Held) -> pa.DataType | None:
    """The type that it had in a package, if its values are such as that type is written with."""
    try:
        kind = recorded_type(held.kind)
    except (TypeTextError, ValueError):
        return None
    written = declared(kind)
    wanted = {"INTEGER": "integer", "BOOLEAN": "integer", "REAL": "real", "BLOB": "blob", "": ""}
    fits = set(held.classes) <= {wanted.get(written, "text")}
    return kind if fits and _in_range(kind, held.counts) else None


def _in_range(kind: pa.DataType, counts: Mapping[str, int]) -> bool:
    if pa.types.is_boolean(kind):
        return counts["low"] >= 0 and counts["high"] <= 1
    if not pa.types.is_integer(kind) or kind == pa.uint64():
        return True
    signed = pa.types.is_signed_integer(kind)
    low = -(2 ** (kind.bit_width - 1)) if signed else 0
    return low <= counts["low"] and counts["high"] < 2 ** (kind.bit_width - signed)


def _recorded(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """The types of a table's columns in the package that the database was made of."""
    try:
        told = connection.execute(
            f"select column_name, type from {TYPES_TABLE} where table_name = ?",
            [table],
        )
        return {str(name): str(kind) for name, kind in told}
    except sqlite3.OperationalError:
        return {}


def _counts(column: SqlColumn) -> Iterator[str]:
    name = quoted(column.name)
    for one in CLASSES:
        yield f"sum(typeof({name}) = '{one}')"
    whole = f"case when typeof({name}) = 'integer' then {name} end"
    yield f"min({whole})"
    yield f"max({whole})"
    yield f"sum(typeof({name}) = 'integer' and {name} not between -{LARGEST_EXACT} and {LARGEST_EXACT})"
    wish = SAME.get(column.declared, column.declared)
    if wish not in MOMENTS:
        yield "0"
        return
    rest = {
        f"rest{at}": f"(length({name}) = {at - 1} or (length({name}) between {at + 1} and {at + 6} "
        f"and substr({name}, {at}) not glob '.*[^0-9]*' and substr({name}, {at}, 1) = '.'))"
        for at in (9, 20)
    }
    yield f"sum(typeof({name}) = 'text' and {MOMENTS[wish][1].format(c=name, **rest)})"


def _wish(held: Held) -> str:
    return SAME.get(held.declared, held.declared)


def _mixture(held: Held, but: str = "") -> str:
    told = [f"{NUMBERS[name]} ({held.counts[name]})" for name in held.classes if name != but]
    return " and ".join(told)
