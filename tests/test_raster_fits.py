"""FITS files as rows of an image table, and what is told of files that are not read."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from make_tiff import pixels, rows, scan
from PIL import Image

from datapkg.errors import SourceError
from datapkg.sources.images.refused import NOTHING, REFUSED

BITS = {"uint8": 8, "int16": 16, "int32": 32, "int64": 64, "float32": -32, "float64": -64}
SHIFTED = {"int8": (8, -128), "uint16": (16, 1 << 15), "uint32": (32, 1 << 31), "uint64": (64, 1 << 63)}

NONE: Mapping[str, Any] = {}


def card(name: str, value: Any) -> str:
    """A card of a header."""
    words = (
        f"'{value}'" if isinstance(value, str) else str(value)[0] if isinstance(value, bool) else str(value)
    )
    return f"{name:<8}= {words:>20} / said".ljust(80)


def part(
    image: Any, bits: int, cards: Mapping[str, Any] = NONE, first: bool = True, extra: str = ""
) -> bytes:
    """A part of a FITS file: its cards, and big-endian data in whole blocks."""
    head = card("SIMPLE", True) if first else card("XTENSION", "IMAGE   ")
    head += card("BITPIX", bits) + card("NAXIS", image.ndim)
    head += "".join(card(f"NAXIS{i}", n) for i, n in enumerate(image.shape[::-1], 1))
    head += "" if first else card("PCOUNT", 0) + card("GCOUNT", 1)
    head += "".join(card(name, value) for name, value in cards.items()) + extra + "END".ljust(80)
    data = image.astype(image.dtype.newbyteorder(">")).tobytes()
    return head.ljust(-(-len(head) // 2880) * 2880).encode() + data.ljust(-(-len(data) // 2880) * 2880, b"\0")


def read(tmp_path: Path, content: bytes, **options: Any) -> list[dict[str, Any]]:
    """The rows of a file."""
    (tmp_path / "a.fits").write_bytes(content)
    return rows(tmp_path / "a.fits", **options)


@pytest.mark.parametrize("dtype", BITS)
def test_values_of_a_fits_file_are_exact_and_as_pillow_reads_them(tmp_path: Path, dtype: str) -> None:
    image = pixels((31, 47), "uint16").astype(dtype)
    content = part(image, BITS[dtype])
    (row,) = read(tmp_path, content)
    assert (row["dtype"], row["axes"]) == (dtype, "YX")
    assert row["image_array"].tobytes() == image.tobytes()
    read_by_pillow = (
        (8, -32) if int(PIL.__version__.partition(".")[0]) >= 13 else (8,)
    )  # floats backwards before
    if BITS[dtype] in read_by_pillow:
        with Image.open(io.BytesIO(content)) as opened:  # it shows the first row lowest
            assert np.array_equal(np.asarray(opened)[::-1], image)


@pytest.mark.parametrize("dtype", SHIFTED)
def test_a_moved_zero_makes_numbers_without_a_sign(tmp_path: Path, dtype: str) -> None:
    bits, zero = SHIFTED[dtype]
    ends = np.iinfo(dtype)
    image = np.array([[ends.min, 0, 1], [ends.max, ends.max // 2, 77]], dtype)
    stored = np.array(
        [[int(value) - zero for value in row] for row in image], "uint8" if bits == 8 else f"int{bits}"
    )
    (row,) = read(tmp_path, part(stored, bits, {"BSCALE": 1, "BZERO": zero}))
    assert row["dtype"] == dtype and row["image_array"].tolist() == image.tolist()


def test_a_scale_is_told_and_not_applied(tmp_path: Path) -> None:
    image = pixels((5, 7), "int16")
    (row,) = read(tmp_path, part(image, 16, {"BSCALE": 0.25, "BZERO": 100.0}))
    assert np.array_equal(row["image_array"], image) and json.loads(row["metadata"])["tags"]["BSCALE"] == 0.25
    assert scan(tmp_path / "a.fits").warnings == (
        "a.fits: its values are as stored: what they mean is 100.0 + 0.25 x value",
    )


def test_a_stack_is_pages_whose_meaning_is_not_known(tmp_path: Path) -> None:
    image = pixels((4, 5, 7), "uint16").astype("float32")
    (row,) = read(tmp_path, part(image, -32))
    assert (row["axes"], row["size_t"], row["size_z"]) == ("IYX", 1, 1)
    assert np.array_equal(row["image_array"], image)
    planes = read(tmp_path, part(image, -32), rows="plane")
    assert [(plane["page"], plane["t"]) for plane in planes] == [(page, 0) for page in range(4)]
    assert all(np.array_equal(plane["image_array"], image[i]) for i, plane in enumerate(planes))


def test_each_part_with_an_image_is_an_image(tmp_path: Path) -> None:
    one, two = pixels((5, 7), "int16"), pixels((3, 4), "int32")
    content = part(np.zeros((0, 0), "uint8"), 8) + part(one, 16, first=False) + part(two, 32, first=False)
    found = read(tmp_path, content)
    assert [row["series"] for row in found] == [0, 1]
    assert np.array_equal(found[0]["image_array"], one) and np.array_equal(found[1]["image_array"], two)


def test_cards_of_a_fits_file_are_metadata(tmp_path: Path) -> None:
    text = "HISTORY flat field".ljust(80) + "COMMENT one".ljust(80) + "COMMENT two".ljust(80)
    cards = {"OBJECT": "well C6''s", "EXPTIME": 1.5e-2, "COOLED": True, "GAIN": 4}
    (row,) = read(tmp_path, part(pixels((5, 7), "int16"), 16, cards, extra=text))
    told = json.loads(row["metadata"])["tags"]
    assert (told["OBJECT"], told["EXPTIME"], told["COOLED"], told["GAIN"]) == ("well C6's", 0.015, True, 4)
    assert (told["HISTORY"], told["COMMENT"]) == ("flat field", "one\ntwo")


WHOLE = part(pixels((50, 70), "int16"), 16)


@pytest.mark.parametrize("length", [30, 79, 2000, 2880, 2881, 2880 + 6999])
def test_a_fits_file_that_is_cut_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(SourceError, match="cut off"):
        read(tmp_path, WHOLE[:length])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (part(np.zeros((0, 0), "uint8"), 8), "without an image"),
        (part(pixels((2, 3, 4, 5), "uint8"), 8), "of 4 axes is not read"),
        (part(pixels((4, 5), "uint8"), 12), "of 12 bits makes no sense"),
        (
            WHOLE.replace(b"NAXIS1  =                   70", b"NAXIS1  =                  -70"),
            "makes no sense",
        ),
        (WHOLE.replace(b"NAXIS2  =                   50", b"NAXIS2  = 99999999999999999999"), "cut off"),
    ],
)
def test_a_fits_file_that_makes_no_sense_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read(tmp_path, content)


@pytest.mark.parametrize("kind", [one for one in REFUSED if one.suffixes], ids=lambda one: one.suffixes[0])
def test_what_is_not_read_is_told_by_name_and_with_a_way(tmp_path: Path, kind: Any) -> None:
    path = tmp_path / f"a.{kind.suffixes[0].upper()}"
    path.write_bytes(b"II*\0 or whatever else it begins with")
    with pytest.raises(SourceError) as caught:
        scan(path)
    assert kind.name in caught.value.what and caught.value.fix.startswith(kind.mend)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (bytes(128) + b"DICM", "a DICOM file"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"\0\0\0\x18ftypcrx ", "a camera's raw file"),
        (b"\0\0\0\x18ftypmp42", "a video"),
        (b"IIRO\x08\0\0\0", "a camera's raw file"),
        (b"\x93NUMPY\1\0", "a NumPy array"),
        (b"\n\5\1\x08" + bytes(60), "a PCX image"),
        (b"DDS |" + bytes(60), "a texture of a game"),
        (b"ZISRAWFILE", "a Zeiss CZI file"),
    ],
)
def test_what_is_not_read_is_known_by_its_beginning(tmp_path: Path, head: bytes, name: str) -> None:
    (tmp_path / "a.dat").write_bytes(head)
    with pytest.raises(SourceError, match=name):
        scan(tmp_path / "a.dat")


def test_whoever_has_no_suffix_has_a_beginning() -> None:
    assert all(kind.suffixes or kind.begins.pattern != NOTHING for kind in REFUSED)


@pytest.mark.parametrize("kind", ["PCX", "SGI", "ICO", "DDS", "EPS"])
def test_files_that_pillow_writes_are_known_without_their_suffix(tmp_path: Path, kind: str) -> None:
    Image.fromarray(pixels((32, 32, 3), "uint8")).save(tmp_path / "a.dat", kind)
    with pytest.raises(SourceError, match="not an image that is read: it begins like"):
        scan(tmp_path / "a.dat")
