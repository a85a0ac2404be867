"""The tables of a CellH5 resource: their names, their columns, and how the files' evidence decides them.

Columns that CellH5 names are always there. Others (features, users' arrays, fields of a definition) are the union
over all files, by name. Types are those of the files; where files differ, the smallest that holds both exactly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from ...digest import logical
from ...encoding import layout_of
from ...errors import SchemaError
from ...manifest.models import Resource
from ..base import Column, Decision, Scan, TableSchema
from ..image_columns import image_columns
from .selection import Finds, refuse_lost
from .types import common_type, table_part, type_from_json, type_to_json

S, I32, I64, F64 = pa.string(), pa.int32(), pa.int64(), pa.float64()
BOX = pa.struct([(side, I32) for side in ("left", "right", "top", "bottom")])
POINT = pa.struct([("x", I32), ("y", I32)])
KEYS = {"path": S, "plate": S, "well": S, "site": S}
OBJECT = {"object_name": S, "object_index": I64}
FIXED: Mapping[str, Mapping[str, pa.DataType]] = {
    "planes": {
        "kind": S,
        "index": I32,
        "name": S,
        "t": I32,
        "z": I32,
        "valid": pa.bool_(),
        "frame": I32,
        "timestamp_abs": I32,
        "timestamp_rel": I32,
    },
    "objects": {
        **OBJECT,
        "t": I32,
        "label": I32,
        "bounding_box": BOX,
        "center": POINT,
        "angle": F64,
        "eccentricity": F64,
        "contour": pa.list_(POINT),
        "class_index": I32,
        "class_label": I32,
        "class_name": S,
        "class_color": S,
        "probabilities": pa.list_(F64),
    },
    "features": OBJECT,
    "feature_names": {"object_name": S, "position": I32, "name": S, "groups": pa.list_(S)},
    "classes": {"object_name": S, "index": I32, "label": I32, "name": S, "color": S},
    "tracks": {"kind": S, "event": I64, "from_index": I64, "to_index": I64, "object_name": S},
    "channels": {"index": I32},
    "regions": {"index": I32},
    "layout": {},
    "attributes": {"hdf5_path": S, "value": S},
}
"""The columns of each kind of table beside the keys; a type counts where no file says otherwise."""
PIXELS = ("array",)
"""What is kept of a plane: it has no file of its own."""


def table_name(resource: Resource, kind: str, object_name: str = "") -> str:
    """Name a table of a resource.

    Examples
    --------
    >>> movies = Resource(name="movies", path=("*.ch5",), type="ch5")
    >>> table_name(movies, "planes"), table_name(movies, "features", "primary__primary")
    ('movies', 'movies_features_primary__primary')
    """
    if kind == "planes":
        return resource.name
    return f"{resource.name}_{kind}" + (f"_{table_part(object_name)}" if object_name else "")


@dataclass
class Evidence:
    """What one file gives to one table: rows, the types of its columns, and its planes' dtypes and shapes."""

    kind: str
    object_name: str = ""
    rows: int = 0
    types: dict[str, pa.DataType] = field(default_factory=dict)
    planes: set[tuple[str, tuple[int, ...]]] = field(default_factory=set)
    classes: dict[str, list[str] | None] = field(default_factory=dict)
    finds: Finds | None = None

    def add(self, rows: int, types: Mapping[str, pa.DataType]) -> None:
        """Count rows, with what their columns hold."""
        self.rows += rows
        for name, kind in types.items():
            self.types[name] = common_type([self.types.get(name, pa.null()), kind])

    def add_classes(self, object_name: str, names: list[str] | None) -> None:
        """Note what the numbers of `probabilities` belong to."""
        if names is not None:
            self.classes[object_name] = names

    def to_json(self) -> dict[str, Any]:
        """As JSON, to be kept until all files were looked at."""
        told: dict[str, Any] = {"classes": self.classes} if self.classes else {}
        if self.finds is not None:
            told["finds"] = self.finds.to_json()
        return {
            **told,
            "kind": self.kind,
            "object_name": self.object_name,
            "rows": self.rows,
            "types": [[name, type_to_json(kind)] for name, kind in self.types.items()],
            "planes": [[dtype, list(shape)] for dtype, shape in sorted(self.planes)],
        }


def decide(resource: Resource, scans: Sequence[tuple[str, Scan]]) -> Decision:
    """Decide every table's columns from all files' evidence.

    Raises
    ------
    SchemaError
        Two files hold what no one column can, or objects whose names differ by case only.
    ManifestError
        An option names what is in no file.
    """
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for path, scan in scans:
        for name, evidence in scan.evidence.items():
            found.setdefault(name, []).append((path, evidence))
    refuse_lost(resource, [one["finds"] for of in found.values() for _, one in of if "finds" in one])
    found = {name: of for name, of in found.items() if any(one["rows"] for _, one in of)}
    _check_case(found)
    order = list(FIXED)
    tables = [_table(resource, name, evidence) for name, evidence in found.items()]
    return Decision(tuple(sorted(tables, key=lambda table: order.index(table.kind))))


def _check_case(found: Mapping[str, list[tuple[str, dict[str, Any]]]]) -> None:
    seen: dict[str, str] = {}
    for name, evidence in found.items():
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            one, two = found[other][0], evidence[0]
            raise SchemaError(
                f"the objects {one[1]['object_name']!r} (in {one[0]}) and {two[1]['object_name']!r} differ by case"
                " only, and need two tables whose names would be the same",
                two[0],
                "put the files of each into a resource of their own",
            )


def _table(resource: Resource, name: str, found: list[tuple[str, dict[str, Any]]]) -> TableSchema:
    kind = found[0][1]["kind"]
    types: dict[str, pa.DataType] = {}
    holders: dict[str, str] = {}
    for path, evidence in found:
        for column, written in evidence["types"]:
            try:
                types[column] = common_type([types.get(column, pa.null()), type_from_json(written)])
            except SchemaError as error:
                raise SchemaError(
                    f"column {column!r} of table {name}: {error.what}, as {holders[column]} and this file want",
                    path,
                    "put the files of each kind into a resource of their own",
                ) from None
            holders[column] = path
    fixed = {column: types.get(column, kept) for column, kept in FIXED[kind].items()}
    columns = [Column(column, held, logical(held)) for column, held in {**KEYS, **fixed, **types}.items()]
    if kind == "objects":
        columns = [_with_classes(column, found) for column in columns]
    if kind == "planes":
        columns += _image_columns(resource, found)
    return TableSchema(name, kind, tuple(columns))


def _with_classes(column: Column, found: list[tuple[str, dict[str, Any]]]) -> Column:
    """Say of `probabilities` which class each number belongs to, where all files agree."""
    if column.name != "probabilities":
        return column
    named = [(name, names) for _, evidence in found for name, names in evidence.get("classes", {}).items()]
    same = {name: names for name, names in named if all(names == other for n, other in named if n == name)}
    if not same:
        return column
    why = "; ".join(f"{name}: {', '.join(names)}" for name, names in same.items())
    metadata = (("datapkg:class_names", json.dumps(same, ensure_ascii=False)),)
    return replace(column, why=f"one for each class, of {why}", metadata=metadata)


def _image_columns(resource: Resource, found: list[tuple[str, dict[str, Any]]]) -> tuple[Column, ...]:
    seen = {(dtype, tuple(shape)) for _, evidence in found for dtype, shape in evidence["planes"]}
    dtypes = sorted({dtype for dtype, _ in seen})
    why = f"planes of {' and '.join(dtypes)}"
    return image_columns(layout_of(resource.array, seen), PIXELS, why=why)


def record_batch(
    table: TableSchema, rows: int, arrays: Mapping[str, pa.Array | str | None]
) -> pa.RecordBatch:
    """Make rows of a table: a text stands for all rows, a column that is not given is null."""
    columns = []
    for column in table.columns:
        array = arrays.get(column.name)
        if array is None:
            columns.append(pa.nulls(rows, column.type))
        elif isinstance(array, str):
            columns.append(pa.repeat(pa.scalar(array, column.type), rows))
        else:
            columns.append(array if array.type.equals(column.type) else array.cast(column.type))
    return pa.RecordBatch.from_arrays(columns, schema=table.arrow())
