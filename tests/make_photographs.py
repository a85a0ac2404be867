"""Little HEIF, AVIF, JPEG XR, OpenEXR and Radiance files, by other libraries than those that read them where there is one."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import imagecodecs
import numpy as np
import OpenEXR
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[Any]
FIRST_ENTRY = 0x22


def heic(image: Pixels, **how: Any) -> bytes:
    """HEVC as x265 makes it, of 8 bits, or 10 of 16."""
    mode = {2: "L", 3: "RGB", 4: "RGBA"}[image.shape[2] if image.ndim == 3 else 2]
    if image.dtype == np.uint16:
        mode = "I;16" if mode == "L" else mode + ";16"
    made = pillow_heif.from_bytes(mode, image.shape[1::-1], image.tobytes())
    target = io.BytesIO()
    made.save(target, **how)
    return target.getvalue()


def lossless_heic(image: Pixels, **how: Any) -> bytes:
    """Red, green and blue as they are; grey too."""
    return heic(image, quality=-1, chroma=444, matrix_coefficients=0, **how)


def with_property(content: bytes, name: bytes, data: bytes, item: int = 1) -> bytes:
    """A HEIF with a property more of one item, behind its others; all places in the file move on."""
    box = struct.pack(">I", 8 + len(data)) + name + data
    properties = content.index(b"ipco")
    end = properties - 4 + struct.unpack_from(">I", content, properties - 4)[0]
    at, count = properties + 4, 1
    while at < end:
        at, count = at + struct.unpack_from(">I", content, at)[0], count + 1
    made = bytearray(content[:end] + box + content[end:])
    entry = made.index(b"ipma") + 12
    while struct.unpack_from(">H", made, entry)[0] != item:
        entry += 3 + made[entry + 2]
    made[entry + 2] += 1
    made.insert(entry + 2 + made[entry + 2], 0x80 | count)
    _grow(made, (b"meta", b"iprp", b"ipco", b"ipma"), (len(box) + 1, len(box) + 1, len(box), 1))
    return _moved(made, len(box) + 1)


def _grow(made: bytearray, names: tuple[bytes, ...], by: tuple[int, ...]) -> None:
    for name, more in zip(names, by, strict=True):
        at = made.index(name) - 4
        struct.pack_into(">I", made, at, struct.unpack_from(">I", made, at)[0] + more)


def _moved(made: bytearray, by: int) -> bytes:
    """Places of items, of four bytes each and without a base, moved on."""
    at = made.index(b"iloc") + 4
    version, (count,) = made[at], struct.unpack_from(">H", made, at + 6)
    assert made[at + 4 : at + 6] in (b"\x44\x00", b"\x44\x40")
    base = made[at + 5] >> 4
    at += 8
    for _ in range(count):
        at += 4 + (2 if version else 0) + base
        (extents,) = struct.unpack_from(">H", made, at)
        for extent in range(at + 2, at + 2 + 8 * extents, 8):
            struct.pack_into(">I", made, extent, struct.unpack_from(">I", made, extent)[0] + by)
        at += 2 + 8 * extents
    return bytes(made)


def grid(tile: Pixels, size: tuple[int, int]) -> bytes:
    """A HEIF of four equal tiles as cameras write it, cropped to (height, width)."""
    coded = lossless_heic(tile)
    setting = _box_of(coded, b"hvcC")
    start, length = _first_place(coded)
    data = coded[start : start + length]
    layout = struct.pack(">BBBBHH", 0, 0, 1, 1, size[1], size[0])

    def kind(number: int, name: bytes, hidden: bool) -> bytes:
        return _box(b"infe", struct.pack(">BBBBHH4sB", 2, 0, 0, hidden, number, 0, name, 0))

    properties = [_size(size), setting, _size(tile.shape[:2])]
    links = [(1, (1,)), *((number, (0x82, 3)) for number in range(2, 6))]
    chosen = b"".join(struct.pack(">HB", n, len(which)) + bytes(which) for n, which in links)
    parts = [
        _box(b"hdlr", bytes(8) + b"pict" + bytes(13)),
        _box(b"pitm", bytes(4) + b"\0\1"),
        _box(
            b"iinf",
            bytes(4)
            + b"\0\5"
            + kind(1, b"grid", False)
            + b"".join(kind(n, b"hvc1", True) for n in range(2, 6)),
        ),
        _box(
            b"iprp",
            _box(b"ipco", b"".join(properties)) + _box(b"ipma", bytes(4) + struct.pack(">I", 5) + chosen),
        ),
        _box(b"iref", bytes(4) + _box(b"dimg", struct.pack(">HH4H", 1, 4, 2, 3, 4, 5))),
        _box(b"idat", layout),
    ]
    places = struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(layout))
    head = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    before = len(head) + 12 + sum(len(part) for part in parts) + (12 + 4 + 5 * len(places)) + 8
    places += b"".join(struct.pack(">HHHHII", n, 0, 0, 1, before, length) for n in range(2, 6))
    parts.append(_box(b"iloc", b"\1\0\0\0\x44\0\0\5" + places))
    return head + _box(b"meta", bytes(4) + b"".join(parts)) + _box(b"mdat", data)


def _box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data


def _size(size: tuple[int, ...]) -> bytes:
    return _box(b"ispe", bytes(4) + struct.pack(">II", size[1], size[0]))


def _box_of(content: bytes, name: bytes) -> bytes:
    at = content.index(name) - 4
    return content[at : at + struct.unpack_from(">I", content, at)[0]]


def _first_place(content: bytes) -> tuple[int, int]:
    """Where the first item's data stand: a base of four bytes, or none, and an offset from it."""
    at = content.index(b"iloc") + 4
    at, base = at + 8 + (6 if content[at] else 4), content[at + 5] >> 4
    start, length = struct.unpack_from(">II", content, at + base + 2)
    return start + int.from_bytes(content[at : at + base], "big"), length


def avif(image: Pixels | Image.Image, **how: Any) -> bytes:
    """What Pillow writes."""
    target = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(target, "AVIF", **how)
    return target.getvalue()


def jpegxr_entry(content: bytes, code: int) -> int:
    """Where an entry of the directory of a JPEG XR stands."""
    (count,) = struct.unpack_from("<H", content, FIRST_ENTRY - 2)
    entries = range(FIRST_ENTRY, FIRST_ENTRY + 12 * count, 12)
    return next(at for at in entries if struct.unpack_from("<H", content, at)[0] == code)


def jpegxr_with(content: bytes, code: int, value: int) -> bytes:
    """A JPEG XR with another value of an entry."""
    made = bytearray(content)
    struct.pack_into("<I", made, jpegxr_entry(content, code) + 8, value)
    return bytes(made)


def jpegxr_closed(content: bytes, lost: int) -> bytes:
    """A JPEG XR without its last bytes, whose directory says that this is all."""
    entry = jpegxr_entry(content, 0xBCC1)
    (size,) = struct.unpack_from("<I", content, entry + 8)
    return jpegxr_with(content, 0xBCC1, size - lost)[: len(content) - lost]


def exr(channels: Mapping[str, Pixels], packing: str = "ZIP", **attributes: Any) -> bytes:
    """What the OpenEXR project's library writes."""
    header = {"compression": getattr(OpenEXR, f"{packing}_COMPRESSION"), "type": OpenEXR.scanlineimage}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.exr"
        OpenEXR.File(header | attributes, dict(channels)).write(str(path))
        return path.read_bytes()


def radiance(stored: Pixels, order: str = "-Y {} +X {}", lines: str = "") -> bytes:
    """Numbers with their exponents, one pixel after the other."""
    head = f"#?RADIANCE\n{lines}FORMAT=32-bit_rle_rgbe\n\n" + order.format(*stored.shape[:2]) + "\n"
    return head.encode() + stored.tobytes()


def in_runs(stored: Pixels) -> bytes:
    """The same, each line in four runs of each number's own values, none of them repeated."""
    height, width = stored.shape[:2]
    head = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n".encode()
    assert 8 <= width <= 128
    lines = [
        b"\2\2" + struct.pack(">H", width) + b"".join(bytes([width]) + row[:, c].tobytes() for c in range(4))
        for row in stored
    ]
    return head + b"".join(lines)


def jpegxr(image: Pixels, **how: Any) -> bytes:
    """What jxrlib writes."""
    return bytes(imagecodecs.jpegxr_encode(image, **how))
