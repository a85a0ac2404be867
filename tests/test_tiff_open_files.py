"""TIFFs among the real files: plane by plane, and what they say of themselves."""

from __future__ import annotations

import json
from pathlib import Path

import make_tiff as make
import pytest
from real import READING, listed, sha1


def test_every_tiff_has_the_same_pixels_plane_by_plane(shared: Path) -> None:
    readings = {row["file"]: READING.match(row["reference_reading"]) for row in listed()}
    for file, reading in readings.items():
        if reading is None:
            continue
        planes = make.rows(shared / "open" / file, rows="plane")
        first = [row["image_array"].tobytes() for row in planes if row["series"] == 0]
        assert sha1(b"".join(first)) == reading[6], file
        assert [row["page"] for row in planes] == list(range(int(reading[2]))), file


@pytest.mark.parametrize(
    "file", ["made/bool_1bit.tif", "example_fly/01_POS002_D.TIF", "tiff_kinds/chessboard_GRAY_U16.tif"]
)
def test_a_print_resolution_is_no_pixel_size(shared: Path, file: str) -> None:
    (row,) = make.rows(shared / "open" / file)
    assert [row[f"pixel_size_{axis}_um"] for axis in "xyz"] == [None, None, None]


def test_imagej_says_its_pixel_size_and_interval(shared: Path) -> None:
    (row,) = make.rows(shared / "open/made/imagej_hyperstack_TZCYX_u16.tif")
    assert [row[f"pixel_size_{axis}_um"] for axis in "xyz"] == [0.645, 0.645, 2.0]
    assert [row[f"size_{axis}"] for axis in "xyzct"] == [224, 160, 3, 2, 3]
    assert row["channel_names"] is None  # its labels name the planes f0 to f17, not the channels
    metadata = json.loads(row["metadata"])
    assert metadata["time_increment_s"] == 276.0
    assert metadata["tags"]["ImageDescription"].startswith("ImageJ=1.11a\nimages=18\n")
    assert metadata["tags"]["IJMetadata"]["Labels"][:2] == ["f0", "f1"]


def test_the_pyramid_says_one_pixel_size_and_its_levels(shared: Path) -> None:
    (row,) = make.rows(shared / "open/made/pyramid_subifd.ome.tif")
    assert [row[f"pixel_size_{axis}_um"] for axis in "xyz"] == [0.5, None, None]
    metadata = json.loads(row["metadata"])
    assert metadata["levels"] == [[904, 1224], [452, 612], [226, 306]]
    assert metadata["ome"]["Name"] == "NF1 DAPI — naïve"
    assert "ImageDescription" not in metadata["tags"]  # it is `ome_xml`


def test_ome_files_keep_their_xml_and_know_no_pixel_size(shared: Path) -> None:
    files = sorted((shared / "open/ome_tiff").glob("*.tif*"))
    assert len(files) == 6
    for file in files:
        (row,) = make.rows(file)
        metadata = json.loads(row["metadata"])
        assert metadata["ome_xml"].startswith("<?xml") and metadata["ome_xml"].endswith("</OME>")
        assert metadata["ome"]["Pixels"]["SizeX"] == "439"
        assert (row["pixel_size_x_um"], row["channel_names"]) == (None, None)
