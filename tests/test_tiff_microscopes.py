"""Files as MetaMorph, Zeiss, Aperio and ImageJ write them, from the file to the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import make
import make_microscopes
import make_tiff
import numpy as np
import pytest
import tifffile
from make_tiff import pixels, rows

import datapkg


def built(path: Path, options: str = "") -> tuple[Any, list[dict[str, Any]]]:
    """A file as a package: its table, and the rows with their metadata."""
    manifest = make.manifest(path.parent, f"name: frames, path: {path.name}{options}")
    report = make.build(manifest, path.parent / f"p{len(options)}")
    assert not report.warnings
    table = datapkg.open(path.parent / f"p{len(options)}")["frames"]
    found = table.to_arrow(columns=None).to_pylist()
    return table, [{**row, "metadata": json.loads(row["metadata"])} for row in found]


def sizes(row: dict[str, Any]) -> list[float | None]:
    return [row[f"pixel_size_{axis}_um"] for axis in "xyz"]


def test_a_metamorph_stack_says_its_pixels_and_its_planes(tmp_path: Path) -> None:
    image = pixels((4, 12, 10))
    path = tmp_path / "a.stk"
    make_microscopes.metamorph(path, image, calibration=0.645, z_um=[1.5] * 4, wavelengths=[461] * 4)
    table, (row,) = built(path)
    assert (row["shape"], row["axes"], row["size_z"]) == ([4, 12, 10], "ZYX", 4)
    assert np.array_equal(table.image(0), image)
    assert sizes(row) == [0.645, 0.645, 1.5]
    assert row["metadata"]["acquisition_date"] == "2024-05-06T01:00:00.000"
    tags = row["metadata"]["tags"]
    assert tags["UIC1tag"]["CalibrationUnits"] == "um" and tags["UIC3tag"]["Wavelengths"] == [461.0] * 4
    table, planes = built(path, ", rows: plane")
    assert [plane["z"] for plane in planes] == [0, 1, 2, 3]
    assert np.array_equal(np.stack(table.images([0, 1, 2, 3])), image)


def test_a_metamorph_time_series_says_its_interval(tmp_path: Path) -> None:
    path = tmp_path / "a.stk"
    make_microscopes.metamorph(path, pixels((3, 12, 10)), seconds=[0, 2.5, 5])
    _, (row,) = built(path)
    assert (row["axes"], row["size_t"], sizes(row)) == ("TYX", 3, [None] * 3)
    assert row["metadata"]["time_increment_s"] == 2.5


@pytest.mark.parametrize(("unit", "um"), [("nm", 0.00025), ("pixel", None), ("mm", 250.0)])
def test_metamorphs_unit_counts(tmp_path: Path, unit: str, um: float | None) -> None:
    path = make_microscopes.metamorph(tmp_path / "a.stk", pixels((2, 12, 10)), calibration=0.25, unit=unit)
    _, (row,) = built(path)
    assert sizes(row)[:2] == [um, um]


def test_a_stack_that_lacks_planes_is_refused(tmp_path: Path) -> None:
    path = make_microscopes.metamorph(tmp_path / "a.stk", pixels((8, 64, 64)))
    content = bytearray(path.read_bytes())
    at = make_microscopes._entry(content, make_microscopes.UIC2, make_microscopes._pages(content)[0])
    content[at + 4 : at + 8] = (9000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(datapkg.DatapkgError, match=r"cut off|damaged|cannot be decoded"):
        built(path)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_zeiss_stack_says_its_voxel_and_channels(tmp_path: Path, channels: int, dtype: str) -> None:
    image = pixels((3, channels, 20, 24), dtype)
    names = ["DAPI", "GFP", "Cy5"][:channels]
    path = make_microscopes.zeiss(
        tmp_path / "a.lsm", image, "ZCYX", voxel_m=(1e-7, 2e-7, 5e-7), channels=names
    )
    table, (row, thumbnail) = built(path)
    expected = image if channels > 1 else image[:, 0]
    assert (row["shape"], row["size_z"], row["size_c"]) == (list(expected.shape), 3, channels)
    assert np.array_equal(table.image(0), expected)
    assert (sizes(row), row["channel_names"]) == ([0.1, 0.2, 0.5], names)
    assert thumbnail["metadata"]["name"] == "Thumbnail"
    assert (sizes(thumbnail), thumbnail["channel_names"]) == ([None] * 3, None)
    _, planes = built(path, ", rows: plane")
    of_image = [plane for plane in planes if plane["series"] == 0]
    assert [(p["z"], p["c"], p["page"]) for p in of_image] == [
        (z, c, 2 * z) for z in range(3) for c in range(channels)
    ]
    assert [p["channel_names"] for p in of_image[:channels]] == [[name] for name in names]


def test_a_zeiss_time_series_says_its_interval(tmp_path: Path) -> None:
    image = pixels((2, 3, 1, 20, 24))
    path = make_microscopes.zeiss(tmp_path / "a.lsm", image, "TZCYX", interval_s=1.5)
    table, (row, _) = built(path)
    assert (row["axes"], row["metadata"]["time_increment_s"], sizes(row)) == ("TZYX", 1.5, [None] * 3)
    assert np.array_equal(table.image(0), image[:, :, 0])


def test_an_aperio_slide_lists_its_levels_and_says_its_pixels(tmp_path: Path) -> None:
    image = pixels((256, 320, 3), "uint8")
    table, (slide, thumbnail, label) = built(make_microscopes.aperio(tmp_path / "a.svs", image, 0.499))
    assert np.array_equal(table.image(0), image)
    assert slide["metadata"]["levels"] == [[256, 320, 3], [64, 80, 3]]
    assert sizes(slide) == [0.499, 0.499, None]
    assert [row["metadata"]["name"] for row in (thumbnail, label)] == ["Thumbnail", "Label"]
    assert [sizes(row) for row in (thumbnail, label)] == [[None] * 3] * 2


def test_a_geotiff_keeps_its_tags_and_has_no_microscopes_pixels(tmp_path: Path) -> None:
    image = pixels((8, 9), "float32")
    table, (row,) = built(make_microscopes.geo(tmp_path / "a.tif", image))
    assert np.array_equal(table.image(0), image) and sizes(row) == [None] * 3
    tags = row["metadata"]["tags"]
    assert tags["ModelPixelScaleTag"] == [10.0, 10.0, 0.0] and tags["GDAL_NODATA"] == "-9999"
    assert tags["ModelTiepointTag"][3:5] == [500000.0, 4649776.0]
    assert tags["GeoKeyDirectoryTag"][-1] == 32633


def test_an_imagej_hyperstack_says_all_that_it_knows(tmp_path: Path) -> None:
    image = pixels((2, 3, 2, 10, 12))
    said = {"axes": "TZCYX", "unit": "um", "spacing": 1.5, "finterval": 30.0, "Labels": ["DAPI", "GFP"] * 6}
    path = make_tiff.tiff(tmp_path / "a.tif", image, imagej=True, resolution=(4, 2), metadata=said)
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
    table, (row,) = built(path)
    assert (row["axes"], sizes(row), row["channel_names"]) == ("TZCYX", [0.25, 0.5, 1.5], ["DAPI", "GFP"])
    assert row["metadata"]["time_increment_s"] == 30.0
    assert np.array_equal(table.image(0), image)
    assert len(rows(path, rows="plane")) == 12
