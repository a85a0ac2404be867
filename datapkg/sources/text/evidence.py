"""What the cells of one column show: counts, flags and first examples, small enough to keep for every file.

Added up over files, evidence says exactly what a look at all cells together would have said, so that the order or
the number of files changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from .cells import (
    CODE,
    INT64,
    LARGEST_EXACT,
    NONZERO,
    NOT_NUMBERS,
    UINT64,
    Mask,
    Rows,
    Spellings,
    inexact,
    kinds,
    whole_spelled,
)

SHOWN = 40
"""Characters of an example."""
TEXT = ("text", "quoted", *(name for name, _ in NOT_NUMBERS))
"""Findings about cells that are neither numbers nor booleans nor words for a missing value."""


@dataclass(slots=True)
class Finding:
    """How many cells show something, and the first of them; `path` is empty within one file."""

    count: int
    value: str
    line: int
    path: str = ""

    @property
    def example(self) -> str:
        """Such as ``first `005` at wells.csv:2``."""
        return f"first `{self.value}` at {self.path}:{self.line}"


@dataclass(slots=True)
class Evidence:
    """What the cells of one column show.

    `found` holds, each with count and first example: ``number``, ``bool``, ``words`` (for a missing value); the
    reasons of `TEXT`; and of numbers ``beyond`` (what 64 bits hold), ``inexact`` (whole, but no double holds it),
    ``overflow`` and ``underflow``. `decimal` says that a number is not written as a whole one, `codes` that all
    cells so far are digits-E-digits; `low` and `high` are of whole numbers, and whole only without decimals.
    """

    values: int = 0
    missing: int = 0
    decimal: bool = False
    codes: bool = True
    low: int | None = None
    high: int | None = None
    found: dict[str, Finding] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON, without what is as it is at first."""
        given = {
            "values": self.values,
            "missing": self.missing,
            "decimal": self.decimal,
            "codes": self.codes and self.values > 0,
            "low": self.low,
            "high": self.high,
            "found": {name: [f.count, f.value, f.line] for name, f in self.found.items()},
        }
        return {
            key: value for key, value in given.items() if value or (key in ("low", "high") and value == 0)
        }

    @classmethod
    def from_json(cls, given: dict[str, Any], path: str) -> Evidence:
        """Back from JSON, for the file at `path`."""
        found = {
            name: Finding(parts[0], parts[1], parts[2], path)
            for name, parts in given.get("found", {}).items()
        }
        values = given.get("values", 0)
        return cls(
            values=values,
            missing=given.get("missing", 0),
            decimal=given.get("decimal", False),
            codes=given.get("codes", not values),
            low=given.get("low"),
            high=given.get("high"),
            found=found,
        )

    def add(self, other: Evidence) -> None:
        """Add the evidence of the file after this one."""
        self.values += other.values
        self.missing += other.missing
        self.decimal |= other.decimal
        self.codes &= other.codes
        self.take_range(other.low, other.high)
        for name, finding in other.found.items():
            if name in self.found:
                self.found[name].count += finding.count
            else:
                self.found[name] = Finding(finding.count, finding.value, finding.line, finding.path)

    def look(self, column: pa.StringArray, lines: Rows, spelled: Callable[[Any], Any] | None = None) -> None:
        """Look at the next cells; `spelled` gives them the spelling that the rules know (a decimal point)."""
        self.missing += column.null_count
        if column.null_count:
            lines = lines[np.asarray(column.is_valid())]
            column = column.drop_null()
        self.values += len(column)
        if not len(column):
            return
        cells = Spellings(spelled(column) if spelled else column)
        _Look(self, cells, column, lines).look()

    def count(self, name: str) -> int:
        """How many cells show something."""
        return self.found[name].count if name in self.found else 0

    def note(self, name: str, count: int, value: str, line: int) -> None:
        """Count cells that show something."""
        if name in self.found:
            self.found[name].count += count
        else:
            shown = " ".join(value[:SHOWN].splitlines()) + "…" * (len(value) > SHOWN)
            self.found[name] = Finding(count, shown, line)

    def take_range(self, low: int | None, high: int | None) -> None:
        """Widen the range of whole numbers."""
        if low is not None and high is not None:
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)


class _Look:
    """One look at cells: the cheap ways first."""

    def __init__(self, evidence: Evidence, cells: Spellings, shown: pa.StringArray, lines: Rows) -> None:
        self.evidence, self.cells, self.shown, self.lines = evidence, cells, shown, lines

    def look(self) -> None:
        if not (self._all_whole() or self._all_numbers()):
            self._each()

    def note(self, name: str, chosen: Mask) -> None:
        count = int(chosen.sum())
        if count:
            first = int(np.argmax(chosen))
            self.evidence.note(name, count, self.shown[first].as_py(), int(self.lines[first]))

    def note_all(self, name: str) -> None:
        self.evidence.note(name, len(self.cells), self.shown[0].as_py(), int(self.lines[0]))

    def _all_whole(self) -> bool:
        evidence = self.evidence
        first = self.cells.values[0].as_py()
        if (
            evidence.decimal or not first.lstrip("-").isdecimal()
        ):  # an attempt that fails costs 80 microseconds
            return False
        numbers = self.cells.whole()
        if numbers is None:
            return False
        evidence.codes = False
        self.note_all("number")
        low, high = int(numbers.min()), int(numbers.max())
        evidence.take_range(low, high)
        if low < -LARGEST_EXACT or high > LARGEST_EXACT:
            self.note("inexact", inexact(numbers))
        return True

    def _all_numbers(self) -> bool:
        """Finite numbers; where decimals were seen before, it no longer matters which of them are whole."""
        evidence = self.evidence
        if self.cells.first_bytes[0] > ord("9"):
            return False
        numbers = self.cells.doubles()
        if numbers is None:
            return False
        large = np.abs(numbers) >= LARGEST_EXACT
        if large.any() and not evidence.decimal:
            return False
        evidence.decimal = True
        evidence.codes = evidence.codes and bool(self.cells.matching(CODE).all())
        self.note_all("number")
        if large.any():
            self._part(large)._whole()
        if not numbers.all():
            self._part(numbers == 0)._underflow()
        return True

    def _each(self) -> None:
        evidence = self.evidence
        kind = kinds(self.cells)
        self.note("words", kind.words)
        self.note("bool", kind.bools)
        self.note("number", kind.infinite | kind.numbers)
        self._part(kind.text)._reasons()
        numbers = self._part(kind.numbers)
        whole = whole_spelled(numbers.cells)
        numbers._part(whole)._whole()
        numbers._part(~whole)._decimals()
        evidence.decimal |= bool(kind.infinite.any() or not whole.all())
        not_codes = kind.bools.any() or kind.infinite.any() or kind.text.any() or whole.any()
        evidence.codes = evidence.codes and not not_codes and bool(numbers.cells.matching(CODE).all())

    def _part(self, chosen: Mask) -> _Look:
        if chosen.all():
            return self
        cells = self.cells.take(chosen)
        shown = cells.values if self.shown is self.cells.values else self.shown.filter(pa.array(chosen))
        return _Look(self.evidence, cells, shown, self.lines[chosen])

    def _reasons(self) -> None:
        rest = self
        for name, pattern in NOT_NUMBERS:
            if not len(rest.cells):
                return
            chosen = rest.cells.matching(pattern)
            if chosen.any():
                rest.note(name, chosen)
                rest = rest._part(~chosen)
        rest.note("text", np.ones(len(rest.cells), bool))

    def _whole(self) -> None:
        """Range and exactness of whole numbers; in `_all_numbers`, of those among large numbers."""
        cells = self.cells
        if not len(cells):
            return
        chosen = whole_spelled(cells)
        if not chosen.all():
            self._part(chosen)._whole()
            return
        numbers = cells.whole()
        if numbers is not None:
            self.evidence.take_range(int(numbers.min()), int(numbers.max()))
            self.note("inexact", inexact(numbers))
            return
        wide = [int(value) for value in cells.values.to_pylist()]
        held = [n for n in wide if n in INT64 or n in UINT64]
        if held:
            self.evidence.take_range(min(held), max(held))
        self.note("beyond", np.array([n not in INT64 and n not in UINT64 for n in wide]))
        self.note("inexact", np.array([(n in INT64 or n in UINT64) and int(float(n)) != n for n in wide]))

    def _decimals(self) -> None:
        if len(self.cells):
            numbers = self.cells.values.cast(pa.float64()).to_numpy()
            self.note("overflow", np.isinf(numbers))
            self._part(numbers == 0)._underflow()

    def _underflow(self) -> None:
        if len(self.cells):
            self.note("underflow", self.cells.matching(NONZERO))


def merged(parts: Sequence[Evidence]) -> Evidence:
    """The evidence of all files, in manifest order."""
    total = Evidence()
    for part in parts:
        total.add(part)
    return total
