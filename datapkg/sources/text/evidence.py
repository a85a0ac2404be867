"""What the cells of one column show: counts, flags and first examples, small enough to keep for every file.

Added up over files, evidence says exactly what a look at all cells together would have said, so that the order or
the number of files changes nothing. A short block of a wide table is looked at as one, not column by column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from .cells import (
    CODE,
    FEW,
    INT64,
    LARGEST_EXACT,
    LIKE_NUMBERS,
    NONZERO,
    NOT_NUMBERS,
    NUMBER,
    UINT64,
    Mask,
    Rows,
    Spellings,
    inexact,
    kinds,
    mask,
    whole_spelled,
)

SHOWN = 40
"""Characters of an example."""
SAMPLE, REPEATED = 512, 0.9
"""Cells that tell whether a column repeats its values, and the part of them that may be distinct."""
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
    cells so far are digits-E-digits; `low` and `high` are of whole numbers, and mean nothing beside decimals.
    """

    values: int = 0
    missing: int = 0
    decimal: bool = False
    codes: bool = True
    low: int | None = None
    high: int | None = None
    found: dict[str, Finding] = field(default_factory=dict)

    def look(
        self, column: pa.StringArray, lines: Rows, spelled: Callable[[Any], Any] | None = None
    ) -> pa.Array | None:
        """Look at the next cells; `spelled` gives them the spelling that the rules know (a decimal point).

        Returns
        -------
        The cells as int64 or as doubles, where all are spelled as such.
        """
        there, rows = None, len(column)
        self.missing += column.null_count
        if column.null_count:
            there = mask(column.is_valid())
            lines, column = lines[there], column.drop_null()
        self.values += len(column)
        if not len(column):
            return None
        cells = Spellings(spelled(column) if spelled else column)
        numbers = _Look([self], cells, column, lines, np.zeros(len(column), np.int64)).look()
        return numbers if numbers is None or there is None else _spread(numbers, there, rows)

    def add(self, other: Evidence) -> None:
        """Add what later cells showed."""
        self.values += other.values
        self.missing += other.missing
        self.decimal |= other.decimal
        self.codes &= other.codes
        self.take_range(other.low, other.high)
        for name, finding in other.found.items():
            if name in self.found:
                self.found[name].count += finding.count
            else:
                self.found[name] = finding

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


def _spread(numbers: pa.Array, there: Mask, rows: int) -> pa.Array:
    """Put numbers at the places of the cells that they are from."""
    values = np.zeros(rows, numbers.type.to_pandas_dtype())
    values[there] = numbers.to_numpy()
    return pa.array(values, mask=~there)


def look_together(evidence: Sequence[Evidence], columns: Sequence[pa.StringArray], lines: Rows) -> None:
    """Look at the next cells of many columns at once, which pays where rows are few."""
    cells = pa.concat_arrays(columns)
    which = np.repeat(np.arange(len(columns)), len(lines))
    lines = np.tile(lines, len(columns))
    if cells.null_count:
        valid = np.asarray(cells.is_valid())
        cells, which, lines = cells.drop_null(), which[valid], lines[valid]
    counts = np.bincount(which, minlength=len(columns))
    for found, values, column in zip(evidence, counts.tolist(), columns, strict=True):
        found.values += values
        found.missing += len(column) - values
    if len(cells):
        _Look(evidence, Spellings(cells), cells, lines, which).each()


class _Look:
    """One look at cells, of one column or of many one after the other; `which` is each cell's column.

    The cells of one column alone are looked at in the cheap ways first. `times` says how often each cell stands in
    it, where cells that are alike are looked at once.
    """

    def __init__(
        self,
        evidence: Sequence[Evidence],
        cells: Spellings,
        shown: pa.StringArray,
        lines: Rows,
        which: Rows,
        times: Rows | None = None,
    ) -> None:
        self.evidence, self.cells, self.shown, self.lines, self.which = evidence, cells, shown, lines, which
        self.times = times

    def look(self) -> pa.Array | None:
        numbers = None
        first = self.cells.first
        if re.search(NUMBER, first):
            numbers = self._all_whole() if first.lstrip("-").isdecimal() else None
            numbers = self._all_numbers() if numbers is None else numbers
        if numbers is None:
            self._distinct().each()
        return numbers

    def _distinct(self) -> _Look:
        """Every spelling once, at its first place, where a column repeats its values."""
        if len(self.shown.slice(0, SAMPLE).dictionary_encode().dictionary) > REPEATED * SAMPLE:
            return self
        coded = self.shown.dictionary_encode()
        indices = coded.indices.to_numpy()
        first = np.zeros(len(coded.dictionary), np.int64)
        first[indices[::-1]] = np.arange(len(indices) - 1, -1, -1)
        cells = Spellings(self.cells.values.take(pa.array(first)))
        shown = cells.values if self.shown is self.cells.values else coded.dictionary
        return _Look(self.evidence, cells, shown, self.lines[first], self.which[first], np.bincount(indices))

    def note(self, name: str, chosen: Mask) -> None:
        count = int(chosen.sum())
        if not count:
            return
        if len(self.evidence) == 1:
            first = int(np.argmax(chosen))
            count = count if self.times is None else int(self.times[chosen].sum())
            self.evidence[0].note(name, count, self.shown[first].as_py(), int(self.lines[first]))
            return
        at = np.flatnonzero(chosen)
        columns, starts, counts = self._by_column(at)
        examples = self.shown.take(pa.array(at[starts])).to_pylist()
        lines = self.lines[at[starts]].tolist()
        for column, count, example, line in zip(columns, counts, examples, lines, strict=True):
            self.evidence[column].note(name, count, example, line)

    def _by_column(self, at: Rows) -> tuple[list[int], Rows, list[int]]:
        """The columns that chosen cells are of, where in `at` each begins, and how many are of each."""
        which = self.which[at]
        starts = np.flatnonzero(np.diff(which, prepend=-1))
        return which[starts].tolist(), starts, np.diff(starts, append=len(at)).tolist()

    def _all_whole(self) -> pa.Int64Array | None:
        (evidence,) = self.evidence
        cells = self.cells.whole()
        if cells is None:
            return None
        numbers = cells.to_numpy()
        evidence.codes = False
        evidence.note("number", len(self.cells), self.shown[0].as_py(), int(self.lines[0]))
        low, high = int(numbers.min()), int(numbers.max())
        evidence.take_range(low, high)
        if low < -LARGEST_EXACT or high > LARGEST_EXACT:
            self.note("inexact", inexact(numbers))
        return cells

    def _all_numbers(self) -> pa.DoubleArray | None:
        """Finite numbers, not all of them written as whole ones."""
        (evidence,) = self.evidence
        cells = self.cells.doubles()
        if cells is None:
            return None
        numbers = cells.to_numpy()
        low, high = numbers.min(), numbers.max()
        large = low <= -LARGEST_EXACT or high >= LARGEST_EXACT
        if large and not (numbers[:FEW] % 1).any():
            return None  # whole numbers beyond 64 bits, perhaps
        evidence.decimal = True
        evidence.codes = evidence.codes and self.cells.all_codes()
        evidence.note("number", len(self.cells), self.shown[0].as_py(), int(self.lines[0]))
        if large:
            self._part(np.abs(numbers) >= LARGEST_EXACT)._whole()
        if low <= 0 <= high and not numbers.all():
            self._part(numbers == 0)._underflow()
        return cells

    def each(self) -> None:
        """Tell cells apart one by one."""
        kind = kinds(self.cells)
        self.note("words", kind.words)
        self.note("bool", kind.bools)
        self.note("number", kind.infinite | kind.numbers)
        self._part(kind.text)._reasons()
        numbers = self._part(kind.numbers)
        whole = whole_spelled(numbers.cells)
        numbers._part(whole)._whole()
        numbers._part(~whole)._decimals()
        for column in self._columns(kind.infinite) + numbers._columns(~whole):
            self.evidence[column].decimal = True
        codes = numbers.cells.matching(CODE)
        not_codes = kind.bools | kind.infinite | kind.text
        for column in self._columns(not_codes) + numbers._columns(~codes):
            self.evidence[column].codes = False

    def _columns(self, chosen: Mask) -> list[int]:
        """The columns that have chosen cells."""
        if len(self.evidence) == 1:
            return [0] if chosen.any() else []
        columns: list[int] = np.unique(self.which[chosen]).tolist()
        return columns

    def _part(self, chosen: Mask) -> _Look:
        if chosen.all():
            return self
        cells = self.cells.take(chosen)
        shown = cells.values if self.shown is self.cells.values else self.shown.filter(pa.array(chosen))
        times = None if self.times is None else self.times[chosen]
        return _Look(self.evidence, cells, shown, self.lines[chosen], self.which[chosen], times)

    def _reasons(self) -> None:
        may_be = LIKE_NUMBERS[self.cells.first_bytes] if len(self.cells) else np.zeros(0, bool)
        rest, text = self._part(may_be), ~may_be
        left = np.flatnonzero(may_be)
        for name, pattern in NOT_NUMBERS:
            if not len(left):
                break
            chosen = rest.cells.matching(pattern)
            if chosen.any():
                rest.note(name, chosen)
                rest, left = rest._part(~chosen), left[~chosen]
        text[left] = True
        self.note("text", text)

    def _whole(self) -> None:
        """Range and exactness of whole numbers; in `_all_numbers`, of those among large numbers."""
        cells = self.cells
        if not len(cells):
            return
        chosen = whole_spelled(cells)
        if not chosen.all():
            self._part(chosen)._whole()
            return
        held = cells.whole()
        if held is None:
            self._wide()
            return
        numbers = held.to_numpy()
        columns, starts, _ = self._by_column(np.arange(len(numbers)))
        lows, highs = np.minimum.reduceat(numbers, starts), np.maximum.reduceat(numbers, starts)
        for column, low, high in zip(columns, lows.tolist(), highs.tolist(), strict=True):
            self.evidence[column].take_range(low, high)
        self.note("inexact", inexact(numbers))

    def _wide(self) -> None:
        """Whole numbers some of which no int64 holds."""
        wide = [int(value) for value in self.cells.values.to_pylist()]
        held = np.array([n in INT64 or n in UINT64 for n in wide])
        for column, number in zip(self.which[held].tolist(), np.flatnonzero(held).tolist(), strict=True):
            self.evidence[column].take_range(wide[number], wide[number])
        self.note("beyond", ~held)
        self.note("inexact", np.array([h and int(float(n)) != n for n, h in zip(wide, held, strict=True)]))

    def _decimals(self) -> None:
        if len(self.cells):
            numbers = self.cells.values.cast(pa.float64()).to_numpy()
            self.note("overflow", np.isinf(numbers))
            self._part(numbers == 0)._underflow()

    def _underflow(self) -> None:
        if len(self.cells):
            self.note("underflow", self.cells.matching(NONZERO))
