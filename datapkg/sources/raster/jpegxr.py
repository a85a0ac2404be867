"""JPEG XR (`.jxr .wdp .hdp`): 1 to 16 bits and floats, grey, colour or of several channels.

The file is a directory of tags as TIFF's, and a codestream that says its size once more: both must agree. jxrlib makes up
what is missing at the end of the data, so it decodes them twice, the second time with more behind them. How the image
is to be turned is told and not applied.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ...errors import SourceError
from ..tiff.exif import exif_tags
from .format import CONVERT, COPY_AGAIN, Header, PerCm, StillFormat, cut_off, dpi_per_cm
from .refill import FILLING, decoded_whole

KIND = "JPEG XR"
PIXEL_FORMAT, TURNED, WIDTH, HEIGHT, X_DPI, Y_DPI = 0xBC01, 0xBC02, 0xBC80, 0xBC81, 0xBC82, 0xBC83
START, BYTES, ALPHA_START, ALPHA_BYTES = 0xBCC0, 0xBCC1, 0xBCC2, 0xBCC3
NAMED = {0x02BC: "XMP", 0x8773: "IccProfile", 0x010D: "DocumentName", 0x010E: "ImageDescription"}
NAMED |= {0x010F: "Make", 0x0110: "Model", 0x0131: "Software", 0x0132: "DateTime", 0x013B: "Artist"}
NAMED |= {0x8298: "Copyright"}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
WHOLE = {1: "B", 3: "H", 4: "I"}
FLOAT = 11
ORIENTATIONS = (1, 4, 2, 3, 6, 7, 5, 8)
"""What the numbers of `TURNED` are in EXIF's count."""
FAMILY = bytes.fromhex("24c3dd6f034efe4bb1853d77768dc9")
PIXELS = {
    FAMILY + bytes([last]): (name, dtype, samples)
    for last, name, dtype, samples in (
        (0x05, "BlackWhite", "bool", 1),
        (0x08, "8bppGray", "uint8", 1),
        (0x0B, "16bppGray", "uint16", 1),
        (0x0C, "24bppBGR", "uint8", 3),
        (0x0D, "24bppRGB", "uint8", 3),
        (0x11, "32bppGrayFloat", "float32", 1),
        (0x15, "48bppRGB", "uint16", 3),
        (0x16, "64bppRGBA", "uint16", 4),
        (0x19, "128bppRGBAFloat", "float32", 4),
        (0x3A, "64bppRGBAHalf", "float16", 4),
        (0x3B, "48bppRGBHalf", "float16", 3),
        (0x3E, "16bppGrayHalf", "float16", 1),
        *((0x1D + n, f"{8 * n}bpp{n}Channels", "uint8", n) for n in range(3, 9)),
        *(
            (0x23 + n, f"{16 * n}bpp{n}Channels", "uint16", n) for n in range(3, 6)
        ),  # jxrlib spoils blocks of more
    )
}
PIXELS[bytes.fromhex("2dadc7f58d6add43a7a8a29935261ae9")] = ("32bppRGBA", "uint8", 4)
PIXELS[bytes.fromhex("8fd7fee3dbe8cf4a84c1e97f6136b327")] = ("96bppRGBFloat", "float32", 3)


@dataclass(frozen=True, slots=True)
class Tag:
    """An entry of the directory: type, number of values, where they stand, and where the entry's own value does."""

    type: int
    count: int
    start: int
    at: int


class JpegXr(StillFormat):
    """The format of JPEG XR files."""

    def header(self, content: memoryview, path: str) -> Header:
        """Read the directory and the codestream's header."""
        tags = _directory(content, path)
        width, height, start, size = (
            _number(content, tags, code, path) for code in (WIDTH, HEIGHT, START, BYTES)
        )
        family = tags.get(PIXEL_FORMAT)
        name = bytes(content[family.start : family.start + 16]) if family else b""
        if name not in PIXELS:
            raise SourceError(f"a JPEG XR of the pixel format {name.hex()} is not read", path, CONVERT)
        form, dtype, samples = PIXELS[name]
        if start + size > len(content) or not size:
            raise cut_off(path, len(content), KIND)
        said = [_codestream_size(content, start)]
        if ALPHA_START in tags:
            said.append(_codestream_size(content, _number(content, tags, ALPHA_START, path)))
        if any(one != (height, width) for one in said):
            what = f"its pixels are said to be {width} x {height}, but their own header says otherwise"
            raise SourceError(what, path, COPY_AGAIN)
        turned = _number(content, tags, TURNED, path) if TURNED in tags else 0
        told = {name: _text(content, tags[code]) for code, name in NAMED.items() if code in tags}
        if 0x8769 in tags:
            told["Exif"] = exif_tags(_as_tiff(content, tags[0x8769]), path)
        return Header(
            dtype,
            (height, width) if samples == 1 else (height, width, samples),
            {"PixelFormat": form, **told},
            _per_cm(content, tags),
            ORIENTATIONS[turned] if 0 < turned < len(ORIENTATIONS) else None,
        )

    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:  # noqa: ARG002
        """Decode the pixels as they are stored, and not turned; data that end too early are an error."""
        from imagecodecs import jpegxr_decode

        tags = _directory(content, "")
        plain = bytearray(content)
        if TURNED in tags:
            plain[tags[TURNED].at : tags[TURNED].at + 4] = bytes(4)
        return decoded_whole(jpegxr_decode, bytes(plain), _filled(plain, tags))


def _filled(content: bytearray, tags: Mapping[int, Tag]) -> bytes:
    """A file with more bytes behind its data, and behind those of its transparency."""
    if ALPHA_START not in tags:
        return bytes(content) + FILLING
    (start,) = struct.unpack_from("<I", content, tags[ALPHA_START].at)
    moved = bytearray(content)
    struct.pack_into("<I", moved, tags[ALPHA_START].at, start + len(FILLING))
    return bytes(moved[:start]) + FILLING + bytes(moved[start:]) + FILLING


def _directory(content: memoryview, path: str) -> dict[int, Tag]:
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    found: dict[int, Tag] = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        code, kind, values, place = struct.unpack_from("<HHII", content, entry)
        size = SIZES.get(kind, 1) * values
        start = entry + 8 if size <= 4 else place
        if start + size > len(content):
            raise cut_off(path, len(content), KIND)
        found[code] = Tag(kind, values, start, entry + 8)
    return found


def _number(content: memoryview, tags: Mapping[int, Tag], code: int, path: str) -> int:
    tag = tags.get(code)
    if tag is None or tag.type not in WHOLE or tag.count != 1:
        raise SourceError("the JPEG XR's header makes no sense", path, COPY_AGAIN)
    (found,) = struct.unpack_from("<" + WHOLE[tag.type], content, tag.start)
    return int(found)


def _codestream_size(content: memoryview, start: int) -> tuple[int, int]:
    """Height and width, as the codestream that begins at a place says."""
    mark, _, _, flags, _ = struct.unpack_from(">8sBBBB", content, start)
    if mark != b"WMPHOTO\0":
        raise ValueError("no codestream begins there")
    width, height = struct.unpack_from(">HH" if flags & 0x80 else ">II", content, start + 12)
    return height + 1, width + 1


def _text(content: memoryview, tag: Tag) -> bytes:
    return bytes(content[tag.start : tag.start + SIZES.get(tag.type, 1) * tag.count])


def _as_tiff(content: memoryview, tag: Tag) -> bytes:
    """The file as the TIFF whose first directory is its EXIF: its places count from the file's beginning."""
    (place,) = struct.unpack_from("<I", content, tag.start)
    return b"II*\0" + struct.pack("<I", place) + bytes(content[8:])


def _per_cm(content: memoryview, tags: Mapping[int, Tag]) -> PerCm | None:
    """Points a centimetre, across and down."""
    across, down = (tags.get(code) for code in (X_DPI, Y_DPI))
    if across is None or down is None or {across.type, down.type} != {FLOAT}:
        return None
    return dpi_per_cm(*(struct.unpack_from("<f", content, tag.start)[0] for tag in (across, down)))
