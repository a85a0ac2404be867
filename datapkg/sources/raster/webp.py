"""WebP: lossy or lossless, 8 bits, colour with or without transparency."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from ...errors import SourceError
from ..tiff.exif import exif_tags, orientation
from .format import COPY_AGAIN, Header, RasterFormat, cut_off, trailing

ANIMATED, ALPHA = 0x02, 0x10


class Webp(RasterFormat):
    """The format of WebP files."""

    def header(self, content: memoryview, path: str) -> Header:
        """Read the chunks."""
        if len(content) < 20:
            raise cut_off(path, len(content), "WebP")
        end = 8 + int.from_bytes(content[4:8], "little")
        if end > len(content):
            raise cut_off(path, len(content), "WebP")
        found = dict(_chunks(content[:end], path))
        flags = found[b"VP8X"][0] if b"VP8X" in found else 0
        if flags & ANIMATED:
            what = "an animated WebP: it holds more than one image"
            raise SourceError(what, path, "save its frames as files of their own, or exclude it")
        width, height, alpha = _size(found, path)
        tags: dict[str, Any] = {"Lossless": b"VP8L" in found}
        if b"EXIF" in found:
            tags["Exif"] = exif_tags(bytes(found[b"EXIF"]), path)
        tags |= {n.decode("latin-1").strip(): bytes(found[n]) for n in (b"XMP ", b"ICCP") if n in found}
        samples = 4 if alpha or (flags & ALPHA and b"ALPH" in found) else 3
        turned = orientation(tags.get("Exif"))
        return Header("uint8", (height, width, samples), tags, None, turned, trailing(content, end))

    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:
        """Decode the pixels."""
        from imagecodecs import webp_decode

        bytes_like: Any = content
        decoded: NDArray[Any] = webp_decode(bytes_like, hasalpha=header.shape[2] == 4)
        return decoded


def _chunks(content: memoryview, path: str) -> Iterator[tuple[bytes, memoryview]]:
    at = 12
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        if at + 8 + length > len(content):
            raise cut_off(path, len(content), "WebP")
        yield name, content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _size(found: dict[bytes, memoryview], path: str) -> tuple[int, int, bool]:
    """Width, height, and whether lossless pixels have a transparency."""
    if b"VP8L" in found:
        (bits,) = struct.unpack_from("<I", found[b"VP8L"], 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if b"VP8 " in found:
        width, height = struct.unpack_from("<HH", found[b"VP8 "], 6)
        return width & 0x3FFF, height & 0x3FFF, False
    raise SourceError("the WebP has no pixels", path, COPY_AGAIN)
