"""The images of a frame's shown cells: read together, with what their tables say of them.

Small facts (axes, pixel sizes, names of channels) are read first, in one request for each column. They say how large
the images are: those that fit the budget are read in one batched request, and the others are only named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..companions import ARRAY, companions
from ..errors import DamageError
from ..lazy import METADATA_COLUMN, LazyArray
from ..lazy.stored import StoredColumn
from ..report import size
from .colours import recorded_channels
from .thumbnail import ImageFacts

BUDGET_BYTES = 256 << 20
"""Of all images that one display reads."""
SMALL = ("axes", "pixel_size_x_um", "channel_names", "dtype", "shape", "kind")


@dataclass(slots=True)
class Cell:
    """One image cell: the image, or in words why there is none."""

    label: str | None
    image: NDArray[Any] | None = None
    why: str = ""
    facts: ImageFacts = field(default_factory=ImageFacts)


def cells_of(array: LazyArray, budget_bytes: int, colours: bool) -> tuple[list[Cell], int]:
    """Read a column of images; returns its cells, and what is left of the budget.

    `colours` asks for the recorded colours of channels also where an image has one channel.
    """
    known = _known(array)
    cells = [Cell(label) for label in array.labels()]
    wanted = []
    for place, cell in enumerate(cells):
        if cell.label is None:
            continue
        size_bytes = _image_bytes(known[place])
        if size_bytes > budget_bytes:
            cell.why = f"not read: {size(size_bytes)}"
            continue
        budget_bytes -= size_bytes
        wanted.append(place)
    for place, image in zip(wanted, _loaded(array[np.array(wanted, np.intp)], cells, wanted), strict=True):
        cells[place].image = image
    metadata = _metadata(array, known, colours)
    for place, cell in enumerate(cells):
        cell.facts = _facts(known[place], metadata.get(place))
    return cells, budget_bytes


def _loaded(array: LazyArray, cells: Sequence[Cell], places: Sequence[int]) -> list[Any]:
    """All images; where one is damaged, the others alone."""
    try:
        return list(array.load())
    except DamageError:
        found = []
        for at, place in enumerate(places):
            try:
                found.append(array[at : at + 1].load()[0])
            except DamageError as error:
                cells[place].why = f"damaged: {error.what}"
                found.append(None)
        return found


def _known(array: LazyArray) -> list[dict[str, Any]]:
    """For each cell what its table's small columns say; nothing for images that somebody put in."""
    known: list[dict[str, Any]] = [{} for _ in range(len(array))]
    for stored, places, at in array.stored():
        columns = _columns(stored, SMALL) or dict(
            zip(companions(stored.column).looks, ("dtype", "shape"), strict=True)
        )
        there = {one.name for one in stored.opened.table(stored.table).columns}
        values = stored.opened.facts(stored.table).get(at, list(columns)) if there.issuperset(columns) else []
        for name, found in zip(columns.values(), values, strict=False):
            for place, value in zip(places.tolist(), found, strict=True):
                known[place][name] = value
    return known


def _metadata(array: LazyArray, known: Sequence[Mapping[str, Any]], colours: bool) -> dict[int, str]:
    """The metadata of images whose channels' colours are wanted, by cell."""
    found: dict[int, str] = {}
    for stored, places, at in array.stored():
        many = [colours or len(known[place].get("shape") or ()) > 2 for place in places.tolist()]
        if any(many) and _columns(stored, [METADATA_COLUMN]):
            chosen = np.flatnonzero(many)
            texts = stored.opened.rows(stored.table).pick(at[chosen], [METADATA_COLUMN]).column(0)
            found |= dict(zip(places[chosen].tolist(), texts.to_pylist(), strict=True))
    return found


def _columns(stored: StoredColumn, names: Sequence[str]) -> dict[str, str]:
    """The columns that tell of a table's own images; of a derived one they do not: it may have other axes, or sizes."""
    there = {one.name for one in stored.opened.table(stored.table).columns}
    if "image_digest" not in there or stored.column != ARRAY:
        return {}  # no table of images: its columns of these names are its own
    return {name: name for name in names if name in there}


def _facts(known: Mapping[str, Any], metadata: str | None) -> ImageFacts:
    step = known.get("pixel_size_x_um")
    sized = isinstance(step, float) and math.isfinite(step) and step > 0
    return ImageFacts(
        known.get("axes") or "",
        step if sized else None,
        recorded_channels(metadata, known.get("channel_names") or ()),
        known.get("kind") == "region",
    )


def _image_bytes(known: Mapping[str, Any]) -> int:
    if known.get("dtype") is None or known.get("shape") is None:
        return 0
    return int(np.dtype(known["dtype"]).itemsize * math.prod(known["shape"]))
