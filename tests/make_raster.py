"""Little PNG, JPEG and other files of one image, made by other libraries than those that read them, or byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[Any]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def smooth(height: int = 120, width: int = 160, samples: int = 1) -> Pixels:
    """An image that is no noise: JPEG keeps what it shows."""
    y, x = np.mgrid[:height, :width]
    planes = [127 + 90 * np.sin(x / (9 + s)) * np.cos(y / (7 + s)) for s in range(samples)]
    noise = np.random.default_rng(1).normal(0, 6, (height, width, samples))
    image = (np.stack(planes, -1) + noise).clip(0, 255).astype("uint8")
    return image[:, :, 0] if samples == 1 else image


def pillow(path: Path, image: Pixels | Image.Image, **how: Any) -> Path:
    """What Pillow writes; the suffix says the format."""
    made = image if isinstance(image, Image.Image) else Image.fromarray(image)
    made.save(path, **how)
    return path


def pillow_bytes(image: Pixels | Image.Image, kind: str, **how: Any) -> bytes:
    """What Pillow writes, as bytes."""
    target = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(target, kind, **how)
    return target.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG's chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    values: Pixels,
    depth: int,
    colour: int,
    extra: bytes = b"",
    laced: bool = False,
    packed: bytes | None = None,
) -> bytes:
    """A PNG of any depth and colour type, its rows unfiltered; `extra` are chunks before the pixels."""
    height, width = values.shape[:2]
    parts = [values[y::dy, x::dx] for x, y, dx, dy in PASSES] if laced else [values]
    data = b"".join(b"\0" + _row(row, depth) for part in parts if part.size for row in part)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, laced)
    pixels = zlib.compress(data) if packed is None else packed
    return SIGNATURE + chunk(b"IHDR", head) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _row(row: Pixels, depth: int) -> bytes:
    if depth == 16:
        return row.astype(">u2").tobytes()
    if depth == 8:
        return row.astype("u1").tobytes()
    bits = (row.reshape(-1)[:, np.newaxis] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype("u1").reshape(-1)).tobytes()


def bmp(rows: bytes, width: int, height: int, bits: int, palette: bytes = b"") -> bytes:
    """A BMP of the oldest kind that is still written; `rows` are as stored."""
    start = 54 + len(palette)
    head = struct.pack(
        "<2sIIIIiiHHIIiiII", b"BM", start + len(rows), 0, start, 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0
    )
    return head + palette + rows
