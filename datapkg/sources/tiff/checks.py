"""What must hold before a TIFF's pixels are decoded: all of them are there, and they are what the header says.

Each rule stands for a file that would otherwise give a plausible wrong image, such as a stack whose missing planes
are black, or for one whose header asks for more memory than any image has.
"""

from __future__ import annotations

from math import prod

import numpy as np
from tifffile import TIFF, TiffFile, TiffFrame, TiffPage, TiffPageSeries

from ...errors import SourceError
from ..limit import check_size, in_words
from .file import OpenTiff
from .pixels import decoded_shape
from .structure import COPY_AGAIN

CONVERT = "write the file again as a plain TIFF, or exclude it"
JPEG_LIKE = frozenset(
    {6, 7, 33003, 33004, 33005, 34712, 34892}
)  # their decoders paint over an end that is missing
ELECTRON_EVENTS = frozenset({65000, 65001, 65002})


def check_series(tiff: OpenTiff, series: TiffPageSeries) -> None:
    """Make sure that the pixels of one image are there and can be decoded.

    Raises
    ------
    SourceError
        Naming what is wrong with which page.
    """
    page = series.keyframe
    check_pixel_type(tiff.path, tiff.file, page)
    if 0 in series.shape:
        size = " x ".join(str(n) for n in series.shape)
        raise SourceError(f"an image of {size} pixels: it has no pixels", tiff.path, "exclude the file")
    stored = _stored_pages(tiff, series)
    if series.dataoffset is not None:
        _check_bytes(tiff.path, page, len(tiff.content) - series.dataoffset, series.nbytes, series.shape)
    for one in stored:
        check_segments(tiff.path, tiff.content, one, page)


def check_image_size(tiff: OpenTiff, series: TiffPageSeries, shape: tuple[int, ...], limit: int) -> None:
    """Make sure that what is decoded at once, of `shape`, is no more than memory should hold."""
    fix = "split the image, or exclude the file"
    if shape != decoded_shape(series, by_plane=True):
        fix = "store its planes as rows of their own with `rows: plane`, or exclude the file"
    check_size(np.dtype(series.dtype).name, shape, limit, tiff.path, fix)


def unused_pages(tiff: OpenTiff) -> list[int]:
    """The pages, from 1, that are in the file but in none of its images or their lower resolutions."""
    used: set[int] = set()
    for series in tiff.series:
        for level in series.levels:
            stored = _pages(level)
            behind_one = len(level) if len(stored) == 1 else 1
            for page in stored:
                used.update(range(page.treeindex[0], page.treeindex[0] + behind_one))
    return [i + 1 for i in range(len(tiff.skeleton.pages)) if i not in used]


def check_pixel_type(path: str, file: TiffFile, page: TiffPage) -> None:
    """Make sure that a page's pixels are of a kind that is read, and compressed in a way that is read."""
    if page.dtype is None:
        what = f"pixels of {page.bitspersample} bits (sample format {int(page.sampleformat)}) cannot be read"
        raise SourceError(what, path, CONVERT)
    if page.dtype.kind == "c":
        what = f"complex pixels ({page.dtype}) cannot be stored"
        raise SourceError(what, path, "save the real and imaginary parts as images of their own")
    method = int(page.compression)
    if (method in ELECTRON_EVENTS and not file.is_eer) or (method != 1 and method not in TIFF.DECOMPRESSORS):
        what = f"compressed in a way that cannot be read (TIFF compression {method})"
        raise SourceError(
            what, path, "write the file again with LZW, Deflate or no compression, or exclude it"
        )


def _pages(series: TiffPageSeries) -> list[TiffPage | TiffFrame]:
    # the pages as stored: iterating the series itself would make up pages for a stack that stands behind one header
    return [page for page in series._pages if page is not None]


def _stored_pages(tiff: OpenTiff, series: TiffPageSeries) -> list[TiffPage | TiffFrame]:
    stored = _pages(series)
    page = series.keyframe
    planes = series.size // max(1, prod(page.shape))
    if len(stored) < len(series._pages) or (len(stored) < planes and series.dataoffset is None):
        what = f"{planes - len(stored)} of the image's {planes} planes are missing"
        raise SourceError(what, tiff.path, COPY_AGAIN)
    if len(stored) > planes:
        what = f"its metadata say {planes} planes, but it has {len(stored)} pages"
        raise SourceError(what, tiff.path, CONVERT)
    layouts = tiff.skeleton.layouts
    for one in stored:
        here, key = one.treeindex, page.treeindex
        if (
            len(here) == len(key) == 1
            and max(here[0], key[0]) < len(layouts)
            and layouts[here[0]] != layouts[key[0]]
        ):
            what = (
                f"pages {key[0] + 1} and {here[0] + 1} differ in size, type or compression, "
                "but its metadata put them into one image"
            )
            raise SourceError(what, tiff.path, CONVERT)
    return stored


def check_segments(path: str, content: memoryview, page: TiffPage | TiffFrame, key: TiffPage) -> None:
    """Make sure that every strip or tile of a page is there, wholly."""
    name, total, found = f"page {page.index + 1}", len(content), prod(key.chunked)
    if min(len(page.dataoffsets), len(page.databytecounts)) < found:
        parts = min(len(page.dataoffsets), len(page.databytecounts))
        raise SourceError(f"{name} has {parts} of its {found} strips or tiles", path, COPY_AGAIN)
    for number, (offset, count) in enumerate(
        zip(page.dataoffsets, page.databytecounts, strict=False), start=1
    ):
        if number > found:
            break
        if offset <= 0 or count <= 0:
            what = f"{name} has no pixels in strip or tile {number}: they would come out black"
            raise SourceError(what, path, "write the file again with all of its pixels, or exclude it")
        if offset >= total or (offset + count > total and key.compression != 1):
            what = f"the TIFF is cut off: pixels of {name} should end at byte {offset + count:,} of {total:,}"
            raise SourceError(what, path, COPY_AGAIN)
        if key.compression in JPEG_LIKE and not _ends(content[offset : offset + count]):
            what = f"{name} is damaged: strip or tile {number} has no end"
            raise SourceError(what, path, COPY_AGAIN)
    if key.compression == 1 and not (key.is_lsm or key.is_stk):
        held = sum(min(n, total - at) for at, n in zip(page.dataoffsets, page.databytecounts, strict=False))
        _check_bytes(path, key, held, _uncompressed_bytes(key), key.shape)


def _check_bytes(path: str, page: TiffPage, held: int, needed: int, shape: tuple[int, ...]) -> None:
    if held < needed:
        size = " x ".join(str(n) for n in shape)
        raise SourceError(
            f"the TIFF is cut off or its header is wrong: an image of {size} pixels of {page.dtype} takes "
            f"{in_words(needed)}, but the file holds {in_words(max(0, held))} of it",
            path,
            COPY_AGAIN,
        )


def _uncompressed_bytes(page: TiffPage) -> int:
    together = page.samplesperpixel if page.planarconfig == 1 else 1  # samples that share a row of bytes
    row = -(-page.imagewidth * page.bitspersample * together // 8)
    return row * page.imagelength * page.imagedepth * (page.samplesperpixel // together)


def _ends(segment: memoryview) -> bool:
    return bytes(segment[-4096:]).rstrip(b"\0").endswith(b"\xff\xd9")
