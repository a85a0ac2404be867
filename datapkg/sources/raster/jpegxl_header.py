"""The header of a JPEG XL codestream, bit by bit: size, type, extra channels, and whether it moves.

Written after ISO/IEC 18181-1: numbers stand in few bits where they are common ones, the lowest bit first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
ALPHA, SPOT, FILTER_ARRAY = 0, 2, 5
KINDS = ("alpha", "depth", "spot colour", "selection", "black", "colour filter array", "thermal")
GREY = 1

Choice = tuple[int, int]
"""How many bits follow, and what is added to them."""
SIZES: tuple[Choice, ...] = ((9, 1), (13, 1), (18, 1), (30, 1))
ENUM: tuple[Choice, ...] = ((0, 0), (0, 1), (4, 2), (6, 18))


class BitDepth(NamedTuple):
    """The bits of a sample, and how many of them are the exponent of a float."""

    bits: int
    exponent: int = 0


class Extra(NamedTuple):
    """A channel beside the colours; `shift` says that it is stored smaller."""

    kind: str
    depth: BitDepth
    shift: int


@dataclass(frozen=True, slots=True)
class Codestream:
    """What a codestream's header says."""

    width: int
    height: int
    depth: BitDepth
    colours: int = 3
    extra: tuple[Extra, ...] = ()
    xyb: bool = True
    orientation: int = 1
    moves: bool = False


class Bits:
    """Reads bits; IndexError where there are no more."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        """The next bits as a number."""
        found = 0
        for place in range(count):
            byte = self._data[self._at >> 3]
            found |= (byte >> (self._at & 7) & 1) << place
            self._at += 1
        return found

    def flag(self) -> bool:
        """The next bit."""
        return bool(self.take(1))

    def choice(self, *choices: Choice) -> int:
        """A number in one of four forms."""
        bits, added = choices[self.take(2)]
        return self.take(bits) + added


def read_header(data: bytes) -> Codestream:
    """Read the header of a codestream.

    Raises
    ------
    IndexError
        It ends too early.

    Examples
    --------
    >>> found = read_header(bytes.fromhex("ff0a98401014370208040100"))
    >>> found.height, found.width, found.colours, found.moves
    (20, 30, 1, False)
    """
    bits = Bits(data[2:])
    height, width = _size(bits)
    if bits.flag():
        return Codestream(width, height, BitDepth(8))
    orientation, moves = 1, False
    if bits.flag():
        orientation = 1 + bits.take(3)
        if bits.flag():
            _size(bits)
        if bits.flag():
            _skip_preview(bits)
        moves = bits.flag()
        if moves:
            _skip_animation(bits)
    depth = _depth(bits)
    bits.flag()  # whether 16 bits are enough to decode
    count = bits.choice((0, 0), (0, 1), (4, 2), (12, 1))
    extra = tuple(_extra(bits) for _ in range(count))
    xyb = bits.flag()
    grey = False
    if not bits.flag():
        bits.flag()  # whether an ICC profile follows
        grey = bits.choice(*ENUM) == GREY
    return Codestream(width, height, depth, 1 if grey else 3, extra, xyb, orientation, moves)


def _size(bits: Bits) -> tuple[int, int]:
    eighths = bits.flag()
    height = 8 * (1 + bits.take(5)) if eighths else bits.choice(*SIZES)
    ratio = bits.take(3)
    if ratio:
        across, down = RATIOS[ratio - 1]
        return height, height * across // down
    return height, 8 * (1 + bits.take(5)) if eighths else bits.choice(*SIZES)


def _skip_preview(bits: Bits) -> None:
    eighths = bits.flag()
    choices: tuple[Choice, ...] = ((6, 1), (8, 65), (10, 321), (12, 1345))
    if eighths:
        choices = ((0, 16), (0, 32), (5, 1), (9, 33))
    bits.choice(*choices)
    if not bits.take(3):
        bits.choice(*choices)


def _skip_animation(bits: Bits) -> None:
    bits.choice((0, 100), (0, 1000), (10, 1), (30, 1))
    bits.choice((0, 1), (0, 1001), (8, 1), (10, 1))
    bits.choice((0, 0), (3, 0), (16, 0), (32, 0))
    bits.flag()


def _depth(bits: Bits) -> BitDepth:
    if not bits.flag():
        return BitDepth(bits.choice((0, 8), (0, 10), (0, 12), (6, 1)))
    size = bits.choice((0, 32), (0, 16), (0, 24), (6, 1))
    return BitDepth(size, 1 + bits.take(4))


def _extra(bits: Bits) -> Extra:
    if bits.flag():
        return Extra(KINDS[ALPHA], BitDepth(8), 0)
    kind = bits.choice(*ENUM)
    depth = _depth(bits)
    shift = bits.choice((0, 0), (0, 3), (0, 4), (3, 1))
    name_bytes = bits.choice((0, 0), (4, 0), (5, 16), (10, 48))
    bits.take(8 * name_bytes)
    if kind == ALPHA:
        bits.flag()
    elif kind == SPOT:
        bits.take(4 * 16)
    elif kind == FILTER_ARRAY:
        bits.choice((0, 1), (2, 0), (4, 3), (8, 19))
    return Extra(KINDS[kind] if kind < len(KINDS) else "other", depth, shift)
