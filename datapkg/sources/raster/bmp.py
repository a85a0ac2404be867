"""BMP: with a palette, also run-length coded, or in colour; read without a library, since it is but rows of bytes.

A palette image keeps its indices, and its colours are in `metadata`; only the palette that is a ramp of greys, which
programs write for lack of a grey BMP, is none.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .format import CONVERT, COPY_AGAIN, Header, StillFormat, cut_off
from .runs import unpacked

PLAIN, MASKS = 0, 3
RUNS = {1: 8, 2: 4}
"""The run-length codings, with the bits that each is of."""
BGR = (0xFF0000, 0xFF00, 0xFF)


class Bmp(StillFormat):
    """The format of BMP files."""

    def header(self, content: memoryview, path: str) -> Header:
        """Read the header and the palette."""
        if len(content) < 54:
            raise cut_off(path, len(content), "BMP")
        start, size, width, height, _, bits, packing = struct.unpack_from("<IIiiHHI", content, 10)
        runs = RUNS.get(packing) == bits and height > 0
        if size < 40 or not (runs or packing in (PLAIN, MASKS)) or bits not in (1, 4, 8, 24, 32):
            what = f"a BMP of a kind that is not read ({bits} bits, compression {packing})"
            raise SourceError(what, path, CONVERT)
        if width <= 0:
            raise SourceError("the BMP's header makes no sense", path, COPY_AGAIN)
        (stored,) = struct.unpack_from("<I", content, 34)
        if start + (stored if runs else _row_bytes(width, bits) * abs(height)) > len(content):
            raise cut_off(path, len(content), "BMP")
        x, y, used = struct.unpack_from("<iiI", content, 38)
        tags: dict[str, Any] = {"BitsPerPixel": bits, "DataOffset": start, "TopDown": height < 0}
        tags |= {"Compression": f"RLE{bits}"} if runs else {}
        if packing == MASKS:
            masks = struct.unpack_from("<IIII" if size >= 56 else "<III", content, 54)
            if bits != 32 or masks[:3] != BGR or masks[3:] not in ((), (0,), (0xFF000000,)):
                raise SourceError("a BMP with an order of colours of its own is not read", path, CONVERT)
            tags["Alpha"] = masks[3:] == (0xFF000000,)
        if bits <= 8:
            colours = np.frombuffer(content, np.uint8, 4 * (used or 1 << bits), 14 + size).reshape(-1, 4)
            if not _grey_ramp(colours):
                tags["ColorMap"] = colours[:, 2::-1].T.tolist()
        per_cm = ((x, 100), (y, 100)) if x > 0 and y > 0 else None
        samples = 1 if bits <= 8 else 4 if tags.get("Alpha") else 3
        high = abs(height)
        return Header("uint8", (high, width) if samples == 1 else (high, width, samples), tags, per_cm)

    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:
        """Take the rows, which mostly stand from the lowest to the highest."""
        height, width = header.shape[:2]
        if "Compression" in header.tags:
            data = content[header.tags["DataOffset"] :]
            return unpacked(data, height, width, header.tags["BitsPerPixel"])[::-1]
        bits, step = header.tags["BitsPerPixel"], _row_bytes(width, header.tags["BitsPerPixel"])
        rows = np.frombuffer(content, np.uint8, step * height, header.tags["DataOffset"]).reshape(
            height, step
        )
        rows = rows if header.tags["TopDown"] else rows[::-1]
        if bits < 8:
            shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
            values: NDArray[np.uint8] = (rows[:, :, np.newaxis] >> shifts) & ((1 << bits) - 1)
            return values.reshape(height, -1)[:, :width]
        if bits == 8:
            return rows[:, :width].copy()
        pixels = rows[:, : width * bits // 8].reshape(height, width, bits // 8)
        order = [2, 1, 0, 3] if header.shape[2] == 4 else [2, 1, 0]
        taken: NDArray[np.uint8] = pixels[:, :, order]
        return taken


def _row_bytes(width: int, bits: int) -> int:
    return -(-width * bits // 32) * 4


def _grey_ramp(colours: NDArray[np.uint8]) -> bool:
    """Whether colour i is the grey i."""
    same = np.array_equal(colours[:, :3], np.repeat(np.arange(len(colours)), 3).reshape(-1, 3))
    return len(colours) == 256 and same
