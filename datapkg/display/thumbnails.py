"""What users call, and what a notebook calls: frames and columns of images as HTML with thumbnails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ..contrast import PERCENTILES
from ..errors import SchemaError
from ..lazy import has_images
from .frame import frame_html
from .objects import ObjectsOfRows
from .page import BRIGHTEST, DIMMEST
from .thumbnail import Style

SIZES = (16, 1024)


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """A frame with thumbnails: a notebook shows it, and `html` is its text, which needs nothing beside it."""

    html: str = field(repr=False)
    rows: int

    def _repr_html_(self) -> str:
        return self.html


def show_thumbnails(
    frame: pd.DataFrame | pd.Series,
    *,
    size: int = 160,
    percentiles: tuple[float, float] = PERCENTILES,
    brightness: float = 1.0,
    whole: bool = False,
    objects: pd.DataFrame | None = None,
) -> Thumbnails:
    """Show a frame's images as thumbnails, other than a notebook does by itself.

    At most 20 images are read, of the first and the last rows. Where a row tells of one object (its `bounding_box` and
    `contour`, or CellProfiler's ``..._AreaShape_BoundingBoxMinimum_X`` and so on), its surroundings are shown with its
    outline. A scale bar is drawn where the pixel size is known.

    Parameters
    ----------
    frame
        With a column of lazy images; or such a column.
    size
        Pixels of a thumbnail's longer side on the screen.
    percentiles
        The part of an image's values that is drawn between black and white; images of 8 bits are drawn as stored.
    brightness
        Where the slider starts; 1 leaves the pictures as they are.
    whole
        Show the whole image also where a row tells of one object.
    objects
        Rows of a table of objects, such as ``movies_objects``: those of the same `path` and `t` are drawn over each image.

    Returns
    -------
    What a notebook shows; its `html` holds all it needs.

    Raises
    ------
    SchemaError
        The frame has no lazy images, or a parameter makes no sense.
    """
    table: Any = frame.to_frame() if isinstance(frame, pd.Series) else frame
    if not isinstance(table, pd.DataFrame) or not has_images(table):
        fix = (
            "read it with to_pandas() and its column image_array; a movie's objects get one by with_planes()"
        )
        raise SchemaError("the frame has no column of lazy images", "thumbnails", fix)
    low, high = percentiles
    for name, value, right, fix in (
        ("size", size, type(size) is int and SIZES[0] <= size <= SIZES[1], f"give {SIZES[0]} to {SIZES[1]}"),
        ("percentiles", percentiles, 0 <= low < high <= 100, "give two from 0 to 100, such as (0.5, 99.5)"),
        ("brightness", brightness, DIMMEST <= brightness <= BRIGHTEST, f"give {DIMMEST} to {BRIGHTEST}"),
    ):
        if not right:
            raise SchemaError(f"{name} is {value!r}", "thumbnails", fix)
    style = Style(size, percentiles, brightness, whole)
    found = None if objects is None else ObjectsOfRows(objects, table)
    return Thumbnails(frame_html(table, style, found), len(table))
