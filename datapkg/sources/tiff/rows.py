"""From an open TIFF to rows: which images or planes it has, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray
from tifffile import TiffPageSeries

from ...reading import MAX_IMAGE_BYTES
from ..image_columns import ImageFacts
from ..images.format import Row, Rows
from .calibration import Calibration, calibration
from .checks import check_image_size, check_series
from .file import OpenTiff, decoding
from .metadata import metadata_text
from .ome import OmeImage
from .pixels import decoded_shape, places, plane_axes, plane_pages, plane_shape, read_image, read_planes


def check(tiff: OpenTiff, series: TiffPageSeries, rows: Rows, limit: int) -> None:
    """Make sure that a series can become rows. Raises SourceError where it cannot."""
    with decoding(tiff.path):  # much of a page is worked out only when asked for
        check_series(tiff, series)
        check_image_size(tiff, series, decoded_shape(series, rows == "plane"), limit)


def shapes(series: TiffPageSeries, rows: Rows) -> tuple[tuple[int, ...], int]:
    """The shape of each row that a series becomes, and how many there are."""
    return (tuple(series.shape), 1) if rows == "image" else (plane_shape(series), len(places(series)))


def read_rows(tiff: OpenTiff, rows: Rows, limit: int = MAX_IMAGE_BYTES) -> Iterator[Row]:
    """Decode a file's rows, in order, one at a time."""
    for number, series in enumerate(tiff.series):
        check(tiff, series, rows, limit)
        image = _ome_image(tiff, number)
        said = calibration(tiff, series, image)
        if rows == "image":
            yield _image_row(tiff, number, image, said)
        else:
            yield from _plane_rows(tiff, number, image, said)


def _image_row(tiff: OpenTiff, number: int, image: OmeImage | None, said: Calibration) -> Row:
    series = tiff.series[number]
    pixels = read_image(tiff, series)
    metadata = metadata_text(tiff, series, image, said, first=number == 0)
    facts = _facts(pixels, series.axes, said, said.channel_names, metadata)
    page, _ = next(plane_pages(tiff, series))
    return Row(facts, pixels, (number, page))


def _plane_rows(tiff: OpenTiff, number: int, image: OmeImage | None, said: Calibration) -> Iterator[Row]:
    series = tiff.series[number]
    names, axes = said.channel_names, plane_axes(series)
    planes = zip(places(series), plane_pages(tiff, series), read_planes(tiff, series), strict=True)
    for count, (place, (index, page), pixels) in enumerate(planes):
        at = (place.t, place.c, place.z)
        first = number == 0 and count == 0
        metadata = metadata_text(tiff, series, image, said, first=first, page=page, place=at)
        name = None if names is None or place.c >= len(names) else (names[place.c],)
        yield Row(_facts(pixels, axes, said, name, metadata), pixels, (number, index, *at))


def _facts(
    pixels: NDArray[Any], axes: str, said: Calibration, names: tuple[str | None, ...] | None, metadata: str
) -> ImageFacts:
    sizes = said.x_um, said.y_um, said.z_um
    return ImageFacts(pixels.dtype.name, pixels.shape, axes, *sizes, names, metadata)


def _ome_image(tiff: OpenTiff, number: int) -> OmeImage | None:
    """The OME image that a series is; None where its pages were read without regard to the XML."""
    if tiff.ome is None or tiff.series[number].kind != "ome" or len(tiff.ome.images) != len(tiff.series):
        return None
    return tiff.ome.images[number]
