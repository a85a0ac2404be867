"""Plain TIFFs by our own reader: to the letter what tifffile gives, or left to tifffile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import make_raster
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from make_tiff import pixels
from PIL import Image

from datapkg.errors import SourceError
from datapkg.sources.images.format import ImageFile, Row, Rows
from datapkg.sources.images.members import NoMembers
from datapkg.sources.tiff.alike import AlikeTiffs
from datapkg.sources.tiff.file import open_tiff
from datapkg.sources.tiff.format import TiffFormat
from datapkg.sources.tiff.plain import decoded, read_plain
from datapkg.sources.tiff.rows import read_rows

LIMIT = 1 << 32
ALIKE = AlikeTiffs()
KINDS: tuple[Rows, ...] = ("image", "plane")


def by_tifffile(content: bytes, rows: Rows) -> tuple[list[Row], list[str]]:
    """A file's rows as tifffile reads them, and what it warned of."""
    with open_tiff(memoryview(content), "a.tif") as tiff:
        return list(read_rows(tiff, rows)), tiff.heard.warnings


def assert_same(content: bytes) -> None:
    """The rows of a plain file are tifffile's, and it has nothing to say of it."""
    for rows in KINDS:
        file = ImageFile("a.tif", memoryview(content), NoMembers(), rows, LIMIT)
        (row,) = TiffFormat().rows(file)
        (expected,), warnings = by_tifffile(content, rows)
        assert (row.facts, row.place) == (expected.facts, expected.place)
        assert row.pixels.dtype == expected.pixels.dtype and row.pixels.tobytes() == expected.pixels.tobytes()
        room = np.empty(row.facts.shape, row.facts.dtype)
        for alike in (
            AlikeTiffs(),
            ALIKE,
            ALIKE,
        ):  # one that knows nothing, and one that knows other files and this one
            told = alike.read(content)
            assert told is not None
            plain, facts, metadata = told
            assert replace(facts, metadata=metadata) == row.facts
            assert decoded(plain, memoryview(content), room) is room
            assert room.tobytes() == row.pixels.tobytes()
        look = TiffFormat().look(file)
        assert dict(look.images) == {(row.facts.dtype, row.facts.shape): 1}
        assert (look.warnings, warnings) == ((), [])


def is_plain(content: bytes) -> bool:
    """Whether our own reader reads a file."""
    plain = read_plain(memoryview(content))
    return plain is not None and decoded(plain, memoryview(content)) is not None


def test_plain_files_among_the_real_ones_are_the_same_to_the_letter(shared: Path) -> None:
    seen = 0
    for path in sorted((shared / "open").rglob("*")):
        if path.suffix.lower() in (".tif", ".tiff"):
            content = path.read_bytes()
            if is_plain(content):
                seen += 1
                assert_same(content)
    assert seen > 20


def test_bad_files_are_not_plain_or_the_same(shared: Path) -> None:
    for path in sorted((shared / "bad").rglob("*.tif*")):
        content = path.read_bytes()
        if is_plain(content):
            assert_same(content)


COMPRESSIONS = [None, "lzw", "zlib", "zstd", "packbits", "adobe_deflate"]
DTYPES = [
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
]

PREDICTED = ["uint8", "int8", "uint16", "int16", "uint32", "int32"]


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_plain_files_that_tifffile_writes_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    height, width = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
    samples, dtype = data.draw(st.sampled_from([1, 3, 4])), data.draw(st.sampled_from(DTYPES))
    shape = (height, width) if samples == 1 else (height, width, samples)
    compression = data.draw(st.sampled_from(COMPRESSIONS))
    how: dict[str, Any] = {
        "photometric": "minisblack" if samples == 1 else "rgb",
        "byteorder": data.draw(st.sampled_from("<>")),
        "compression": compression,
        "predictor": compression in ("lzw", "zlib", "zstd")
        and dtype in PREDICTED
        and data.draw(st.booleans()),
        "rowsperstrip": data.draw(st.integers(1, 20)),
        "metadata": data.draw(st.sampled_from([{}, None])),
        "description": data.draw(
            st.sampled_from([None, "well C6", "µm, 20x".encode(), "ImageJ=1.5\nunit=um", "[a]", "<x/>"])
        ),
        "software": data.draw(st.sampled_from(["tifffile.py", "MetaSeries", "SI.1", None])),
        "datetime": data.draw(st.booleans()),
        "resolution": data.draw(st.sampled_from([None, (40000, 40000), (72, 72), (1, 1), (3, 40001.5)])),
        "resolutionunit": data.draw(st.sampled_from([None, 1, 2, 3])),
    }
    if how["description"] is not None:
        how["metadata"] = None
    path = tmp_path_factory.mktemp("tiff") / "a.tif"
    tifffile.imwrite(path, pixels(shape, "uint16").astype(dtype), **how)
    content = path.read_bytes()
    odd = how["description"] in ("ImageJ=1.5\nunit=um", "[a]", "<x/>") or how["software"] in (
        "MetaSeries",
        "SI.1",
    )
    assert is_plain(content) != odd
    if not odd:
        assert_same(content)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "tiff_deflate"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "I", "F"])
def test_plain_files_that_pillow_writes_are_the_same(mode: str, compression: str) -> None:
    image = Image.fromarray(make_raster.smooth(40, 56, 3)).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype("uint16") * 257)
    content = make_raster.pillow_bytes(
        image, "tiff", compression=compression, description="well C6", dpi=(300, 300)
    )
    assert is_plain(content)
    assert_same(content)


def plain() -> bytes:
    """A plain file."""
    return make_raster.pillow_bytes(pixels((9, 11), "uint8"), "tiff", description="well C6")


@settings(max_examples=400, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_file_with_changed_bytes_is_the_same_or_left_to_tifffile(flips: list[tuple[int, int]]) -> None:
    content = bytearray(plain())
    for at, value in flips:
        content[at % len(content)] = value
    ALIKE.read(plain())
    if is_plain(bytes(content)):
        assert_same(bytes(content))
    elif read_plain(memoryview(content)) is None:
        assert ALIKE.read(bytes(content)) is None


def test_files_that_differ_in_a_text_are_each_told_for_themselves(tmp_path: Path) -> None:
    texts = [
        "frame 12",
        "frame 13",
        "frame µ",
        '{"shape": [9, 11]}',
        '{"shape": [3, 33]}',
        "ImageJ=1",
        "frame 9",
    ]
    for text in texts:
        description = text.encode().ljust(20, b"\0")  # all headers say the same of where it stands
        tifffile.imwrite(tmp_path / "a.tif", pixels((9, 11), "uint8"), description=description, metadata=None)
        content = (tmp_path / "a.tif").read_bytes()
        if is_plain(content):
            assert_same(content)
        else:
            assert text in ('{"shape": [3, 33]}', "ImageJ=1") and ALIKE.read(content) is None


def test_a_file_that_is_cut_is_refused_or_the_same() -> None:
    content = plain()
    for length in range(len(content)):
        if is_plain(content[:length]):  # what is behind a file's last strip or text may be missing
            assert_same(content[:length])
        else:
            with pytest.raises(SourceError):
                by_tifffile(content[:length], "image")


@pytest.mark.parametrize(
    "how",
    [
        {"tile": (16, 16)},
        {"photometric": "palette", "colormap": np.zeros((3, 256), "uint16")},
        {"extratags": [(700, 1, 4, b"<x/>", True)]},
        {"ome": True},
        {"imagej": True},
        {"bigtiff": True},
        {"photometric": "miniswhite", "description": '{"shape": [3, 3]}', "metadata": None},
        {"subfiletype": 1},
    ],
    ids=lambda how: next(iter(how)),
)
def test_what_means_more_is_left_to_tifffile(tmp_path: Path, how: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels((32, 48), "uint8"), **how)
    assert not is_plain((tmp_path / "a.tif").read_bytes())


def test_the_limit_holds_for_a_plain_file_too() -> None:
    content = plain()
    file = ImageFile("a.tif", memoryview(content), NoMembers(), "image", 98)
    for ask in (TiffFormat().look, lambda file: list(TiffFormat().rows(file))):
        with pytest.raises(SourceError, match="more than the limit of 98 bytes"):
            ask(file)
