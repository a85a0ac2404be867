"""How large AV1 data truly are, which their own first unit says: a file's boxes may say otherwise, and take more memory.

Written after the AV1 bitstream specification, 5.3 to 5.5: units with a type and a length, numbers the highest bit first.
"""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE = 1
"""The type of the unit that says the size."""


class Bits:
    """Reads bits; IndexError where there are no more."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        """The next bits as a number."""
        found = 0
        for _ in range(count):
            found = found << 1 | (self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1)
            self._at += 1
        return found


def sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Height and width that each header in the data says; there is mostly one.

    Raises
    ------
    IndexError
        A unit ends too early.
    """
    at = 0
    while at < len(data):
        kind, more, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + more
        length = len(data) - at
        if sized:
            length, at = _length(data, at)
        if kind == SEQUENCE:
            yield _size(Bits(data[at : at + length]))
        at += length


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and what stands behind it."""
    found = 0
    for place in range(8):
        found |= (data[at + place] & 127) << 7 * place
        if data[at + place] < 128:
            return found, at + place + 1
    raise IndexError("a length without end")


def _size(bits: Bits) -> tuple[int, int]:
    bits.take(4)
    if bits.take(1):  # a still image
        bits.take(5)
    else:
        _skip_operating_points(bits, _skip_timing(bits))
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(wide) + 1, bits.take(high) + 1
    return height, width


def _skip_timing(bits: Bits) -> int:
    """How many bits a delay has; 0 where the data say none."""
    if not bits.take(1):
        return 0
    bits.take(64)
    if bits.take(1):
        zeros = 0
        while not bits.take(1):
            zeros += 1
        bits.take(zeros)
    if not bits.take(1):
        return 0
    delay = bits.take(5) + 1
    bits.take(42)
    return delay


def _skip_operating_points(bits: Bits, delay: int) -> None:
    first_delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay and bits.take(1):
            bits.take(2 * delay + 1)
        if first_delays and bits.take(1):
            bits.take(4)
