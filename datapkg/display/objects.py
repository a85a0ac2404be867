"""Objects that are drawn over the images of other rows: all nuclei of a plane, over that plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..errors import SchemaError
from .outlines import Outline, outlines_of

KEYS = ("path", "plate", "well", "site", "t")
SHAPES = ("bounding_box", "contour")
MOST_OBJECTS = 1000
"""Over one image."""


class ObjectsOfRows:
    """Rows of a table of objects, found by the keys that they share with a frame's rows.

    Parameters
    ----------
    objects
        Rows of a table such as ``movies_objects``.
    frame
        The rows with images.

    Raises
    ------
    SchemaError
        The objects have no outline or no key, or the frame lacks one of their keys.
    """

    def __init__(self, objects: pd.DataFrame, frame: pd.DataFrame) -> None:
        self.keys = [key for key in KEYS if key in objects.columns and key in frame.columns]
        if "t" not in self.keys or "path" not in self.keys or not set(SHAPES) & set(objects.columns):
            what = "the objects and the frame do not share `path` and `t`, or the objects have no outlines"
            fix = (
                "give rows of a table of objects, and a frame of rows of their movie, both with these columns"
            )
            raise SchemaError(what, "thumbnails", fix)
        self._rows: dict[tuple[Any, ...], pd.DataFrame] = dict(iter(objects.groupby(self.keys)))

    def of(self, row: Mapping[Any, Any]) -> list[Outline]:
        """The objects of the plane that a row holds."""
        rows = self._rows.get(tuple(row[key] for key in self.keys))
        if rows is None:
            return []
        return [
            outline
            for record in rows.iloc[:MOST_OBJECTS].to_dict("records")
            for outline in outlines_of(record)
        ]
