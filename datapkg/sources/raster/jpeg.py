"""JPEG: grey, colour or four inks, 8 or 12 bits, or lossless, as libjpeg-turbo decodes it; and JPEG-LS, by CharLS.

How the camera was held is told and not applied. Of four inks (CMYK) the values are as stored; programs of Adobe's
store them upside down, 255 for no ink, and `Adobe` in `metadata` tells of them.

A JPEG has no checksums, and libjpeg paints grey where data end too early. So the file's parts are walked to the
image's end mark first, and decoding stops at libjpeg's first complaint, which is no more than a warning to others.
Of 12 bits and lossless ones the complaint is not to be had: there the data are decoded again with more behind them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from ...errors import SourceError
from ..tiff.exif import HEAD, exif_tags, orientation
from .format import CONVERT, COPY_AGAIN, Header, StillFormat, cut_off, trailing
from .refill import FILLING, decoded_whole

LOSSLESS, LOSSLESS_ARITHMETIC, LS = 0xC3, 0xCB, 0xF7
SIZES = {
    0xC0: "baseline",
    0xC1: "extended",
    0xC2: "progressive",
    0xC9: "arithmetic",
    0xCA: "arithmetic progressive",
    LOSSLESS: "lossless",
    LS: "JPEG-LS",
}
BITS = {
    **dict.fromkeys((0xC0, 0xC9, 0xCA), (8,)),
    **dict.fromkeys((0xC1, 0xC2), (8, 12)),
    **dict.fromkeys((LOSSLESS, LS), range(2, 17)),
}
"""The bits of a value that are read, by how the file is coded."""
NOT_READ = {0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical", 0xCD: "hierarchical"}
NOT_READ |= {0xCE: "hierarchical", 0xCF: "hierarchical", LOSSLESS_ARITHMETIC: "lossless and arithmetic"}
SCAN, END, COMMENT, JFIF, EXIF, ADOBE = 0xDA, 0xD9, 0xFE, 0xE0, 0xE1, 0xEE
ALONE = {0x01, *range(0xD0, 0xD8)}
MARK = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
LS_MARK = re.compile(rb"\xff[\x80-\xfe]", re.DOTALL)
RESTART_OR_MARK = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
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


class Jpeg(StillFormat):
    """The format of JPEG files."""

    def header(self, content: memoryview, path: str) -> Header:
        """Walk over all parts of the file."""
        found = parts(content, path)
        bits, height, width, samples = found.size
        if not found.scans or bits not in BITS.get(found.process, ()) or samples not in (1, 3, 4):
            raise _not_read(found, path)
        unit, x, y = found.density
        per_cm = {INCH: ((x * 100, 254), (y * 100, 254)), CENTIMETRE: ((x, 1), (y, 1))}.get(unit)
        return Header(
            "uint8" if bits <= 8 else "uint16",
            (height, width) if samples == 1 else (height, width, samples),
            {"Process": SIZES[found.process], "BitsPerSample": bits, **found.tags},
            per_cm,
            orientation(found.tags.get("Exif")),
            trailing(content, found.end),
        )

    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:
        """Decode the pixels; data that end too early are an error."""
        process, samples = header.tags["Process"], header.shape[2] if len(header.shape) == 3 else 1
        bytes_like: Any = content
        if process == SIZES[LS]:
            from imagecodecs import jpegls_decode

            decoded: NDArray[Any] = jpegls_decode(bytes_like)
            return decoded
        if process == SIZES[LOSSLESS] or header.tags["BitsPerSample"] != 8:
            from imagecodecs import jpeg8_decode

            # lossless values are of no colour space that libjpeg would have to leave
            same = "RGB" if process == SIZES[LOSSLESS] and samples == 3 else None
            variants = bytes(content), filled(content)
            return decoded_whole(
                lambda data: jpeg8_decode(data, colorspace=same, outcolorspace=same), *variants
            )
        from simplejpeg import decode_jpeg

        colours = {1: "GRAY", 3: "RGB", 4: "CMYK"}[samples]
        decoded = decode_jpeg(content, colorspace=colours, strict=True)
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
            following = (LS_MARK if found.process == LS else MARK).search(content, at)
            at = len(content) if following is None else following.start()


def filled(content: memoryview) -> bytes:
    """A whole file with more bytes wherever compressed data end: before each mark that follows them."""
    pieces, at = [], 0
    for end in _data_ends(content):
        pieces += [bytes(content[at:end]), FILLING]
        at = end
    return b"".join([*pieces, bytes(content[at:])])


def _data_ends(content: memoryview) -> Iterator[int]:
    """Where compressed data end in a file whose parts were walked before."""
    at = 2
    while content[at + 1] != END:
        mark = content[at + 1]
        if mark == 0xFF or mark in ALONE:
            at += 1 if mark == 0xFF else 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if mark == SCAN or 0xD0 <= mark <= 0xD7:
            following = RESTART_OR_MARK.search(content, at)
            at = len(content) if following is None else following.start()
            yield at


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
    elif mark == ADOBE and data.startswith(b"Adobe") and len(data) >= 12:
        version, flags0, flags1, transform = struct.unpack_from(">HHHB", data, 5)
        found.tags["Adobe"] = {"Version": version, "Flags": [flags0, flags1], "Transform": transform}
    elif mark == COMMENT or 0xE0 <= mark <= 0xEF:
        name = "Comment" if mark == COMMENT else f"APP{mark - 0xE0}"
        found.tags.setdefault(name, []).append(data)


def _not_read(found: Parts, path: str) -> SourceError:
    bits, _, _, samples = found.size
    if not found.process or not found.scans:
        return SourceError("the JPEG has no image", path, COPY_AGAIN)
    if samples not in (1, 3, 4):
        return SourceError(f"a JPEG of {samples} samples a pixel is not read", path, CONVERT)
    how = NOT_READ.get(found.process) or SIZES[found.process]
    return SourceError(f"a JPEG of a kind that is not read ({bits} bits, {how})", path, CONVERT)
