"""Columns whose type the manifest declares, in Frictionless's words: read them, and find what breaks the promise.

A declared type wins over inference: ``007`` in an ``integer`` column is 7. A cell that is not of the type, or
breaks a constraint, is counted with the first example; the build then stops and names it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import ManifestError
from ...manifest.models import FieldModel
from .cells import INT64, MISSING_WORDS, UINT64, Mask, Rows, mask
from .evidence import Evidence

TRUE_VALUES = ("true", "True", "TRUE", "1")
FALSE_VALUES = ("false", "False", "FALSE", "0")
INTEGER = r"^[+-]?[0-9]+$"
YEAR = r"^-?[0-9]{4,6}$"
DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
NOT_FINITE = r"^(?i:nan|[+-]?inf(inity)?)$"
YEAR_MONTH = r"^-?[0-9]{4,6}-(0[1-9]|1[0-2])$"
BARE = r"^[^0-9+\-.]*([+-]?[0-9].*?)[^0-9]*$"
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
DATETIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)
TIME = re.compile(r"\d{2}:\d{2}:\d{2}(\.\d{1,6}0*)?", re.ASCII)
FORMATS = {
    "email": r"^[^@\s]+@[^@\s]+$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.\-]*:[^\s]+$",
    "uuid": r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
    "binary": r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
}
"""Formats of text; a binary is base64, and kept as the text that it is."""
ARROW = {
    "date": pa.date32(),
    "time": pa.time64("us"),
    "boolean": pa.bool_(),
    "number": pa.float64(),
    "string": pa.string(),
    "yearmonth": pa.string(),
}

Moment = dt.date | dt.time | bool


@dataclass(frozen=True, slots=True)
class Parsed:
    """A declared column's cells: their values (null where missing or wrong), and which are wrong."""

    values: pa.Array
    wrong: Mask
    zoned: Mask | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared column: how its cells are read."""

    field: FieldModel
    missing: tuple[str, ...]
    decimal: str = "."

    def look(self, evidence: Evidence, column: pa.StringArray, lines: Rows) -> pa.Array:
        """Take the next cells into `evidence`, and return their values."""
        column = absent(column, self.missing)
        parsed = self.parse(column)
        evidence.missing += column.null_count
        evidence.values += len(column) - column.null_count
        note(evidence, "wrong", parsed.wrong, column, lines)
        if parsed.zoned is not None:
            note(evidence, "zoned", parsed.zoned, column, lines)
            note(evidence, "unzoned", mask(parsed.values.is_valid()) & ~parsed.zoned, column, lines)
        if pa.types.is_integer(parsed.values.type) and parsed.values.null_count < len(column):
            low, high = (value.as_py() for value in pc.min_max(parsed.values).values())
            evidence.take_range(low, high)
        return parsed.values

    def type(self, evidence: Evidence) -> pa.DataType:
        """The type that the declaration and the values give together."""
        kind = self.field.type or "any"
        if kind in ARROW:
            return ARROW[kind]
        if kind == "datetime":
            return pa.timestamp("us", "UTC" if evidence.count("zoned") else None)
        return pa.int64() if evidence.high is None or evidence.high in INT64 else pa.uint64()

    def cast(self, column: pa.StringArray, wanted: pa.DataType) -> pa.Array | None:
        """The values as the decided type; None where a cell does not fit it."""
        parsed = self.parse(absent(column, self.missing))
        if parsed.wrong.any():
            return None
        try:
            return parsed.values.cast(wanted)
        except pa.ArrowInvalid:
            return None

    def parse(self, column: pa.StringArray) -> Parsed:
        """Read cells as the declared type says."""
        kind = self.field.type
        if kind == "string":
            form = FORMATS.get(self.field.format or "")
            return Parsed(column, _unlike(column, form) if form else np.zeros(len(column), bool))
        if kind == "yearmonth":
            return Parsed(column, _unlike(column, YEAR_MONTH))
        if kind in ("integer", "year"):
            return self._integers(column, YEAR if kind == "year" else INTEGER)
        if kind == "number":
            return self._numbers(column)
        return self._distinct(column, self._reader())

    def _bare(self, column: pa.StringArray) -> pa.StringArray:
        """Without group characters, and without what stands around a number that is declared not to be bare."""
        if self.field.group_char:
            column = pc.replace_substring(column, self.field.group_char, "")
        if self.field.bare_number is False:
            column = pc.replace_substring_regex(column, BARE, r"\1")
        return column

    def _integers(self, column: pa.StringArray, pattern: str) -> Parsed:
        bare = self._bare(column) if self.field.type == "integer" else column
        wrong = _unlike(bare, pattern)
        digits = pc.replace_substring_regex(_without(bare, wrong), r"^(\+|(-)|)0*([0-9])", r"\2\3")
        for kind in (pa.int64(), pa.uint64()):
            try:
                return Parsed(digits.cast(kind), wrong)
            except pa.ArrowInvalid:
                continue
        numbers = [None if text is None else int(text) for text in digits.to_pylist()]
        held = UINT64 if min((n for n in numbers if n is not None), default=0) >= 0 else INT64
        beyond = np.array([n is not None and n not in held for n in numbers])
        kept = [None if far else n for n, far in zip(numbers, beyond, strict=True)]
        return Parsed(pa.array(kept, pa.int64() if held is INT64 else pa.uint64()), wrong | beyond)

    def _numbers(self, column: pa.StringArray) -> Parsed:
        bare = self._bare(column)
        point = self.field.decimal_char or self.decimal
        if point != ".":
            bare = pc.replace_substring(pc.replace_substring(bare, ".", "\0"), point, ".")
        finite = ~_unlike(bare, DECIMAL)
        wrong = ~finite & _unlike(bare, NOT_FINITE)
        values = _without(bare, wrong).cast(pa.float64())
        overflow = finite & mask(pc.fill_null(pc.is_inf(values), False))
        return Parsed(_without(values, overflow), wrong | overflow)

    def _distinct(self, column: pa.StringArray, read: Callable[[str], Moment | None]) -> Parsed:
        """Read each distinct text once."""
        coded = column.dictionary_encode()
        texts = coded.dictionary.to_pylist()
        read_values = [read(text) for text in texts]
        kind = ARROW.get(self.field.type or "", pa.timestamp("us"))
        zoned = [isinstance(v, dt.datetime) and v.tzinfo is not None for v in read_values]
        plain = [
            v.astimezone(dt.UTC).replace(tzinfo=None) if z and isinstance(v, dt.datetime) else v
            for v, z in zip(read_values, zoned, strict=True)
        ]
        values = pa.array(plain, kind).take(coded.indices)
        wrong = mask(column.is_valid()) & mask(values.is_null())
        if self.field.type != "datetime":
            return Parsed(values, wrong)
        return Parsed(
            values, wrong, mask(pc.fill_null(pa.array(zoned, pa.bool_()).take(coded.indices), False))
        )

    def _reader(self) -> Callable[[str], Moment | None]:
        field = self.field
        if field.type == "boolean":
            true = TRUE_VALUES if field.true_values is None else field.true_values
            false = FALSE_VALUES if field.false_values is None else field.false_values
            return {**dict.fromkeys(false, False), **dict.fromkeys(true, True)}.get
        form = field.format or "default"
        pattern, take, read = _MOMENTS[field.type or ""]
        if form in ("default", "any"):
            exact = form == "default"
            return lambda text: _moment(read, text) if not exact or pattern.fullmatch(text) else None
        return lambda text: _moment(lambda t: take(dt.datetime.strptime(t, form)), text)


_MOMENTS: dict[str, tuple[re.Pattern[str], Callable[[dt.datetime], Moment], Callable[[str], Moment]]] = {
    "date": (DATE, lambda moment: moment.date(), dt.date.fromisoformat),
    "datetime": (DATETIME, lambda moment: moment, dt.datetime.fromisoformat),
    "time": (TIME, lambda moment: moment.time(), dt.time.fromisoformat),
}


def _moment(read: Callable[[str], Moment], text: str) -> Moment | None:
    try:
        return read(text)
    except ValueError:
        return None


def missing_values(
    field: FieldModel | None, schema_missing: Sequence[str] | None, null_sequence: str | None
) -> tuple[tuple[str, ...], bool]:
    """What is missing in a column, and whether the manifest says so itself. ``""`` always is."""
    said = field.missing_values if field and field.missing_values is not None else schema_missing
    more = (null_sequence,) if null_sequence else ()
    if said is not None:
        return (*said, *more), True
    numeric = field is not None and field.type in ("integer", "number", "boolean")
    return (*MISSING_WORDS, *more) if numeric else more, False


def absent(column: pa.StringArray, missing: tuple[str, ...]) -> pa.StringArray:
    """Take out the cells that stand for a missing value."""
    words = [word for word in missing if word]
    if not words or column.null_count == len(column):
        return column
    gone = pc.is_in(column, value_set=pa.array(words, pa.string()))
    return pc.if_else(gone, pa.scalar(None, pa.string()), column) if pc.any(gone).as_py() else column


def note(evidence: Evidence, name: str, chosen: Mask, column: pa.StringArray, lines: Rows) -> None:
    """Count cells, with the first as the example."""
    count = int(chosen.sum())
    if count:
        first = int(np.argmax(chosen))
        evidence.note(name, count, column[first].as_py() or "", int(lines[first]))


def check_format(field: FieldModel) -> str:
    """What of a field's format is not looked at, for a warning. Raises ManifestError for one that cannot be."""
    form = field.format or "default"
    if (
        form in ("default", "any")
        or field.type in (None, "any")
        or (field.type == "string" and form in FORMATS)
    ):
        return ""
    if field.type in _MOMENTS:
        if "%" not in form:
            raise ManifestError(
                f"format {form!r} of the column {field.name!r} is no date pattern",
                fix="write one such as %d/%m/%Y, or default, or any",
            )
        return ""
    return f"format {form!r} of the column `{field.name}` is not checked"


def _unlike(column: pa.StringArray, pattern: str) -> Mask:
    """Which cells have a value that does not match."""
    return ~mask(pc.fill_null(pc.match_substring_regex(column, pattern), True))


def _without(column: pa.Array, gone: Mask) -> pa.Array:
    return pc.if_else(pa.array(gone), pa.scalar(None, column.type), column) if gone.any() else column
