"""Tracks out of edges: an edge goes on with a track, unless its track splits or merges there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import SchemaError
from .stacks import KEYS, planes_only

if TYPE_CHECKING:
    from ..table import Table

OF = [*KEYS, "object_name"]
COLUMNS = [*OF, "object_index", "t", "track_id", "parent_ids"]


def tracks(movies: Table) -> pd.DataFrame:
    """See `MovieMethods.tracks`."""
    package, name = planes_only(movies).package, movies.name
    if not {f"{name}_tracks", f"{name}_objects"} <= set(package):
        fix = "its files hold no objects that are tracked"
        raise SchemaError("has no tracks", f"table {name}", fix)
    edges = package[f"{name}_tracks"].to_pandas([*OF, "from_index", "to_index"], "kind = 'tracking'")
    objects = package[f"{name}_objects"].to_pandas([*OF, "object_index", "t"])
    parts = []
    known = 0
    for keys, own in edges.groupby(OF, sort=False, dropna=False):
        try:
            rows = followed(zip(own["from_index"].tolist(), own["to_index"].tolist(), strict=True), known)
        except ValueError:
            where = f"{keys[0]}, {'/'.join(map(str, keys[1:4]))}"
            raise SchemaError("its tracks go round in a circle", where, "mend the file's tracking") from None
        known = max(track for _, track, _ in rows) + 1
        found = pd.DataFrame(rows, columns=["object_index", "track_id", "parent_ids"])
        whose: dict[str, Any] = dict(zip(OF, keys, strict=True))
        parts.append(found.assign(**whose))
    if not parts:
        return objects.iloc[:0].assign(track_id=pd.Series(dtype="int64"), parent_ids=None)[COLUMNS]
    return pd.concat(parts, ignore_index=True).merge(objects, how="left", on=[*OF, "object_index"])[COLUMNS]


def followed(edges: Iterable[tuple[int, int]], known: int = 0) -> list[tuple[int, int, list[int]]]:
    """Object, track and the track's parents for each object of some edges, track by track.

    Parameters
    ----------
    edges
        Pairs of objects, earlier and later.
    known
        The first track's number.

    Raises
    ------
    ValueError
        The edges go round in a circle.

    Examples
    --------
    >>> for row in followed([(0, 2), (2, 3), (2, 4), (4, 6), (5, 6)]):
    ...     print(row)
    (0, 0, [])
    (2, 0, [])
    (3, 1, [0])
    (4, 2, [0])
    (5, 3, [])
    (6, 4, [2, 3])
    """
    after: dict[int, set[int]] = {}
    before: dict[int, set[int]] = {}
    for first, second in edges:
        after.setdefault(first, set()).add(second)
        before.setdefault(second, set()).add(first)
    going_on = {
        first: next(iter(later))
        for first, later in after.items()
        if len(later) == 1 and len(before[next(iter(later))]) == 1
    }
    members = {*after, *before}
    starts = sorted(members - set(going_on.values()))
    of: dict[int, int] = {}
    for track, start in enumerate(starts, known):
        one: int | None = start
        while one is not None:
            of[one] = track
            one = going_on.get(one)
    if len(of) < len(members):
        raise ValueError("a circle of edges has no beginning")
    parents = {
        track: sorted(of[one] for one in before.get(start, ())) for track, start in enumerate(starts, known)
    }
    return [(one, track, parents[track]) for one, track in of.items()]
