"""One column of a resource: how the manifest wants its cells read, looked at, typed and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import ManifestError
from ...manifest import Resource
from ...manifest.models import FieldModel
from .alike import look_alike, seeming
from .cells import LARGEST_EXACT, MISSING_WORDS, Mask, Rows, cast, mask
from .declared import INTEGER, Declared, absent, missing_values, note
from .evidence import Evidence, look_together
from .json_cells import unlike_schema
from .types import decide_type

CONSTRAINTS = (
    *("required", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("pattern", "minLength", "maxLength", "jsonSchema"),
)
FEW_ROWS = 256
"""Up to so many rows, what Python does for each column costs more than what is done for its cells."""
ORDERED = ("integer", "number", "year", "date", "datetime", "time")


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """How one column's cells are read."""

    name: str
    field: FieldModel | None
    declared: Declared | None
    missing: tuple[str, ...]
    says_missing: bool
    decimal: str

    def look(self, evidence: Evidence, column: pa.StringArray, lines: Rows) -> pa.Array | None:
        """Take the next cells into the column's evidence, and check its constraints.

        Returns
        -------
        The cells' values, where looking at them made some: numbers, or what is declared.
        """
        found: pa.Array | None
        if self.declared is not None:
            values = self.declared.look(evidence, column, lines)
            if self.declared.field.type == "number":
                _note_rounded(evidence, column, values, lines)
            found = None if evidence.count("wrong") else values
        else:
            column = values = absent(column, self.missing)
            found = evidence.look(column, lines, self.spelled if self.decimal != "." else None)
        if self.field is not None:
            self._check(evidence, column, values, lines)
        return found

    def look_at_quotes(self, evidence: Evidence, column: pa.StringArray, quoted: Mask, lines: Rows) -> None:
        """Take what JSON says beyond the spelling: ``"5"`` is no number, and ``5`` is no text."""
        there = mask(absent(column, self.missing).is_valid())
        if self.declared is None:
            words = mask(pc.is_in(column, value_set=pa.array(MISSING_WORDS)))
            note(evidence, "quoted", there & quoted & ~words, column, lines)
        elif self.declared.field.type == "string":
            note(evidence, "wrong", there & ~quoted, column, lines)

    def type(self, evidence: Evidence) -> tuple[pa.DataType, str]:
        """The column's type, and why."""
        if self.declared is not None and self.field is not None:
            wanted = self.declared.type(evidence)
            zone = "; times are kept as UTC" if pa.types.is_timestamp(wanted) and wanted.tz else ""
            return wanted, f"{wanted}, because the manifest declares it as {self.field.type}{zone}"
        return decide_type(evidence, not self.says_missing)

    def cast(
        self, column: pa.StringArray, wanted: pa.DataType, known: pa.Array | None = None
    ) -> pa.Array | None:
        """Cells as the decided type; None where one does not fit it. `known` is what `look` made of them."""
        if known is not None and known.type == wanted:
            return known
        if self.declared is not None:
            return self.declared.cast(column, wanted)
        column = absent(column, self.missing)
        if self.decimal != "." and not pa.types.is_string(wanted):
            column = self.spelled(column)
        return cast(column, wanted)

    def spelled(self, column: pa.StringArray) -> pa.StringArray:
        """With decimal points for the declared decimal character, and that for points."""
        away = pc.replace_substring(column, ".", "\0")
        return pc.replace_substring(pc.replace_substring(away, self.decimal, "."), "\0", self.decimal)

    def _check(self, evidence: Evidence, column: pa.StringArray, values: pa.Array, lines: Rows) -> None:
        field = self.field
        assert field is not None
        limits, valid = field.constraints, mask(values.is_valid())
        if limits.required:
            note(evidence, "required", mask(column.is_null()), column, lines)
        allowed = limits.enum if limits.enum is not None else _category_values(field)
        if allowed is not None:
            known = mask(
                pc.is_in(values, value_set=self._values([_written(v) for v in allowed], values.type))
            )
            note(evidence, "enum", valid & ~known, column, lines)
        if self.declared is not None and field.type in ORDERED:
            for name, limit, breaks in (
                ("minimum", limits.minimum, pc.less),
                ("maximum", limits.maximum, pc.greater),
                ("exclusiveMinimum", limits.exclusive_minimum, pc.less_equal),
                ("exclusiveMaximum", limits.exclusive_maximum, pc.greater_equal),
            ):
                if limit is not None:
                    (bound,) = self._values([_written(limit)], values.type)
                    note(evidence, name, mask(pc.fill_null(breaks(values, bound), False)), column, lines)
        self._check_text(evidence, pc.if_else(pa.array(valid), column, pa.scalar(None, pa.string())), lines)

    def _check_text(self, evidence: Evidence, column: pa.StringArray, lines: Rows) -> None:
        assert self.field is not None
        limits = self.field.constraints
        if limits.pattern is not None:
            try:
                like = pc.match_substring_regex(column, f"^(?:{limits.pattern})$")
            except pa.ArrowInvalid as error:
                raise ManifestError(
                    f"the pattern of the column {self.name!r} cannot be read ({error})",
                    fix="write it without look-around and back-references",
                ) from None
            note(evidence, "pattern", ~mask(pc.fill_null(like, True)), column, lines)
        if limits.min_length is not None or limits.max_length is not None:
            length = np.asarray(pc.fill_null(pc.utf8_length(column), -1))
            if limits.min_length is not None:
                note(evidence, "minLength", (length >= 0) & (length < limits.min_length), column, lines)
            if limits.max_length is not None:
                note(evidence, "maxLength", length > limits.max_length, column, lines)
        if limits.json_schema is not None:
            note(evidence, "jsonSchema", unlike_schema(column, limits.json_schema), column, lines)

    def stated(self, limits: Sequence[Any]) -> list[Any]:
        """What a constraint names, as the values that cells of that spelling have."""
        if self.declared is None:
            return list(limits)
        values: list[Any] = self.declared.parse(
            pa.array([_written(one) for one in limits])
        ).values.to_pylist()
        return values

    def _values(self, texts: list[str], kind: pa.DataType) -> pa.Array:
        """What a constraint names, read as the column's cells are."""
        column = pa.array(texts, pa.string())
        if self.declared is None:
            return column
        parsed = self.declared.parse(column)
        if parsed.wrong.any():
            text = texts[int(np.argmax(parsed.wrong))]
            raise ManifestError(
                f"constraint of the column {self.name!r}: {text!r} is no {self.declared.field.type}",
                fix="write the constraint's values as the file writes the column's",
            )
        return parsed.values.cast(kind, safe=False) if parsed.values.type != kind else parsed.values


def all_rules(resource: Resource, names: Sequence[str]) -> list[ColumnRules]:
    """Find what the manifest says of each column; of most it says nothing."""
    fields = {field.name: field for field in resource.table_schema.fields}
    silent = _rules(resource, "", None)
    rest = silent.field, silent.declared, silent.missing, silent.says_missing, silent.decimal
    return [
        _rules(resource, name, fields[name]) if name in fields else ColumnRules(name, *rest) for name in names
    ]


def column_rules(resource: Resource, name: str) -> ColumnRules:
    """Find what the manifest says of the column `name`."""
    return all_rules(resource, [name])[0]


def _rules(resource: Resource, name: str, field: FieldModel | None) -> ColumnRules:
    schema = resource.table_schema
    missing, said = missing_values(field, schema.missing_values, resource.dialect.null_sequence)
    decimal = resource.dialect.decimal_char or "."
    typed = field is not None and field.type not in (None, "any")
    declared = Declared(field, missing, decimal) if field is not None and typed else None
    return ColumnRules(name, field, declared, missing, said, decimal)


def look_at_all(
    rules: Sequence[ColumnRules],
    evidence: Sequence[Evidence],
    columns: Sequence[pa.StringArray],
    lines: Rows,
    expected: list[pa.DataType | None],
) -> list[pa.Array | None]:
    """Take the next cells of all columns into their evidence, and give the values that this made of some.

    `expected` are the types that the columns are thought to have, found out where it is empty: a wrong one costs time
    only, and is taken out.
    """
    silent = [at for at, rule in enumerate(rules) if rule.field is None and rule.decimal == "."]
    cells = [absent(columns[at], rules[at].missing) for at in silent]
    shown = [evidence[at] for at in silent]
    values: list[pa.Array | None] = [None] * len(rules)
    alone = set(range(len(rules)))
    if len(lines) <= FEW_ROWS and len(silent) > 1:
        look_together(shown, cells, lines)
        alone -= set(silent)
    elif len(lines) > FEW_ROWS:
        if not expected:
            expected[:] = map(seeming, columns)
        for i, found in look_alike(shown, cells, lines, [expected[at] for at in silent]).items():
            values[silent[i]] = found
            alone.remove(silent[i])
    for at in alone:
        values[at] = rules[at].look(evidence[at], columns[at], lines)
        if expected and values[at] is None and expected[at] != pa.string() and evidence[at].values:
            expected[at] = None  # the others are not to be held up by it again
    return values


def cast_all(
    rules: Sequence[ColumnRules],
    columns: Sequence[pa.StringArray],
    wanted: Sequence[pa.DataType],
    known: Sequence[pa.Array | None] = (),
) -> list[pa.Array | None]:
    """All columns as their decided types; None for one with a cell that does not fit."""
    values: list[pa.Array | None] = [None] * len(rules)
    alike: dict[pa.DataType, list[int]] = {}
    few = bool(columns) and len(columns[0]) <= FEW_ROWS
    known = known or [None] * len(rules)
    for at, (rule, kind) in enumerate(zip(rules, wanted, strict=True)):
        if few and rule.field is None:
            alike.setdefault(kind, []).append(at)
        else:
            values[at] = rule.cast(columns[at], kind, known[at])
    for kind, places in alike.items():
        rows = len(columns[places[0]])
        cast_cells = rules[places[0]].cast(pa.concat_arrays([columns[at] for at in places]), kind)
        for i, at in enumerate(places):
            values[at] = (
                rules[at].cast(columns[at], kind) if cast_cells is None else cast_cells.slice(i * rows, rows)
            )
    return values


def broken_promises(evidence: Evidence, rules: ColumnRules) -> list[str]:
    """What the column's cells break of what the manifest says, each with count and first example."""
    name, kind = rules.name, rules.field.type if rules.field else None
    form = rules.field.format if rules.field and kind == "string" else None
    said = {
        "wrong": f"{{}} in `{name}` that {{}} no {form or kind}" + " of 64 bits" * (kind == "integer"),
        "required": f"{{}} in `{name}` that {{}} missing, though it is required",
        **{key: f"{{}} in `{name}` that {{}} against its {key}" for key in CONSTRAINTS[1:]},
    }
    found = []
    for key, sentence in said.items():
        finding = evidence.found.get(key)
        if finding:
            one = finding.count == 1
            counted = sentence.format(f"{finding.count} value{'s' * (not one)}", "is" if one else "are")
            found.append(f"{counted}, {finding.example}")
    if evidence.count("zoned") and evidence.count("unzoned"):
        found.append(
            f"times with and without a zone in `{name}`, {evidence.found['unzoned'].example} without one"
        )
    low, high = evidence.low or 0, evidence.high or 0
    if kind in ("integer", "year") and low < 0 and high >= 2**63:
        found.append(
            f"whole numbers from {low} to {high} in `{name}`, which no 64-bit integer holds together"
        )
    return found


def _category_values(field: FieldModel) -> list[Any] | None:
    if field.categories is None:
        return None
    return [item["value"] if isinstance(item, dict) else item for item in field.categories]


def _written(value: Any) -> str:
    """A value of the manifest as a cell would have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _note_rounded(evidence: Evidence, column: pa.StringArray, values: pa.Array, lines: Rows) -> None:
    """Whole numbers that the declared double cannot hold."""
    large = mask(pc.fill_null(pc.greater_equal(pc.abs(values), float(LARGEST_EXACT)), False))
    if large.any():
        texts = column.filter(pa.array(large))
        whole = pc.fill_null(pc.match_substring_regex(texts, INTEGER), False).to_pylist()
        numbers = zip(texts.to_pylist(), whole, strict=True)
        rounded: Mask = np.zeros(len(column), bool)
        rounded[large] = [is_whole and int(float(text)) != int(text) for text, is_whole in numbers]
        note(evidence, "inexact", rounded, column, lines)
