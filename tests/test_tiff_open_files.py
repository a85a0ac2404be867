"""TIFFs among the real files: plane by plane, and what they say of themselves."""

from __future__ import annotations

import json
from pathlib import Path

import make_tiff as make
import pytest
from real import READING, listed, sha1

from datapkg.errors import SourceError


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


BAD = {
    "not_a_tiff.tif": "PNG",
    "tiff_bad_deflate_data.tif": "cannot be decoded",
    "tiff_bomb_100000x100000_uncompressed.tif": r"100000 x 100000 .* 10\.0 GB.* 16 bytes",
    "tiff_bomb_4e9.tif": r"36\.9 EB.* 16 bytes",
    "tiff_ifd_loop.tif": "circle",
    "tiff_ifd_offset_past_eof.tif": "cut off",
    "tiff_truncated_half.tif": "cut off",
    "tiff_truncated_header.tif": "cut off",
    "tiff_unknown_compression.tif": "compression 65000",
    "tiff_zero_width.tif": "0 x 0",
    "zero.tif": "empty",
}


BOMB = "tiff_bomb_deflate_30000x30000.tif"


def test_a_bomb_is_decoded_if_it_fits_the_limit_and_refused_else(shared: Path) -> None:
    file = shared / "bad" / BOMB
    assert make.scan(file).evidence == {"frames": {"images": [["uint8", [30000, 30000], 1]]}}
    with pytest.raises(SourceError, match=r"takes 900\.0 MB, more than the limit of 536\.9 MB"):
        make.scan(file, max_image_bytes=512 << 20)


def test_every_bad_tiff_is_listed(shared: Path) -> None:
    assert {file.name for file in (shared / "bad").glob("*.tif")} == {*BAD, BOMB}


@pytest.mark.parametrize("name", BAD)
def test_every_bad_tiff_is_a_clear_error(shared: Path, name: str) -> None:
    with pytest.raises(SourceError, match=BAD[name]) as caught:
        make.rows(shared / "bad" / name)
    assert caught.value.where == name
    assert caught.value.fix
