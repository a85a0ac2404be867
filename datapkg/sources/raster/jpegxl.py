"""JPEG XL, as a file of boxes or as its bare codestream: whole numbers or floats, with any extra channels.

`jpegxl_header` reads the codestream's header, which tells what is decoded. It does not tell how many frames an
animation has: they are counted by asking the decoder for one after the other, each within the limit.
Data that end too early are an error of the decoder's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..tiff.exif import exif_tags
from .format import CONVERT, COPY_AGAIN, Header, RasterFormat, cut_off
from .jpegxl_header import BitDepth, Codestream, read_header

KIND = "JPEG XL"
BARE = b"\xff\x0a"
HEAD_BYTES = 1 << 20
MOST_FRAMES = 1 << 20
LAST = 0x80000000
TOLD = {b"xml ": "XMP", b"jbrd": "", b"brob": "CompressedBox"}
DTYPES = {BitDepth(16, 5): "float16", BitDepth(32, 8): "float32"}


class JpegXl(RasterFormat):
    """The format of JPEG XL files."""

    def headers(self, content: memoryview, path: str) -> tuple[Header, ...]:
        """Read the boxes and the codestream's header."""
        head, tags = _codestream(content, path)
        try:
            found = read_header(head)
        except IndexError:
            raise cut_off(path, len(content), KIND) from None
        dtype = _dtype(found, path)
        samples = found.colours + len(found.extra)
        shape = (found.height, found.width) if samples == 1 else (found.height, found.width, samples)
        tags |= {"BitsPerSample": found.depth.bits, "Xyb": found.xyb}
        if found.extra:
            tags["ExtraChannels"] = [channel.kind for channel in found.extra]
        turned = found.orientation if found.orientation > 1 else None
        return (Header(dtype, shape, tags, orientation=turned, frames=-1 if found.moves else 0),)

    def frames(self, content: memoryview, header: Header, path: str) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """Decode the frames."""
        for number in range(max(1, header.frames)):
            yield _decoded(content, number, np.empty(header.shape, header.dtype))

    def counted(self, content: memoryview, header: Header, path: str) -> Header:
        """Count the frames of an animation."""
        if not header.frames:
            return header
        low, high = 0, 1
        while high < MOST_FRAMES and _is_there(content, header, high):
            low, high = high, 2 * high
        if high >= MOST_FRAMES:
            raise SourceError(f"the JPEG XL has more than {MOST_FRAMES:,} frames", path, "split the file")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _is_there(content, header, middle) else (low, middle)
        return replace(header, frames=high)


def _is_there(content: memoryview, header: Header, number: int) -> bool:
    """Whether there is a frame of that number; of one that is not there, nothing is written."""
    for value in (1, 0):
        blank = np.full(header.shape, value, header.dtype)
        if not np.array_equal(_decoded(content, number, blank.copy()), blank):
            return True
    return False


def _decoded(content: memoryview, number: int, out: NDArray[Any]) -> NDArray[Any]:
    from imagecodecs import jpegxl_decode

    bytes_like: Any = content
    # one thread: a build already runs a process for each core
    decoded: NDArray[Any] = jpegxl_decode(
        bytes_like, index=number, keeporientation=True, numthreads=1, out=out
    )
    return decoded


def _dtype(found: Codestream, path: str) -> str:
    depth = found.depth
    if any(channel.depth != depth or channel.shift for channel in found.extra):
        what = "a JPEG XL whose channels differ in size or type is not read"
        raise SourceError(what, path, CONVERT)
    if depth.exponent:
        dtype = DTYPES.get(depth, "")
    else:
        dtype = "uint8" if depth.bits <= 8 else "uint16" if depth.bits <= 16 else ""
    if not dtype:
        kind = "floats" if depth.exponent else "whole numbers"
        raise SourceError(f"a JPEG XL of {kind} of {depth.bits} bits is not read", path, CONVERT)
    return dtype


def _codestream(content: memoryview, path: str) -> tuple[bytes, dict[str, Any]]:
    """The beginning of the codestream, and what boxes beside it say."""
    if content[:2] == BARE:
        return bytes(content[:HEAD_BYTES]), {}
    pieces: list[bytes] = []
    tags: dict[str, Any] = {}
    at, ended = 0, False
    while at < len(content):
        if at + 8 > len(content):
            raise cut_off(path, len(content), KIND)
        size, name = struct.unpack_from(">I4s", content, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, start)
            start += 8
        end = len(content) if size == 0 else at + size
        if end > len(content) or end < start:
            raise cut_off(path, len(content), KIND)
        if name in (b"jxlc", b"jxlp"):
            ended |= name == b"jxlc" or bool(struct.unpack_from(">I", content, start)[0] & LAST)
            first = start + 4 * (name == b"jxlp")
            pieces.append(bytes(content[first : min(end, first + HEAD_BYTES)]))
        elif name == b"Exif":
            (offset,) = struct.unpack_from(">I", content, start)
            tags["Exif"] = exif_tags(bytes(content[start + 4 + offset : end]), path)
        elif TOLD.get(name):
            tags[TOLD[name]] = bytes(content[start:end])
        at = end
    if not ended:
        raise cut_off(path, len(content), KIND)
    head = b"".join(pieces)
    if not head.startswith(BARE):
        raise SourceError("the JPEG XL's pixels do not begin with a header", path, COPY_AGAIN)
    return head, tags
