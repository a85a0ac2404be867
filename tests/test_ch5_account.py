"""Every dataset and attribute of every real movie is found again in a built package, value by value.

The HDF5 files are walked by h5py alone. Nothing says which table a dataset should be in: the values of each field are
looked for in the columns of all tables, among the rows of its file and position, or the path stands in the attributes.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import make
import numpy as np
import pyarrow as pa
import pytest
from make_screen import outline_points

import datapkg
from datapkg import Package

CLASSIC = re.compile(r"/sample/0/plate/([^/]+)/experiment/([^/]+)/position/([^/]+)/")
UNPREDICTED = -99
GROUPS = ("object_name", "kind", "index")
Place = tuple[str, str | None, str | None, str | None]
Values = tuple[Any, ...]


@pytest.fixture(scope="module")
def package(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("account")
    make.build(make.manifest(folder, 'name: movies, path: "*.ch5"'), folder / "p", root=shared / "open/ch5")
    return datapkg.open(folder / "p")


@pytest.fixture(scope="module")
def held(package: Package) -> dict[Place, list[set[Values]]]:
    return haystack(package)


def haystack(package: Package) -> dict[Place, list[set[Values]]]:
    """For each file and position: of each group of rows of a table, all its columns."""
    found: dict[Place, list[set[Values]]] = {}
    for name in package.tables:
        table = package[name]
        columns = [column for column in table.columns if column != "image_array"]
        for place, group in groups(table.to_arrow(columns)):
            found.setdefault(place, []).append({values for column in group for values in spread(column)})
    return found


def groups(table: pa.Table) -> Iterator[tuple[Place, list[list[Any]]]]:
    """Rows that belong together: of one file and position, and in any way of one object, kind or index."""
    rows = table.to_pylist()
    there = [name for name in GROUPS if name in table.column_names]
    for count in range(len(there) + 1):
        for names in itertools.combinations(there, count):
            split: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
            for row in rows:
                key = (row["path"], row["plate"], row["well"], row["site"], *(row[name] for name in names))
                split.setdefault(key, []).append(row)
            for key, members in split.items():
                yield key[:4], [[row[name] for row in members] for name in table.column_names]


def spread(column: list[Any]) -> Iterator[Values]:
    """A column's values, and those of its struct fields and list entries; a constant one also as one value."""
    values = tuple(map(plain, column))
    yield values
    if len(set(values)) == 1:
        yield values[:1]
    present = [value for value in column if value is not None]
    if present and isinstance(present[0], dict):
        for name in present[0]:
            yield from spread([None if value is None else value[name] for value in column])
    if present and isinstance(present[0], list) and len({len(value) for value in present}) == 1:
        for entry in range(len(present[0])):
            yield from spread([None if value is None else value[entry] for value in column])


def plain(value: Any) -> Any:
    """A value that can be compared: NaN and None are one, lists are tuples, bytes are text."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return tuple(map(plain, value.values()))
    if isinstance(value, (list, tuple, np.ndarray)):
        return tuple(map(plain, value))
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and np.isnan(value) else value


def fields(path: str, values: np.ndarray[Any, Any]) -> list[Values]:
    """A dataset as columns of plain values."""
    if path.endswith("crack_contour"):
        return [tuple(tuple(outline_points(value)) for value in values.tolist())]
    if values.dtype.names:
        return [tuple(map(plain, values[name])) for name in values.dtype.names]
    if values.ndim == 2:
        return [tuple(map(plain, values[:, column])) for column in range(values.shape[1])]
    return [tuple(map(plain, values))]


def without_unpredicted(values: Values) -> Values:
    return tuple(None if value == UNPREDICTED else value for value in values)


def is_held(held: dict[Place, list[set[Values]]], place: Place, columns: list[Values]) -> bool:
    """Whether one group of rows holds every column."""
    for group in held.get(place, []):
        if all(values in group or without_unpredicted(values) in group for values in columns):
            return True
    return False


def place_of(file: str, path: str) -> Place:
    found = CLASSIC.match(path)
    return (file, *found.groups()) if found else (file, None, None, None)  # type: ignore[return-value]


def datasets(local: Path) -> Iterator[tuple[str, h5py.Dataset]]:
    with h5py.File(local) as file:
        found: list[tuple[str, Any]] = []
        file.visititems(lambda name, item: found.append((f"/{name}", item)))
        yield from ((name, item) for name, item in found if isinstance(item, h5py.Dataset))


def listed(package: Package) -> dict[tuple[str, str], Any]:
    rows = package["movies_attributes"].to_arrow(["path", "hdf5_path", "value"]).to_pylist()
    return {(row["path"], row["hdf5_path"]): json.loads(row["value"]) for row in rows}


def as_json(values: Any) -> Any:
    """A small dataset or attribute as JSON holds it."""
    values = np.asarray(values)
    if values.dtype.names:
        names = values.dtype.names
        return [{name: json_value(row[name]) for name in names} for row in values]
    return json_value(values)


def json_value(value: Any) -> Any:
    value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
    if isinstance(value, list):
        return [json_value(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode()
    return "NaN" if isinstance(value, float) and np.isnan(value) else value


def images(package: Package) -> dict[tuple[Any, ...], str]:
    """The sha1 of the pixels of each position's channels and regions, as one array."""
    movies = package["movies"]
    keys = ["path", "plate", "well", "site", "kind"]
    planes = movies.to_pandas([*keys, "index"]).drop_duplicates()
    found: dict[tuple[Any, ...], Any] = {}
    for row in planes.sort_values("index").to_dict("records"):
        chosen = {"channel" if row["kind"] == "channel" else "region": row["index"]}
        stack = movies.stack(**{str(key): row[key] for key in keys[:4]}, **chosen)
        found.setdefault(tuple(row[key] for key in keys), hashlib.sha1()).update(stack.tobytes())
    return {key: digest.hexdigest() for key, digest in found.items()}


def account(package: Package, held: dict[Place, list[set[Values]]], local: Path, file: str) -> list[str]:
    """The paths of what is not in the package."""
    told, pixels = listed(package), images(package)
    lost = []
    for path, dataset in datasets(local):
        values, place = dataset[()], place_of(file, path)
        if (file, path) in told:
            found = told[file, path] == as_json(values)
        elif values.ndim == 5:
            sha1 = hashlib.sha1(values.tobytes()).hexdigest()
            found = sha1 in [digest for key, digest in pixels.items() if key[:4] == place]
        else:
            found = is_held(held, place, fields(path, values))
        if not found:
            lost.append(path)
        for name, value in dataset.attrs.items():
            at = (file, f"{path}@{name}")
            held_as = told[at] == as_json(value) if at in told else is_held(held, place, fields("", value))
            lost += [] if held_as else [at[1]]
    return lost


@pytest.mark.parametrize("name", ["00004_01", "00015_01", "bf8", "writer_2pos"])
def test_every_dataset_and_attribute_is_in_the_package(
    package: Package, held: dict[Place, list[set[Values]]], shared: Path, name: str
) -> None:
    local = shared / "open" / "ch5" / f"{name}.ch5"
    assert list(datasets(local))
    assert account(package, held, local, local.name) == []


def test_every_file_is_walked(shared: Path) -> None:
    names = {path.stem for path in (shared / "open" / "ch5").glob("*.ch5")}
    assert names == {"00004_01", "00015_01", "bf8", "writer_2pos", "_all_positions"}
    assert list(datasets(shared / "open" / "ch5" / "_all_positions.ch5")) == []  # it has nothing but links


def test_attributes_of_groups_are_listed(package: Package, shared: Path) -> None:
    told = listed(package)
    for local in (shared / "open" / "ch5").glob("*.ch5"):
        with h5py.File(local) as file:
            groups = [("/", file)]
            file.visititems(lambda name, item, to=groups: to.append((f"/{name}", item)))
            for path, group in groups:
                if isinstance(group, h5py.Group):
                    for name, value in group.attrs.items():
                        assert told[local.name, f"{path}@{name}"] == as_json(value)


def test_the_pixels_are_those_of_the_reference(package: Package, shared: Path) -> None:
    head, *lines = (shared / "open/ch5/REFERENCE.tsv").read_text("utf-8").splitlines()
    rows = [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]
    wanted = {row["sha1_12_of_bytes"] for row in rows if row["shape"].count(",") == 4}
    assert len(wanted) >= 5
    assert {digest[:12] for digest in images(package).values()} == wanted


def test_what_is_linked_is_in_the_package_of_the_links(shared: Path, tmp_path: Path) -> None:
    manifest = make.manifest(tmp_path, "name: movies, path: _all_positions.ch5")
    make.build(manifest, tmp_path / "p", root=shared / "open/ch5")
    package = datapkg.open(tmp_path / "p")
    held = haystack(package)
    for name in ("00004_01.ch5", "00015_01.ch5"):
        lost = account(package, held, shared / "open" / "ch5" / name, "_all_positions.ch5")
        assert [path for path in lost if path.startswith("/sample")] == []


def test_a_value_that_is_not_in_the_package_is_noticed(
    package: Package, held: dict[Place, list[set[Values]]], shared: Path, tmp_path: Path
) -> None:
    local = tmp_path / "00004_01.ch5"
    local.write_bytes((shared / "open/ch5/00004_01.ch5").read_bytes())
    changed = []
    with h5py.File(local, "r+") as file:
        found: list[Any] = []
        file.visititems(lambda _, item: found.append(item))
        for dataset in [item for item in found if isinstance(item, h5py.Dataset)]:
            values = dataset[()]
            raw = values.view("u1").reshape(-1) if values.dtype != object else None
            if raw is not None:
                raw[-1 if values.dtype.kind != "f" else -2] ^= 1
                dataset[...] = values
                changed.append(dataset.name)
    assert set(account(package, held, local, local.name)) == set(changed)
