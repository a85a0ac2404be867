"""Real movies of all three writers, in a package: tables join, and say what the files say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import make
import make_ch5
import numpy as np
import pyarrow as pa
import pytest

import datapkg
from datapkg.pixels import from_arrow

FILES = ("00004_01.ch5", "00015_01.ch5", "_all_positions.ch5", "bf8.ch5", "writer_2pos.ch5")
CLASSIC = "sample/0/plate/{plate}/experiment/{well}/position/{site}"


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "open" / "ch5"


@pytest.fixture(scope="module")
def found(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """Every table of a package of all movies."""
    own = tmp_path_factory.mktemp("real")
    make.build(make.manifest(own, 'name: movies, path: "*.ch5"'), own / "p", root=folder)
    package = datapkg.open(own / "p")
    return {name: package[name].to_arrow() for name in package.tables}


@pytest.fixture(scope="module")
def rows(found: dict[str, pa.Table]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: table.drop_columns([c for c in ("image_array",) if c in table.column_names]).to_pylist()
        for name, table in found.items()
    }


@pytest.fixture(scope="module")
def planes(
    found: dict[str, pa.Table], rows: dict[str, list[dict[str, Any]]]
) -> dict[Any, np.ndarray[Any, Any]]:
    held = rows["movies"]
    column = found["movies"].column("image_array").combine_chunks()
    pixels = from_arrow(column, [row["dtype"] for row in held], [row["shape"] for row in held])
    return {
        (row["path"], CLASSIC.format(**row), row["kind"], row["index"], row["t"], row["z"]): plane
        for row, plane in zip(held, pixels, strict=True)
        if plane is not None
    }


def positions(file: h5py.File) -> list[tuple[dict[str, str], h5py.Group]]:
    return [
        (
            {"plate": plate, "well": well, "site": site},
            file[f"sample/0/plate/{plate}/experiment/{well}/position/{site}"],
        )
        for plate in file["sample/0/plate"]
        for well in file[f"sample/0/plate/{plate}/experiment"]
        for site in file[f"sample/0/plate/{plate}/experiment/{well}/position"]
    ]


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("_")])
def test_every_measurement_is_in_the_object_tables(
    folder: Path, rows: dict[str, list[dict[str, Any]]], name: str
) -> None:
    with h5py.File(folder / name) as file:
        for keys, group in positions(file):
            for cells in group.get("feature", ()):
                here = {"path": name, **keys, "object_name": cells}
                objects = [row for row in rows["movies_objects"] if here.items() <= row.items()]
                measured = rows[f"movies_features_{cells}"]
                features = [row for row in measured if here.items() <= row.items()]
                check_objects(file, group, cells, objects, features)


def check_objects(
    file: h5py.File,
    group: h5py.Group,
    cells: str,
    objects: list[dict[str, Any]],
    features: list[dict[str, Any]],
) -> None:
    table, feature = group[f"object/{cells}"], group[f"feature/{cells}"]
    assert [row["object_index"] for row in objects] == list(range(len(table)))
    assert [(row["t"], row["label"]) for row in objects] == table[:].tolist()
    for column in ("bounding_box", "center"):
        assert [tuple(row[column].values()) for row in objects] == feature[column][:].tolist()
    names = [entry.decode() for entry in file[f"definition/feature/{cells}/object_features"]["name"]]
    assert [[row[column] for column in names] for row in features] == feature["object_features"][:].tolist()
    if "orientation" in feature:
        assert [(row["angle"], row["eccentricity"]) for row in objects] == feature["orientation"][:].tolist()
        assert all(row["contour"] for row in objects)
        index = feature["object_classification/prediction"]["label_idx"].tolist()
        labels = file[f"definition/feature/{cells}/object_classification/class_labels"][:]
        chances = feature["object_classification/probability"][:].tolist()
        assert -99 in index
        for row, i, chance in zip(objects, index, chances, strict=True):
            found = (row["class_index"], row["class_label"], row["class_name"], row["class_color"])
            if i == -99:
                assert found == (None,) * 4 and row["probabilities"] is None
            else:
                assert found == (
                    i,
                    labels[i]["label"],
                    labels[i]["name"].decode(),
                    labels[i]["color"].decode(),
                )
                assert row["probabilities"] == chance


def test_boxes_are_the_extent_of_their_label_and_contours_touch_it(
    rows: dict[str, list[dict[str, Any]]], planes: dict[Any, np.ndarray[Any, Any]]
) -> None:
    regions = {
        (row["path"], row["name"].removeprefix("region___")): row["index"]
        for row in rows["movies"]
        if row["kind"] == "region"
    }
    for row in rows["movies_objects"]:
        index = regions[row["path"], row["object_name"]]
        plane = planes[row["path"], CLASSIC.format(**row), "region", index, row["t"], 0]
        ys, xs = np.nonzero(plane == row["label"])
        extent = (xs.min(), xs.max() + 1, ys.min(), ys.max() + 1)
        assert tuple(row["bounding_box"].values()) == extent
        if row["contour"] is not None:
            at_x, at_y = ([point[axis] for point in row["contour"]] for axis in "xy")
            outline = np.array([min(at_x), max(at_x) + 1, min(at_y), max(at_y) + 1])
            assert np.abs(outline - np.array(extent)).max() <= 1
            for x, y in set(zip(at_x, at_y, strict=True)):
                assert (plane[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] == row["label"]).any()


def test_every_edge_joins_objects_one_frame_apart(
    folder: Path, rows: dict[str, list[dict[str, Any]]]
) -> None:
    frames = {
        (row["path"], row["object_name"], row["object_index"]): row["t"] for row in rows["movies_objects"]
    }
    tracks = [row for row in rows["movies_tracks"] if row["kind"] in ("tracking", "event")]
    assert len(tracks) == 86 + 10 + 206 + 14
    for row in tracks:
        first, last = (
            frames[row["path"], row["object_name"], row[end]] for end in ("from_index", "to_index")
        )
        assert last - first == 1
    with h5py.File(folder / "00004_01.ch5") as file:
        group = positions(file)[0][1]
        events = [row for row in tracks if row["kind"] == "event" and row["path"] == "00004_01.ch5"]
        stored = group["object/event"][:].tolist()
        assert [(row["event"], row["from_index"], row["to_index"]) for row in events] == stored


def test_links_to_files_of_the_resource_add_no_rows(rows: dict[str, list[dict[str, Any]]]) -> None:
    for table in rows.values():
        assert "_all_positions.ch5" not in {row["path"] for row in table}


def test_links_are_followed_where_the_resource_does_not_match_their_targets(
    folder: Path, rows: dict[str, list[dict[str, Any]]]
) -> None:
    file = make_ch5.source(folder / "_all_positions.ch5")
    linked = make_ch5.tables(make_ch5.movies("_all_positions.ch5"), file)
    for name, table in linked.items():
        if name == "movies_attributes":
            continue
        dropped = ["path", *(c for c in ("image_array",) if c in table.column_names)]
        found = table.drop_columns(dropped).to_pylist()
        wanted = ("00004_01.ch5",) if table.column("plate").null_count else ("00004_01.ch5", "00015_01.ch5")
        direct = [row for row in rows[name] if row["path"] in wanted]
        assert found == [{key: row[key] for key in found[0]} for row in direct]


def test_voxels_channels_and_classes_are_described(rows: dict[str, list[dict[str, Any]]]) -> None:
    writer = [row for row in rows["movies"] if row["path"] == "writer_2pos.ch5"]
    assert {row["pixel_size_x_um"] for row in writer} == {0.645}
    cecog = [row for row in rows["movies"] if row["path"] == "00004_01.ch5"]
    assert {row["pixel_size_x_um"] for row in cecog} == {None}
    assert [row["timestamp_abs"] for row in cecog[:2]] == [1108626000, 1108626276]
    classes = [row for row in rows["movies_classes"] if row["path"] == "00004_01.ch5"]
    assert [row["label"] for row in classes[:3]] == [1, 3, 7]
    assert classes[0]["classifier_method"] == "support vector machine"


def test_probabilities_say_which_classes_they_are_of(found: dict[str, pa.Table]) -> None:
    field = found["movies_objects"].schema.field("probabilities")
    named = json.loads(field.metadata[b"datapkg:class_names"])
    classes = found["movies_classes"].to_pylist()
    for object_name, names in named.items():
        defined = {(row["index"], row["name"]) for row in classes if row["object_name"] == object_name}
        assert set(enumerate(names)) == defined
    assert set(named) == {"primary__primary", "secondary__expanded"}
