"""Stacks, crops and tracks: what a person takes out of a movie in a package."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import make
import make_ch5
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import datapkg
from datapkg import Package, Table
from datapkg.errors import SchemaError
from datapkg.movies import crops, stacks
from datapkg.movies.tracks import followed

KEYS = {"plate": "P1", "well": "A01", "site": "0037"}


def packaged(folder: Path, *paths: str) -> Package:
    listed = ", ".join(f'"{path}"' for path in paths or ("*.ch5",))
    make.build(make.manifest(folder, f"name: movies, path: [{listed}]"), folder / "p")
    return datapkg.open(folder / "p")


def stored(path: Path, kind: str, keys: Iterable[str] = KEYS.values()) -> np.ndarray[Any, Any]:
    with h5py.File(path) as file:
        values: np.ndarray[Any, Any] = file[f"{make_ch5.position_path(*keys)}/image/{kind}"][:]
    return values


@pytest.fixture
def package(tmp_path: Path) -> Package:
    make_ch5.movie(make_ch5.movie(tmp_path / "a.ch5"), ("P1", "B02", "1"), frames=4)
    make_ch5.movie(tmp_path / "b.ch5")
    return packaged(tmp_path)


@pytest.fixture
def movies(package: Package) -> Table:
    return package["movies"]


def test_a_stack_is_the_planes_of_one_channel_in_order(movies: Table, tmp_path: Path) -> None:
    pixels = stored(tmp_path / "a.ch5", "channel")
    for channel in (0, "rfp"):
        stack = movies.stack(**KEYS, path="a.ch5", channel=channel)
        assert stack.dtype == pixels.dtype
        assert np.array_equal(stack, pixels[0, :, 0])
        assert not stack.flags.writeable
    labels = movies.stack(well="B02", region="region___primary__primary")
    assert np.array_equal(labels, stored(tmp_path / "a.ch5", "region", ("P1", "B02", "1"))[0, :, 0])


def test_a_stack_of_several_z_has_four_axes(tmp_path: Path) -> None:
    pixels = np.arange(2 * 3 * 4 * 5 * 6, dtype="u2").reshape(2, 3, 4, 5, 6)
    with h5py.File(tmp_path / "z.ch5", "w") as file:
        file[f"{make_ch5.position_path(*KEYS.values())}/image/channel"] = pixels
    assert np.array_equal(packaged(tmp_path)["movies"].stack(channel=1), pixels[1])


def test_a_stack_needs_a_channel_only_where_there_are_several(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "one.ch5", "w") as file:
        file[f"{make_ch5.position_path(*KEYS.values())}/image/channel"] = np.ones((1, 2, 1, 3, 4), "f4")
    assert packaged(tmp_path)["movies"].stack().shape == (2, 3, 4)


QUESTIONS = {
    "several files": ({**KEYS, "channel": 0}, "2 positions fit", "P1/A01/0037 in a.ch5, .* in b.ch5"),
    "nothing given": ({}, "3 positions fit", "P1/B02/1 in a.ch5"),
    "no such well": ({"well": "B2"}, "no position with well 'B2'", "P1/B02/1 in a.ch5"),
    "quotes": ({"well": "it's"}, "no position", "give plate, well and site"),
    "no channel": ({"well": "B02"}, "3 channels or regions fit", "channel 0 'rfp', .* region 0 'region___"),
    "wrong channel": ({"well": "B02", "channel": "RFP"}, "no channel 'RFP'", "'rfp'"),
    "wrong number": ({"well": "B02", "region": 1}, "no region 1", "region 0"),
    "both": ({"well": "B02", "region": 0, "channel": 0}, "both given", "one of them"),
}


@pytest.mark.parametrize(("asked", "what", "fix"), QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_that_fits_no_stack_lists_what_is_there(
    movies: Table, asked: dict[str, Any], what: str, fix: str
) -> None:
    with pytest.raises(SchemaError, match=f"{what}(.|\n)*{fix}"):
        movies.stack(**asked)


def test_helpers_are_for_planes_only(package: Package) -> None:
    for ask in (lambda table: table.stack(), lambda table: table.tracks()):
        with pytest.raises(SchemaError, match=r"its kind is objects(.|\n)*tables of planes: movies"):
            ask(package["movies_objects"])


def expected_crop(plane: np.ndarray[Any, Any], box: dict[str, int], height: int, width: int) -> Any:
    top = (box["top"] + box["bottom"]) // 2 - height // 2
    left = (box["left"] + box["right"]) // 2 - width // 2
    padded = np.pad(plane, 100)
    return padded[100 + top : 100 + top + height, 100 + left : 100 + left + width]


@pytest.mark.parametrize("size", [1, 5, 8, (3, 40), 64])
def test_crops_are_centred_on_the_box_and_padded(
    package: Package, size: int | tuple[int, int], tmp_path: Path
) -> None:
    objects = package["movies_objects"].to_pandas().sample(frac=1, random_state=1)
    found = package["movies"].crops(objects, size, channel="rfp")
    height, width = (size, size) if isinstance(size, int) else size
    assert (found.shape, found.dtype) == ((20, height, width), np.dtype("uint8"))
    for row, crop in zip(objects.to_dict("records"), found, strict=True):
        plane = stored(tmp_path / row["path"], "channel", [row[key] for key in KEYS])[0, row["t"], 0]
        assert np.array_equal(crop, expected_crop(plane, row["bounding_box"], height, width))


def test_crops_of_the_region_hold_the_label_and_crops_may_be_filled(package: Package) -> None:
    objects = package["movies_objects"].to_pandas(where="well = 'B02'")
    labels = package["movies"].crops(objects, 1, region=0)
    assert labels[:, 0, 0].tolist() == objects["label"].tolist()
    filled = package["movies"].crops(objects, 64, channel=0, fill=255)
    assert (filled[:, 0, 0] == 255).all()


def test_crops_of_no_object_have_the_type_of_the_pixels(package: Package) -> None:
    objects = package["movies_objects"].to_pandas(limit=0)
    found = package["movies"].crops(objects, channel=0)
    assert (found.shape, found.dtype) == ((0, 64, 64), np.dtype("uint8"))


def test_every_plane_is_read_once_and_a_batch_at_a_time(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    movies = package["movies"]
    asked: list[list[int]] = []
    monkeypatch.setattr(stacks, "BATCH_BYTES", 3 * 12 * 16)
    monkeypatch.setattr(crops, "MOST_PATHS", 1)
    images = movies.images
    monkeypatch.setattr(movies, "images", lambda positions: asked.append(positions) or images(positions))
    objects = package["movies_objects"].to_pandas()
    whole = movies.crops(objects, 4, channel=1)
    positions = [position for batch in asked for position in batch]
    assert len(positions) == len(set(positions)) == 3 + 4 + 3
    assert max(map(len, asked)) == 3
    monkeypatch.undo()
    assert np.array_equal(whole, movies.crops(objects, 4, channel=1))


def test_what_cannot_be_cropped_is_said(package: Package) -> None:
    movies, objects = package["movies"], package["movies_objects"].to_pandas()
    asked: list[tuple[str, Any, dict[str, Any]]] = [
        ("no column 'bounding_box'", objects.drop(columns="bounding_box"), {}),
        ("no bounding box", objects.assign(bounding_box=None), {}),
        ("no plane for an object of P1/A01/0037 in frame t = 9", objects.assign(t=9), {}),
        ("no plane for an object", objects.assign(path="c.ch5"), {}),
        ("z = 1", objects, {"z": 1}),
        ("no channel 'x'", objects, {"channel": "x"}),
        ("pixels of uint8 cannot be -1", objects, {"fill": -1}),
        ("pixels of uint8 cannot be 0.5", objects, {"fill": 0.5}),
        ("0 x 0 pixels holds nothing", objects, {"size": 0}),
    ]
    for told, rows, options in asked:
        with pytest.raises(SchemaError, match=told):
            movies.crops(rows, **{"channel": 0, **options})


def test_tracks_follow_objects_in_every_position(package: Package) -> None:
    tracks = package["movies"].tracks()
    assert len(tracks) == len(package["movies_objects"])
    assert tracks.groupby("track_id").size().tolist() == [3, 3, 4, 4, 3, 3]
    joined = tracks.merge(
        package["movies_objects"].to_pandas(), on=[*stacks.KEYS, "object_name", "object_index"]
    )
    assert (joined["t_x"] == joined["t_y"]).all()
    assert (joined.groupby("track_id")["label"].nunique() == 1).all()
    assert all(parents == [] for parents in tracks["parent_ids"])


def test_a_movie_without_tracking_has_no_tracks(tmp_path: Path) -> None:
    movie = make_ch5.movie(tmp_path / "m.ch5")
    with h5py.File(movie, "a") as file:
        del file[f"{make_ch5.position_path(*KEYS.values())}/object/tracking"]
    package = packaged(tmp_path)
    assert package["movies"].tracks().empty
    assert "track_id" in package["movies"].tracks()
    with h5py.File(movie, "a") as file:
        del file[f"{make_ch5.position_path(*KEYS.values())}/object/event"]
    make.build(tmp_path / "manifest.yaml", tmp_path / "p")
    with pytest.raises(SchemaError, match="no tracks"):
        datapkg.open(tmp_path / "p")["movies"].tracks()


def test_tracks_in_a_circle_are_an_error_with_their_place(tmp_path: Path) -> None:
    movie = make_ch5.movie(tmp_path / "m.ch5")
    path = f"{make_ch5.position_path(*KEYS.values())}/object/tracking"
    with h5py.File(movie, "a") as file:
        del file[path]
        file[path] = np.array([(0, 1), (1, 0)], make_ch5.RELATION)
    with pytest.raises(SchemaError, match=r"m.ch5, P1/A01/0037: .* circle"):
        packaged(tmp_path)["movies"].tracks()


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda edge: edge[0] < edge[1])))
def test_tracks_hold_every_object_once_and_every_edge(edges: set[tuple[int, int]]) -> None:
    rows = followed(sorted(edges))
    track = {one: number for one, number, _ in rows}
    parents = {number: found for _, number, found in rows}
    assert sorted(track) == sorted({end for edge in edges for end in edge}) and len(track) == len(rows)
    for first, second in edges:
        splits = len([edge for edge in edges if edge[0] == first]) > 1
        merges = len([edge for edge in edges if edge[1] == second]) > 1
        assert (track[first] == track[second]) is not (splits or merges)
        assert track[first] == track[second] or track[first] in parents[track[second]]


def test_the_split_and_the_merge_of_a_real_movie(shared: Path, tmp_path: Path) -> None:
    manifest = make.manifest(tmp_path, "name: movies, path: ch5/00004_01.ch5")
    make.build(manifest, tmp_path / "p", root=shared / "open")
    tracks = datapkg.open(tmp_path / "p")["movies"].tracks().set_index("object_index")
    mother = tracks.loc[28, "track_id"]
    daughters = tracks[[mother in parents for parents in tracks["parent_ids"]]]
    assert daughters["track_id"].nunique() == 2
    assert set(daughters.groupby("track_id")["t"].min()) == {2}
    assert tracks[tracks["track_id"] == mother].index.max() == 28
    assert len(tracks.loc[55, "parent_ids"]) == 2
    assert mother in tracks.loc[55, "parent_ids"]
