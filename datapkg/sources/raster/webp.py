"""WebP: lossy or lossless, 8 bits, colour with or without transparency; of an animation, the frames as they are shown.

The frames of an animation are put together by Google's library, which Pillow hands out one after the other.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..tiff.exif import exif_tags, orientation
from .format import COPY_AGAIN, Header, RasterFormat, cut_off, trailing

if TYPE_CHECKING:
    from PIL.Image import Image

ANIMATED, ALPHA = 0x02, 0x10
EXTENDED, ANIMATION, FRAME = b"VP8X", b"ANIM", b"ANMF"


class Webp(RasterFormat):
    """The format of WebP files."""

    def headers(self, content: memoryview, path: str) -> tuple[Header, ...]:
        """Read the chunks."""
        if len(content) < 20:
            raise cut_off(path, len(content), "WebP")
        end = 8 + int.from_bytes(content[4:8], "little")
        if end > len(content):
            raise cut_off(path, len(content), "WebP")
        listed = list(_chunks(content[:end], path))
        found = dict(listed)
        flags = found[EXTENDED][0] if EXTENDED in found else 0
        tags: dict[str, Any] = {}
        if b"EXIF" in found:
            tags["Exif"] = exif_tags(bytes(found[b"EXIF"]), path)
        tags |= {n.decode("latin-1").strip(): bytes(found[n]) for n in (b"XMP ", b"ICCP") if n in found}
        told = tags, None, orientation(tags.get("Exif")), trailing(content, end)
        if flags & ANIMATED:
            frames = [data for name, data in listed if name == FRAME]
            _check_frames(frames, path)
            width, height = (1 + int.from_bytes(found[EXTENDED][at : at + 3], "little") for at in (4, 7))
            delays = tuple({"DelayMs": int.from_bytes(data[12:15], "little")} for data in frames)
            shape = (height, width, 4 if flags & ALPHA else 3)
            return (Header("uint8", shape, *told, len(frames), delays),)
        width, height, alpha = _size(found, path)
        samples = 4 if alpha or (flags & ALPHA and b"ALPH" in found) else 3
        tags["Lossless"] = b"VP8L" in found
        return (Header("uint8", (height, width, samples), *told),)

    def frames(self, content: memoryview, header: Header, path: str) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """Decode the pixels."""
        bytes_like: Any = content
        if header.frames:
            with opened(bytes_like, "WEBP") as image:
                for number in range(header.frames):
                    image.seek(number)
                    yield np.asarray(image)
        else:
            from imagecodecs import webp_decode

            yield webp_decode(bytes_like, hasalpha=header.shape[2] == 4)


def opened(content: bytes, form: str) -> Image:
    """Open a file of a format with Pillow, whose size was held against our own limit already: Pillow's own is put aside."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        return Image.open(io.BytesIO(content), formats=(form,))
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _check_frames(frames: list[memoryview], path: str) -> None:
    """Make sure that each frame's own parts are there."""
    for data in frames:
        parts = dict(_chunks(data, path, 16))
        if not {b"VP8 ", b"VP8L"} & set(parts):
            raise SourceError("a frame of the WebP has no pixels", path, COPY_AGAIN)
    if not frames:
        raise SourceError("the WebP is said to be animated, but has no frame", path, COPY_AGAIN)


def _chunks(content: memoryview, path: str, at: int = 12) -> Iterator[tuple[bytes, memoryview]]:
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
