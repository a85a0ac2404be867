"""Little PNG, JPEG and other files of one image, made by other libraries than those that read them, or byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
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


def animation(kind: str, frames: Sequence[Pixels | Image.Image], **how: Any) -> bytes:
    """Frames as Pillow writes them."""
    first, *others = [one if isinstance(one, Image.Image) else Image.fromarray(one) for one in frames]
    return pillow_bytes(first, kind, save_all=True, append_images=others, **how)


def indexed(indices: Pixels, palette: bytes) -> Image.Image:
    """An image of a palette's indices."""
    made = Image.new("P", indices.shape[::-1])
    made.frombytes(indices.astype("u1").tobytes())
    made.putpalette(palette)
    return made


def twelve_bits(samples: int = 1) -> Pixels:
    """A smooth image of 12 bits."""
    return smooth(samples=samples).astype("uint16") * 16


def gif(
    size: tuple[int, int],
    frames: Sequence[tuple[int, int, Pixels]],
    palette: bytes = bytes(range(12)),
    clear: int | None = None,
    disposal: int = 0,
    own: Sequence[bytes] = (),
) -> bytes:
    """A GIF of frames (x, y, indices below 4), each compressed as codes that are never packed."""
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x81, 0, 0) + palette
    for number, (x, y, indices) in enumerate(frames):
        flags = disposal << 2 | (clear is not None)
        head += b"!\xf9\x04" + struct.pack("<BHBB", flags, 7, clear or 0, 0)
        palette_flag = 0x81 if own else 0
        head += b"," + struct.pack("<HHHHB", x, y, *indices.shape[::-1], palette_flag)
        head += (own[number] if own else b"") + b"\x02" + _blocks(_codes(indices.reshape(-1).tolist()))
    return head + b";"


def _codes(values: Sequence[int]) -> bytes:
    """LZW of 3 bits a code: the table is cleared before it grows."""
    codes = [code for i in range(0, len(values), 2) for code in (4, *values[i : i + 2])] + [5]
    bits = sum(code << 3 * i for i, code in enumerate(codes))
    return bits.to_bytes(-(-3 * len(codes) // 8), "little")


def _blocks(data: bytes) -> bytes:
    parts = [data[i : i + 255] for i in range(0, len(data), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def bmp_runs(values: Pixels, bits: int, palette: bytes) -> bytes:
    """A run-length coded BMP: each row is a run, then values as they are."""
    data = b""
    for row in values[::-1].tolist():
        data += bytes([1, row[0] * 17 if bits == 4 else row[0]])
        rest = row[1:]
        stored = bytes(rest) if bits == 8 else _nibbles(rest)
        data += bytes([0, len(rest)]) + stored + bytes(len(stored) % 2) + b"\0\0"
    data += b"\0\1"
    made = bytearray(bmp(data, values.shape[1], values.shape[0], bits, palette))
    made[30:34], made[34:38] = struct.pack("<I", 1 if bits == 8 else 2), struct.pack("<I", len(data))
    return bytes(made)


def _nibbles(values: Sequence[int]) -> bytes:
    pairs = [*values, 0][: len(values) + len(values) % 2]
    return bytes(a << 4 | b for a, b in zip(pairs[::2], pairs[1::2], strict=True))


def with_palette(jp2: bytes, colours: Sequence[tuple[int, int, int]]) -> bytes:
    """A grey JP2 as one of a palette: two boxes more in its header."""
    inside = struct.pack(">HB", len(colours), 3) + b"\7\7\7" + b"".join(bytes(c) for c in colours)
    more = _box(b"pclr", inside) + _box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, c) for c in range(3)))
    at = jp2.index(b"jp2h") - 4
    (size,) = struct.unpack_from(">I", jp2, at)
    return jp2[:at] + struct.pack(">I", size + len(more)) + jp2[at + 4 : at + size] + more + jp2[at + size :]


def _box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data


def apng(
    first: Pixels,
    second: Pixels,
    over: bool = False,
    extra: bytes = b"",
    number: int = 2,
    sequence: int = 2,
    x: int = 0,
) -> bytes:
    """An animated PNG of two grey frames, byte by byte."""
    height, width = first.shape

    def control(at: int, left: int) -> bytes:
        return chunk(b"fcTL", struct.pack(">IIIIIHHBB", at, width, height, left, 0, 1, 10, 0, over))

    def packed(image: Pixels) -> bytes:
        return zlib.compress(b"".join(b"\0" + row.tobytes() for row in image))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", head), extra, chunk(b"acTL", struct.pack(">II", number, 0)), control(0, 0)]
    parts += [chunk(b"IDAT", packed(first)), control(1, x)]
    parts += [chunk(b"fdAT", struct.pack(">I", sequence) + packed(second)), chunk(b"IEND", b"")]
    return SIGNATURE + b"".join(parts)
