"""JPEG 2000, as a file of boxes (JP2) or as its bare codestream: grey, colour or with a palette, 1 to 16 bits.

The codestream says the size of each of its parts; they are walked to the end mark before anything is decoded. A
palette image keeps its indices, which are the codestream's own values, and its colours are in `metadata`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from ...errors import SourceError
from .format import CONVERT, COPY_AGAIN, Header, StillFormat, cut_off, trailing

START, SIZE, TILE, END = 0xFF4F, 0xFF51, 0xFF90, 0xFFD9
FOLDERS = (b"jp2h", b"res ")
KIND = "JPEG 2000"


class Jpeg2000(StillFormat):
    """The format of JPEG 2000 files."""

    def header(self, content: memoryview, path: str) -> Header:
        """Read the boxes and the codestream's header."""
        found: dict[bytes, tuple[int, int]] = {}
        if content[:2] == START.to_bytes(2, "big"):
            found[b"jp2c"] = (0, len(content))
        else:
            for name, start, end in boxes(content, 0, len(content), path):
                found.setdefault(name, (start, end))
        if b"jp2c" not in found:
            raise cut_off(path, len(content), KIND)
        start, last = found[b"jp2c"]
        dtype, shape, bits = _size(content, start, path)
        end = _end(content, start, last, path)
        tags: dict[str, Any] = {"BitsPerSample": bits}
        tags |= {
            name.decode("latin-1").strip(): bytes(content[a:b])
            for name, (a, b) in found.items()
            if name in (b"colr", b"resc", b"resd", b"xml ", b"uuid")
        }
        if b"pclr" in found:
            tags |= {"ColorMap": _palette(content, *found[b"pclr"], path), "Codestream": [start, end]}
        per_cm = None
        if b"resc" in found:
            vn, vd, hn, hd, vx, hx = struct.unpack_from(">HHHHbb", content, found[b"resc"][0])
            per_cm = _per_cm(hn, hd, hx), _per_cm(vn, vd, vx)
        return Header(dtype, shape, tags, per_cm, None, trailing(content, max(end, last)))

    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:
        """Decode the pixels; of a palette image without the boxes that would make colours of them."""
        from imagecodecs import jpeg2k_decode

        start, end = header.tags.get("Codestream", (0, len(content)))
        bytes_like: Any = content[start:end]
        decoded: NDArray[Any] = jpeg2k_decode(bytes_like)
        return decoded


def boxes(content: memoryview, at: int, end: int, path: str) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two places, each with where its content begins and ends; folders with what is in them."""
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", content, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, start)
            start += 8
        last = end if size == 0 else at + size
        if last > end or last < start:
            raise cut_off(path, len(content), KIND)
        if name in FOLDERS:
            yield from boxes(content, start, last, path)
        else:
            yield name, start, last
        at = last


def _palette(content: memoryview, start: int, end: int, path: str) -> list[list[int]]:
    """A palette's channels, each with its colours in order."""
    entries, channels = struct.unpack_from(">HB", content, start)
    depths = [(bits & 0x7F) + 1 for bits in content[start + 3 : start + 3 + channels]]
    widths = [-(-bits // 8) for bits in depths]
    at, rows = start + 3 + channels, []
    if not entries or not channels or at + entries * sum(widths) > end:
        raise SourceError("the JPEG 2000's palette makes no sense", path, COPY_AGAIN)
    for _ in range(entries):
        row = []
        for width in widths:
            row.append(int.from_bytes(content[at : at + width], "big"))
            at += width
        rows.append(row)
    return [list(channel) for channel in zip(*rows, strict=True)]


def _size(content: memoryview, start: int, path: str) -> tuple[str, tuple[int, ...], list[int]]:
    first, second, _, _, x1, y1, x0, y0 = struct.unpack_from(">HHHHIIII", content, start)
    if (first, second) != (START, SIZE):
        raise SourceError("the JPEG 2000 is damaged: its pixels do not begin with a size", path, COPY_AGAIN)
    (samples,) = struct.unpack_from(">H", content, start + 40)
    kinds = [struct.unpack_from(">BBB", content, start + 42 + 3 * i) for i in range(samples)]
    if len(set(kinds)) != 1 or kinds[0][1:] != (1, 1):
        what = "a JPEG 2000 whose channels differ in size or type is not read"
        raise SourceError(what, path, CONVERT)
    bits, signed = (kinds[0][0] & 0x7F) + 1, bool(kinds[0][0] & 0x80)
    if bits > 16:
        raise SourceError(f"a JPEG 2000 of {bits} bits is not read", path, CONVERT)
    dtype = ("" if signed else "u") + ("int8" if bits <= 8 else "int16")
    shape = (y1 - y0, x1 - x0) if samples == 1 else (y1 - y0, x1 - x0, samples)
    return dtype, shape, [bits] * samples


def _end(content: memoryview, start: int, last: int, path: str) -> int:
    """Walk over the parts of the codestream to its end mark, and return where it ends."""
    at = start + 2
    while at + 2 <= last:
        (mark,) = struct.unpack_from(">H", content, at)
        if mark == END:
            return at + 2
        if mark >> 8 != 0xFF or at + 12 > last:
            break
        if mark == TILE:
            (length,) = struct.unpack_from(">I", content, at + 6)
            if length == 0:  # the last tile goes up to the end mark
                if bytes(content[last - 2 : last]) == END.to_bytes(2, "big"):
                    return last
                break
            at += max(length, 12)
        else:
            (length,) = struct.unpack_from(">H", content, at + 2)
            at += 2 + max(length, 2)
    raise cut_off(path, len(content), KIND)


def _per_cm(number: int, divisor: int, power: int) -> tuple[int, int]:
    """Points a centimetre from points a metre, as a fraction."""
    number, divisor = number * 10 ** max(power, 0), divisor * 100 * 10 ** max(-power, 0)
    return number, divisor
