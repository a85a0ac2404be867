"""The datasets of a movie, put together again from a package's tables, byte for byte as they stood in the file."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapkg import Table

Rows = list[dict[str, Any]]
POSITION = re.compile(r"sample/0/plate/(?P<plate>.+)/experiment/(?P<well>.+)/position/(?P<site>[^/]+)/(.+)")
NOT_REBUILT = re.compile(r"crack_contour$|object_classification/probability$|definition/image/time_lapse$")
"""Contours are points in a table, but zipped text in the file; test_ch5_contours.py and test_ch5_real.py compare the
points. Of what was not predicted there is no probability; the names of the time stamps' columns are those of the table."""
UNPREDICTED = -99


def rebuilt(path: str, dtype: str, tables: Mapping[str, Rows], planes: Table) -> NDArray[Any]:
    """One dataset of REFERENCE.tsv, from the tables of the resource ``f``."""
    kind = np.dtype(ast.literal_eval(dtype) if dtype.startswith("[") else dtype)
    position = POSITION.fullmatch(path)
    listed = [row for row in tables["f_attributes"] if row["hdf5_path"] == f"/{path}"]
    if listed:
        (row,) = listed
        return _records(json.loads(row["value"]), kind)
    if position is None:
        return _records(_definition(path.split("/")[1:], tables), kind)
    keys = {key: position[key] for key in ("plate", "well", "site")}
    here = {name: [row for row in rows if keys.items() <= row.items()] for name, rows in tables.items()}
    what, name, *rest = position[4].split("/")
    if what == "image":
        return _image(name, here["f"], tables["f"], planes, kind)
    if what == "object":
        return _records(_objects(name, here), kind)
    objects = [row for row in here["f_objects"] if row["object_name"] == name]
    if rest == ["object_features"]:
        measured = here[f"f_features_{name}"]
        names = [
            column for column in measured[0] if column not in (*keys, "path", "object_name", "object_index")
        ]
        return np.array([[row[column] for column in names] for row in measured], kind)
    return _records(_of_objects("/".join(rest), objects), kind)


def _image(name: str, here: Rows, every: Rows, planes: Table, kind: np.dtype[Any]) -> NDArray[Any]:
    if name == "time_lapse":
        times = {
            row["t"]: [row[column] for column in kind.names or ()] for row in here if row["kind"] == "channel"
        }
        return _records(times.values(), kind)
    chosen = [row for row in here if row["kind"] == name]
    shape = [len({row[axis] for row in chosen}) for axis in ("index", "t", "z")]
    stack = np.stack(planes.images([every.index(row) for row in chosen]))
    return stack.reshape(*shape, *stack.shape[1:])


def _objects(name: str, here: Mapping[str, Rows]) -> Iterable[Any]:
    objects = [row for row in here["f_objects"] if row["object_name"] == name]
    if objects:
        return [(row["t"], row["label"]) for row in objects]
    edges = [row for row in here.get("f_tracks", ()) if row["kind"] == name]
    if name == "event":
        return [(row["event"], row["from_index"], row["to_index"]) for row in edges]
    return [(row["from_index"], row["to_index"]) for row in edges]


def _of_objects(what: str, objects: Rows) -> Iterable[Any]:
    if what == "orientation":
        return [(row["angle"], row["eccentricity"]) for row in objects]
    if what == "object_classification/prediction":
        return [(UNPREDICTED if row["class_index"] is None else row["class_index"],) for row in objects]
    return [tuple(row[what].values()) for row in objects]


def _definition(parts: list[str], tables: Mapping[str, Rows]) -> Iterable[Any]:
    what, name, *rest = parts
    if what == "image":
        return [
            [value for key, value in row.items() if key not in ("path", "plate", "well", "site", "index")]
            for row in tables[f"f_{name}s"]
        ]
    if rest == ["object_features"]:
        named = [row for row in tables["f_feature_names"] if row["object_name"] == name]
        return [(row["name"], *(row["groups"] or ())) for row in named]
    classes = [row for row in tables["f_classes"] if row["object_name"] == name]
    if rest[-1] == "class_labels":
        return [(row["label"], row["name"], row["color"]) for row in classes]
    fields = ("name", "method", "version", "parameter", "description")
    return [[classes[0][f"classifier_{field}"] for field in fields]]


def _records(values: Iterable[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    rows = [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in values]
    return np.array(rows, kind)
