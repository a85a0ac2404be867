"""JPEG of 12 bits, of four inks, lossless, and JPEG-LS."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import make_raster as make
import numpy as np
import pytest
from make_tiff import pixels, scan
from PIL import Image
from test_raster import one, tags, written

from datapkg.errors import SourceError


@pytest.mark.parametrize("samples", [1, 3, 4])
def test_twelve_bits_come_as_uint16_within_what_is_lost(tmp_path: Path, samples: int) -> None:
    image = make.twelve_bits(samples)
    content = imagecodecs.jpeg8_encode(image, level=100, bitspersample=12, subsampling="444")
    row = one(written(tmp_path / "a.jpg", content))
    assert (row["dtype"], row["shape"]) == ("uint16", list(image.shape))
    assert np.abs(row["image_array"].astype(int) - image).max() <= 8
    assert tags(row)["BitsPerSample"] == 12


@pytest.mark.parametrize("bits", [2, 7, 8, 10, 12, 16])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("predictor", [1, 4, 7])
def test_a_lossless_jpeg_is_exact(tmp_path: Path, bits: int, samples: int, predictor: int) -> None:
    shape = (40, 56) if samples == 1 else (40, 56, samples)
    dtype = "uint8" if bits <= 8 else "uint16"
    image = np.random.default_rng(bits).integers(0, 1 << bits, shape).astype(dtype)
    content = imagecodecs.jpeg8_encode(image, lossless=True, bitspersample=bits, predictor=predictor)
    row = one(written(tmp_path / "a.jpg", content))
    assert row["dtype"] == dtype and np.array_equal(row["image_array"], image)
    assert np.array_equal(imagecodecs.jpegsof3_decode(content), image)
    assert tags(row)["Process"] == "lossless"


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_lossless_jpeg_of_another_maker_is_exact(tmp_path: Path, bits: int) -> None:
    image = pixels((40, 56), "uint8" if bits == 8 else "uint16")
    content = imagecodecs.ljpeg_encode(image, bitspersample=bits)
    assert np.array_equal(one(written(tmp_path / "a.jpg", content))["image_array"], image)


def test_inks_are_as_stored_and_adobe_is_told(tmp_path: Path) -> None:
    path = make.pillow(tmp_path / "a.jpg", Image.fromarray(make.smooth(samples=3)).convert("CMYK"))
    row = one(path)
    with Image.open(path) as opened:
        inks = np.asarray(opened)  # Pillow turns the values that Adobe's programs store upside down
    assert (row["shape"], row["axes"]) == ([120, 160, 4], "YXS")
    assert np.array_equal(row["image_array"], 255 - inks)
    assert tags(row)["Adobe"]["Transform"] == 0


def test_inks_that_were_stored_as_brightness_and_colour_are_inks_again(tmp_path: Path) -> None:
    inks = make.smooth(samples=4)
    content = imagecodecs.jpeg8_encode(inks, level=100, colorspace="CMYK", outcolorspace="YCCK")
    path = written(tmp_path / "a.jpg", content)
    row = one(path)
    assert tags(row)["Adobe"]["Transform"] == 2
    with Image.open(path) as opened:
        assert np.array_equal(row["image_array"], 255 - np.asarray(opened))
    assert np.abs(row["image_array"].astype(int) - inks)[..., 3].max() <= 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(40, 56), (40, 56, 3), (40, 56, 4)])
@pytest.mark.parametrize("suffix", ["jls", "jpg"])
def test_jpeg_ls_is_exact(tmp_path: Path, dtype: str, shape: tuple[int, ...], suffix: str) -> None:
    image = pixels(shape, dtype)
    row = one(written(tmp_path / f"a.{suffix}", imagecodecs.jpegls_encode(image)))
    assert row["dtype"] == dtype and np.array_equal(row["image_array"], image)


def test_kinds_that_are_not_read_say_so(tmp_path: Path) -> None:
    content = bytearray(make.pillow_bytes(make.smooth(), "jpeg"))
    content[content.index(b"\xff\xc0") + 1] = 0xC5
    with pytest.raises(SourceError, match=r"not read \(8 bits, hierarchical\)"):
        scan(written(tmp_path / "a.jpg", bytes(content)))
    content = bytearray(make.pillow_bytes(make.smooth(), "jpeg"))
    content[content.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(SourceError, match="12 bits, baseline"):
        scan(written(tmp_path / "a.jpg", bytes(content)))


@pytest.mark.parametrize("size", [1, 8, 9, 30])
@pytest.mark.parametrize("value", [0, 2048, 4095])
@pytest.mark.parametrize("samples", [1, 3])
def test_small_and_flat_images_are_whole(tmp_path: Path, size: int, value: int, samples: int) -> None:
    image = np.full((size, size) if samples == 1 else (size, size, samples), value, "uint16")
    for how in ({"lossless": True, "bitspersample": 16}, {"level": 95, "bitspersample": 12}):
        row = one(written(tmp_path / "a.jpg", imagecodecs.jpeg8_encode(image, **how)))
        assert np.abs(row["image_array"].astype(int) - image).max() <= (0 if "lossless" in how else 4)
