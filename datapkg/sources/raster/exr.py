"""OpenEXR: floats of 16 or 32 bits or whole numbers of 32, as colours or as planes that have names.

The header says size, channels and how lines are packed into chunks; a table says where each chunk stands, and all of
them must be there before the OpenEXR project's library decodes any. Channels R, G, B (and A) are an image of colours;
others are planes along an axis C, under their names. Where types differ, they are stored as one that holds all exactly.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .format import CONVERT, COPY_AGAIN, Header, PerCm, StillFormat, cut_off, dpi_per_cm

KIND = "OpenEXR image"
VERSION, TILED, DEEP, SEVERAL = 0xFF, 0x200, 0x800, 0x1000
NOT_READ = {TILED: "tiles", DEEP: "several values a pixel (deep)", SEVERAL: "several parts"}
PACKING = (
    *(
        ("none", 1),
        ("RLE", 1),
        ("ZIPS", 1),
        ("ZIP", 16),
        ("PIZ", 32),
        ("PXR24", 16),
        ("B44", 32),
        ("B44A", 32),
    ),
    *(("DWAA", 32), ("DWAB", 256), ("HTJ2K256", 256), ("HTJ2K32", 32), ("LJ2K", 256), ("ZSTD", 1)),
)
"""Names of the ways to pack, by their numbers, and how many lines make a chunk."""
TYPES = ("uint32", "float16", "float32")
COLOURS = ({"R", "G", "B"}, {"R", "G", "B", "A"})
SIMPLE = {
    b"int": "<i",
    b"float": "<f",
    b"double": "<d",
    b"v2i": "<2i",
    b"v2f": "<2f",
    b"v3i": "<3i",
    b"v3f": "<3f",
}
SIMPLE |= {b"box2i": "<4i", b"box2f": "<4f", b"chromaticities": "<8f", b"m33f": "<9f", b"m44f": "<16f"}
SIMPLE |= {b"rational": "<iI", b"timecode": "<2I", b"keycode": "<7i", b"lineOrder": "<B", b"envmap": "<B"}
NEEDED = (b"channels", b"compression", b"dataWindow", b"lineOrder")


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel: its name, its type, and whether every pixel has a value of its own."""

    name: str
    dtype: str
    full: bool


class Exr(StillFormat):
    """The format of OpenEXR files."""

    def header(self, content: memoryview, path: str) -> Header:
        """Read the header, and make sure that all chunks are there."""
        (flags,) = struct.unpack_from("<I", content, 4)
        refused = [name for flag, name in NOT_READ.items() if flags & flag]
        if refused or flags & VERSION != 2:
            what = f"an OpenEXR image of {refused[0] if refused else 'another version'} is not read"
            raise SourceError(what, path, "save it as one part of scan lines, or exclude it")
        attributes, at = _attributes(content, path)
        x0, y0, x1, y1 = struct.unpack("<4i", attributes[b"dataWindow"][1])
        width, height = x1 - x0 + 1, y1 - y0 + 1
        packing = attributes[b"compression"][1][0]
        channels = _channels(attributes[b"channels"][1])
        if width < 1 or height < 1 or not channels:
            raise SourceError("the OpenEXR image has no pixels", path, COPY_AGAIN)
        if packing >= len(PACKING) or not all(channel.full for channel in channels):
            what = "a kind of packing" if packing >= len(PACKING) else "channels of different size"
            raise SourceError(f"an OpenEXR image of {what} that is not read", path, CONVERT)
        name, lines = PACKING[packing]
        _check_chunks(content, at, range(y0, y1 + 1, lines), path)
        tags = {_text(key): _value(*value) for key, value in attributes.items() if key not in NEEDED}
        tags |= {"compression": name, "dataWindow": [x0, y0, x1, y1]}
        tags["channels"] = {channel.name: channel.dtype for channel in channels}
        return _header(channels, (height, width), tags)

    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:
        """Decode all channels, in the order of the header's."""
        from OpenEXR import File

        with File(io.BytesIO(content), separate_channels=True, num_threads=0) as file:
            found = {name: channel.pixels for name, channel in file.channels().items()}
        names = header.tags["channels"]
        if found.keys() != names.keys() or any(found[one].dtype.name != names[one] for one in names):
            raise ValueError("its channels are not those of its header")
        if len(names) == 1:
            (only,) = found.values()
            return np.asarray(only)
        order, axis = (header.channels, 0) if header.channels else ("RGBA"[: len(names)], -1)
        return np.stack([found[one].astype(header.dtype, copy=False) for one in order], axis)


def _header(channels: tuple[Channel, ...], size: tuple[int, int], tags: Mapping[str, Any]) -> Header:
    dtype = np.result_type(*(channel.dtype for channel in channels)).name
    names = tuple(channel.name for channel in channels)
    per_cm = _per_cm(tags)
    if len(names) == 1:
        return Header(dtype, size, tags, per_cm)
    if set(names) in COLOURS:
        return Header(dtype, (*size, len(names)), tags, per_cm)
    return Header(dtype, (len(names), *size), tags, per_cm, channels=names)


def _attributes(content: memoryview, path: str) -> tuple[dict[bytes, tuple[bytes, bytes]], int]:
    """The header's attributes, each with its type, and where the header ends."""
    found: dict[bytes, tuple[bytes, bytes]] = {}
    at = 8
    while at < len(content) and content[at]:
        name, at = _word(content, at)
        kind, at = _word(content, at)
        (size,) = struct.unpack_from("<I", content, at)
        at += 4 + size
        if at > len(content):
            raise cut_off(path, len(content), KIND)
        found[name] = kind, bytes(content[at - size : at])
    if at >= len(content):
        raise cut_off(path, len(content), KIND)
    return found, at + 1


def _word(content: memoryview, at: int) -> tuple[bytes, int]:
    """A name that ends with a zero, and what stands behind it."""
    text, zero, _ = bytes(content[at : at + 256]).partition(b"\0")
    if not zero:
        raise ValueError("a name without end")
    return text, at + len(text) + 1


def _channels(data: bytes) -> tuple[Channel, ...]:
    found, at = [], 0
    while data[at]:
        name, at = _word(memoryview(data), at)
        kind, _, _, _, _, x, y = struct.unpack_from("<IBBBBii", data, at)
        found.append(Channel(_text(name), TYPES[kind], (x, y) == (1, 1)))
        at += 16
    return tuple(found)


def _check_chunks(content: memoryview, at: int, lines: range, path: str) -> None:
    """Make sure that each chunk stands in the file, as a whole, and is the one that its place in the table says."""
    if at + 8 * len(lines) > len(content):
        raise cut_off(path, len(content), KIND)
    for line, start in zip(lines, struct.unpack_from(f"<{len(lines)}Q", content, at), strict=True):
        if start + 8 > len(content):
            raise cut_off(path, len(content), KIND)
        said, size = struct.unpack_from("<iI", content, start)
        if start < at + 8 * len(lines) or said != line:
            raise SourceError(f"the OpenEXR image lacks its lines from {line:,} on", path, COPY_AGAIN)
        if start + 8 + size > len(content):
            raise cut_off(path, len(content), KIND)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _value(kind: bytes, data: bytes) -> Any:
    """An attribute's value; one of a type that is not known stays as it is."""
    if kind == b"string":
        return _text(data)
    form = SIMPLE.get(kind)
    if form is None or struct.calcsize(form) != len(data):
        return data
    values = struct.unpack(form, data)
    return values[0] if len(values) == 1 else list(values)


def _per_cm(tags: Mapping[str, Any]) -> PerCm | None:
    """Points a centimetre, from points an inch across and the shape of a pixel."""
    dpi, ratio = tags.get("xDensity"), tags.get("pixelAspectRatio", 1.0)
    if not isinstance(dpi, float) or not isinstance(ratio, float):
        return None
    return dpi_per_cm(dpi, dpi * ratio)
