"""PBM, PGM, PPM, PAM and PFM files."""

from __future__ import annotations

from pathlib import Path

import make_raster as make
import numpy as np
import pytest
from make_tiff import pixels, rows, scan
from PIL import Image
from test_raster import one, tags, written

from datapkg.errors import SourceError


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "I;16"])
def test_what_pillow_writes_comes_back(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(make.smooth(samples=3)).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype("uint16") * 257)
    values = np.asarray(image)
    row = one(make.pillow(tmp_path / "a.ppm", image))
    assert row["dtype"] == values.dtype.name
    # of a PBM, 1 is black
    assert np.array_equal(row["image_array"], ~values if mode == "1" else values)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b"P2\n# a note\n3 2 9 1 2 3\n4 5 # six\n6", [[1, 2, 3], [4, 5, 6]]),
        (b"P3 1 1 255 7 8 9", [[[7, 8, 9]]]),
        (b"P1\n3 2\n101\n0 1 0\n", [[True, False, True], [False, True, False]]),
        (b"P4 3 2\n\xa0\x40", [[True, False, True], [False, True, False]]),
        (b"P5 2 1 1000\n\x01\x00\x03\xe8", [[256, 1000]]),
        (
            b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n1234",
            [[[49, 50], [51, 52]]],
        ),
    ],
)
def test_values_are_as_stored(tmp_path: Path, content: bytes, values: list[object]) -> None:
    row = one(written(tmp_path / "a.pnm", content))
    assert row["image_array"].tolist() == values
    assert tags(row)["Format"] == content[:2].decode()


@pytest.mark.parametrize(("scale", "order"), [("-1.0", "<f4"), ("2.5", ">f4")])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_floats_stand_from_the_lowest_row_up(
    tmp_path: Path, scale: str, order: str, shape: tuple[int, ...]
) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype("float32")
    head = f"P{'F' if len(shape) == 3 else 'f'}\n5 4\n{scale}\n".encode()
    row = one(written(tmp_path / "a.pfm", head + image[::-1].astype(order).tobytes()))
    assert row["dtype"] == "float32" and np.array_equal(row["image_array"], image)
    assert tags(row)["Scale"] == float(scale)


def test_several_images_are_rows(tmp_path: Path) -> None:
    first, second = pixels((3, 4), "uint8"), pixels((2, 5), "uint8")
    parts = [b"P5 %d %d 255\n" % image.shape[::-1] + image.tobytes() for image in (first, second)]
    found = rows(written(tmp_path / "a.pgm", b"".join(parts)))
    assert [row["series"] for row in found] == [0, 1]
    assert np.array_equal(found[0]["image_array"], first)
    assert np.array_equal(found[1]["image_array"], second)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"P5 4 4 255\n123", "cut off"),
        (b"P2 4 4 255\n1 2 3", "cut off"),
        (b"P2 2 1 255\n1 2.5", "no number"),
        (b"P2 2 1 255\n100 256", "most"),
        (b"P5 1 1 7\n\x09", "most"),
        (b"P1 2 1\n12", "neither 0 nor 1"),
        (b"P5 1 1 70000\n\x00\x00", "make no sense"),
        (b"P5 1 1\n", "makes no sense"),
        (b"P7\nWIDTH 2\nENDHDR\n", "makes no sense"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = written(tmp_path / "a.pnm", content)
    with pytest.raises(SourceError, match=said):
        rows(path)


def test_bytes_behind_the_image_are_told(tmp_path: Path) -> None:
    found = scan(written(tmp_path / "a.pgm", b"P5 1 1 255\n1more"))
    assert "4 bytes stand behind" in found.warnings[0]
