"""Planes of one position, chosen by its keys and by channel or region, as one array."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import SchemaError
from . import Choice

if TYPE_CHECKING:
    from ..table import Table

KEYS = ["path", "plate", "well", "site"]
PLANE = ["kind", "index", "name"]
BATCH_BYTES = 16 << 20
MOST_SHOWN = 10


def stack(
    movies: Table, keys: Mapping[str, str | None], channel: Choice, region: Choice
) -> NDArray[np.generic]:
    """See `MovieMethods.stack`; `keys` that are None may be anything."""
    known = {key: value for key, value in keys.items() if value is not None}
    where = " and ".join(f"{key} = {quoted(value)}" for key, value in known.items())
    planes = planes_only(movies).to_pandas([*KEYS, *PLANE, "t", "z", "dtype", "shape"], where or None)
    _check_one_position(movies, planes, ", ".join(f"{key} {value!r}" for key, value in known.items()))
    planes = chosen(movies, planes, channel, region).sort_values(["t", "z"])
    t, z = planes["t"].nunique(), planes["z"].nunique()
    height, width = planes["shape"].iloc[0]
    pixels = np.empty((len(planes), height, width), planes["dtype"].iloc[0])
    for row, image in images(movies, planes.index.to_numpy(), pixels[0].nbytes):
        pixels[row] = image
    pixels = pixels.reshape((t, z, height, width) if z > 1 else (t, height, width))
    pixels.flags.writeable = False
    return pixels


def images(
    movies: Table, positions: NDArray[np.int64], plane_bytes: int
) -> Iterator[tuple[int, NDArray[np.generic]]]:
    """Yield the planes at row positions, each with its number, reading a batch at a time."""
    step = max(1, BATCH_BYTES // max(plane_bytes, 1))
    for start in range(0, len(positions), step):
        yield from enumerate(movies.images(positions[start : start + step].tolist()), start)


def planes_only(movies: Table) -> Table:
    """The table, if it holds planes."""
    if movies.kind == "planes":
        return movies
    known = [name for name in movies.package if movies.package[name].kind == "planes"]
    raise SchemaError(
        f"holds no planes of a movie: its kind is {movies.kind}",
        f"table {movies.name}",
        f"tables of planes: {', '.join(known) or 'none'}",
    )


def chosen(movies: Table, planes: pd.DataFrame, channel: Choice, region: Choice) -> pd.DataFrame:
    """Those of a position's planes that are of one channel or region. Raises SchemaError if there are not."""
    if channel is not None and region is not None:
        raise SchemaError("channel and region are both given", f"table {movies.name}", "give one of them")
    kind, wanted = ("channel", channel) if region is None else ("region", region)
    there = planes[PLANE].drop_duplicates()
    found = there
    if wanted is not None:
        column = "index" if isinstance(wanted, int) else "name"
        found = there[(there["kind"] == kind) & (there[column] == wanted)]
    listed = [_named(one) for one in there.to_dict("records")]
    if len(found) != 1:
        what = f"there is no {kind} {wanted!r}" if found.empty else f"{len(found)} channels or regions fit"
        raise SchemaError(what, f"table {movies.name}", f"give one of: {shown(listed)}, by name or number")
    planes = planes[(planes["kind"] == found["kind"].iloc[0]) & (planes["index"] == found["index"].iloc[0])]
    if planes.duplicated([*KEYS, "t", "z"]).any():
        what = "the file holds this position twice, so that two planes have the same t and z"
        raise SchemaError(what, f"{planes['path'].iloc[0]}, {place(planes)}", "read its rows with to_pandas")
    return planes


def _check_one_position(movies: Table, planes: pd.DataFrame, asked: str) -> None:
    there = planes[KEYS].drop_duplicates()
    if len(there) == 1:
        return
    what = f"{len(there)} positions fit" if len(there) else f"there is no position with {asked}"
    if there.empty:
        there = movies.to_pandas(KEYS).drop_duplicates()
    listed = [
        f"{one['plate']}/{one['well']}/{one['site']} in {one['path']}" for one in there.to_dict("records")
    ]
    fix = f"give plate, well and site, or path, of one of: {shown(listed)}"
    raise SchemaError(what, f"table {movies.name}", fix)


def _named(plane: Mapping[Hashable, Any]) -> str:
    known = isinstance(plane["name"], str)
    return f"{plane['kind']} {plane['index']}" + (f" {plane['name']!r}" if known else "")


def place(rows: pd.DataFrame) -> str:
    """The position of the first row, in words."""
    return "/".join(str(rows[key].iloc[0]) for key in ("plate", "well", "site"))


def shown(listed: list[str]) -> str:
    """What is there, cut where it gets long."""
    more = len(listed) - MOST_SHOWN
    return ", ".join(listed[:MOST_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def quoted(value: object) -> str:
    """A text as SQL writes it."""
    return "'" + str(value).replace("'", "''") + "'"
