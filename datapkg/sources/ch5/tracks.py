"""Edges between objects: tracking, events, and relations between objects of two names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import SourceError
from ..base import TableSchema
from .definition import Definitions
from .links import Tree
from .objects import taken_rows
from .parts import EXCLUDE, Edges, Parts
from .tables import record_batch

MOST_ROWS = 1 << 16
RELATION = "___to___"


def track_batches(
    tree: Tree, definitions: Definitions, parts: Parts, table: TableSchema
) -> Iterator[pa.RecordBatch]:
    """Yield a position's edges: by kind, then in the order of the file."""
    for edges in parts.edges:
        name = _object_name(definitions, parts, edges)
        for arrays in _slices(tree, parts, edges, name):
            rows = len(arrays["from_index"])
            held = {**parts.position.keys, "kind": edges.kind, "object_name": name, **arrays}
            yield record_batch(table, rows, held)


def check_tracks(tree: Tree, definitions: Definitions, parts: Parts) -> int:
    """Count a position's edges. Raises SourceError for one that leads to no object."""
    count = 0
    for edges in parts.edges:
        for arrays in _slices(tree, parts, edges, _object_name(definitions, parts, edges)):
            count += len(arrays["from_index"])
    return count


def _object_name(definitions: Definitions, parts: Parts, edges: Edges) -> str | None:
    """The objects that an edge starts from, which CellCognition calls primary."""
    names = [one.name for one in parts.objects]
    if RELATION in edges.kind:
        return edges.kind.partition(RELATION)[0]
    defined = definitions.source_of(edges.kind)
    if defined is not None:
        return defined
    primary = names if len(names) == 1 else [name for name in names if name.startswith("primary")]
    return primary[0] if len(primary) == 1 else None


def _slices(tree: Tree, parts: Parts, edges: Edges, name: str | None) -> Iterator[dict[str, pa.Array]]:
    # other relations count objects within their frame, not over the whole movie
    over_movie = edges.event is not None or edges.first == "obj_idx1"
    known = {one.name: one.rows for one in parts.objects if over_movie}
    taken = _taken(tree, parts, edges, name, over_movie)
    fields = {"from_index": edges.first, "to_index": edges.second, "event": edges.event}
    for start in range(0, edges.node.shape[0], MOST_ROWS):
        with tree.reading(edges.node):
            values = edges.node.item[start : start + MOST_ROWS]
        arrays = {}
        for column, field in fields.items():
            if field is not None:
                most = known.get(name or "") if column != "event" else None
                _check(tree, edges, start, values[field], most)
                arrays[column] = pa.array(values[field].astype(np.int64))
        if taken is not None:
            rows = pa.array(taken(values, start))
            arrays = {column: array.filter(rows) for column, array in arrays.items()}
        yield arrays


def _taken(
    tree: Tree, parts: Parts, edges: Edges, name: str | None, over_movie: bool
) -> Callable[[NDArray[Any], int], NDArray[np.bool_]] | None:
    """Says which of some edges, from a row on, join objects in frames that are taken; None: all do."""
    one = next((one for one in parts.objects if one.name == name), None)
    objects = None if one is None else taken_rows(tree, one, parts.selection)
    if over_movie and objects is not None:
        return lambda values, _: objects[values[edges.first]] & objects[values[edges.second]]
    if objects is not None and len(objects) == edges.node.shape[0]:
        return lambda values, start: objects[start : start + len(values)]  # row by row with its objects
    if parts.selection.frames:
        told = "it cannot be known which frames these edges join, so `frames` takes all of them"
        tree.warnings[f"{tree.place(edges.node)}: {told}"] = None
    return None


def _check(tree: Tree, edges: Edges, start: int, index: NDArray[Any], most: int | None) -> None:
    if most is None:
        wrong = np.flatnonzero(index > np.iinfo(np.int64).max)
    else:
        wrong = np.flatnonzero((index < 0) | (index >= most))
    if len(wrong):
        there = "which no movie has" if most is None else f"but there are {most}"
        told = f"row {start + wrong[0]} leads to object {index[wrong[0]]}, {there}"
        raise SourceError(told, tree.place(edges.node), EXCLUDE)
