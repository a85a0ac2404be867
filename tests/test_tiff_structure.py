"""The chain of pages is walked before anything trusts it."""

from __future__ import annotations

import struct
from pathlib import Path

import make_tiff as make
import pytest
import tifffile

from datapkg.errors import SourceError
from datapkg.sources.tiff.structure import skeleton


def chain(nexts: list[int], tags: int = 1) -> memoryview:
    """Pages of one tag each, 18 bytes apart from byte 8 on, of which each names the next."""
    pages = [struct.pack("<HHHI4sI", tags, 256, 3, 1, b"\4", after) for after in nexts]
    return memoryview(struct.pack("<2sHI", b"II", 42, 8) + b"".join(pages))


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_every_page_is_found(tmp_path: Path, bigtiff: bool, byteorder: str) -> None:
    how = {"bigtiff": bigtiff, "byteorder": byteorder, "metadata": None}
    file = make.tiff(tmp_path / "a.tif", make.pixels((5, 8, 9)), **how)
    found = skeleton(memoryview(file.read_bytes()), "a.tif")
    with tifffile.TiffFile(file) as tiff:
        assert found.pages == tuple(page.offset for page in tiff.pages)
    assert found.uniform


def test_pages_that_differ_anywhere_are_not_uniform(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in range(12):
            writer.write(make.pixels((8, 9)), compression="zlib" if page == 5 else None, metadata=None)
    assert not skeleton(memoryview((tmp_path / "a.tif").read_bytes()), "a.tif").uniform


def test_a_circle_is_refused_however_late_it_begins() -> None:
    places = [8 + 18 * i for i in range(300)]
    with pytest.raises(SourceError, match="page 300 is followed by page 251 again"):
        skeleton(chain([*places[1:], places[250]]), "a.tif")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "its first bytes are"),
        (b"\x89PNG\r\n\x1a\n", "begins like a PNG image"),
        (b"<html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"II*\0\0\0", "ends after 6 bytes"),
        (b"II*\0\0\0\0\0", "no page"),
        (b"IIRO\x08\0\0\0", "unknown kind"),
        (bytes(chain([9999])), "page 2 is said to stand at byte 9,999 of 26"),
        (bytes(chain([0], tags=0)), "claims 0 tags"),
        (bytes(chain([0], tags=60000)), "claims 60,000 tags"),
        (bytes(chain([0]))[:-2], "cut off"),
    ],
)
def test_what_is_no_whole_tiff_says_why(content: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        skeleton(memoryview(content), "a.tif")
    assert caught.value.where == "a.tif"
    assert caught.value.fix
