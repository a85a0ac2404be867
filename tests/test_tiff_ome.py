"""OME-XML: what it says, and which files it names."""

from __future__ import annotations

import json
from pathlib import Path

import make_tiff as make
import pytest

from datapkg.errors import SourceError
from datapkg.sources.tiff.ome_files import read_ome

SIZES = 'Type="uint16" SizeX="9" SizeY="8" SizeC="2" SizeZ="1" SizeT="1"'


def in_file(name: str, uuid: str, ifd: int) -> str:
    uuid_element = f'<UUID FileName="{name}">urn:uuid:{uuid}</UUID>'
    return f'<TiffData FirstC="{ifd}" IFD="{ifd}" PlaneCount="1">{uuid_element}</TiffData>'


def ome_file(folder: Path, xml: str, name: str = "a.ome.tif") -> Path:
    return make.with_ome_xml(folder / name, make.pixels((2, 8, 9)), xml)


@pytest.mark.parametrize(
    ("written", "um"),
    [
        ('PhysicalSizeX="0.325"', 0.325),
        ('PhysicalSizeX="325" PhysicalSizeXUnit="nm"', 0.325),
        ('PhysicalSizeX="0.000325" PhysicalSizeXUnit="mm"', 0.325),
        ('PhysicalSizeX="1.0"', 1.0),
        ('PhysicalSizeX="1.0" PhysicalSizeXUnit="pixel"', None),
        ('PhysicalSizeX="0"', None),
        ('PhysicalSizeX="NaN"', None),
        ("", None),
    ],
)
def test_pixel_sizes_come_in_micrometres_or_not_at_all(
    tmp_path: Path, written: str, um: float | None
) -> None:
    (row,) = make.rows(ome_file(tmp_path, make.ome_xml(f"{SIZES} {written}", "<TiffData/>")))
    assert row["pixel_size_x_um"] == um
    assert (row["pixel_size_y_um"], row["pixel_size_z_um"]) == (None, None)


def test_channels_dates_and_planes_are_taken(tmp_path: Path) -> None:
    inside = (
        '<Channel ID="Channel:0:0" Name="DAPI"/><Channel ID="Channel:0:1"/><TiffData/>'
        '<Plane TheC="1" TheT="0" TheZ="0" DeltaT="1.5"/>'
    )
    attributes = f'{SIZES} TimeIncrement="2" TimeIncrementUnit="min"'
    image = "<AcquisitionDate>2024-05-06T07:08:09</AcquisitionDate>"
    file = ome_file(tmp_path, make.ome_xml(attributes, inside, image))
    (row,) = make.rows(file)
    assert (row["axes"], row["size_c"], row["channel_names"]) == ("CYX", 2, ["DAPI", None])
    metadata = json.loads(row["metadata"])
    assert (metadata["acquisition_date"], metadata["time_increment_s"]) == ("2024-05-06T07:08:09", 120.0)
    one, other = make.rows(file, rows="plane")
    assert (one["channel_names"], other["channel_names"]) == (["DAPI"], [None])
    assert "ome_xml" in json.loads(one["metadata"]) and "ome_xml" not in json.loads(other["metadata"])
    assert json.loads(other["metadata"])["ome"]["plane"]["DeltaT"] == "1.5"


def test_a_set_whose_files_each_have_all_the_pages_is_refused(tmp_path: Path) -> None:
    inside = in_file("a.ome.tif", "1", 0) + in_file("b.ome.tif", "2", 1)
    file = ome_file(tmp_path, make.ome_xml(SIZES, inside, root='UUID="urn:uuid:1"'))
    with pytest.raises(SourceError, match=r"multi-file OME-TIFF.* stand in b\.ome\.tif") as caught:
        make.scan(file)
    assert "bfconvert" in caught.value.fix


def test_a_file_whose_metadata_stand_elsewhere_is_refused(tmp_path: Path) -> None:
    xml = f'<OME xmlns="{make.OME}"><BinaryOnly MetadataFile="all.companion.ome" UUID="urn:uuid:1"/></OME>'
    with pytest.raises(SourceError, match=r"all\.companion\.ome, .* is missing"):
        make.scan(ome_file(tmp_path, xml))


@pytest.mark.parametrize("root", ["", 'UUID="urn:uuid:1"'])
def test_a_file_that_was_renamed_is_still_whole(tmp_path: Path, root: str) -> None:
    inside = in_file("old.ome.tif", "1", 0) + in_file("old.ome.tif", "1", 1)
    (row,) = make.rows(ome_file(tmp_path, make.ome_xml(SIZES, inside, root=root), "new.ome.tif"))
    assert (row["axes"], row["shape"]) == ("CYX", [2, 8, 9])
    assert "old.ome.tif" in json.loads(row["metadata"])["ome_xml"]


def test_a_file_that_names_itself_under_another_uuid_is_still_whole(tmp_path: Path) -> None:
    inside = in_file("a.ome.tif", "1", 0) + in_file("a.ome.tif", "1", 1)
    (row,) = make.rows(ome_file(tmp_path, make.ome_xml(SIZES, inside, root='UUID="urn:uuid:2"')))
    assert row["axes"] == "CYX"


def test_xml_with_entities_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    xml = make.ome_xml(SIZES, "<TiffData/>").replace("?>", f"?>{bomb}", 1)
    with pytest.raises(SourceError, match="declares entities"):
        make.scan(ome_file(tmp_path, xml))


@pytest.mark.parametrize(
    "xml", ["<OME><Image></OME>", make.ome_xml(SIZES, '<TiffData IFD="x"/><Plane TheC="y"/>')]
)
def test_broken_xml_is_refused(tmp_path: Path, xml: str) -> None:
    with pytest.raises(SourceError, match=r"XML (in the TIFF )?is broken"):
        make.scan(ome_file(tmp_path, xml))


def test_images_without_planes_are_not_counted() -> None:
    two = (
        make.ome_xml(SIZES).replace("</OME>", "")
        + make.ome_xml(SIZES, "<TiffData/>").split("?>")[1].partition(">")[2]
    )
    assert len(read_ome(two, "a.ome.tif", 2).images) == 1
