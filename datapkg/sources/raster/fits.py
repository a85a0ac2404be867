"""FITS, which cameras for faint light write: whole numbers and floats, one image or a stack, in each part of the file.

Values and the order of rows stay as they are stored; but where the file only moves its zero, to hold numbers without a
sign, the numbers are without a sign. A scale (`BSCALE`) is told and not applied. What a stack's axis means FITS does not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .format import CONVERT, COPY_AGAIN, Header, RasterFormat, cut_off

BLOCK, CARD = 2880, 80
STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
SHIFTED = {(8, -128): "int8", (16, 1 << 15): "uint16", (32, 1 << 31): "uint32", (64, 1 << 63): "uint64"}
"""What a moved zero makes of numbers of so many bits: the other kind, with or without a sign."""
VALUE = re.compile(r"'((?:[^']|'')*)'|([^/']*)")
MOST_AXES = 3
MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the file: its cards by their names, and where its data begin and end."""

    cards: Mapping[str, Any]
    start: int
    end: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of its axes, the slowest first; empty where it has no image."""
        if self.cards.get("XTENSION", "IMAGE") != "IMAGE":
            return ()
        return _lengths(self.cards)[::-1]


class Fits(RasterFormat):
    """The format of FITS files."""

    def headers(self, content: memoryview, path: str) -> tuple[Header, ...]:
        """Read the cards of all parts."""
        found = tuple(_header(part, path) for part in _parts(content, path) if prod(part.shape or (0,)))
        if not found:
            raise SourceError("a FITS file without an image: it has tables, or nothing", path, CONVERT)
        return found

    def frames(self, content: memoryview, header: Header, path: str) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """Take the values."""
        bits, start = header.tags["BITPIX"], header.tags["DataOffset"]
        stored = np.dtype(STORED[bits])
        for number in range(max(1, header.frames)):
            at = start + number * prod(header.shape) * stored.itemsize
            values = np.frombuffer(content, stored, prod(header.shape), at).reshape(header.shape)
            yield _unsigned(values, header.dtype)


def _unsigned(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Values under a zero that is moved: the highest bit is turned."""
    native = values.astype(values.dtype.newbyteorder("="))
    if native.dtype.name == dtype:
        return native
    whole = np.dtype(f"u{native.itemsize}")
    moved: NDArray[Any] = native.view(whole) ^ whole.type(1 << (8 * native.itemsize - 1))
    return moved.view(dtype)


def _header(part: Part, path: str) -> Header:
    cards, shape = part.cards, part.shape
    bits = cards["BITPIX"]
    shape = shape if len(shape) > 1 else (1, *shape)
    if len(shape) > MOST_AXES:
        raise SourceError(f"a FITS image of {len(shape)} axes is not read", path, CONVERT)
    zero, scale = cards.get("BZERO", 0), cards.get("BSCALE", 1)
    dtype = np.dtype(STORED[bits]).newbyteorder("=").name
    warnings: tuple[str, ...] = ()
    if scale == 1 and (bits, zero) in SHIFTED:
        dtype = SHIFTED[bits, zero]
    elif (zero, scale) != (0, 1):
        warnings = (f"its values are as stored: what they mean is {zero} + {scale} x value",)
    tags = {**cards, "DataOffset": part.start}
    frames = shape[0] if len(shape) == MOST_AXES else 0
    return Header(dtype, shape[-2:], tags, warnings=warnings, frames=frames, frame_axis="I")


def _parts(content: memoryview, path: str) -> Iterator[Part]:
    """The parts of the file, each a header and its data, both in whole blocks."""
    at = 0
    for _ in range(MOST_PARTS):
        cards, start = _cards(content, at, path)
        count = _whole(cards, "GCOUNT", 1) * (_whole(cards, "PCOUNT", 0) + prod(_lengths(cards) or (0,)))
        end = start + count * abs(_whole(cards, "BITPIX", 0)) // 8
        if cards["BITPIX"] not in STORED:
            raise SourceError(f"a FITS image of {cards['BITPIX']} bits makes no sense", path, COPY_AGAIN)
        if end > len(content):
            raise cut_off(path, len(content), "FITS file")
        yield Part(cards, start, end)
        at = end + -end % BLOCK
        if bytes(content[at : at + 8]) != b"XTENSION":
            return
    raise SourceError(f"a FITS file of more than {MOST_PARTS:,} parts is not read", path, CONVERT)


def _lengths(cards: Mapping[str, Any]) -> tuple[int, ...]:
    axes = _whole(cards, "NAXIS", -1)
    if axes > 999:
        raise ValueError("more axes than FITS has")
    return tuple(_whole(cards, f"NAXIS{axis}", -1) for axis in range(1, axes + 1))


def _whole(cards: Mapping[str, Any], name: str, due: int) -> int:
    found = cards.get(name, due)
    if not isinstance(found, int) or (found < 0 and name != "BITPIX"):
        raise ValueError(f"{name} makes no sense")
    return found


def _cards(content: memoryview, start: int, path: str) -> tuple[dict[str, Any], int]:
    """The cards of a header, and where its data begin."""
    cards: dict[str, Any] = {}
    texts: dict[str, list[str]] = {}
    at = start
    while True:
        card = bytes(content[at : at + CARD]).decode("latin-1")
        at += CARD
        if len(card) < CARD:
            raise cut_off(path, len(content), "FITS file")
        name = card[:8].rstrip()
        if name == "END":
            break
        if card[8:10] == "= ":
            cards[name] = _value(card[10:])
        elif card.strip():
            texts.setdefault(name or "COMMENT", []).append(card[8:].rstrip())
    return cards | {name: "\n".join(lines) for name, lines in texts.items()}, at + (start - at) % BLOCK


def _value(text: str) -> Any:
    """A card's value: a text in quotes, T or F, a whole number, or a float."""
    found = VALUE.match(text.lstrip())
    if found is None:
        return text.strip()
    if found[1] is not None:
        return found[1].replace("''", "'").rstrip()
    word = found[2].strip()
    if word in ("T", "F"):
        return word == "T"
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word.replace("D", "E"))
    except ValueError:
        return word
