"""Objects cut out of their planes, each plane read once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import SchemaError
from ..pixels import common_dtype
from . import Choice
from .stacks import KEYS, PLANE, chosen, images, place, planes_only, quoted

if TYPE_CHECKING:
    from ..table import Table

MOST_PATHS = 500
"""In one condition."""


def crops(
    movies: Table,
    objects: pd.DataFrame,
    size: int | tuple[int, int],
    channel: Choice,
    region: Choice,
    z: int,
    fill: float,
) -> NDArray[np.generic]:
    """See `MovieMethods.crops`."""
    for name in (*KEYS, "t", "bounding_box"):
        if name not in objects:
            fix = f"give rows of {movies.name}_objects with all their columns"
            raise SchemaError(f"the objects have no column {name!r}", f"table {movies.name}", fix)
    height, width = (size, size) if isinstance(size, int) else size
    corners = _corners(objects, height, width)
    planes = planes_of(movies, objects, channel, region, z)
    cut = _filled((len(objects), height, width), fill, _dtype(movies, planes["dtype"].unique().tolist()))
    rows, position = np.arange(len(objects)), planes["position"].to_numpy()
    order = np.argsort(position, kind="stable")
    wanted, first = np.unique(position[order], return_index=True)
    members = np.split(rows[order], first[1:])
    plane_bytes = max((int(np.prod(shape)) for shape in planes["shape"]), default=1) * cut.itemsize
    for number, image in images(movies, wanted, plane_bytes):
        for row in members[number]:
            _cut(image, int(corners[row, 0]), int(corners[row, 1]), cut[row])
    return cut


def _corners(objects: pd.DataFrame, height: int, width: int) -> NDArray[np.int64]:
    """Top and left of each object's window."""
    boxes = objects["bounding_box"].tolist()
    lost = [index for index, box in zip(objects.index, boxes, strict=True) if not isinstance(box, dict)]
    if lost:
        raise SchemaError("has no bounding box", f"the object in row {lost[0]}", "leave such objects out")
    centers = [((b["top"] + b["bottom"]) // 2, (b["left"] + b["right"]) // 2) for b in boxes]
    return np.array(centers, np.int64).reshape(-1, 2) - (height // 2, width // 2)


def planes_of(movies: Table, objects: pd.DataFrame, channel: Choice, region: Choice, z: int) -> pd.DataFrame:
    """For each object, in order, the row of its plane, with the plane's dtype and shape."""
    here = objects[KEYS].drop_duplicates()
    paths = here["path"].unique().tolist()
    parts = []
    for start in range(0, max(len(paths), 1), MOST_PATHS):
        listed = ", ".join(map(quoted, paths[start : start + MOST_PATHS])) or "''"
        columns = [*KEYS, *PLANE, "t", "z", "dtype", "shape"]
        found = planes_only(movies).to_pandas(columns, f"z = {int(z)} and path in ({listed})")
        found = found.rename_axis("position").reset_index().merge(here, on=KEYS)
        parts += [chosen(movies, of, channel, region) for _, of in found.groupby(KEYS, sort=False)]
    planes = pd.concat(parts or [found])[[*KEYS, "t", "position", "dtype", "shape"]]
    joined = objects[[*KEYS, "t"]].merge(planes, how="left", on=[*KEYS, "t"])
    lost = joined["position"].isna()
    if lost.any():
        one = joined[lost]
        what = f"there is no plane for an object of {place(one)} in frame t = {one['t'].iloc[0]}, z = {z}"
        raise SchemaError(what, f"table {movies.name}", "leave such objects out, or give another z")
    return joined.astype({"position": np.int64})


def _dtype(movies: Table, names: Sequence[str]) -> str:
    """The type that holds the pixels; of no planes, the first one's."""
    names = names or movies.to_pandas(["dtype"], limit=1)["dtype"].tolist()
    return names[0] if len(names) == 1 else common_dtype(names)


def _filled(shape: tuple[int, ...], fill: float, dtype: str) -> NDArray[Any]:
    told = SchemaError(f"pixels of {dtype} cannot be {fill}", "crops", "give another fill")
    if min(shape[1:]) < 1:
        raise SchemaError(
            f"a crop of {shape[1]} x {shape[2]} pixels holds nothing", "crops", "give a larger size"
        )
    try:
        cut = np.full(shape, fill, dtype)
    except (OverflowError, ValueError):
        raise told from None
    if cut.size and cut.flat[0] != fill and fill == fill:
        raise told
    return cut


def _cut(image: NDArray[Any], top: int, left: int, window: NDArray[Any]) -> None:
    """Copy the part of a plane that lies under a window."""
    height, width = window.shape
    y, x = slice(max(top, 0), max(top + height, 0)), slice(max(left, 0), max(left + width, 0))
    part = image[y, x]
    at_y, at_x = y.start - top, x.start - left
    window[at_y : at_y + part.shape[0], at_x : at_x + part.shape[1]] = part
