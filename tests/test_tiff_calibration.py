"""Pixel sizes and channel names: what a file says, and nothing that it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import make_tiff as make
import pytest

from datapkg.sources.tiff.calibration import from_lsm, from_metaseries, from_micromanager, from_stk


def sizes(path: Path) -> list[float | None]:
    (row,) = make.rows(path)
    return [row[f"pixel_size_{axis}_um"] for axis in "xyz"]


@pytest.mark.parametrize(
    ("resolution", "unit", "um"),
    [
        ((40000, 20000), "CENTIMETER", [0.25, 0.5, None]),
        ((25400 * 2, 25400 * 2), "INCH", [0.5, 0.5, None]),
        ((72, 72), "INCH", [None] * 3),
        ((96, 96), "INCH", [None] * 3),
        ((600, 600), "INCH", [None] * 3),
        ((1, 1), "CENTIMETER", [None] * 3),
        ((40000, 40000), "NONE", [None] * 3),
        ((0, 0), "CENTIMETER", [None] * 3),
    ],
)
def test_resolution_tags_count_where_they_can_be_a_specimens(
    tmp_path: Path, resolution: tuple[int, int], unit: str, um: list[float | None]
) -> None:
    how = {"resolution": resolution, "resolutionunit": unit, "metadata": None}
    assert sizes(make.tiff(tmp_path / "a.tif", make.pixels((4, 6)), **how)) == um


@pytest.mark.parametrize(
    ("unit", "resolution", "um"),
    [
        ("um", (2, 4), [0.5, 0.25, 3.0]),
        ("micron", (2, 4), [0.5, 0.25, 3.0]),
        ("\\u00B5m", (2, 4), [0.5, 0.25, 3.0]),
        ("nm", (0.02, 0.02), [0.05, 0.05, 0.003]),
        ("um", (1, 1), [None, None, 3.0]),
        ("pixel", (2, 2), [None] * 3),
        ("inch", (72, 72), [None] * 3),
        (None, (2, 2), [None] * 3),
    ],
)
def test_imagej_says_its_unit(
    tmp_path: Path, unit: str | None, resolution: tuple[float, float], um: list[float | None]
) -> None:
    metadata = {"axes": "ZYX", "spacing": 3.0, **({} if unit is None else {"unit": unit})}
    how: dict[str, Any] = {"imagej": True, "resolution": resolution, "metadata": metadata}
    assert sizes(make.tiff(tmp_path / "a.tif", make.pixels((2, 4, 6)), **how)) == pytest.approx(um)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["DAPI", "GFP"] * 2, ["DAPI", "GFP"]),
        (["a", "b", "c", "d"], None),
        (["same"] * 4, None),
        (["DAPI", "GFP"], ["DAPI", "GFP"]),
        (None, None),
    ],
)
def test_imagej_labels_name_channels_only_where_they_agree(
    tmp_path: Path, labels: list[str] | None, names: list[str] | None
) -> None:
    metadata = {"axes": "ZCYX"} | ({} if labels is None else {"Labels": labels})
    file = make.tiff(tmp_path / "a.tif", make.pixels((2, 2, 4, 6)), imagej=True, metadata=metadata)
    (row,) = make.rows(file)
    assert row["channel_names"] == names


def test_imagej_frames_have_an_interval(tmp_path: Path) -> None:
    metadata = {"axes": "TYX", "finterval": 2.5}
    (row,) = make.rows(make.tiff(tmp_path / "a.tif", make.pixels((2, 4, 6)), imagej=True, metadata=metadata))
    assert json.loads(row["metadata"])["time_increment_s"] == 2.5


def test_lsm_voxels_are_in_metres() -> None:
    found = from_lsm({"VoxelSizeX": 1e-7, "VoxelSizeY": 1e-7, "VoxelSizeZ": 0.0, "TimeIntervall": 1.5})
    assert (found.x_um, found.y_um, found.z_um, found.time_increment_s) == (0.1, 0.1, None, 1.5)


def test_metamorph_sizes_count_only_where_it_is_calibrated() -> None:
    stack = {"XCalibration": 0.65, "YCalibration": 0.65, "CalibrationUnits": "um", "ZDistance": [2.0, 2.0]}
    assert from_stk(stack).x_um is None
    found = from_stk({**stack, "SpatialCalibration": True})
    assert (found.x_um, found.y_um, found.z_um) == (0.65, 0.65, 2.0)
    plane = {"spatial-calibration-x": 0.65, "spatial-calibration-y": 0.65, "spatial-calibration-units": "um"}
    assert from_metaseries({"PlaneInfo": plane}).x_um is None
    assert from_metaseries({"PlaneInfo": {**plane, "spatial-calibration-state": True}}).x_um == 0.65


def test_micromanager_writes_zero_for_unknown() -> None:
    assert from_micromanager({"PixelSizeUm": 0.0}).x_um is None
    assert from_micromanager({"PixelSizeUm": 0.1083}).x_um == 0.1083
