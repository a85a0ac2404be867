"""Damaged and hostile TIFFs: an error that says what is wrong, and never a plausible wrong image."""

from __future__ import annotations

import struct
from pathlib import Path

import make_tiff as make
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from datapkg.errors import SourceError
from datapkg.sources.tiff.file import open_tiff
from datapkg.sources.tiff.rows import read_rows

KINDS = {
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 16)},
    "zlib": {"compression": "zlib", "rowsperstrip": 9},
    "lzw": {"compression": "lzw"},
    "packbits": {"compression": "packbits"},
    "jpeg": {"compression": "jpeg"},
    "jpeg2000": {"compression": "jpeg2000"},
    "imagej": {"imagej": True},
    "ome": {"ome": True},
    "big": {"bigtiff": True, "byteorder": ">"},
    "pages": {"metadata": None},
}


def written(folder: Path, kind: str) -> bytes:
    shape = (2, 24, 20) if kind in ("imagej", "ome", "pages") else (24, 20)
    return make.tiff(folder / "a.tif", make.pixels(shape, "uint8"), **KINDS[kind]).read_bytes()


def read(content: bytes) -> list[bytes]:
    with open_tiff(memoryview(content), "a.tif") as tiff:
        return [row.pixels.tobytes() + repr(row.pixels.shape).encode() for row in read_rows(tiff, "image")]


def patched(path: Path, tag: int, value: bytes, page: int = 0) -> Path:
    """The file with the first bytes of one tag's values replaced."""
    with tifffile.TiffFile(path) as tiff:
        at = tiff.pages[page].aspage().tags[tag].valueoffset
    content = bytearray(path.read_bytes())
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_refused_or_whole(tmp_path: Path, kind: str) -> None:
    content = written(tmp_path, kind)
    whole = read(content)
    for length in range(1, len(content), 7):
        try:
            found = read(content[:length])
        except SourceError as error:
            assert error.where == "a.tif"
            assert error.fix
        else:
            assert found == whole, length


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_whatever_is_damaged_only_a_source_error_is_raised(
    tmp_path_factory: pytest.TempPathFactory, kind: str, flips: list[tuple[float, int]]
) -> None:
    content = bytearray(written(tmp_path_factory.mktemp("flip"), kind))
    for where, value in flips:
        content[int(where * (len(content) - 1))] = value
    try:
        read(bytes(content))
    except SourceError as error:
        assert error.where == "a.tif"


def test_a_tile_without_bytes_is_refused_and_not_black(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "a.tif", make.pixels((32, 32)), tile=(16, 16))
    patched(file, 325, struct.pack("<H", 0))
    with pytest.raises(SourceError, match="black"):
        make.scan(file)


def test_strips_that_hold_too_little_are_refused(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "a.tif", make.pixels((8, 8), "uint8"), rowsperstrip=8)
    patched(file, 279, struct.pack("<I", 16))
    with pytest.raises(
        SourceError, match=r"8 x 8 pixels of uint8 takes 64 bytes, but the file holds 16 bytes"
    ):
        make.scan(file)


def test_a_jpeg_without_its_end_is_refused(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "a.tif", make.pixels((64, 64), "uint8"), compression="jpeg", rowsperstrip=64)
    patched(file, 279, struct.pack("<I", 600))
    with pytest.raises(SourceError, match="has no end"):
        make.scan(file)


def test_planes_that_the_metadata_promise_but_the_file_lacks_are_refused(tmp_path: Path) -> None:
    xml = make.ome_xml('Type="uint16" SizeX="9" SizeY="8" SizeC="1" SizeZ="1" SizeT="5"', "<TiffData/>")
    file = make.with_ome_xml(tmp_path / "a.ome.tif", make.pixels((3, 8, 9)), xml)
    with pytest.raises(SourceError, match="2 of the image's 5 planes are missing"):
        make.scan(file)


def test_pages_that_no_image_uses_are_told(tmp_path: Path) -> None:
    xml = make.ome_xml(
        'Type="uint16" SizeX="9" SizeY="8" SizeC="1" SizeZ="1" SizeT="2"',
        '<TiffData IFD="0" PlaneCount="2"/>',
    )
    file = make.with_ome_xml(tmp_path / "a.ome.tif", make.pixels((3, 8, 9)), xml)
    assert make.scan(file).warnings == ("a.ome.tif: its metadata put no image on page 3: left out",)


def test_pages_of_one_image_that_differ_are_refused(tmp_path: Path) -> None:
    xml = make.ome_xml('Type="uint16" SizeX="9" SizeY="8" SizeC="1" SizeZ="1" SizeT="2"', "<TiffData/>")
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(make.pixels((8, 9)), description=xml.encode(), metadata=None)
        writer.write(make.pixels((6, 9)), metadata=None)
    with pytest.raises(SourceError, match="pages 1 and 2 differ"):
        make.scan(tmp_path / "a.ome.tif")


def test_one_odd_page_among_many_is_an_image_of_its_own(tmp_path: Path) -> None:
    image = make.pixels((8, 9))
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in range(12):
            writer.write(image[: 4 if page == 3 else 8], metadata=None)
    found = make.rows(tmp_path / "a.tif")
    assert [row["shape"] for row in found] == [[11, 8, 9], [4, 9]]
    assert np.array_equal(found[1]["image_array"], image[:4])


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_pixels_are_refused(tmp_path: Path, dtype: str) -> None:
    file = make.tiff(tmp_path / "a.tif", make.pixels((4, 4), dtype))
    with pytest.raises(SourceError, match=f"complex pixels \\({dtype}\\)"):
        make.scan(file)


def test_a_claim_of_more_than_fits_is_refused_before_decoding(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "a.tif", make.pixels((2, 8, 9), "uint8"), compression="zlib", metadata=None)
    for page in range(2):
        for tag in (256, 257, 278):  # width, length, rows per strip
            patched(file, tag, struct.pack("<H", 60000), page)
    with pytest.raises(
        SourceError, match=r"2 x 60,000 x 60,000 pixels of uint8 takes 7\.2 GB, more than"
    ) as caught:
        make.scan(file)
    assert "--max-image-bytes 7GiB" in caught.value.fix and "rows: plane" in caught.value.fix
    make.scan(file, rows="plane")
    with pytest.raises(SourceError, match=r"60,000 x 60,000 .* 3\.6 GB") as caught:
        make.scan(file, rows="plane", max_image_bytes=3 << 30)
    assert "--max-image-bytes 4GiB" in caught.value.fix and "rows: plane" not in caught.value.fix


def test_uncompressed_pixels_need_no_more_than_whole_bytes_a_row(tmp_path: Path) -> None:
    image = make.pixels((5, 13), "bool")
    (row,) = make.rows(make.tiff(tmp_path / "a.tif", image, rowsperstrip=2))
    assert np.array_equal(row["image_array"], image)
