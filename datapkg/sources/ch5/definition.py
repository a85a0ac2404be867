"""What ``/definition`` says: names of channels, regions, features and classes.

A definition may lie behind an external link. It then names what the positions hold all the same, but its rows are
the other file's where the resource matches that one too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .layout import plate_layouts
from .links import Tree
from .nodes import Node
from .parts import Image, Objects
from .storage import check_claim
from .tables import FIXED, KEYS
from .types import arrow_type, arrow_values, column_names


@dataclass(frozen=True, slots=True)
class Rows:
    """A definition: one row for each channel, region, class or feature; `columns` by field."""

    node: Node
    columns: dict[str, pa.Array]

    def __len__(self) -> int:
        return int(self.node.shape[0])

    def value(self, column: str, row: int) -> Any:
        """One value, or None where the definition does not go so far."""
        return self.columns[column][row].as_py() if column in self.columns and 0 <= row < len(self) else None

    def text_columns(self) -> list[str]:
        """The fields that are text, in order."""
        return [name for name, array in self.columns.items() if array.type == pa.string()]


@dataclass(frozen=True, slots=True)
class DefinitionTable:
    """Rows that one definition gives to a table; `nodes` are what it holds in full."""

    kind: str
    plate: str | None
    columns: dict[str, pa.Array]
    rows: int
    nodes: tuple[Node, ...]


class Definitions:
    """The definitions of one movie; what is missing has no names."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.root = tree.child(tree.root, "definition")

    @cached_property
    def channels(self) -> Rows | None:
        """One row a channel."""
        return self._rows(self._tree.child(self.root, "image", "channel"))

    @cached_property
    def regions(self) -> Rows | None:
        """One row a region."""
        return self._rows(self._tree.child(self.root, "image", "region"))

    def classes(self, object_name: str) -> Rows | None:
        """One row a class of these objects."""
        path = ("feature", object_name, "object_classification", "class_labels")
        return self._rows(self._tree.child(self.root, *path))

    def features(self, object_name: str) -> Rows | None:
        """One row a feature of these objects; the first text is its name, others are its groups."""
        found = self._rows(self._tree.child(self.root, "feature", object_name, "object_features"))
        return found if found is not None and found.text_columns() else None

    def source_of(self, edges: str) -> str | None:
        """The objects that a relation starts from."""
        found = self._rows(self._tree.child(self.root, "object", edges))
        name = found.value("source1", 0) if found is not None else None
        return name if name and isinstance(name, str) else None

    def plane_name(self, kind: str, index: int) -> str | None:
        """A channel's or a region's name."""
        rows, field = (self.channels, "channel_name") if kind == "channel" else (self.regions, "region_name")
        name = rows.value(field, index) if rows is not None else None
        return None if name is None else str(name)

    def plane_names(self, image: Image) -> list[str | None]:
        """The names of all channels or regions of an image."""
        return [self.plane_name(image.kind, index) for index in range(image.shape[0])]

    def class_names(self, one: Objects) -> list[str] | None:
        """The classes that the numbers of `probabilities` belong to, in order; None where that is not known."""
        classes, probability = self.classes(one.name), one.standard.get("probability")
        if classes is None or probability is None or "name" not in classes.columns:
            return None
        names = [str(name) for name in classes.columns["name"].to_pylist()]
        return names if len(names) == probability.shape[1] else None

    def plane_metadata(self, kind: str, index: int) -> str | None:
        """A channel's or a region's row as JSON."""
        rows = self.channels if kind == "channel" else self.regions
        if rows is None or index >= len(rows):
            return None
        return json.dumps({name: plain(rows.value(name, index)) for name in rows.columns}, ensure_ascii=False)

    def pixel_size_um(self, kind: str, index: int) -> tuple[float | None, float | None, float | None]:
        """Pixel sizes along x, y, z.

        CellH5 says neither unit nor order of `voxel_size`; its writers' users give micrometres as x, y, z. So
        sizes that differ in x and y are not trusted. Zero, which CellCognition always writes, is unknown.
        """
        channel = index
        if kind == "region":
            found = self.regions.value("channel_idx", index) if self.regions else None
            channel = found if isinstance(found, int) else -1
        size = self.channels.value("voxel_size", channel) if self.channels else None
        if not isinstance(size, list) or len(size) != 3:
            return None, None, None
        x, y, z = (float(s) if s and math.isfinite(s) and s > 0 else None for s in size)
        if x != y and self.channels is not None:
            told = f"voxel_size {tuple(size)} does not tell x from z, so the pixel sizes are left out"
            self._tree.warnings[f"{self._tree.place(self.channels.node)}: {told}"] = None
            return None, None, None
        return x, y, z

    def tables(self) -> Iterator[DefinitionTable]:
        """The rows that this movie's own definitions give to tables."""
        for kind, rows in (("channels", self.channels), ("regions", self.regions)):
            if rows is not None and not rows.node.foreign and len(rows):
                yield DefinitionTable(kind, None, _named(kind, rows, index=True), len(rows), (rows.node,))
        for plate, node in plate_layouts(self._tree):
            layout = self._rows(node)
            if layout is not None and len(layout):
                yield DefinitionTable("layout", plate, _named("layout", layout), len(layout), (node,))
        for group in self._tree.children(self._tree.child(self.root, "feature")):
            if not group.foreign:
                yield from self._feature_names(group.name)
                yield from self._classes(group.name)

    def _feature_names(self, object_name: str) -> Iterator[DefinitionTable]:
        rows = self.features(object_name)
        if rows is None or rows.node.foreign or not len(rows):
            return
        name, *groups = rows.text_columns()
        columns = {
            "object_name": pa.repeat(object_name, len(rows)),
            "position": pa.array(range(len(rows)), pa.int32()),
            "name": rows.columns[name],
        }
        if groups:
            listed = list(zip(*(rows.columns[group].to_pylist() for group in groups), strict=True))
            columns["groups"] = pa.array(listed, pa.list_(pa.string()))
        whole = len(groups) + 1 == len(rows.columns)
        yield DefinitionTable("feature_names", None, columns, len(rows), (rows.node,) if whole else ())

    def _classes(self, object_name: str) -> Iterator[DefinitionTable]:
        rows = self.classes(object_name)
        if rows is None or rows.node.foreign or not len(rows):
            return
        columns = {"object_name": pa.repeat(object_name, len(rows)), **_named("classes", rows, index=True)}
        nodes = [rows.node]
        path = ("feature", object_name, "object_classification", "classifier")
        classifier = self._rows(self._tree.child(self.root, *path))
        if classifier is not None and len(classifier) == 1:
            nodes.append(classifier.node)
            for name, array in classifier.columns.items():
                columns[f"classifier_{name}"] = pa.repeat(array[0], len(rows))
        yield DefinitionTable("classes", None, columns, len(rows), tuple(nodes))

    def _rows(self, node: Node | None) -> Rows | None:
        if node is None or not node.is_dataset or len(node.shape) != 1:
            return None
        check_claim(self._tree, node, pixels=False)
        with self._tree.reading(node):
            kind = arrow_type(node.dtype)
            values: NDArray[Any] = node.item[:] if kind is not None else np.empty(0)
        if kind is None:
            return None
        if not values.dtype.names:
            return Rows(node, {"value": arrow_values(values)})
        return Rows(node, {name: arrow_values(values[name]) for name in values.dtype.names})


def _named(kind: str, rows: Rows, *, index: bool = False) -> dict[str, pa.Array]:
    """A definition's fields as columns; a field that has the name of a key gets another one."""
    own = {"index": pa.array(range(len(rows)), pa.int32())} if index else {}
    taken = {*KEYS, *own, *(("object_name",) if "object_name" in FIXED[kind] else ())}
    return {**own, **dict(zip(column_names(rows.columns, taken), rows.columns.values(), strict=True))}


def plain(value: Any) -> Any:
    """A value as JSON can hold it: what is no number becomes a word.

    Examples
    --------
    >>> plain([1.5, float("nan")])
    [1.5, 'NaN']
    """
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
