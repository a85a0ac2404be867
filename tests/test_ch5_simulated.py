"""The simulator's truth is what the tables of a built package say: positions, phenotypes, divisions, tracks."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import make
import numpy as np
import pandas as pd
import pytest
from make_screen import SAMPLE, features, planes, platemap

import datapkg
from datapkg import Package
from datapkg.simulate import screen
from datapkg.simulate.cells import TREATMENTS, Cell, colony

KEYS = ["path", "plate", "well", "site"]
Truth = dict[tuple[str, str], list[dict[int, Cell]]]
SCREENS: dict[str, dict[str, Any]] = {
    "sample": {"seed": 1, "plates": 2, "wells": 2, "frames": 6, "size": (96, 128)},
    "another": {"seed": 5, "plates": 1, "wells": 3, "frames": 9, "size": (80, 110)},
}


@pytest.fixture(scope="module", params=SCREENS)
def screened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Package, Truth]:
    """A screen's folder, a package of its movies alone, and its cells by well, frame and track."""
    folder, settings = SAMPLE, SCREENS[request.param]
    own = tmp_path_factory.mktemp("simulated")
    if request.param != "sample":
        folder = own / "screen"
        screen(folder, **settings)
    make.build(make.manifest(own, 'name: movies, path: "ch5/**/*.ch5"'), own / "p", root=folder)
    truth: Truth = {}
    for number, row in enumerate(platemap(folder)):
        place = (settings["seed"], number // settings["wells"], number % settings["wells"])
        cells = colony(TREATMENTS[number], settings["size"], settings["frames"], place)
        truth[row["Plate"], row["Well"]] = [{cell.track: cell for cell in frame} for frame in cells]
    return folder, datapkg.open(own / "p"), truth


@pytest.fixture(scope="module")
def objects(screened: tuple[Path, Package, Truth]) -> pd.DataFrame:
    """The package's objects, each with the track of the cell that the simulator drew there."""
    folder, package, _ = screened
    listed = pd.DataFrame(features(folder))
    cells = pd.DataFrame(
        {
            "plate": listed["Metadata_Plate"],
            "well": listed["Metadata_Well"],
            "t": listed["Metadata_Frame"].astype("int32") - 1,
            "label": listed["ObjectNumber"].astype("int32"),
            "cell": listed["Nuclei_TrackObjects_Label"].astype(int) - 1,
        }
    )
    found = package["movies_objects"].to_pandas()
    joined = found.merge(cells, on=["plate", "well", "t", "label"], validate="one_to_one")
    assert len(joined) == len(found) == len(cells)
    return joined


def test_phenotypes_and_positions_are_the_cells(
    screened: tuple[Path, Package, Truth], objects: pd.DataFrame
) -> None:
    truth = screened[2]
    away = []
    for row in objects.to_dict("records"):
        cell = truth[row["plate"], row["well"]][row["t"]][row["cell"]]
        assert row["class_name"] == cell.phenotype
        assert np.argmax(row["probabilities"]) == row["class_index"]
        box = row["bounding_box"]
        assert box["left"] - 1 <= cell.x <= box["right"] and box["top"] - 1 <= cell.y <= box["bottom"]
        away.append(np.hypot(row["center"]["x"] - cell.x, row["center"]["y"] - cell.y))
    assert np.median(away) < 1.5  # neighbours and the border cut a nucleus, which moves its centre


def test_planes_are_the_images_with_their_pixel_size(screened: tuple[Path, Package, Truth]) -> None:
    folder, package, truth = screened
    movies = package["movies"]
    for plate, well in truth:
        stacks = [movies.stack(plate=plate, well=well, channel=channel) for channel in (0, 1)]
        for t in range(len(stacks[0])):
            assert np.array_equal([stack[t] for stack in stacks], planes(folder, plate, well, t + 1))
    sizes = movies.to_pandas(["pixel_size_x_um", "pixel_size_y_um", "pixel_size_z_um"]).drop_duplicates()
    assert sizes.iloc[0, :2].tolist() == [0.645, 0.645] and len(sizes) == 1
    assert sizes["pixel_size_z_um"].isna().all()


def test_labels_lie_where_the_region_has_them(
    screened: tuple[Path, Package, Truth], objects: pd.DataFrame
) -> None:
    movies = screened[1]["movies"]
    for row, crop in zip(objects.to_dict("records"), movies.crops(objects, 96, region=0), strict=True):
        ys, xs = np.nonzero(crop == row["label"])
        box = row["bounding_box"]
        top = (box["top"] + box["bottom"]) // 2 - 48
        left = (box["left"] + box["right"]) // 2 - 48
        extent = (xs.min() + left, xs.max() + 1 + left, ys.min() + top, ys.max() + 1 + top)
        assert extent == (box["left"], box["right"], box["top"], box["bottom"])


def test_divisions_are_the_cells_divisions(
    screened: tuple[Path, Package, Truth], objects: pd.DataFrame
) -> None:
    _, package, truth = screened
    tracks = package["movies"].tracks().merge(objects, on=[*KEYS, "object_name", "object_index", "t"])
    tracks = tracks.sort_values(["track_id", "t"])
    last = {row["track_id"]: row for row in tracks.to_dict("records")}
    found = Counter()
    for _, track in tracks.groupby("track_id"):
        first = track.iloc[0]
        for parent in first["parent_ids"]:
            found[first["plate"], first["well"], first["t"], last[parent]["cell"], first["cell"]] += 1
    seen = set(objects[["plate", "well", "t", "cell"]].itertuples(index=False, name=None))
    expected = Counter()
    for (plate, well), frames in truth.items():
        for t, cells in enumerate(frames):
            born = [
                one
                for one in cells.values()
                if one.mother is not None and (plate, well, t, one.track) in seen
            ]
            for one in born:
                sisters = [other for other in born if other.mother == one.mother]
                mother_seen = (plate, well, t - 1, one.mother) in seen
                if mother_seen and len(sisters) == 2:
                    expected[plate, well, t, one.mother, one.track] += 1
    assert found == expected
    assert len(expected) >= 4


def test_a_track_is_one_cell_until_it_divides(
    screened: tuple[Path, Package, Truth], objects: pd.DataFrame
) -> None:
    _, package, truth = screened
    tracks = package["movies"].tracks().merge(objects, on=[*KEYS, "object_name", "object_index", "t"])
    for _, track in tracks.groupby("track_id"):
        assert track["t"].diff().dropna().eq(1).all()
        cells = track["cell"].drop_duplicates().tolist()
        frames = truth[track["plate"].iloc[0], track["well"].iloc[0]]
        for before, after in pairwise(cells):  # a daughter whose sister is not seen
            assert any(after in frame and frame[after].mother == before for frame in frames)
