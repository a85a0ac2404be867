"""The objects of a movie, what class they were given, and the features that were measured on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import SourceError
from ..base import TableSchema
from .contours import ContourError, contours
from .definition import Definitions, Rows
from .links import Tree
from .nodes import Node
from .parts import EXCLUDE, STRUCTS, Objects, Parts
from .selection import Selection
from .tables import KEYS, OBJECT, record_batch
from .types import arrow_type, arrow_values, column_names

UNPREDICTED = -99
OBJECT_BYTES = 4096
"""What an object with its contour takes, about."""
MOST_ROWS = 4096
CLASS_COLUMNS = {"label": "class_label", "name": "class_name", "color": "class_color"}


def object_types(definitions: Definitions, one: Objects) -> dict[str, pa.DataType]:
    """The types of the object table's columns, as this file has them."""
    types: dict[str, Any] = {}
    if one.table is not None:
        dtype = one.table.dtype
        types |= {"t": arrow_type(dtype["time_idx"]), "label": arrow_type(dtype["obj_label_id"])}
    for name in ("bounding_box", "center"):
        if name in one.standard:
            dtype = one.standard[name].dtype
            types[name] = pa.struct([(field, arrow_type(dtype[field])) for field in STRUCTS[name]])
    if "orientation" in one.standard:
        dtype = one.standard["orientation"].dtype
        types |= {name: arrow_type(dtype[name]) for name in STRUCTS["orientation"]}
    if "probability" in one.standard:
        types["probabilities"] = pa.list_(arrow_type(one.standard["probability"].dtype))
    classes = definitions.classes(one.name)
    if "prediction" in one.standard and classes is not None:
        named = {column: field for field, column in CLASS_COLUMNS.items() if field in classes.columns}
        types |= {column: classes.columns[field].type for column, field in named.items()}
    return types


def object_batches(
    tree: Tree, definitions: Definitions, parts: Parts, table: TableSchema, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Yield a position's objects: by name, then in the order of the file."""
    step = min(max(batch_bytes // OBJECT_BYTES, 1), MOST_ROWS)
    for one in parts.objects:
        taken = taken_rows(tree, one, parts.selection)
        for start, stop in _slices(one.rows, step, taken):
            arrays = {
                "object_name": one.name,
                "object_index": pa.array(range(start, stop), pa.int64()),
                **_placed(tree, one, start, stop),
                **_shaped(tree, one, start, stop),
                **_classified(tree, definitions, one, start, stop),
            }
            batch = record_batch(table, stop - start, {**parts.position.keys, **arrays})
            yield batch if taken is None else batch.filter(pa.array(taken[start:stop]))


def taken_rows(tree: Tree, one: Objects, selection: Selection) -> NDArray[np.bool_] | None:
    """Which objects lie in the frames that are taken; None: all do."""
    if not selection.frames:
        return None
    taken = np.zeros(one.rows, np.bool_)
    if one.table is None:
        told = f"the objects {one.name} have no frame, so `frames` takes none of them"
        tree.warnings[f"{tree.file.path}: {told}"] = None
        return taken
    for start, stop in _slices(one.rows, 1 << 16):
        taken[start:stop] = selection.in_frames(_read(tree, one.table, start, stop)["time_idx"])
    return taken


def check_objects(tree: Tree, definitions: Definitions, one: Objects) -> None:
    """Raise SourceError for a frame or a class that is not there."""
    for start, stop in _slices(one.rows, 1 << 16):
        _placed(tree, one, start, stop)
        if "prediction" in one.standard:
            _class_index(tree, one, definitions.classes(one.name), start, stop)


def feature_types(definitions: Definitions, one: Objects, tree: Tree) -> dict[str, pa.DataType]:
    """The types of the feature table's columns: the named features, then the arrays that users added."""
    names, nodes = _feature_names(tree, definitions, one)
    types = [arrow_type(node.dtype) for node in _matrix(one) for _ in range(node.shape[1])]
    for node in nodes:
        kind = arrow_type(node.dtype)
        for _ in node.shape[1:]:
            kind = pa.list_(kind)
        types.append(kind)
    return dict(zip(names, types, strict=True))


def feature_batches(
    tree: Tree, definitions: Definitions, parts: Parts, one: Objects, table: TableSchema, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Yield the features of a position's objects of one name, in the order of the file."""
    names, nodes = _feature_names(tree, definitions, one)
    row_bytes = sum(_row_bytes(node) for node in (*nodes, *_matrix(one))) + 64
    taken = taken_rows(tree, one, parts.selection)
    step = min(max(batch_bytes // row_bytes, 1), 1 << 16)
    for start, stop in _slices(one.rows if names else 0, step, taken):
        values = [array for node in _matrix(one) for array in _columns_of(_read(tree, node, start, stop))]
        values += [arrow_values(_read(tree, node, start, stop)) for node in nodes]
        arrays = {"object_name": one.name, "object_index": pa.array(range(start, stop), pa.int64())}
        held = {**parts.position.keys, **arrays, **dict(zip(names, values, strict=True))}
        batch = record_batch(table, stop - start, held)
        yield batch if taken is None else batch.filter(pa.array(taken[start:stop]))


def _slices(rows: int, step: int, taken: NDArray[np.bool_] | None = None) -> Iterator[tuple[int, int]]:
    """Cut rows into steps; of a step only the part from the first to the last row that is taken."""
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        if taken is None:
            yield start, stop
        elif (here := np.flatnonzero(taken[start:stop])).size:
            yield start + int(here[0]), start + int(here[-1]) + 1


def _read(tree: Tree, node: Node, start: int, stop: int) -> NDArray[Any]:
    with tree.reading(node):
        values: NDArray[Any] = node.item[start:stop]
    return values


def _placed(tree: Tree, one: Objects, start: int, stop: int) -> dict[str, pa.Array]:
    if one.table is None:
        return {}
    values = _read(tree, one.table, start, stop)
    frames = values["time_idx"]
    wrong = np.flatnonzero((frames < 0) | (frames >= (one.frames or np.inf)))
    if len(wrong):
        told = f"row {start + wrong[0]} lies in frame {frames[wrong[0]]}, but there are {one.frames} frames"
        raise SourceError(told, tree.place(one.table), EXCLUDE)
    return {"t": arrow_values(frames), "label": arrow_values(values["obj_label_id"])}


def _shaped(tree: Tree, one: Objects, start: int, stop: int) -> dict[str, pa.Array]:
    arrays: dict[str, pa.Array] = {}
    for name in ("bounding_box", "center"):
        if name in one.standard:
            values = _read(tree, one.standard[name], start, stop)
            fields = STRUCTS[name]
            arrays[name] = pa.StructArray.from_arrays([arrow_values(values[f]) for f in fields], names=fields)
    if "orientation" in one.standard:
        values = _read(tree, one.standard["orientation"], start, stop)
        arrays |= {name: arrow_values(values[name]) for name in STRUCTS["orientation"]}
    if "crack_contour" in one.standard:
        node = one.standard["crack_contour"]
        try:
            arrays["contour"] = contours(_read(tree, node, start, stop).tolist())
        except ContourError as error:
            told = f"the contour of object {start + error.row} cannot be read: {error.why}"
            raise SourceError(told, tree.place(node), EXCLUDE) from None
    return arrays


def _classified(
    tree: Tree, definitions: Definitions, one: Objects, start: int, stop: int
) -> dict[str, pa.Array]:
    arrays: dict[str, pa.Array] = {}
    if "probability" in one.standard:
        values = _read(tree, one.standard["probability"], start, stop)
        lists = arrow_values(values)
        unpredicted = pa.array(np.isnan(values).all(axis=1))
        arrays["probabilities"] = pa.ListArray.from_arrays(lists.offsets, lists.values, mask=unpredicted)
    if "prediction" in one.standard:
        classes = definitions.classes(one.name)
        index = _class_index(tree, one, classes, start, stop)
        arrays["class_index"] = index
        for field, column in CLASS_COLUMNS.items():
            if classes is not None and field in classes.columns:
                arrays[column] = classes.columns[field].take(index)
    return arrays


def _class_index(tree: Tree, one: Objects, classes: Rows | None, start: int, stop: int) -> pa.Array:
    node = one.standard["prediction"]
    values = _read(tree, node, start, stop)
    index = (values["label_idx"] if values.dtype.names else values).astype(np.int64)
    unpredicted = index == UNPREDICTED
    most = len(classes) if classes is not None else np.iinfo(np.int32).max
    wrong = np.flatnonzero(~unpredicted & ((index < 0) | (index >= most)))
    if len(wrong):
        told = f"object {start + wrong[0]} is of class {index[wrong[0]]}, but only {most} classes are defined"
        raise SourceError(told, tree.place(node), EXCLUDE)
    return pa.array(index.astype(np.int32), mask=unpredicted)


def _matrix(one: Objects) -> list[Node]:
    return [one.standard["object_features"]] if "object_features" in one.standard else []


def _feature_names(tree: Tree, definitions: Definitions, one: Objects) -> tuple[list[str], list[Node]]:
    """The feature table's columns, and the arrays that give the last of them."""
    names: list[str] = []
    for node in _matrix(one):
        count = node.shape[1]
        rows = definitions.features(one.name)
        names = [f"feature_{i}" for i in range(count)]
        if rows is not None:
            names = rows.columns[rows.text_columns()[0]].to_pylist()
        if len(names) != count:
            told = f"holds {count} features, but the definition names {len(names)}"
            raise SourceError(told, tree.place(node), EXCLUDE)
    names += [node.name for node in one.arrays]
    return list(column_names(names, {*KEYS, *OBJECT})), list(one.arrays)


def _columns_of(matrix: NDArray[Any]) -> list[pa.Array]:
    return [arrow_values(np.ascontiguousarray(matrix[:, i])) for i in range(matrix.shape[1])]


def _row_bytes(node: Node) -> int:
    return int(np.prod(node.shape[1:], dtype=np.int64)) * int(node.dtype.itemsize)
