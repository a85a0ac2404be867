"""What lies under one position: images, times, objects with what was measured on them, and edges between them.

Everything is optional. What has the form that CellH5 gives it is found here; what has not is left, and shows in
the attributes table. Rows that do not fit each other are an error: nobody could say which belongs to which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import h5py
import numpy as np

from ...errors import SourceError
from ...pixels import DTYPES
from .layout import Position
from .links import Tree
from .nodes import Node
from .selection import Selection
from .storage import check_claim
from .types import arrow_type

TIMES = ("frame", "timestamp_abs", "timestamp_rel")
OBJECT_FIELDS = ("time_idx", "obj_label_id")
STRUCTS = {
    "bounding_box": ("left", "right", "top", "bottom"),
    "center": ("x", "y"),
    "orientation": ("angle", "eccentricity"),
}
KNOWN = {**STRUCTS, "prediction": ("label_idx",)}
MEASURED = (*STRUCTS, "object_features", "crack_contour")
CLASSIFIED = ("prediction", "probability")
AXES = "channel, time, z, y and x"
EXCLUDE = "write the file again, or leave it out with `exclude`"


@dataclass(frozen=True, slots=True)
class Image:
    """A 5-D image dataset (c, t, z, y, x); `valid` says for each t whether it was written."""

    kind: str
    node: Node
    valid: tuple[bool, ...] | None

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Lengths of c, t, z, y, x."""
        c, t, z, y, x = self.node.shape
        return c, t, z, y, x


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of one name: `standard` holds what CellH5 names, `arrays` what users added, row by row."""

    name: str
    rows: int
    frames: int | None
    table: Node | None
    standard: Mapping[str, Node]
    arrays: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Edges:
    """Pairs of objects: `first` and `second` are the fields, `event` the field that groups them."""

    kind: str
    node: Node
    first: str
    second: str
    event: str | None


@dataclass(frozen=True, slots=True)
class Parts:
    """All that is known of one position, and what of it is taken."""

    position: Position
    selection: Selection
    frames: int | None
    images: tuple[Image, ...] = ()
    times: Node | None = None
    objects: tuple[Objects, ...] = ()
    edges: tuple[Edges, ...] = ()
    empty: tuple[Node, ...] = field(default=())
    """Measurements of no row: nothing of them is lost."""

    def used(self) -> set[tuple[str, int]]:
        """The objects of the file that tables hold in full."""
        nodes = [*(image.node for image in self.images), *self.empty]
        if self.times is not None and set(self.times.fields) <= set(TIMES):
            nodes.append(self.times)
        for one in self.objects:
            nodes += [node for name, node in one.standard.items() if _whole(node, KNOWN.get(name))]
            nodes += list(one.arrays)
            if one.table is not None and _whole(one.table, OBJECT_FIELDS):
                nodes.append(one.table)
        for edges in self.edges:
            if _whole(edges.node, (edges.first, edges.second, edges.event or edges.first)):
                nodes.append(edges.node)
        return {node.key for node in nodes}


def parts_of(tree: Tree, position: Position, selection: Selection) -> Parts:
    """Find what lies under a position. Raises SourceError where it does not fit together."""
    images = tuple(filter(None, (_image(tree, position, kind) for kind in ("channel", "region"))))
    frames = max((image.shape[1] for image in images), default=None)
    empty: list[Node] = []
    objects = []
    for name in _object_names(tree, position):
        one = _objects(tree, position, name, frames, empty)
        if one is not None:
            objects.append(one)
    return Parts(
        position,
        selection,
        frames,
        images,
        _times(tree, position, images),
        tuple(objects),
        tuple(filter(None, (_edges(tree, node) for node in _own(tree, position, "object")))),
        tuple(empty),
    )


def _own(tree: Tree, position: Position, *names: str) -> list[Node]:
    return [node for node in tree.children(tree.child(position.node, *names)) if not node.foreign]


def _whole(node: Node, known: tuple[str, ...] | None) -> bool:
    return known is None or set(node.fields) <= set(known)


def _image(tree: Tree, position: Position, kind: str) -> Image | None:
    node = tree.child(position.node, "image", kind)
    if node is None or node.foreign or not node.is_dataset:
        return None
    with tree.reading(node):
        shape, dtype = node.shape, node.dtype
    if len(shape) != 5:
        told = f"has the shape {shape}, but CellH5 images have 5 axes: {AXES}"
        raise SourceError(told, tree.place(node), f"write it with its 5 axes ({AXES}), or leave the file out")
    if dtype.name not in DTYPES:
        raise SourceError(f"holds {dtype}, which is no type of pixel", tree.place(node), EXCLUDE)
    check_claim(tree, node, pixels=True)
    return Image(kind, node, _valid(tree, node, shape[1]))


def _valid(tree: Tree, node: Node, frames: int) -> tuple[bool, ...] | None:
    with tree.reading(node):
        if "valid" not in node.item.attrs:
            return None
        flags = np.asarray(node.item.attrs["valid"])
    if flags.dtype.kind not in "biuf" or not np.isin(flags, (0, 1)).all():
        return None
    if flags.shape != (frames,):
        told = f"its attribute `valid` has the shape {flags.shape}, but there are {frames} frames"
        raise SourceError(told, tree.place(node), EXCLUDE)
    return tuple(bool(flag) for flag in flags)


def _times(tree: Tree, position: Position, images: tuple[Image, ...]) -> Node | None:
    node = tree.child(position.node, "image", "time_lapse")
    if node is None or node.foreign or not images or not set(node.fields) & set(TIMES):
        return None
    if len(node.shape) != 1:
        return None
    check_claim(tree, node, pixels=False)
    for image in images:
        if node.shape != (image.shape[1],):
            told = f"gives {node.shape[0]} times, but image/{image.kind} has {image.shape[1]} frames"
            raise SourceError(told, tree.place(node), EXCLUDE)
    return node


def _object_names(tree: Tree, position: Position) -> list[str]:
    tables = [node.name for node in _own(tree, position, "object") if _is_table(node)]
    measured = [node.name for node in _own(tree, position, "feature") if node.is_group]
    return sorted({*tables, *measured}, key=str.encode)


def _objects(
    tree: Tree, position: Position, name: str, frames: int | None, empty: list[Node]
) -> Objects | None:
    table = tree.child(position.node, "object", name)
    if table is not None and not _is_table(table):
        table = None
    standard: dict[str, Node] = {}
    arrays: list[Node] = []
    for group, known in (((), MEASURED), (("object_classification",), CLASSIFIED)):
        for node in _own(tree, position, "feature", name, *group):
            if not node.is_dataset:
                continue
            if 0 in (node.shape or (1,)):
                empty.append(node)
            elif node.name in known and _has_standard_form(node):
                standard[node.name] = node
            elif not group:
                arrays.append(node)
    first = table or next(iter(standard.values()), None)
    if first is None:
        return None
    rows = int(first.shape[0])
    for node in filter(None, (table, *standard.values())):
        check_claim(tree, node, pixels=False)
        if node.shape[0] != rows:
            told = f"has {node.shape[0]} rows, but {first.path} has {rows} objects"
            fix = "it cannot be known which belongs to which: " + EXCLUDE
            raise SourceError(told, tree.place(node), fix)
    aligned = tuple(node for node in arrays if _is_aligned(tree, node, rows))
    return Objects(name, rows, frames, table, standard, aligned)


def _is_table(node: Node) -> bool:
    return not node.foreign and _has_rows_of(node, OBJECT_FIELDS, "iu")


def _has_rows_of(node: Node, fields: tuple[str, ...], kinds: str) -> bool:
    """Whether a dataset is a list of rows with these fields, of these kinds of number."""
    return (
        len(node.shape) == 1
        and set(fields) <= set(node.fields)
        and all(node.dtype[field].kind in kinds for field in fields)
    )


def _is_aligned(tree: Tree, node: Node, rows: int) -> bool:
    if (node.shape or (0,))[0] != rows or arrow_type(node.dtype) is None:
        return False
    check_claim(tree, node, pixels=False)
    return True


def _has_standard_form(node: Node) -> bool:
    """Whether a dataset is what its name promises; a user's own array of the same name is kept as an array."""
    dtype, rank = node.dtype, len(node.shape)
    if node.name in STRUCTS:
        return _has_rows_of(node, STRUCTS[node.name], "iuf")
    if node.name == "object_features":
        return rank == 2 and dtype.kind in "biuf"
    if node.name == "crack_contour":
        return rank == 1 and h5py.check_string_dtype(dtype) is not None
    if node.name == "prediction":
        return (rank == 1 and dtype.kind in "iu") or _has_rows_of(node, ("label_idx",), "iu")
    return node.name == "probability" and rank == 2 and dtype.kind == "f"


def _edges(tree: Tree, node: Node) -> Edges | None:
    for first, second in (("obj_idx1", "obj_idx2"), ("idx1", "idx2")):
        if _has_rows_of(node, (first, second), "iu"):
            check_claim(tree, node, pixels=False)
            event = "obj_id" if _has_rows_of(node, ("obj_id",), "iu") else None
            return Edges(node.name, node, first, second, event)
    return None
