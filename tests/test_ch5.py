"""CellH5 movies become tables: what is in the file is in a row, in either layout."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import h5py
import make_ch5 as make
import numpy as np
import pytest

from datapkg.digest import logical
from datapkg.errors import SchemaError, SourceError
from datapkg.pixels import from_arrow, image_digest
from datapkg.reading import Reading
from datapkg.sources.ch5.source import Ch5Source

KEYS = ("P1", "A01", "0037")


@pytest.fixture(params=["classic", "2018"])
def movie(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make.movie(tmp_path / "m.ch5", KEYS, layout=request.param)


def test_every_table_is_there_in_both_layouts(movie: Path) -> None:
    found = make.tables(make.movies(), make.source(movie))
    expected = {
        "movies": 9,
        "movies_objects": 6,
        "movies_features_primary__primary": 6,
        "movies_feature_names": 3,
        "movies_classes": 2,
        "movies_tracks": 5,
        "movies_channels": 2,
        "movies_regions": 1,
    }
    rows = {name: table.num_rows for name, table in found.items()}
    assert {name: rows[name] for name in expected} == expected
    assert set(rows) - set(expected) <= {"movies_layout", "movies_attributes"}


def test_keys_keep_their_zeros(movie: Path) -> None:
    for name, table in make.tables(make.movies(), make.source(movie)).items():
        assert table.column_names[:4] == ["path", "plate", "well", "site"]
        row = table.slice(0, 1).to_pylist()[0]
        assert row["path"] == "m.ch5"
        if name in ("movies", "movies_objects", "movies_features_primary__primary", "movies_tracks"):
            assert (row["plate"], row["well"], row["site"]) == KEYS
        elif name in ("movies_channels", "movies_regions", "movies_classes", "movies_feature_names"):
            assert (row["plate"], row["well"], row["site"]) == (None, None, None)


def test_planes_come_in_order_with_their_pixels_and_times(movie: Path) -> None:
    planes = make.tables(make.movies(), make.source(movie), batch_bytes=300)["movies"]
    rows = planes.drop_columns(["image_array"]).to_pylist()
    where = [(row["kind"], row["index"], row["t"], row["z"]) for row in rows]
    kinds = [("channel", 0), ("channel", 1), ("region", 0)]
    assert where == [(kind, index, t, 0) for kind, index in kinds for t in range(3)]
    image = planes.column("image_array").combine_chunks()
    pixels = from_arrow(image, [row["dtype"] for row in rows], [row["shape"] for row in rows])
    with h5py.File(movie) as file:
        group = file[make.position_path(*KEYS, "classic" if "sample" in file else "2018")]
        for (kind, index, t, z), plane, row in zip(where, pixels, rows, strict=True):
            stored = group[f"image/{kind}"][index, t, z]
            assert plane is not None and plane.dtype == stored.dtype
            assert np.array_equal(plane, stored)
            assert row["image_digest"] == image_digest(stored)
    assert [row["timestamp_rel"] for row in rows[:3]] == [0, 276, 552]
    assert all(row["valid"] is True for row in rows)
    assert [rows[i]["channel_names"] for i in (0, 3, 6)] == [
        ["rfp"],
        ["gfp µ"],
        ["region___primary__primary"],
    ]
    sizes = [(row["pixel_size_x_um"], row["pixel_size_y_um"], row["pixel_size_z_um"]) for row in rows]
    assert sizes[0] == (0.645, 0.645, None) and sizes[3] == (None, None, None) and sizes[6] == sizes[0]
    assert json.loads(rows[0]["metadata"])["color"] == "#FF0000"


def test_objects_have_place_outline_and_class(movie: Path) -> None:
    rows = make.tables(make.movies(), make.source(movie))["movies_objects"].to_pylist()
    first, second, third = rows[:3]
    assert (second["object_index"], second["t"], second["label"]) == (1, 0, 2)
    assert first["bounding_box"] == {"left": 1, "right": 5, "top": 1, "bottom": 4}
    assert first["contour"][0] == {"x": 1, "y": 1}
    assert first["class_index"] is None and first["class_name"] is None and first["probabilities"] is None
    assert (second["class_index"], second["class_label"], second["class_name"]) == (1, 7, "apoptotic")
    assert (third["class_color"], third["probabilities"]) == ("#FF8000", [1.0, 0.0])
    assert (third["angle"], third["eccentricity"]) == (0.2, 0.5)


def test_features_are_named_and_joined_by_index(movie: Path) -> None:
    found = make.tables(make.movies(), make.source(movie))
    rows = found["movies_features_primary__primary"].to_pylist()
    assert [rows[1][name] for name in ("object_index", *make.FEATURES)] == [1, 3.0, 4.0, 5.0]
    names = found["movies_feature_names"].to_pylist()
    assert next((row["position"], row["name"], row["groups"]) for row in names) == (0, "roisize", ["Size"])


def test_tracks_name_the_objects_that_they_join(movie: Path) -> None:
    rows = make.tables(make.movies(), make.source(movie))["movies_tracks"].to_pylist()
    event = next(row for row in rows if row["kind"] == "event")
    assert (event["event"], event["from_index"], event["to_index"]) == (5, 0, 2)
    assert {row["object_name"] for row in rows} == {"primary__primary"}
    assert next((r["from_index"], r["to_index"]) for r in rows if r["kind"] == "tracking") == (0, 2)


def test_plate_layout_keeps_its_plate_and_fields(tmp_path: Path) -> None:
    movie = make.movie(tmp_path / "m.ch5", KEYS, layout="2018")
    rows = make.tables(make.movies(), make.source(movie))["movies_layout"].to_pylist()
    assert [(row["plate"], row["Well"], row["siRNA"]) for row in rows] == [("P1", "A01", "siA")]


def test_several_positions_in_one_file(tmp_path: Path) -> None:
    local = tmp_path / "m.ch5"
    for keys in (("P2", "A01", "1"), ("P1", "B02", "10"), ("P1", "B02", "02")):
        make.movie(local, keys)
    rows = make.tables(make.movies(), make.source(local))["movies_objects"].to_pylist()
    found = list(dict.fromkeys((row["plate"], row["well"], row["site"]) for row in rows))
    assert found == [("P1", "B02", "02"), ("P1", "B02", "10"), ("P2", "A01", "1")]


def test_files_are_merged_without_loss(tmp_path: Path) -> None:
    make.movie(tmp_path / "a.ch5", dtype="uint8")
    make.movie(tmp_path / "b.ch5", dtype="uint16", definitions=False, objects="other one")
    with h5py.File(tmp_path / "b.ch5", "a") as file:
        feature = file[make.position_path(*KEYS) + "/feature/other one"]
        del feature["object_features"]
        feature["object_features"] = np.ones((6, 2), "f4")
        feature["mine"] = np.arange(12, dtype="i2").reshape(6, 2)
        feature["note"] = np.array([f"n{i}".encode() for i in range(6)], "S3")
    found = make.tables(make.movies(), *(make.source(tmp_path / name) for name in ("a.ch5", "b.ch5")))
    planes = found["movies"]
    assert set(planes.column("dtype").to_pylist()) == {"uint8", "uint16"}
    assert str(planes.schema.field("image_array").type).endswith("item: uint16>[16]>[12]")
    extra = next(table for name, table in found.items() if name.startswith("movies_features_other_one_"))
    assert extra.column_names[-4:] == ["feature_0", "feature_1", "mine", "note"]
    assert extra.column("mine")[1].as_py() == [2, 3] and extra.column("note")[5].as_py() == "n5"


def test_objects_whose_names_differ_by_case_are_refused(tmp_path: Path) -> None:
    make.movie(tmp_path / "a.ch5", objects="cell")
    make.movie(tmp_path / "b.ch5", objects="Cell")
    with pytest.raises(SchemaError, match=r"'cell' .*'Cell'"):
        make.tables(make.movies(), *(make.source(tmp_path / name) for name in ("a.ch5", "b.ch5")))


def test_what_no_table_takes_is_in_the_attributes(tmp_path: Path) -> None:
    local = make.movie(tmp_path / "m.ch5")
    with h5py.File(local, "a") as file:
        file.attrs["software"] = "CellCognition"
        file.attrs["odd"] = np.array([1.5, np.nan])
        position = file[make.position_path(*KEYS)]
        position["lone"] = np.arange(3)
        position["large"] = np.zeros(100_000)
        position["complex"] = np.zeros(2, "c16")
        h5py.h5d.create(file.id, b"clock", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((2,)))
        file.attrs[b"\xb5m"] = 0.645
        file["type"] = np.dtype("i4")
    found = make.tables(make.movies(), make.source(local))
    rows = {row["hdf5_path"]: row for row in found["movies_attributes"].to_pylist()}
    path = make.position_path(*KEYS)
    assert json.loads(rows["/@software"]["value"]) == "CellCognition"
    assert json.loads(rows["/@odd"]["value"]) == [1.5, "NaN"]
    assert json.loads(rows[f"{path}/lone"]["value"]) == [0, 1, 2] and rows[f"{path}/lone"]["site"] == "0037"
    assert json.loads(rows[f"{path}/large"]["value"]) == {"shape": [100000], "dtype": "float64"}
    assert json.loads(rows[f"{path}/complex"]["value"]) == {"shape": [2], "dtype": "complex128"}
    assert {"/type", "/clock", "/@µm"} <= set(rows)
    assert any(f"{len(rows)} attributes" in told for told in make.warnings(make.movies(), make.source(local)))


def test_odd_forms_are_kept_beside_the_known_columns(tmp_path: Path) -> None:
    local = make.movie(tmp_path / "m.ch5")
    path = make.position_path(*KEYS)
    with h5py.File(local, "a") as file:
        feature = file[f"{path}/feature/{make.OBJECT}"]
        del feature["center"]
        feature["center"] = np.ones((6, 2))
        del file[f"{path}/image/channel"].attrs["valid"]
        file[f"{path}/image/channel"].attrs["valid"] = np.array([2, 0, 1])
    found = make.tables(make.movies(), make.source(local))
    assert found["movies_objects"].column("center").null_count == 6
    assert found["movies_features_primary__primary"].column("center")[0].as_py() == [1.0, 1.0]
    assert found["movies"].column("valid").null_count == 6
    assert f"{path}/image/channel@valid" in found["movies_attributes"].column("hdf5_path").to_pylist()


def test_a_hard_link_is_told_once_and_ends(tmp_path: Path) -> None:
    local = make.movie(tmp_path / "m.ch5")
    with h5py.File(local, "a") as file:
        file["again"] = file["/"]
        file["x"] = 5
        file["y"] = file["x"]
    paths = (
        make.tables(make.movies(), make.source(local))["movies_attributes"].column("hdf5_path").to_pylist()
    )
    assert "/x" in paths and not [path for path in paths if path.startswith(("/again", "/y"))]


@pytest.mark.parametrize("part", ["object", "feature", "image", "definition"])
def test_any_part_may_be_missing(tmp_path: Path, part: str) -> None:
    local = make.movie(tmp_path / "m.ch5")
    with h5py.File(local, "a") as file:
        del file["definition" if part == "definition" else f"{make.position_path(*KEYS)}/{part}"]
    found = make.tables(make.movies(), make.source(local))
    assert ("movies" in found) == (part != "image")
    if part == "image":
        rows = found["movies_attributes"].column("hdf5_path").to_pylist()
        assert not any("time_lapse" in path for path in rows)
    if part == "object":
        assert found["movies_objects"].column("t").null_count == 6
    if part == "definition":
        assert found["movies"].column("name").null_count == 9
        assert "feature_2" in found["movies_features_primary__primary"].column_names


def test_features_of_no_column_are_no_error(tmp_path: Path) -> None:
    local = make.movie(tmp_path / "m.ch5")
    with h5py.File(local, "a") as file:
        feature = file[f"{make.position_path(*KEYS)}/feature/{make.OBJECT}"]
        del feature["object_features"]
        feature["object_features"] = np.zeros((0, 3))
    found = make.tables(make.movies(), make.source(local))
    assert "movies_features_primary__primary" not in found and found["movies_objects"].num_rows == 6


BROKEN = {
    "image/channel": (np.zeros((2, 3)), "5 axes"),
    "image/time_lapse": (np.zeros(2, make.TIME), "2 times, but .*3 frames"),
    f"feature/{make.OBJECT}/center": (np.zeros(5, [("x", "i4"), ("y", "i4")]), "5 rows, but .*6 objects"),
    f"feature/{make.OBJECT}/object_features": (np.zeros((6, 2)), "2 features, but the definition names 3"),
    f"feature/{make.OBJECT}/object_classification/prediction": (np.full(6, 2), "class 2, but only 2"),
    f"feature/{make.OBJECT}/crack_contour": (np.array([b"AAAA"] * 6), "contour of object 0"),
    f"object/{make.OBJECT}": (np.full(6, 3, make.TABLE), "frame 3, but there are 3"),
    "object/tracking": (np.array([(0, 6)], make.RELATION), "object 6, but there are 6"),
    "object/event": (np.array([(1, 9, 0)], make.EVENT), "object 9, but there are 6"),
}


@pytest.mark.parametrize("part", BROKEN)
def test_what_does_not_fit_together_is_an_error_that_names_its_place(tmp_path: Path, part: str) -> None:
    local = make.movie(tmp_path / "m.ch5")
    data, told = BROKEN[part]
    path = f"{make.position_path(*KEYS)}/{part}"
    with h5py.File(local, "a") as file:
        del file[path]
        file[path] = data
    with pytest.raises(SourceError, match=told) as caught:
        make.tables(make.movies(), make.source(local))
    assert caught.value.where == f"m.ch5, {path}" and caught.value.fix


def test_the_source_pickles_and_its_types_are_the_digests(movie: Path) -> None:
    ch5 = pickle.loads(pickle.dumps(Ch5Source()))
    file = make.source(movie)
    with Reading(file) as reading:
        scan = ch5.scan(reading, make.movies())
    assert json.loads(json.dumps(scan.evidence)) == scan.evidence
    for table in ch5.decide(make.movies(), [(file.path, scan)]).tables:
        for column in table.columns:
            assert column.logical == ("image" if column.image else logical(column.type))


def test_pixel_sizes_that_differ_are_not_trusted(tmp_path: Path) -> None:
    local = make.movie(tmp_path / "m.ch5")
    with h5py.File(local, "a") as file:
        channels = file["definition/image/channel"][:]
        channels["voxel_size"] = (2.0, 0.5, 0.5)
        file["definition/image/channel"][:] = channels
    planes = make.tables(make.movies(), make.source(local))["movies"]
    assert planes.column("pixel_size_x_um").null_count == 9
    assert any("voxel_size" in told for told in make.warnings(make.movies(), make.source(local)))


def test_big_endian_pixels_come_back(tmp_path: Path) -> None:
    local = make.movie(tmp_path / "m.ch5", dtype=">u2")
    planes = make.tables(make.movies(), make.source(local))["movies"]
    with h5py.File(local) as file:
        stored = file[f"{make.position_path(*KEYS)}/image/channel"][0, 0, 0]
    assert planes.column("image_array")[0].as_py() == stored.tolist()


def test_positions_that_need_two_types_name_the_file(tmp_path: Path) -> None:
    local = make.movie(make.movie(tmp_path / "m.ch5"), ("P1", "A01", "0038"))
    with h5py.File(local, "a") as file:
        for site, dtype in (("0037", "u8"), ("0038", "i8")):
            file[f"{make.position_path('P1', 'A01', site)}/feature/{make.OBJECT}/mine"] = np.ones(6, dtype)
    with pytest.raises(SchemaError, match="uint64 and int64") as caught:
        make.tables(make.movies(), make.source(local))
    assert caught.value.where == "m.ch5"


def test_a_link_to_an_excluded_file_is_followed(tmp_path: Path) -> None:
    make.movie(tmp_path / "a.ch5")
    excluded = make.movies("*.ch5", exclude=("a.ch5",))
    with h5py.File(tmp_path / "b.ch5", "w") as file:
        file["sample/0/plate/P1/experiment/A01/position/1"] = h5py.ExternalLink(
            "a.ch5", make.position_path(*KEYS)
        )
    assert make.tables(excluded, make.source(tmp_path / "b.ch5"))["movies"].num_rows == 9
    assert make.tables(make.movies(), make.source(tmp_path / "b.ch5")) == {}
