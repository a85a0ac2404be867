"""What no other table took: attributes and datasets by their HDF5 path, so that nothing is dropped silently.

A small value is kept as JSON, a large one as its shape and dtype. The path of an attribute ends in ``@name``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import pyarrow as pa

from ..base import TableSchema
from .definition import plain
from .layout import Position
from .links import Tree
from .nodes import Node, dtype_of
from .tables import record_batch
from .types import arrow_type, arrow_values, text

VALUE_BYTES = 1 << 16
MOST_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that no table has, with the position that it belongs to."""

    hdf5_path: str
    value: str
    position: Position | None


def leftovers(
    tree: Tree,
    used: Set[tuple[str, int]],
    used_attributes: Set[tuple[str, int, str]],
    inside: list[Position],
    left_out: Set[str],
) -> Iterator[Leftover]:
    """Everything but `used` datasets and attributes, and paths that are `left_out`, each once, ordered by path."""
    positions = {position.node.path: position for position in inside}
    seen: set[tuple[str, int]] = set()
    waiting: list[tuple[Node, Position | None]] = [(tree.root, None)]
    while waiting:
        node, position = waiting.pop()
        with tree.reading(node):
            key = node.key
        if key in seen or node.foreign or node.path in left_out:
            continue
        seen.add(key)
        position = positions.get(node.path, position)
        if not node.is_group and key not in used:
            yield Leftover(node.path, _value(tree, node), position)
        for name, value in _attributes(tree, node):
            if (*key, name) not in used_attributes:
                yield Leftover(f"{node.path or '/'}@{name}", value, position)
        waiting += [(child, position) for child in reversed(tree.children(node))]
    for path, told in sorted(tree.loose.items()):
        yield Leftover(path, _json({"link": told}), None)


def attribute_batches(found: Iterator[Leftover], table: TableSchema, path: str) -> Iterator[pa.RecordBatch]:
    """Yield the attribute table's rows."""
    waiting: list[Leftover] = []
    for one in found:
        waiting.append(one)
        if len(waiting) == MOST_ROWS:
            yield _batch(waiting, table, path)
            waiting = []
    if waiting:
        yield _batch(waiting, table, path)


def _batch(rows: list[Leftover], table: TableSchema, path: str) -> pa.RecordBatch:
    keys = {
        key: pa.array([getattr(row.position, key) if row.position else None for row in rows], pa.string())
        for key in ("plate", "well", "site")
    }
    values = {
        "hdf5_path": pa.array([row.hdf5_path for row in rows], pa.string()),
        "value": pa.array([row.value for row in rows], pa.string()),
    }
    return record_batch(table, len(rows), {"path": path, **keys, **values})


def _attributes(tree: Tree, node: Node) -> Iterator[tuple[str, str]]:
    with tree.reading(node):
        names = sorted(node.item.attrs, key=text)
    for name in names:
        with tree.reading(f"{node.path or '/'}@{text(name)}"):
            found = node.item.attrs.get_id(name)
            value = node.item.attrs[name] if _is_small(found) else None
            yield text(name), _described(found, value)


def _value(tree: Tree, node: Node) -> str:
    with tree.reading(node):
        if not node.is_dataset:
            return _json({"dtype": str(node.dtype)})
        value = node.item[()] if _is_small(node.item) else None
        return _described(node.item, value)


def _is_small(found: Any) -> bool:
    """Whether a dataset or attribute is worth keeping as it is."""
    dtype = dtype_of(found)
    if arrow_type(dtype) is None or found.shape is None:
        return False
    count = 1
    for length in found.shape:
        count *= length
    return bool(count * dtype.itemsize <= VALUE_BYTES)


def _described(found: Any, value: Any) -> str:
    if value is None or isinstance(value, h5py.Empty):
        shape = None if found.shape is None else list(found.shape)
        return _json({"shape": shape, "dtype": str(dtype_of(found))})
    if found.shape == ():
        held = np.empty(1, found.dtype)
        held[0] = value
        return _json(plain(arrow_values(held).to_pylist()[0]))
    return _json(plain(arrow_values(value).to_pylist()))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
