"""The planes of an image that is spread over several TIFF files: where each stands, and how it is decoded.

A plane that no file holds, a page that is not there, or one of another size or type than the first is an error:
nothing is made up. One file is open at a time, and each is read once for an image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffPage

from ...errors import SourceError
from ..beside import member_path
from ..images.format import ImageFile
from .checks import CONVERT, check_pixel_type, check_segments
from .file import OpenTiff, decoding, open_pages
from .ome import MEND_XML, Block, OmeImage
from .structure import COPY_AGAIN

ORDERS = frozenset({"XYZCT", "XYZTC", "XYCTZ", "XYCZT", "XYTCZ", "XYTZC"})


@dataclass(frozen=True, slots=True)
class Plane:
    """Where one plane stands: in the image, and on which page of which file."""

    t: int
    c: int
    z: int
    path: str
    page: int


@dataclass(frozen=True, slots=True)
class SpreadImage:
    """One image of a set: its planes in stored order; dtype, shape and axes of one of them and of the whole."""

    image: OmeImage
    planes: tuple[Plane, ...]
    dtype: np.dtype[Any]
    plane_shape: tuple[int, ...]
    plane_axes: str
    shape: tuple[int, ...]
    axes: str

    @property
    def in_order(self) -> bool:
        """Whether the planes' order keeps those of one file together, so that no file is read twice."""
        changes = sum(a.path != b.path for a, b in zip(self.planes, self.planes[1:], strict=False))
        return changes < len({plane.path for plane in self.planes})

    def decoded_shape(self, by_plane: bool) -> tuple[int, ...]:
        """The shape of what is decoded at once."""
        return self.plane_shape if by_plane and self.in_order else self.shape


class SetFiles:
    """The files of a set, of which the one that was asked for last is open."""

    def __init__(self, lead: ImageFile) -> None:
        self.lead = lead
        self._stack = ExitStack()
        self._open: OpenTiff | None = None

    def __enter__(self) -> SetFiles:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def tiff(self, path: str) -> OpenTiff:
        """Open one of the files."""
        if self._open is None or self._open.path != path:
            self._open = None
            self._stack.close()
            content = self.lead.content if path == self.lead.path else self.lead.members.content(path)
            self._open = self._stack.enter_context(open_pages(content, path))
        return self._open

    def page(self, plane: Plane, like: SpreadImage | None = None) -> TiffPage:
        """The page of a plane, after it was made sure that its pixels are all there, and are as in the image."""
        tiff = self.tiff(plane.path)
        pages = len(tiff.skeleton.pages)
        if not 0 <= plane.page < pages:
            what = f"page {plane.page + 1} of {plane.path} should hold a plane, but it has {pages} pages"
            raise SourceError(what, self.lead.path, COPY_AGAIN)
        with decoding(plane.path):
            page = tiff.file.pages.get(plane.page).aspage()
            check_pixel_type(plane.path, tiff.file, page)
            check_segments(plane.path, tiff.content, page, page)
            shape, dtype = tuple(page.shape), page.dtype
        if like is not None and (shape, dtype) != (like.plane_shape, like.dtype):
            what = f"page {plane.page + 1} has {dtype} {shape}, but {like.planes[0].path} has {like.dtype} {like.plane_shape}"
            raise SourceError(f"{what}, and the metadata put both into one image", plane.path, CONVERT)
        return page

    def pixels(self, plane: Plane, like: SpreadImage) -> NDArray[Any]:
        """Decode one plane."""
        page = self.page(plane, like)
        with decoding(plane.path):
            image = page.asarray(maxworkers=1)
        self.tiff(plane.path).heard.refuse_errors()
        if image.shape != like.plane_shape or image.dtype != like.dtype:
            what = f"its pixels make {image.dtype} {image.shape}, but its header says {like.dtype} {like.plane_shape}"
            raise SourceError(what, plane.path, COPY_AGAIN)
        return image


def spread_image(image: OmeImage, names: Sequence[str], files: SetFiles) -> SpreadImage:
    """Find where the planes of an image stand; `names` are the files of its blocks, empty for the lead."""
    lead = files.lead.path
    outer, lengths = _outer_axes(image, lead)
    paths = [member_path(lead, name) if name else lead for name in names]
    planes: dict[int, Plane] = {}
    for block, path in zip(image.blocks, paths, strict=True):
        count = block.count or len(files.tiff(path).skeleton.pages) - block.page
        for number in range(count):
            at, index = _place(block, number, outer, lengths, lead)
            if at in planes:
                what = f"its OME-XML puts two pages on one plane (t {index['T']}, c {index['C']}, z {index['Z']})"
                raise SourceError(what, lead, MEND_XML)
            planes[at] = Plane(index["T"], index["C"], index["Z"], path, block.page + number)
    total = prod(lengths)
    if len(planes) < total:
        what = (
            f"{total - len(planes)} of the image's {total} planes are missing: no file is said to hold them"
        )
        raise SourceError(what, lead, COPY_AGAIN)
    ordered = tuple(planes[at] for at in range(total))
    key = files.page(ordered[0])
    kept = [(axis, n) for axis, n in zip(outer, lengths, strict=True) if n > 1]
    _check_size(image, key, lead)
    return SpreadImage(
        image,
        ordered,
        np.dtype(key.dtype),
        tuple(key.shape),
        key.axes,
        (*(n for _, n in kept), *key.shape),
        "".join(axis for axis, _ in kept) + key.axes,
    )


def whole_image(image: SpreadImage, files: SetFiles) -> NDArray[Any]:
    """Decode all planes into one array, file by file."""
    pixels = np.empty((len(image.planes), *image.plane_shape), image.dtype)
    for _, number in sorted((plane.path, i) for i, plane in enumerate(image.planes)):
        pixels[number] = files.pixels(image.planes[number], image)
    return pixels.reshape(image.shape)


def each_plane(image: SpreadImage, files: SetFiles) -> Iterator[NDArray[Any]]:
    """Decode the planes in stored order."""
    if image.in_order:
        for plane in image.planes:
            yield files.pixels(plane, image)
    else:
        pixels = whole_image(image, files).reshape(len(image.planes), *image.plane_shape)
        for one in pixels:
            yield one.copy()


def _outer_axes(image: OmeImage, path: str) -> tuple[str, tuple[int, ...]]:
    """The axes along which planes count, slowest first, and their lengths; samples of a pixel are in the plane."""
    order = image.pixels.get("DimensionOrder", "")
    if order not in ORDERS:
        raise SourceError(f"its OME-XML has no order of axes that makes sense ({order!r})", path, MEND_XML)
    try:
        sizes = {axis: int(image.pixels[f"Size{axis}"]) for axis in "XYZCT"}
        samples = {int(channel.get("SamplesPerPixel", "1")) for channel in image.channels} or {1}
    except (KeyError, ValueError) as error:
        raise SourceError(f"its OME-XML lacks the size of an image ({error})", path, MEND_XML) from None
    if min(sizes.values()) < 1 or len(samples) > 1 or sizes["C"] % min(samples):
        raise SourceError("its OME-XML gives an image sizes that make no sense", path, MEND_XML)
    sizes["C"] //= samples.pop()
    outer = order[:1:-1]
    return outer, tuple(sizes[axis] for axis in outer)


def _place(
    block: Block, number: int, outer: str, lengths: tuple[int, ...], path: str
) -> tuple[int, dict[str, int]]:
    """Where the block's plane of that number stands: counted over all planes, and by axis."""
    first = dict(zip("TCZ", block.first, strict=True))
    at = 0
    for axis, length in zip(outer, lengths, strict=True):
        if not 0 <= first[axis] < length:
            raise SourceError(
                f"its OME-XML puts a plane outside of the image ({axis} {first[axis]})", path, MEND_XML
            )
        at = at * length + first[axis]
    at += number
    if at >= prod(lengths):
        raise SourceError("its OME-XML puts more planes into an image than it has", path, MEND_XML)
    index = {}
    rest = at
    for axis, length in reversed(list(zip(outer, lengths, strict=True))):
        rest, index[axis] = divmod(rest, length)
    return at, index


def _check_size(image: OmeImage, page: TiffPage, path: str) -> None:
    said = tuple(int(image.pixels[f"Size{axis}"]) for axis in "YX")
    if (page.imagelength, page.imagewidth) != said:
        what = f"its OME-XML says planes of {said[0]} x {said[1]} pixels, but they have {page.imagelength} x {page.imagewidth}"
        raise SourceError(what, path, MEND_XML)
