"""What a cell of text is, by its spelling: a whole number, another number, true or false, or text.

`counted` looks at many cells at once. The cheap tests come first: a cast of all cells, made safe by a look at
their first bytes, tells most columns apart; only what is left is matched with regular expressions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MISSING_WORDS = ("NA", "NaN", "nan", "NULL", "null", "N/A", "#N/A")
TRUE, FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
INFINITE = tuple(sign + word for word in ("inf", "Inf", "INF", "Infinity") for sign in ("", "-"))
WHOLE = r"^-?(0|[1-9][0-9]*)$"
NUMBER = r"^-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
CODE = r"^[0-9]+[eE][0-9]+$"
NONZERO = r"^[-0.]*[1-9]"
NOT_NUMBERS = (
    ("zeros", r"^-?0[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$"),
    ("plus", r"^\+[0-9.]"),
    ("blanks", r"^(\s+[-+]?[0-9.]+([eE][+-]?[0-9]+)?\s*|[-+]?[0-9.]+([eE][+-]?[0-9]+)?\s+)$"),
    ("date", r"^([0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{4})$"),
    ("comma", r"^-?[0-9]+,[0-9]+$"),
)
"""Spellings that look like numbers but would not come back, so that they stay text."""
FEW = 64
"""Cells that tell, most of the time, what the others are."""
LARGEST_EXACT = 2**53
INT64, UINT64 = range(-(2**63), 2**63), range(2**64)

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]

_BOOLS = {**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False), **dict.fromkeys(MISSING_WORDS)}
_WORDS = (*MISSING_WORDS, *TRUE, *FALSE, *INFINITE)
_SPECIAL = pa.Array.from_buffers(  # to be given texts of Python's, Arrow imports pandas
    pa.string(),
    len(_WORDS),
    [
        None,
        pa.py_buffer(np.cumsum([0, *map(len, _WORDS)], dtype=np.int32)),
        pa.py_buffer("".join(_WORDS).encode()),
    ],
)
_WORDS_END, _BOOLS_END = len(MISSING_WORDS), len(MISSING_WORDS) + 6
LIKE_NUMBERS = np.zeros(256, bool)
"""First bytes of cells that may be numbers or `NOT_NUMBERS`."""
LIKE_NUMBERS[list(b"0123456789+-. \t\x0b\x0c\r\n")] = True
_BEGINS_WORD = np.zeros((256, 256), bool)
"""First and second bytes of words that count."""
_BEGINS_WORD[[ord(word[0]) for word in _WORDS], [ord(word[1]) for word in _WORDS]] = True
_LIKE_WORDS = _BEGINS_WORD.any(axis=1) & ~LIKE_NUMBERS


@dataclass(frozen=True, slots=True)
class Spellings:
    """Cells without a missing one, and quick answers about how they are spelled."""

    values: pa.StringArray

    def __len__(self) -> int:
        return len(self.values)

    @property
    def first_bytes(self) -> NDArray[np.uint8]:
        """Each cell's first byte; there is no empty cell."""
        starts, _, data = self._buffers()
        return data[starts]

    @property
    def first(self) -> str:
        """The first cell."""
        return str(self.values[0].as_py())

    def odd(self, minus_zero: bool) -> Rows:
        """Where cells begin with +, or with a zero that another digit (or an x) follows; or are ``-0``, if wanted."""
        starts, ends, data = self._buffers()
        lead = data.take(starts, mode="clip")
        digit = starts + (lead == ord("-"))
        plus, zero = lead == ord("+"), data.take(digit, mode="clip") == ord("0")
        at = np.flatnonzero(zero | plus)
        at = at[starts[at] < ends[at]]  # a missing cell has no first byte
        digit, follows = digit[at], data.take(digit[at] + 1, mode="clip")
        longer = digit + 1 < ends[at]
        written_out = longer & (
            ((follows >= ord("0")) & (follows <= ord("9"))) | ((follows | 32) == ord("x"))
        )
        if minus_zero:
            written_out |= ~longer & (digit > starts[at])
        odd: Rows = at[written_out | plus[at]]
        return odd

    def perhaps_more(self) -> Mask:
        """Which cells may be more than text, or like more: a number, a word that counts, one of `NOT_NUMBERS`."""
        starts, ends, data = self._buffers()
        lead = data.take(starts, mode="clip")
        perhaps = LIKE_NUMBERS[lead]
        at = np.flatnonzero(_LIKE_WORDS[lead])
        perhaps[at] = _BEGINS_WORD[lead[at], data.take(starts[at] + 1, mode="clip")]
        perhaps &= starts < ends  # a missing cell has no first byte
        return perhaps

    def whole(self) -> pa.Int64Array | None:
        """All cells as int64, if each is written as one."""
        numbers = self.cast(pa.int64())
        return None if numbers is None or len(self.odd(minus_zero=True)) else numbers

    def doubles(self) -> pa.DoubleArray | None:
        """All cells as finite doubles, if each is written as one; a whole number counts."""
        numbers = self.cast(pa.float64())
        if numbers is None or not np.isfinite(numbers.to_numpy()).all():
            return None
        return None if len(self.odd(minus_zero=False)) else numbers

    def cast(self, kind: pa.DataType) -> pa.Array | None:
        """All cells as numbers; None where one is none."""
        try:
            self.values.slice(0, FEW).cast(
                kind
            )  # a cell that fails takes ten times as long, and the rest is cast too
            return self.values.cast(kind)
        except pa.ArrowInvalid:
            return None

    def matching(self, pattern: str) -> Mask:
        """Which cells match a regular expression."""
        return mask(pc.match_substring_regex(self.values, pattern))

    def all_codes(self) -> bool:
        """Whether every cell is digits, an E and digits."""
        return re.search(CODE, self.first) is not None and bool(self.matching(CODE).all())

    def take(self, chosen: Mask) -> Spellings:
        """Some of the cells."""
        return Spellings(self.values.filter(pa.array(chosen)))

    def _buffers(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
        _, offsets, data = self.values.buffers()
        ends = np.frombuffer(offsets, np.int32)[
            self.values.offset : self.values.offset + len(self.values) + 1
        ]
        return ends[:-1], ends[1:], np.frombuffer(data, np.uint8)


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which cells are what; together they cover all."""

    words: Mask
    bools: Mask
    infinite: Mask
    numbers: Mask  # finite
    text: Mask


def kinds(cells: Spellings) -> Kinds:
    """Tell cells apart one by one."""
    more = cells.perhaps_more()
    maybe = cells.take(more)
    code = pc.fill_null(pc.index_in(maybe.values, value_set=_SPECIAL), len(_SPECIAL)).to_numpy()
    numbers = maybe.matching(NUMBER) if len(maybe) else np.zeros(0, bool)

    def over_all(part: Mask) -> Mask:
        whole = np.zeros(len(cells), bool)
        whole[more] = part
        return whole

    words = over_all(code < _WORDS_END)
    bools = over_all((code >= _WORDS_END) & (code < _BOOLS_END))
    infinite = over_all((code >= _BOOLS_END) & (code < len(_SPECIAL)))
    finite = over_all(numbers)
    return Kinds(words, bools, infinite, finite, ~(words | bools | infinite | finite))


def whole_spelled(cells: Spellings) -> Mask:
    """Which cells are written as whole numbers; ``-0`` is not, as no whole number comes back as it."""
    return cells.matching(WHOLE) & ~mask(pc.equal(cells.values, "-0"))


def inexact(numbers: NDArray[np.int64]) -> Mask:
    """Which whole numbers no double holds."""
    doubles = numbers.astype(np.float64)
    beyond = doubles >= 2.0**63  # casting these back would overflow
    lost: Mask = beyond | (np.where(beyond, 0.0, doubles).astype(np.int64) != numbers)
    return lost


def mask(array: pa.BooleanArray) -> Mask:
    """An Arrow mask without nulls as NumPy's."""
    bits = np.frombuffer(array.buffers()[1], np.uint8)  # `to_numpy` goes from bit to bit
    end = array.offset + len(array)
    return np.unpackbits(bits, count=end, bitorder="little")[array.offset :].view(bool)


def cast(column: pa.StringArray, wanted: pa.DataType) -> pa.Array | None:
    """Give text its decided type; None where a cell does not fit it.

    Examples
    --------
    >>> cast(pa.array(["1.50", "NA", None]), pa.float64()).to_pylist()
    [1.5, None, None]
    """
    if pa.types.is_string(wanted):
        return column
    if pa.types.is_null(wanted):
        return pa.nulls(len(column)) if column.null_count == len(column) else None
    if pa.types.is_boolean(wanted):
        coded = column.dictionary_encode()
        words = coded.dictionary.to_pylist()
        if not all(word in _BOOLS for word in words):
            return None
        return pa.array([_BOOLS[word] for word in words], pa.bool_()).take(coded.indices)
    try:
        result = column.cast(wanted)
        if not pa.types.is_floating(wanted) or not pc.any(pc.is_nan(result)).as_py():
            return result
    except pa.ArrowInvalid:
        pass
    absent = pc.is_in(column, value_set=pa.array(MISSING_WORDS))
    try:
        return pc.if_else(absent, pa.scalar(None, pa.string()), column).cast(wanted)
    except pa.ArrowInvalid:
        return None
