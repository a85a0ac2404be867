"""Tell image formats apart by a file's first bytes; a suffix that says something else is refused.

A microscope's export that was renamed is a mistake that somebody should know of, and a file of the wrong kind in a
folder of images mostly does not belong there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module

from ...errors import SourceError
from .format import ImageFormat

HEAD_BYTES = 64
LEAVE_OUT = "exclude it"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: its name, how it begins, its suffixes, and where its format stands; none: it is not read."""

    name: str
    begins: re.Pattern[bytes]
    suffixes: tuple[str, ...] = ()
    format: str = ""


def _kind(name: str, begins: bytes, suffixes: str = "", form: str = "") -> Kind:
    return Kind(name, re.compile(begins, re.DOTALL), tuple(suffixes.split()), form)


TIFF = _kind(
    "a TIFF",
    rb"II[*+]\0|MM\0[*+]|II|MM",
    "tif tiff btf stk lsm svs",
    "datapkg.sources.tiff.format:TiffFormat",
)
RASTER = "datapkg.sources.raster."
KINDS = (
    _kind("a PNG image", rb"\x89PNG\r\n\x1a\n", "png", RASTER + "png:Png"),
    _kind("a JPEG image", rb"\xff\xd8\xff", "jpg jpeg jls", RASTER + "jpeg:Jpeg"),
    _kind(
        "a JPEG 2000 image",
        rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
        "jp2 j2k jpx",
        RASTER + "jpeg2000:Jpeg2000",
    ),
    _kind("a WebP image", rb"RIFF....WEBP", "webp", RASTER + "webp:Webp"),
    _kind("a BMP image", rb"BM", "bmp", RASTER + "bmp:Bmp"),
    _kind("a damaged PNG image", rb"\x89PNG"),
    _kind("a GIF image", rb"GIF8[79]a", "gif", RASTER + "gif:Gif"),
    _kind("a JPEG XL image", rb"\xff\x0a|\0\0\0\x0cJXL ", "jxl", RASTER + "jpegxl:JpegXl"),
    _kind("a QOI image", rb"qoif", "qoi", RASTER + "qoi:Qoi"),
    _kind("a Netpbm image", rb"P[1-7fF][ \t\r\n\v\f#]", "pbm pgm ppm pnm pam pfm", RASTER + "pnm:Pnm"),
    _kind("a JPEG XR image", rb"II\xbc", "jxr wdp hdp"),
    _kind("a HEIF or AVIF image", rb"....ftyp(?:avif|avis|heic|heix|hevc|mif1|msf1)", "heic heif avif"),
    _kind("an OpenEXR image", rb"v/1\x01", "exr"),
    _kind("a Radiance image", rb"#\?(?:RADIANCE|RGBE)", "hdr"),
    _kind("an HDF5 file", rb"\x89HDF"),
    _kind("a gzip file", rb"\x1f\x8b"),
    _kind("a zip archive", rb"PK\x03\x04"),
    _kind("a PDF", rb"%PDF"),
    _kind("a Git LFS pointer, whose image `git lfs pull` would fetch", rb"version https://git-lfs"),
    _kind("a web page or XML text", rb"\s*<"),
    TIFF,
)


def kind_of(head: bytes) -> Kind | None:
    """What a file is, by its first bytes.

    Examples
    --------
    >>> kind_of(b"\\x89PNG\\r\\n\\x1a\\n").name
    'a PNG image'
    """
    return next((kind for kind in KINDS if kind.begins.match(head)), None)


def format_of(content: memoryview, path: str) -> ImageFormat:
    """Find the format that reads a file.

    Raises
    ------
    SourceError
        It is no image that is read, or its suffix says that it is another one.
    """
    head = bytes(content[:HEAD_BYTES])
    found = kind_of(head)
    suffix = path.rpartition(".")[2].lower()
    named = next((kind for kind in KINDS if suffix in kind.suffixes), None)
    if named is not None and named is not found:
        raise SourceError(
            f"not {named.name}: {beginning(head)}", path, f"give it its true suffix, or {LEAVE_OUT}"
        )
    if found is None or not found.format:
        raise SourceError(
            f"not an image that is read: {beginning(head)}", path, f"save it as TIFF or PNG, or {LEAVE_OUT}"
        )
    module, name = found.format.split(":")
    made: ImageFormat = getattr(import_module(module), name)()
    return made


def beginning(head: bytes) -> str:
    """How a file begins, in words."""
    kind = kind_of(head)
    return f"it begins like {kind.name}" if kind else f"its first bytes are {head[:4].hex(' ')}"
