"""PNG: 1 to 16 bits, grey, colour, with transparency or with a palette, exactly as stored.

libpng makes colours of a palette's indices, and 0 to 255 of two, four or sixteen greys. Here the values stay as they
are: what libpng is given is the same compressed rows under a header of plain bytes, and the bits are taken apart
after it. Every chunk has a checksum, and all of them are checked. The frames of an animated PNG are decoded in the same way.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..tiff.exif import exif_tags, orientation
from ..tiff.metadata import as_list
from .apng import Frame, frames_of, shown
from .format import CONVERT, COPY_AGAIN, Header, RasterFormat, cut_off, trailing

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
GREY, PALETTE = 0, 3
GREY_OF = {1: 0, 2: 4, 3: 2, 4: 6}  # the colour type that has so many samples
CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
PIXELS = (b"IHDR", b"IDAT", b"acTL", b"fcTL", b"fdAT")
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
MOST_TEXT_BYTES = 1 << 20
METRE = 1


class Png(RasterFormat):
    """The format of PNG files."""

    def headers(self, content: memoryview, path: str) -> tuple[Header, ...]:
        """Read all chunks but the pixels'; an animation's still image is one of its own if it is no frame."""
        listed = list(chunks(content, path))
        end = len(SIGNATURE) + sum(len(data) + 12 for _, data in listed)
        found: dict[bytes, list[memoryview]] = {}
        for name, data in listed:
            found.setdefault(name, []).append(data)
        _check_chunks(found, path)
        still = _still(found, trailing(content, end), path)
        if b"acTL" not in found:
            return (still,)
        frames, still_is_first = frames_of(listed, path)
        moving = replace(still, frames=len(frames), frame_tags=tuple(frame.tags() for frame in frames))
        return (moving,) if still_is_first else (still, moving)

    def frames(self, content: memoryview, header: Header, path: str) -> Iterator[NDArray[Any]]:
        """Decode the pixels, in the values that are stored."""
        listed = list(chunks(content, path))
        if header.frames:
            frames, _ = frames_of(listed, path)
            decoded = (_image(frame.parts, _size_of(frame, header), header) for frame in frames)
            yield from shown(frames, decoded, header.shape, header.tags, path)
        else:
            yield _image([data for name, data in listed if name == b"IDAT"], header.shape, header)


def _still(found: Mapping[bytes, list[memoryview]], warnings: tuple[str, ...], path: str) -> Header:
    width, height, depth, colour, packing, filters, laced = struct.unpack(">IIBBBBB", found[b"IHDR"][0])
    if depth not in DEPTHS.get(colour, ()) or (packing, filters) != (0, 0) or laced > 1:
        raise SourceError("the PNG's header makes no sense", path, COPY_AGAIN)
    dtype = "uint16" if depth == 16 else "bool" if (depth, colour) == (1, GREY) else "uint8"
    samples = SAMPLES[colour]
    tags: dict[str, Any] = {"BitDepth": depth, "ColorType": colour, "Interlaced": bool(laced)}
    tags |= _tags({name: parts for name, parts in found.items() if name not in PIXELS}, path)
    sizes = found.get(b"pHYs", [memoryview(b"")])[0]
    x, y, unit = struct.unpack(">IIB", sizes) if len(sizes) == 9 else (0, 0, 0)
    return Header(
        dtype,
        (height, width) if samples == 1 else (height, width, samples),
        tags,
        ((x, 100), (y, 100)) if unit == METRE else None,
        orientation(tags.get("Exif")),
        warnings,
    )


def _size_of(frame: Frame, header: Header) -> tuple[int, ...]:
    return (frame.height, frame.width, *header.shape[2:])


def _image(parts: list[memoryview], shape: tuple[int, ...], header: Header) -> NDArray[Any]:
    """Decode compressed rows that make an image of `shape`."""
    height, width = shape[:2]
    samples, depth = shape[2] if len(shape) == 3 else 1, header.tags["BitDepth"]
    if not header.tags["Interlaced"]:
        return _rows(parts, width, height, depth, samples).astype(header.dtype, copy=False)
    image = np.empty(shape, header.dtype)
    for (x, y, dx, dy), rows in _passes(parts, width, height, depth * samples):
        part = image[y::dy, x::dx]
        part[...] = _rows([rows], part.shape[1], part.shape[0], depth, samples)
    return image


def chunks(content: memoryview, path: str) -> Iterator[tuple[bytes, memoryview]]:
    """Walk the chunks up to the last one, IEND.

    Raises
    ------
    SourceError
        The file ends before it, or a checksum is wrong.
    """
    at = len(SIGNATURE)
    while True:
        if at + 12 > len(content):
            raise cut_off(path, len(content), "PNG")
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content):
            raise cut_off(path, len(content), "PNG")
        (said,) = struct.unpack_from(">I", content, end - 4)
        if zlib.crc32(content[at + 4 : end - 4]) != said:
            shown = name.decode("latin-1") if name.isalpha() else name.hex()
            raise SourceError(
                f"the PNG is damaged: its part {shown} at byte {at:,} is not as written", path, COPY_AGAIN
            )
        yield name, content[at + 8 : end - 4]
        if name == b"IEND":
            return
        at = end


def _check_chunks(found: Mapping[bytes, list[memoryview]], path: str) -> None:
    if next(iter(found)) != b"IHDR" or len(found[b"IHDR"]) > 1 or len(found[b"IHDR"][0]) != 13:
        raise SourceError("the PNG does not begin with a header", path, COPY_AGAIN)
    if b"IDAT" not in found:
        raise SourceError("the PNG has no pixels", path, COPY_AGAIN)
    unknown = [name for name in found if name[:1].isupper() and name not in CRITICAL]
    if unknown:
        shown = unknown[0].decode("latin-1")
        raise SourceError(f"the PNG needs an extension ({shown}) that is not read", path, CONVERT)
    if b"acTL" not in found and b"fdAT" in found:
        raise SourceError("the PNG has frames, but does not say how many", path, COPY_AGAIN)


def _rows(parts: list[Any], width: int, height: int, depth: int, samples: int) -> NDArray[Any]:
    """Let libpng unpack rows, as bytes where a value has fewer than eight bits."""
    from imagecodecs import png_decode

    wide = -(-width * depth // 8) if depth < 8 else width
    head = struct.pack(">IIBBBBB", wide, height, max(depth, 8), GREY_OF[samples], 0, 0, 0)
    pieces = [SIGNATURE, *_chunk(b"IHDR", head)]
    for part in parts:
        pieces += _chunk(b"IDAT", part)
    decoded: NDArray[Any] = png_decode(b"".join([*pieces, *_chunk(b"IEND", b"")]))
    if depth >= 8:
        return decoded
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    values = decoded[:, :, np.newaxis] >> shifts
    values &= (1 << depth) - 1
    return values.reshape(height, -1)[:, :width]


def _chunk(name: bytes, data: Any) -> tuple[bytes, Any, bytes]:
    return struct.pack(">I4s", len(data), name), data, struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def _passes(
    parts: list[memoryview], width: int, height: int, bits: int
) -> Iterator[tuple[tuple[int, int, int, int], bytes]]:
    """An interlaced image is seven small ones, packed together: unpack them, and pack each alone."""
    sizes = []
    for x, y, dx, dy in PASSES:
        wide, high = max(0, -(-(width - x) // dx)), max(0, -(-(height - y) // dy))
        sizes.append(high * (1 + -(-wide * bits // 8)) if wide else 0)
    unpacked = zlib.decompressobj().decompress(b"".join(parts), sum(sizes) + 1)
    if len(unpacked) != sum(sizes):
        raise ValueError(f"{len(unpacked):,} bytes of pixels where {sum(sizes):,} are due")
    at = 0
    for place, size in zip(PASSES, sizes, strict=True):
        if size:
            yield place, zlib.compress(unpacked[at : at + size], 0)
        at += size


def _tags(found: Mapping[bytes, list[memoryview]], path: str) -> dict[str, Any]:
    """What the chunks beside the pixels say, texts by their keys."""
    tags: dict[str, Any] = {}
    for name, parts in found.items():
        data = bytes(parts[0])
        if name in TEXTS:
            for part in parts:
                key, text = _text(name, bytes(part))
                texts = tags.setdefault("Text", {})
                texts[key] = text if key not in texts else [*as_list(texts[key]), text]
        elif name == b"PLTE":
            tags["ColorMap"] = np.frombuffer(data, np.uint8)[: len(data) // 3 * 3].reshape(-1, 3).T.tolist()
        elif name == b"eXIf":
            tags["Exif"] = exif_tags(data, path)
        elif name == b"pHYs" and len(data) == 9:
            tags["pHYs"] = list(struct.unpack(">IIB", data))
        elif name == b"gAMA" and len(data) == 4:
            tags["gAMA"] = struct.unpack(">I", data)[0] / 100_000
        elif name != b"IEND":
            tags[name.decode("latin-1")] = data if len(parts) == 1 else [bytes(part) for part in parts]
    return tags


def _text(name: bytes, data: bytes) -> tuple[str, Any]:
    """A text with its key; what is no text stays as bytes."""
    key, _, rest = data.partition(b"\0")
    packed = name == b"zTXt" or (name == b"iTXt" and rest[:1] == b"\1")
    if name == b"iTXt":
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif name == b"zTXt":
        rest = rest[1:]
    if packed:
        unpacker = zlib.decompressobj()
        try:
            rest = unpacker.decompress(rest, MOST_TEXT_BYTES)
        except zlib.error:
            return key.decode("latin-1"), rest
        if unpacker.unconsumed_tail:
            return key.decode("latin-1"), {"left_out": f"a text of more than {MOST_TEXT_BYTES:,} bytes"}
    return key.decode("latin-1"), rest.decode("utf-8" if name == b"iTXt" else "latin-1", "replace")
