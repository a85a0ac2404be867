"""JPEG: grey or colour, 8 bits, as libjpeg-turbo decodes it; how the camera was held is told and not applied.

A JPEG has no checksums, and libjpeg paints grey where data end too early. So the file's parts are walked to the
image's end mark first, and decoding stops at libjpeg's first complaint, which is no more than a warning to others.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from ...errors import SourceError
from ..tiff.exif import HEAD, exif_tags, orientation
from .format import CONVERT, COPY_AGAIN, Header, RasterFormat, cut_off, trailing

SIZES = {
    0xC0: "baseline",
    0xC1: "extended",
    0xC2: "progressive",
    0xC9: "arithmetic",
    0xCA: "arithmetic progressive",
}
NOT_READ = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}
SCAN, END, COMMENT, JFIF, EXIF, ICC = 0xDA, 0xD9, 0xFE, 0xE0, 0xE1, 0xE2
ALONE = {0x01, *range(0xD0, 0xD8)}
MARK = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
INCH, CENTIMETRE = 1, 2


@dataclass(slots=True)
class Parts:
    """What the walk over a file's parts found."""

    process: int = 0
    size: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Bits, height, width, samples."""
    scans: int = 0
    density: tuple[int, int, int] = (0, 0, 0)
    tags: dict[str, Any] = field(default_factory=dict)
    end: int = 0


class Jpeg(RasterFormat):
    """The format of JPEG files."""

    def header(self, content: memoryview, path: str) -> Header:
        """Walk over all parts of the file."""
        found = parts(content, path)
        bits, height, width, samples = found.size
        if not found.scans or found.process not in SIZES or bits != 8 or samples not in (1, 3):
            raise _not_read(found, path)
        unit, x, y = found.density
        per_cm = {INCH: ((x * 100, 254), (y * 100, 254)), CENTIMETRE: ((x, 1), (y, 1))}.get(unit)
        return Header(
            "uint8",
            (height, width) if samples == 1 else (height, width, samples),
            {"Process": SIZES[found.process], **found.tags},
            per_cm,
            orientation(found.tags.get("Exif")),
            trailing(content, found.end),
        )

    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:
        """Decode the pixels; a complaint of libjpeg's is an error."""
        from simplejpeg import decode_jpeg

        colours = "GRAY" if len(header.shape) == 2 else "RGB"
        decoded: NDArray[Any] = decode_jpeg(content, colorspace=colours, strict=True)
        return decoded.reshape(header.shape)


def parts(content: memoryview, path: str) -> Parts:
    """Walk from the first mark to the end mark, over the compressed data too.

    Raises
    ------
    SourceError
        The end mark is missing, or there is no mark where one should be.
    """
    found, at = Parts(), 2
    while True:
        if at + 2 > len(content):
            raise cut_off(path, len(content), "JPEG")
        if content[at] != 0xFF:
            raise SourceError(f"the JPEG is damaged at byte {at:,}: no part begins there", path, COPY_AGAIN)
        mark = content[at + 1]
        if mark == 0xFF or mark in ALONE:  # a filler, or a mark without data
            at += 1 if mark == 0xFF else 2
            continue
        if mark == END:
            found.end = at + 2
            return found
        if at + 4 > len(content):
            raise cut_off(path, len(content), "JPEG")
        (length,) = struct.unpack_from(">H", content, at + 2)
        if length < 2 or at + 2 + length > len(content):
            raise cut_off(path, len(content), "JPEG")
        _take(found, mark, bytes(content[at + 4 : at + 2 + length]), path)
        at += 2 + length
        if mark == SCAN:
            found.scans += 1
            following = MARK.search(content, at)
            at = len(content) if following is None else following.start()


def _take(found: Parts, mark: int, data: bytes, path: str) -> None:
    if mark in SIZES or mark in NOT_READ:
        if found.process:
            raise SourceError("the JPEG has two headers", path, COPY_AGAIN)
        found.process, found.size = mark, struct.unpack_from(">BHHB", data)
    elif mark == JFIF and data.startswith(b"JFIF\0"):
        found.density = struct.unpack_from(">BHH", data, 7)
        found.tags["JFIF"] = list(found.density)
    elif mark == EXIF and data.startswith(HEAD):
        found.tags.setdefault("Exif", exif_tags(data, path))
    elif mark == COMMENT or 0xE0 <= mark <= 0xEF:
        name = "Comment" if mark == COMMENT else f"APP{mark - 0xE0}"
        found.tags.setdefault(name, []).append(data)


def _not_read(found: Parts, path: str) -> SourceError:
    bits, _, _, samples = found.size
    if not found.process or not found.scans:
        return SourceError("the JPEG has no image", path, COPY_AGAIN)
    if samples == 4:
        return SourceError("a JPEG of four inks, made for print", path, "convert it to RGB, or exclude it")
    if bits != 8 or found.process not in SIZES:
        return SourceError(
            f"a JPEG of a kind that is not read ({bits} bits, lossless or hierarchical)", path, CONVERT
        )
    return SourceError(f"a JPEG of {samples} samples a pixel is not read", path, CONVERT)
