"""Part of a movie: positions, channels, regions and frames that a resource takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import make
import make_ch5
import numpy as np
import pyarrow as pa
import pytest

import datapkg
from datapkg.errors import ManifestError

TWO = (("P1", "A01", "0037"), ("P1", "B02", "1"))


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Two positions, of three and of four frames."""
    for frames, keys in enumerate(TWO, 3):
        make_ch5.movie(tmp_path / "m.ch5", keys, frames=frames)
    return tmp_path / "m.ch5"


def taken(movie: Path, **options: Any) -> dict[str, list[dict[str, Any]]]:
    resource = make_ch5.movies(**options)
    found = make_ch5.tables(resource, make_ch5.source(movie))
    return {name: rows(table) for name, table in found.items()}


def rows(table: pa.Table) -> list[dict[str, Any]]:
    dropped = [name for name in ("image_array",) if name in table.column_names]
    listed: list[dict[str, Any]] = table.drop_columns(dropped).to_pylist()
    return listed


def told(movie: Path, **options: Any) -> list[str]:
    warned = make_ch5.warnings(make_ch5.movies(**options), make_ch5.source(movie))
    return [warning for warning in warned if "no table of their own" not in warning]


@pytest.mark.parametrize("glob", ["P1/B02/*", "*/B*/1", "P?/B02/[0-9]"])
def test_positions_take_their_planes_objects_features_tracks_and_attributes(movie: Path, glob: str) -> None:
    with h5py.File(movie, "a") as file:
        for keys in TWO:
            file[make_ch5.position_path(*keys)].attrs["note"] = "x"
    whole = taken(movie)
    part = taken(movie, positions=(glob,))
    assert set(part) == set(whole)
    for name, listed in whole.items():
        assert part[name] == [row for row in listed if row["well"] != "A01"], name
    assert told(movie, positions=(glob,)) == []


def test_a_position_that_is_not_taken_may_be_broken(movie: Path) -> None:
    with h5py.File(movie, "a") as file:
        del file[f"{make_ch5.position_path(*TWO[0])}/image/channel"]
        file[f"{make_ch5.position_path(*TWO[0])}/image/channel"] = np.zeros((3, 3))
    assert len(taken(movie, positions=("*/B02/*",))["movies"]) == 12


@pytest.mark.parametrize("channels", [("rfp",), (0,), ("rfp", 0)])
def test_channels_and_regions_take_planes_and_leave_the_rest(movie: Path, channels: tuple[Any, ...]) -> None:
    whole = taken(movie)
    part = taken(movie, channels=channels)
    wanted = [row for row in whole["movies"] if row["kind"] == "region" or row["index"] == 0]
    assert part["movies"] == wanted
    assert {**part, "movies": None} == {**whole, "movies": None}
    assert taken(movie, regions=("region___primary__primary",)) == whole


def test_a_channel_can_be_named_by_a_number_where_nothing_names_it(tmp_path: Path) -> None:
    movie = make_ch5.movie(tmp_path / "m.ch5", definitions=False)
    assert {row["index"] for row in taken(movie, channels=(1,), regions=(0,))["movies"]} == {0, 1}
    assert told(movie, channels=("rfp",)) == ["m.ch5: has no channel 'rfp', which `channels` names"]


@pytest.mark.parametrize("frames", [(1, 3), ("1-1", "3-9"), ("1-1", 3, 1)])
def test_frames_take_planes_objects_features_and_the_edges_between(
    movie: Path, frames: tuple[Any, ...]
) -> None:
    whole, part = taken(movie), taken(movie, frames=frames)
    in_frames = {(row["well"], row["object_index"]) for row in whole["movies_objects"] if row["t"] in (1, 3)}
    for name, listed in whole.items():
        kept = listed
        if name == "movies":
            kept = [row for row in listed if row["t"] in (1, 3)]
        elif name in ("movies_objects", "movies_features_primary__primary"):
            kept = [row for row in listed if (row["well"], row["object_index"]) in in_frames]
        elif name == "movies_tracks":
            ends = ("from_index", "to_index")
            kept = [row for row in listed if all((row["well"], row[end]) in in_frames for end in ends)]
        assert part.get(name, []) == kept, name
    assert [row["object_index"] for row in part["movies_objects"]] == [2, 3, 2, 3, 6, 7]


def test_edges_stay_between_frames_that_are_taken(movie: Path) -> None:
    edges = [row for row in taken(movie, frames=("1-3",))["movies_tracks"] if row["kind"] == "tracking"]
    ends = [(row["well"], row["from_index"], row["to_index"]) for row in edges]
    assert ends == [("A01", 2, 4), ("A01", 3, 5), ("B02", 2, 4), ("B02", 3, 5), ("B02", 4, 6), ("B02", 5, 7)]


def test_relations_that_count_within_a_frame_follow_their_objects(movie: Path) -> None:
    pairs = np.array([(i % 2, i % 2) for i in range(6)], [("idx1", "<i4"), ("idx2", "<i4")])
    name = f"{make_ch5.OBJECT}___to___other"
    with h5py.File(movie, "a") as file:
        objects = file[f"{make_ch5.position_path(*TWO[0])}/object"]
        objects[name] = pairs
        objects["secondary___to___other"] = pairs
    edges = taken(movie, positions=("*/A01/*",), frames=(2,))["movies_tracks"]
    assert [row["from_index"] for row in edges if row["kind"] == name] == [0, 1]
    assert len([row for row in edges if row["kind"] == "secondary___to___other"]) == 6
    assert told(movie, positions=("*/A01/*",), frames=(2,)) == [
        f"m.ch5, {make_ch5.position_path(*TWO[0])}/object/secondary___to___other: it cannot be known which frames "
        "these edges join, so `frames` takes all of them"
    ]


def test_objects_without_a_frame_are_left_out_and_said(movie: Path) -> None:
    with h5py.File(movie, "a") as file:
        del file[f"{make_ch5.position_path(*TWO[0])}/object/{make_ch5.OBJECT}"]
    part = taken(movie, frames=("0-9",))
    assert {row["well"] for row in part["movies_objects"]} == {"B02"}
    assert told(movie, frames=("0-9",)) == [
        f"m.ch5: the objects {make_ch5.OBJECT} have no frame, so `frames` takes none of them"
    ]


WARNED = {
    "positions": ({"positions": ("P9/*/*",)}, "`positions` takes none of its positions"),
    "channels": ({"channels": ("rfp", "GFP")}, "has no channel 'GFP', which `channels` names"),
    "regions": ({"regions": (0, 7)}, "has no region 7, which `regions` names"),
    "frames": ({"frames": (0, "5-9")}, "has no frame '5-9', which `frames` names"),
}


@pytest.mark.parametrize(("options", "warning"), WARNED.values(), ids=WARNED)
def test_what_finds_nothing_in_a_file_is_a_warning(
    movie: Path, options: dict[str, Any], warning: str
) -> None:
    assert told(movie, **options) == [f"m.ch5: {warning}"]


REFUSED = {
    'positions: ["P1/A01/*", "P1/B2/1"]': r"`positions` names 'P1/B2/1', but .*\n.*did you mean 'P1/B02/1'",
    "channels: [rpf, gpf]": r"`channels` names 'rpf', 'gpf', but no file has such a channel\n.*mean 'rfp'",
    "channels: 2": r"`channels` names 2, but .*\n.*0 is rfp, 1 is gfp",
    "regions: primary__primary": r"`regions` names .*\n.*'region___primary__primary'",
    'frames: "4-9"': r"`frames` names '4-9', .*\n.*frames that are there: 0-3",
    'positions: "P9/*/*", channels: x': r"`positions` names",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_finds_nothing_in_any_file_is_a_mistake(movie: Path, options: str) -> None:
    make_ch5.movie(movie.with_name("n.ch5"))
    manifest = make.manifest(movie.parent, f'name: movies, path: "*.ch5", {options}')
    with pytest.raises(ManifestError, match=rf"resource movies: {REFUSED[options]}"):
        make.build(manifest, movie.parent / "p")
    assert not (movie.parent / "p").exists()


def test_a_part_is_built_and_another_part_is_another_version(movie: Path) -> None:
    make_ch5.movie(movie.with_name("n.ch5"), definitions=False)
    resource = 'name: movies, path: "*.ch5", channels: [rfp], frames: 0-1'
    manifest = make.manifest(movie.parent, resource)
    report = make.build(manifest, movie.parent / "p")
    assert "n.ch5: has no channel 'rfp', which `channels` names" in report.warnings
    package = datapkg.open(movie.parent / "p")
    assert package["movies"].stack(well="B02", channel="rfp").shape == (2, 12, 16)
    assert len(package["movies"]) == 2 * 2 * 2 + 2
    assert not make.build(manifest, movie.parent / "p").created
    make.manifest(movie.parent, resource.replace("0-1", "2"))
    assert make.build(manifest, movie.parent / "p").created
    again = datapkg.open(movie.parent / "p")["movies"]
    assert again.to_pandas(["t"])["t"].unique().tolist() == [2]


def test_files_of_which_nothing_is_taken_are_told_once(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        make_ch5.movie(tmp_path / f"{name}.ch5", (f"P{name}", "A01", "1"))
    manifest = make.manifest(tmp_path, 'name: movies, path: "*.ch5", positions: "Pb/*/*"')
    report = make.build(manifest, tmp_path / "p")
    folded = "2 files, first a.ch5: `positions` takes none of its positions"
    assert [warning for warning in report.warnings if "positions" in warning] == [folded]
    assert datapkg.open(tmp_path / "p")["movies"].to_pandas(["path"])["path"].unique().tolist() == ["b.ch5"]


def test_objects_alone_make_no_table_of_planes(tmp_path: Path) -> None:
    movie = make_ch5.movie(tmp_path / "m.ch5")
    with h5py.File(movie, "a") as file:
        del file[f"{make_ch5.position_path(*TWO[0])}/image"]
    part = taken(movie, positions=("*/A01/*",))
    assert "movies" not in part and len(part["movies_objects"]) == 6
