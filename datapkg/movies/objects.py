"""Objects beside the planes that they stand in, as lazy cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..errors import SchemaError
from ..lazy import IMAGE_COLUMN, lazy_column
from . import Choice
from .crops import planes_of
from .stacks import KEYS

if TYPE_CHECKING:
    from ..table import Table


def with_planes(
    movies: Table, objects: pd.DataFrame, channel: Choice, region: Choice, z: int
) -> pd.DataFrame:
    """See `MovieMethods.with_planes`."""
    where = f"table {movies.name}"
    lost = [name for name in (*KEYS, "t") if name not in objects]
    if lost:
        fix = f"give rows of {movies.name}_objects with all their columns"
        raise SchemaError(f"the objects have no column {lost[0]!r}", where, fix)
    if IMAGE_COLUMN in objects:
        raise SchemaError(f"the objects have a column {IMAGE_COLUMN} already", where, "rename it first")
    positions = planes_of(movies, objects, channel, region, z)["position"].to_numpy()
    return objects.assign(
        **{IMAGE_COLUMN: lazy_column(movies.opened, movies.name, movies.image_column, positions)}
    )
