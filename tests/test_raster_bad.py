"""Damaged PNG, JPEG and other files: an error, and never an image that is grey in part."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import imagecodecs
import make_photographs as photographs
import make_raster as make
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_tiff import pixels, rows, scan
from PIL import Image
from test_raster_fits import part

from datapkg.errors import SourceError
from datapkg.sources.images.format import ImageFile
from datapkg.sources.images.kinds import format_of
from datapkg.sources.images.members import NoMembers

COLOUR = make.smooth(64, 80, 3)
CLEAR = np.dstack([COLOUR, COLOUR[:, ::-1, 0]])
PLANES = {"Y": COLOUR[..., 0].astype("float16"), "Z": COLOUR[..., 1].astype("float32")}
FILES: Mapping[str, bytes] = {
    "a.png": make.pillow_bytes(COLOUR, "png"),
    "laced.png": make.png(pixels((20, 30), "uint8"), 8, 0, laced=True),
    "palette.png": make.png(pixels((20, 30), "uint8") % 16, 4, 3, make.chunk(b"PLTE", bytes(48))),
    "a.jpg": make.pillow_bytes(COLOUR, "jpeg"),
    "grey.jpg": make.pillow_bytes(COLOUR[:, :, 0], "jpeg"),
    "progressive.jpg": make.pillow_bytes(COLOUR, "jpeg", progressive=True),
    "restarts.jpg": make.pillow_bytes(COLOUR, "jpeg", restart_marker_blocks=2),
    "a.jp2": imagecodecs.jpeg2k_encode(COLOUR, level=30),
    "a.j2k": imagecodecs.jpeg2k_encode(COLOUR, codecformat="j2k", reversible=True),
    "lossy.webp": make.pillow_bytes(COLOUR, "webp"),
    "lossless.webp": make.pillow_bytes(COLOUR, "webp", lossless=True),
    "alpha.webp": make.pillow_bytes(Image.fromarray(COLOUR).convert("RGBA"), "webp"),
    "a.bmp": make.pillow_bytes(COLOUR, "bmp"),
    "runs.bmp": make.bmp_runs(pixels((9, 7), "uint8"), 8, bytes(range(256)) * 4),
    "animated.png": make.animation("png", [COLOUR, COLOUR[::-1], COLOUR[:, ::-1]], duration=100),
    "animated.webp": make.animation("webp", [COLOUR[:20], COLOUR[20:40]], lossless=True),
    "palette.jp2": make.with_palette(imagecodecs.jpeg2k_encode(COLOUR[:, :, 0] % 4), [(1, 2, 3)] * 4),
    "inks.jpg": make.pillow_bytes(Image.fromarray(COLOUR).convert("CMYK"), "jpeg"),
    "twelve.jpg": imagecodecs.jpeg8_encode(make.twelve_bits(), level=90, bitspersample=12),
    "lossless.jpg": imagecodecs.jpeg8_encode(COLOUR, lossless=True),
    "a.jls": imagecodecs.jpegls_encode(COLOUR),
    "a.gif": make.pillow_bytes(make.indexed(COLOUR[:, :, 0], bytes(range(256)) * 3), "gif"),
    "animated.gif": make.animation("gif", [COLOUR[:20], COLOUR[20:40]]),
    "a.jxl": imagecodecs.jpegxl_encode(COLOUR, lossless=True, usecontainer=False),
    "boxed.jxl": imagecodecs.jpegxl_encode(COLOUR, lossless=True, usecontainer=True),
    "animated.jxl": imagecodecs.jpegxl_encode(COLOUR.reshape(4, 16, 80, 3), lossless=True),
    "a.qoi": imagecodecs.qoi_encode(COLOUR),
    "a.ppm": make.pillow_bytes(COLOUR, "ppm"),
    "a.heic": photographs.heic(COLOUR, quality=60),
    "clear.heic": photographs.heic(CLEAR, quality=60),
    "ten.heic": photographs.heic(COLOUR.astype("uint16") << 8),
    "tiles.heic": photographs.grid(COLOUR, (100, 131)),
    "a.avif": photographs.avif(COLOUR),
    "twelve.avif": imagecodecs.avif_encode(make.twelve_bits(3), level=90, bitspersample=12),
    "animated.avif": make.animation("avif", [COLOUR, COLOUR[::-1], COLOUR[:, ::-1]]),
    "a.jxr": photographs.jpegxr(COLOUR, level=0.8),
    "floats.jxr": photographs.jpegxr(COLOUR.astype("float32")),
    "clear.jxr": photographs.jpegxr(CLEAR),
    **{f"{p}.exr": photographs.exr(PLANES, p) for p in ("NO", "RLE", "ZIP", "PIZ", "PXR24", "B44", "DWAA")},
    **{f"{p}.exr": photographs.exr(PLANES, p) for p in ("HTJ2K32", "LJ2K", "ZSTD")},
    "flat.hdr": photographs.radiance(CLEAR),
    "runs.hdr": photographs.in_runs(CLEAR),
    "a.fits": part(COLOUR[..., 0].astype("int16"), 16),
}
CHECKED = [n for n in FILES if n.endswith((".png", ".jpg")) and n != "twelve.jpg"]
"""Where a part that is missing in the middle is noticed: by a checksum, or since the data of these end too early."""


def read(content: bytes, name: str) -> bytes:
    """The pixels of a file's only image."""
    file = ImageFile(name, memoryview(content), NoMembers(), "image", 1 << 30)
    (row,) = format_of(file.content, name).rows(file)
    return row.pixels.tobytes() + repr(row.pixels.shape).encode()


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_is_refused_or_whole(name: str) -> None:
    content = FILES[name]
    whole = read(content, name)
    for length in [*range(1, len(content), 11), *range(max(1, len(content) - 40), len(content))]:
        try:
            found = read(content[:length], name)
        except SourceError as error:
            assert error.where == name and error.fix
        else:
            assert found == whole, length


@pytest.mark.parametrize("name", CHECKED)
def test_a_file_that_lacks_a_part_in_its_middle_is_refused(name: str) -> None:
    content = FILES[name]
    for start in range(len(content) // 3, len(content) - 120, 53):
        with pytest.raises(SourceError):
            read(content[:start] + content[start + 60 :], name)


@pytest.mark.parametrize("name", [n for n in FILES if n.endswith(".jpg")])
def test_a_jpeg_that_was_closed_too_early_is_refused_and_not_grey(name: str) -> None:
    content = FILES[name]
    for keep in (0.5, 0.7, 0.9):
        if name == "progressive.jpg" and content[int(len(content) * keep) :].count(b"\xff\xda"):
            continue  # a progressive image that lacks its last scans is a whole, but coarser one
        with pytest.raises(SourceError, match="cannot be decoded"):
            read(content[: int(len(content) * keep)] + b"\xff\xd9", name)


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(sorted(FILES)),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_whatever_is_damaged_only_a_source_error_is_raised(name: str, flips: list[tuple[float, int]]) -> None:
    content = bytearray(FILES[name])
    for where, value in flips:
        content[int(where * (len(content) - 1))] = value
    try:
        read(bytes(content), name)
    except SourceError as error:
        assert error.where == name


def packed(height: int, width: int) -> bytes:
    return zlib.compress(b"".join(b"\0" + bytes(width) for _ in range(height)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (make.png(pixels((8, 9), "uint8"), 8, 0, packed=packed(7, 9)), "cannot be decoded"),
        (make.png(pixels((8, 9), "uint8"), 8, 0, packed=packed(8, 9)[:-4]), "cannot be decoded"),
        (make.png(pixels((8, 9), "uint8"), 8, 0, laced=True, packed=packed(2, 9)), "cannot be decoded"),
        (make.png(pixels((8, 9), "uint8"), 8, 5), "header makes no sense"),
        (make.png(pixels((8, 9), "uint8"), 16, 3), "header makes no sense"),
        (make.png(pixels((8, 9), "uint8"), 8, 0, make.chunk(b"fdAT", b"1234")), "how many"),
        (make.png(pixels((8, 9), "uint8"), 8, 0, make.chunk(b"QUIZ", b"")), "extension"),
        (make.png(pixels((8, 9), "uint8"), 8, 0).replace(b"IHDR", b"IHDX"), "damaged: its part IHDX"),
    ],
)
def test_a_png_that_makes_no_sense_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(SourceError, match=said):
        rows(tmp_path / "a.png")


def test_an_image_without_pixels_is_refused(tmp_path: Path) -> None:
    head = make.chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 8, 8, 0, 0, 0, 0))
    content = make.SIGNATURE + head + make.chunk(b"IDAT", zlib.compress(b"")) + make.chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(SourceError, match="no pixels"):
        scan(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "like", "said"),
    [
        ("a.tif", "a.png", "not a TIFF: it begins like a PNG image"),
        ("a.png", "a.jpg", "not a PNG image: it begins like a JPEG image"),
        ("a.jpg", "a.bmp", "not a JPEG image: it begins like a BMP image"),
    ],
)
def test_a_suffix_that_says_something_else_is_refused(
    tmp_path: Path, name: str, like: str, said: str
) -> None:
    (tmp_path / name).write_bytes(FILES[like])
    with pytest.raises(SourceError, match=said) as caught:
        scan(tmp_path / name)
    assert "true suffix" in caught.value.fix


def test_a_suffix_that_says_nothing_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "image.001").write_bytes(FILES["a.png"])
    assert scan(tmp_path / "image.001").evidence == {"frames": {"images": [["uint8", [64, 80, 3], 1]]}}


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\x89HDF\r\n", "an HDF5 file"), (b"%PDF-1.4", "a PDF"), (b"1234", "31 32 33 34")],
)
def test_what_is_no_image_that_is_read_says_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.dat").write_bytes(content)
    with pytest.raises(SourceError, match=said) as caught:
        scan(tmp_path / "a.dat")
    assert caught.value.fix.endswith(", or exclude it")


def test_bytes_behind_an_image_are_told(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        (tmp_path / name).write_bytes(FILES[name] + b"more")
        assert scan(tmp_path / name).warnings == (
            f"{name}: 4 bytes stand behind the image: left out of its pixels",
        )
