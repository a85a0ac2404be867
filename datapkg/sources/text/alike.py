"""Look at many columns at once whose cells are what they seem: all numbers, or all text.

Most columns of most tables are such. Laid end to end they are cast in one call and tested in a few, so that a column
costs little beside its cells. A column in which anything else shows is not looked at here: `Evidence.look` tells its
cells apart one by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .cells import CODE, LARGEST_EXACT, NONZERO, NUMBER, Mask, Rows, Spellings, mask
from .evidence import Evidence

CELLS = 1 << 18
"""So many are looked at in one go: what is made of them stays in a processor's own memory."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the cells of one column turned out to be: a name of `Evidence.found`, and the range of whole numbers."""

    name: str
    values: pa.Array
    low: int | None = None
    high: int | None = None
    decimal: bool = False


def seeming(column: pa.StringArray) -> pa.DataType | None:
    """What a column seems to hold by its first cell; None where it has none."""
    text = next((cell.as_py() for cell in column if cell.is_valid), None)
    if text is None:
        return None
    if not re.search(NUMBER, text):
        return pa.string()
    return pa.int64() if _is_whole(text) else pa.float64()


def look_alike(
    evidence: Sequence[Evidence],
    columns: Sequence[pa.StringArray],
    lines: Rows,
    kinds: Sequence[pa.DataType | None],
) -> dict[int, pa.Array]:
    """Take the next cells of those columns into their evidence that are what `kinds` says.

    Returns
    -------
    By their places, the values of the columns that were looked at; the other columns' evidence is as it was.
    """
    known: dict[int, pa.Array] = {}
    most = max(1, CELLS // len(lines))
    for kind, look in ((pa.int64(), _whole), (pa.float64(), _decimal), (pa.string(), _text)):
        alike = [at for at, one in enumerate(kinds) if one == kind]
        alike.sort(key=lambda at: columns[at].null_count > 0)  # those without a missing cell need less
        groups = [alike[start : start + most] for start in range(0, len(alike), most)]
        while groups:
            places = groups.pop()
            group = _Group.of([columns[at] for at in places])
            found = look(group)
            if found is None and len(places) > 1:
                half = len(places) // 2
                groups += [places[:half], places[half:]]
            for i, seen in (found or {}).items():
                group.tell(i, seen, evidence[places[i]], lines)
                known[places[i]] = seen.values
    return known


@dataclass(frozen=True, slots=True)
class _Group:
    """Columns laid end to end.

    `there` says by column and row which cells are not missing (None: all are there), `counts` how many of each
    column, `first` where the first of these is among the column's, and `examples` what it is.
    """

    cells: pa.StringArray
    there: Mask | None
    counts: Rows
    first: Rows
    examples: list[str | None]

    @classmethod
    def of(cls, columns: Sequence[pa.StringArray]) -> _Group:
        cells, rows = pa.concat_arrays(columns), len(columns[0])
        there, first, counts = None, np.zeros(len(columns), np.int64), np.full(len(columns), rows)
        if cells.null_count:
            there = mask(cells.is_valid()).reshape(len(columns), rows)
            first, counts = there.argmax(axis=1), there.sum(axis=1)
        examples = [cells[i].as_py() for i in (first + np.arange(0, len(cells), rows)).tolist()]
        return cls(cells, there, counts, first, examples)

    @property
    def rows(self) -> int:
        return len(self.cells) // len(self.counts)

    def without(self, at: Rows) -> Mask:
        """Which columns have cells, but none of these."""
        fits: Mask = self.counts > 0
        fits[at // self.rows] = False
        return fits

    def numbers(self, values: pa.Array) -> NDArray[Any]:
        """Numbers by column and row; in the place of a missing one is another of the column's."""
        kind = values.type.to_pandas_dtype()
        numbers = np.frombuffer(values.buffers()[1], kind)[values.offset : values.offset + len(values)]
        numbers = numbers.reshape(len(self.counts), self.rows)
        if self.there is None:
            return numbers
        return np.where(self.there, numbers, np.take_along_axis(numbers, self.first[:, None], 1))

    def column(self, values: pa.Array, i: int) -> pa.Array:
        """A column's part."""
        return values[i * self.rows : (i + 1) * self.rows]

    def tell(self, i: int, seen: Seen, evidence: Evidence, lines: Rows) -> None:
        """Take what was seen of a column into its evidence."""
        count = int(self.counts[i])
        evidence.values += count
        evidence.missing += self.rows - count
        evidence.codes = False
        evidence.decimal |= seen.decimal
        evidence.take_range(seen.low, seen.high)
        evidence.note(seen.name, count, self.examples[i] or "", int(lines[self.first[i]]))


def _text(group: _Group) -> dict[int, Seen] | None:
    """Columns of text that is like no number, and no word that counts."""
    if not group.counts.any():
        return {}
    fits = group.without(np.flatnonzero(Spellings(group.cells).perhaps_more()))
    return {i: Seen("text", group.column(group.cells, i)) for i in np.flatnonzero(fits).tolist()}


def _whole(group: _Group) -> dict[int, Seen] | None:
    """Columns of whole numbers that a double could hold too; None where a cell is no number."""
    found = _plain(group, pa.int64())
    if found is None:
        return None
    values, numbers, fits = found
    lows, highs = numbers.min(axis=1), numbers.max(axis=1)
    fits &= (lows >= -LARGEST_EXACT) & (highs <= LARGEST_EXACT)
    return {
        i: Seen("number", group.column(values, i), int(lows[i]), int(highs[i]))
        for i in np.flatnonzero(fits).tolist()
    }


def _decimal(group: _Group) -> dict[int, Seen] | None:
    """Columns of finite numbers that are not all written as whole ones, nor all as codes; None as for `_whole`."""
    found = _plain(group, pa.float64())
    if found is None:
        return None
    values, numbers, fits = found
    fits &= (numbers.min(axis=1) > -LARGEST_EXACT) & (numbers.max(axis=1) < LARGEST_EXACT)  # no NaN is
    zero = numbers == 0
    if group.there is not None:
        zero &= group.there
    at = np.flatnonzero(zero)
    vanished = Spellings(group.cells.take(pa.array(at))).matching(NONZERO)
    fits[at[vanished] // group.rows] = False
    seen = {}
    for i in np.flatnonzero(fits).tolist():
        example = group.examples[i] or ""
        whole = _is_whole(example) and not (numbers[i] % 1).any()
        if not whole and not re.search(CODE, example):
            seen[i] = Seen("number", group.column(values, i), decimal=True)
    return seen


def _plain(group: _Group, kind: pa.DataType) -> tuple[pa.Array, NDArray[Any], Mask] | None:
    """The cells as numbers of a type, and which columns have none that is oddly spelled."""
    spellings = Spellings(group.cells)
    values = spellings.cast(kind) if group.counts.any() else None
    if values is None:
        return None
    return values, group.numbers(values), group.without(spellings.odd(minus_zero=kind == pa.int64()))


def _is_whole(text: str) -> bool:
    return text != "-0" and text.lstrip("-").isdecimal()
