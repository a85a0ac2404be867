"""What a person does with a CellH5 movie: take a stack of planes, cut objects out of them, follow tracks.

Methods of `Table`, thin over the tables of one ch5 resource. Nothing is read but what is asked for, and pixels come a
batch of planes at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ..table import Table

Choice = str | int | None
"""A channel or a region: its name, or its number in the file."""


class MovieMethods:
    """Methods of a table of planes, such as ``pkg["movies"]``."""

    def stack(
        self,
        *,
        path: str | None = None,
        plate: str | None = None,
        well: str | None = None,
        site: str | None = None,
        channel: Choice = None,
        region: Choice = None,
    ) -> NDArray[np.generic]:
        """Read the planes of one position and one channel or region as one array.

        Parameters
        ----------
        path, plate, well, site
            Enough of the keys to name one position; `path` where two files have the same one.
        channel, region
            One of them, by its name or its number in the file. Regions hold each object's label.

        Returns
        -------
        Read-only (t, y, x), or (t, z, y, x) where there are several z.

        Raises
        ------
        SchemaError
            This names no position, or several; it says which there are.
        """
        from .stacks import stack

        keys = {"path": path, "plate": plate, "well": well, "site": site}
        return stack(cast("Table", self), keys, channel, region)

    def crops(
        self,
        objects: pd.DataFrame,
        size: int | tuple[int, int] = 64,
        *,
        channel: Choice = None,
        region: Choice = None,
        z: int = 0,
        fill: float = 0,
    ) -> NDArray[np.generic]:
        """Cut objects out of their planes.

        Parameters
        ----------
        objects
            Rows of the objects' table, any of them, in any order.
        size
            Pixels along each side, or (height, width). The window's centre is the bounding box's.
        channel, region, z
            Which plane of the object's frame.
        fill
            What stands where the window goes over the border.

        Returns
        -------
        (n, height, width), in the order of `objects`, in the type of the pixels.

        Raises
        ------
        SchemaError
            An object has no bounding box, frame or plane.
        """
        from .crops import crops

        return crops(cast("Table", self), objects, size, channel, region, z, fill)

    def with_planes(
        self, objects: pd.DataFrame, *, channel: Choice = None, region: Choice = None, z: int = 0
    ) -> pd.DataFrame:
        """Give each object its plane, as a lazy cell of the new column `image_array`; no pixel is read.

        A notebook shows such a frame as thumbnails: the surroundings of each object, with its outline.

        Parameters
        ----------
        objects
            Rows of the objects' table, any of them, in any order.
        channel, region, z
            Which plane of the object's frame.

        Returns
        -------
        The same rows and columns, and `image_array` after them. Cells of one plane share one reading.

        Raises
        ------
        SchemaError
            An object has no frame or plane, or there is an `image_array` already.
        """
        from .objects import with_planes

        return with_planes(cast("Table", self), objects, channel, region, z)

    def tracks(self) -> pd.DataFrame:
        """Follow objects through time: one row for each object in a track.

        A track ends where it splits or merges. Objects that no edge of the tracking names are in no track.

        Returns
        -------
        path, plate, well, site, object_name, object_index and t of the object; `track_id`, which counts from 0 through
        this version of the package; `parent_ids`, the tracks that its track came from: the mother's after a
        split, all after a merge, none where a track begins.

        Raises
        ------
        SchemaError
            There is no tracking, or it goes round in a circle.
        """
        from .tracks import tracks

        return tracks(cast("Table", self))
