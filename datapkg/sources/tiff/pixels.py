"""The pixels of a TIFF: a whole series as one image, or its planes one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFrame, TiffPage, TiffPageSeries

from ...errors import SourceError
from .file import OpenTiff, decoding
from .structure import COPY_AGAIN

IN_PLANE = "YXS"  # a plane is two-dimensional, but keeps the samples of a pixel, such as red, green and blue


@dataclass(frozen=True, slots=True)
class Place:
    """Where a plane stands in its series; t, c and z are 0 along axes that the series does not have."""

    index: tuple[int, ...]
    t: int
    c: int
    z: int


def read_image(tiff: OpenTiff, series: TiffPageSeries) -> NDArray[Any]:
    """Decode a whole series, in its own dtype and shape."""
    with decoding(tiff.path):
        image = series.asarray(maxworkers=1)  # one thread: a build already runs a process for each core
    tiff.heard.refuse_errors()
    return _as_declared(tiff, image, tuple(series.shape), series)


def plane_shape(series: TiffPageSeries) -> tuple[int, ...]:
    """The shape of one plane."""
    return tuple(
        n for n, axis in zip(series.shape, series.axes, strict=True) if axis in _plane_axes(series.axes)
    )


def plane_axes(series: TiffPageSeries) -> str:
    """The axes of one plane, in stored order."""
    return "".join(axis for axis in series.axes if axis in _plane_axes(series.axes))


def places(series: TiffPageSeries) -> list[Place]:
    """Every plane of a series, in stored order.

    Planes count along all axes that are not in a plane; samples that stand apart (``SYX``) are in it.
    """
    outer = [
        (axis, n) for axis, n in zip(series.axes, series.shape, strict=True) if axis not in plane_axes(series)
    ]
    found = []
    for index in np.ndindex(*(n for _, n in outer)):
        at = {axis: i for (axis, _), i in zip(outer, index, strict=True)}
        found.append(Place(index, at.get("T", 0), at.get("C", 0), at.get("Z", 0)))
    return found


def plane_pages(tiff: OpenTiff, series: TiffPageSeries) -> Iterator[tuple[int, TiffPage | TiffFrame]]:
    """The page that each plane stands in, and its number from 0; the first one where one page describes them all."""
    stored = [page for page in series._pages if page is not None]
    first, planes = stored[0], len(places(series))
    behind_one = len(stored) == 1 and first.treeindex[0] + planes <= len(tiff.skeleton.pages)
    for plane in range(planes):
        if len(stored) == planes:
            page = stored[plane]
        elif behind_one:  # the stack is read through its first page, but every plane has one
            with decoding(tiff.path):
                page = tiff.file.pages.get(first.treeindex[0] + plane)
        else:  # pages of several planes, one behind the other
            page = stored[plane * len(stored) // planes]
        yield page.treeindex[0], page


def read_planes(tiff: OpenTiff, series: TiffPageSeries) -> Iterator[NDArray[Any]]:
    """Decode the planes of a series one after the other, in the order of `places`."""
    shape, count = plane_shape(series), len(places(series))
    if not _planes_stand_alone(series):
        yield from _sliced_planes(tiff, series)
    elif series.dataoffset is not None:
        yield from _uncompressed_planes(tiff, series, shape, count)
    else:
        for page in series._pages:
            assert page is not None
            with decoding(tiff.path):
                plane = page.asarray(maxworkers=1)
            tiff.heard.refuse_errors()
            yield _as_declared(tiff, plane, shape, series)


def decoded_shape(series: TiffPageSeries, by_plane: bool) -> tuple[int, ...]:
    """The shape of what is decoded at once, where rows are planes or whole images."""
    return plane_shape(series) if by_plane and _planes_stand_alone(series) else tuple(series.shape)


def _planes_stand_alone(series: TiffPageSeries) -> bool:
    """Whether a plane can be decoded without the others: its bytes, or its page, are its own."""
    if not series.axes.endswith(plane_axes(series)):
        return False
    if series.dataoffset is not None:
        return True
    return len(series._pages) == len(places(series)) and plane_shape(series) == series.keyframe.shape


def _sliced_planes(tiff: OpenTiff, series: TiffPageSeries) -> Iterator[NDArray[Any]]:
    """Planes that are interleaved, cut out of the whole."""
    image = read_image(tiff, series)
    inside = plane_axes(series)
    outer = [i for i, axis in enumerate(series.axes) if axis not in inside]
    for place in places(series):
        at: list[int | slice] = [slice(None)] * image.ndim
        for axis, i in zip(outer, place.index, strict=True):
            at[axis] = i
        yield np.ascontiguousarray(image[tuple(at)])


def _uncompressed_planes(
    tiff: OpenTiff, series: TiffPageSeries, shape: tuple[int, ...], count: int
) -> Iterator[NDArray[Any]]:
    """Planes that stand one behind the other in the file, so that none but the one asked for is in memory."""
    stored = np.dtype(series.dtype).newbyteorder(tiff.file.byteorder)
    size = prod(shape)
    for number in range(count):
        start = (series.dataoffset or 0) + number * size * stored.itemsize
        plane = np.frombuffer(tiff.content, stored, size, start).reshape(shape)
        yield plane.astype(series.dtype)


def _plane_axes(axes: str) -> str:
    return IN_PLANE if "Y" in axes and "X" in axes else axes


def _as_declared(
    tiff: OpenTiff, image: NDArray[Any], shape: tuple[int, ...], series: TiffPageSeries
) -> NDArray[Any]:
    if image.shape != shape or image.dtype != series.dtype:
        what = f"its pixels make {image.dtype} {image.shape}, but its header says {series.dtype} {shape}"
        raise SourceError(what, tiff.path, COPY_AGAIN)
    return np.ascontiguousarray(image)
