"""Tell image formats apart by a file's first bytes; a suffix that says something else is refused.

A microscope's export that was renamed is a mistake that somebody should know of, and a file of the wrong kind in a
folder of images mostly does not belong there.
"""

from __future__ import annotations

from importlib import import_module

from ...errors import SourceError
from .format import ImageFormat
from .kind import SAVE, Kind, kind
from .refused import REFUSED

HEAD_BYTES = 400
LEAVE_OUT = "exclude it"


TIFF = kind(
    "a TIFF",
    rb"II[*+]\0|MM\0[*+]|II|MM",
    "tif tiff btf stk lsm svs",
    "datapkg.sources.tiff.format:TiffFormat",
)
RASTER = "datapkg.sources.raster."
KINDS = (
    kind("a PNG image", rb"\x89PNG\r\n\x1a\n", "png", RASTER + "png:Png"),
    kind("a JPEG image", rb"\xff\xd8\xff", "jpg jpeg jls", RASTER + "jpeg:Jpeg"),
    kind(
        "a JPEG 2000 image",
        rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
        "jp2 j2k jpx",
        RASTER + "jpeg2000:Jpeg2000",
    ),
    kind("a WebP image", rb"RIFF....WEBP", "webp", RASTER + "webp:Webp"),
    kind("a BMP image", rb"BM", "bmp", RASTER + "bmp:Bmp"),
    kind("a damaged PNG image", rb"\x89PNG"),
    kind("a GIF image", rb"GIF8[79]a", "gif", RASTER + "gif:Gif"),
    kind("a JPEG XL image", rb"\xff\x0a|\0\0\0\x0cJXL ", "jxl", RASTER + "jpegxl:JpegXl"),
    kind("a QOI image", rb"qoif", "qoi", RASTER + "qoi:Qoi"),
    kind("a Netpbm image", rb"P[1-7fF][ \t\r\n\v\f#]", "pbm pgm ppm pnm pam pfm", RASTER + "pnm:Pnm"),
    kind("a JPEG XR image", rb"II\xbc", "jxr wdp hdp", RASTER + "jpegxr:JpegXr"),
    kind(
        "a HEIF or AVIF image",
        rb"....ftyp(?:avif|avis|hei[cxms]|hev[cxms]|mi[fa][12f]|msf1)",
        "heic heif hif avif avifs",
        RASTER + "heif:Heif",
    ),
    kind("an OpenEXR image", rb"v/1\x01", "exr", RASTER + "exr:Exr"),
    kind("a Radiance image", rb"#\?(?:RADIANCE|RGBE)", "hdr", RASTER + "radiance:Radiance"),
    kind("a FITS image", rb"SIMPLE  =", "fits fit fts", RASTER + "fits:Fits"),
    *REFUSED,
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
    if named is not None and not named.format:
        raise SourceError(f"not an image that is read: {named.name}", path, f"{named.mend}, or {LEAVE_OUT}")
    if named is not None and named is not found:
        mend = found.mend if found is not None and not found.format else "give it its true suffix"
        raise SourceError(f"not {named.name}: {beginning(head)}", path, f"{mend}, or {LEAVE_OUT}")
    if found is None or not found.format:
        mend = SAVE if found is None else found.mend
        raise SourceError(f"not an image that is read: {beginning(head)}", path, f"{mend}, or {LEAVE_OUT}")
    module, name = found.format.split(":")
    made: ImageFormat = getattr(import_module(module), name)()
    return made


def beginning(head: bytes) -> str:
    """How a file begins, in words."""
    kind = kind_of(head)
    return f"it begins like {kind.name}" if kind else f"its first bytes are {head[:4].hex(' ')}"
