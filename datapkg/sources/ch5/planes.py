"""The planes of a movie: one row for each (channel or region, t, z), with its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..base import TableSchema
from ..image_columns import ImageFacts, image_arrays
from .chunks import planes as read_planes
from .definition import Definitions
from .links import Tree
from .parts import TIMES, Image, Parts
from .tables import PIXELS, Evidence, record_batch
from .types import arrow_type, arrow_values


def add_evidence(evidence: Evidence, definitions: Definitions, parts: Parts) -> None:
    """Count a position's planes; no pixel is read."""
    types = {} if parts.times is None else _time_types(parts.times.dtype)
    for image in parts.images:
        _, _, z, y, x = image.shape
        channels, frames = _taken(definitions, parts, image)
        if count := len(channels) * len(frames) * z:
            evidence.add(count, types)
            evidence.planes.add((image.node.dtype.name, (y, x)))
        for index in channels:
            definitions.pixel_size_um(image.kind, index)


def plane_batches(
    tree: Tree, definitions: Definitions, parts: Parts, table: TableSchema, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Yield a position's planes: channels before regions, then by index, t and z."""
    times = _times(tree, parts)
    for image in parts.images:
        waiting: list[tuple[int, int, int]] = []
        planes: list[NDArray[Any]] = []
        held = 0
        channels, frames = _taken(definitions, parts, image)
        wanted = product(channels, frames, range(image.shape[2]))
        for place, plane in _read(tree, image, wanted, batch_bytes):
            if planes and held + plane.nbytes > batch_bytes:
                yield _batch(definitions, parts, image, times, table, waiting, planes)
                waiting, planes, held = [], [], 0
            waiting.append(place)
            planes.append(plane)
            held += plane.nbytes
        if planes:
            yield _batch(definitions, parts, image, times, table, waiting, planes)


def _read(
    tree: Tree, image: Image, wanted: Iterable[tuple[int, int, int]], ahead_bytes: int
) -> Iterator[tuple[tuple[int, int, int], NDArray[Any]]]:
    reader = read_planes(image.node.item, wanted, ahead_bytes)
    while True:
        with tree.reading(image.node):
            found = next(reader, None)
        if found is None:
            return
        yield found


def _taken(definitions: Definitions, parts: Parts, image: Image) -> tuple[list[int], list[int]]:
    """The channels or regions, and the frames, that are taken."""
    channels = parts.selection.planes(image.kind, definitions.plane_names(image))
    frames = np.flatnonzero(parts.selection.in_frames(np.arange(image.shape[1])))
    return channels, frames.tolist()


def _batch(
    definitions: Definitions,
    parts: Parts,
    image: Image,
    times: dict[str, pa.Array],
    table: TableSchema,
    where: list[tuple[int, int, int]],
    planes: list[NDArray[Any]],
) -> pa.RecordBatch:
    layout = next(column.image for column in table.columns if column.name == "image_array")
    facts = [_facts(definitions, image, c, plane) for (c, _, _), plane in zip(where, planes, strict=True)]
    index, t, z = (pa.array(numbers, pa.int32()) for numbers in zip(*where, strict=True))
    arrays: dict[str, Any] = {
        "kind": image.kind,
        "index": index,
        "name": pa.array([definitions.plane_name(image.kind, c) for c, _, _ in where], pa.string()),
        "t": t,
        "z": z,
        "valid": None if image.valid is None else pa.array([image.valid[t] for _, t, _ in where]),
        **{name: values.take(t) for name, values in times.items()},
        **image_arrays(list(zip(facts, planes, strict=True)), layout, PIXELS),
    }
    return record_batch(table, len(planes), {**parts.position.keys, **arrays})


def _facts(definitions: Definitions, image: Image, index: int, plane: NDArray[Any]) -> ImageFacts:
    x, y, z = definitions.pixel_size_um(image.kind, index)
    name = definitions.plane_name(image.kind, index)
    return ImageFacts(
        plane.dtype.name,
        plane.shape,
        "YX",
        x,
        y,
        z,
        None if name is None else (name,),
        definitions.plane_metadata(image.kind, index),
    )


def _time_types(dtype: np.dtype[Any]) -> dict[str, pa.DataType]:
    found = {name: arrow_type(dtype[name]) for name in TIMES if name in (dtype.names or ())}
    return {name: kind for name, kind in found.items() if kind is not None}


def _times(tree: Tree, parts: Parts) -> dict[str, pa.Array]:
    if parts.times is None:
        return {}
    with tree.reading(parts.times):
        values = parts.times.item[:]
    return {name: arrow_values(values[name]) for name in _time_types(values.dtype)}
