"""HEIF and AVIF files as rows of an image table: pixels as libheif and libavif decode them, never turned."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import make_photographs as make
import numpy as np
import pillow_heif
import pytest
from make_raster import smooth
from make_tiff import rows, scan
from PIL import Image

from datapkg.errors import SourceError

COLOUR = smooth(64, 80, 3)
CLEAR = np.dstack([COLOUR, COLOUR[:, ::-1, 0]])
TEN_BITS = (COLOUR.astype("uint16") * 4 + 3) << 6
TURNS = {1: [], 2: [("imir", 1)], 3: [("irot", 2)], 4: [("imir", 0)], 5: [("irot", 1), ("imir", 0)]}
TURNS |= {6: [("irot", 3)], 7: [("irot", 3), ("imir", 0)], 8: [("irot", 1)]}


def one(tmp_path: Path, name: str, content: bytes, **options: Any) -> dict[str, Any]:
    """The only row of a file."""
    (tmp_path / name).write_bytes(content)
    (row,) = rows(tmp_path / name, **options)
    return row


def decoded(content: bytes) -> Any:
    """What libheif shows of a file's first image."""
    image = pillow_heif.open_heif(content)[0]
    return np.array(image)


@pytest.mark.parametrize(
    "image", [COLOUR, COLOUR[..., 0], CLEAR, COLOUR[:63, :77]], ids=lambda i: str(i.shape)
)
def test_a_heic_is_as_libheif_decodes_it(tmp_path: Path, image: Any) -> None:
    content = make.heic(image, quality=70)
    row = one(tmp_path, "a.heic", content)
    expected = decoded(content)
    assert (row["dtype"], row["shape"]) == ("uint8", list(image.shape))
    assert np.array_equal(row["image_array"], expected)
    assert np.abs(row["image_array"].astype(int) - image).mean() < 6


def test_a_lossless_heic_is_exact(tmp_path: Path) -> None:
    assert np.array_equal(one(tmp_path, "a.heic", make.lossless_heic(COLOUR))["image_array"], COLOUR)


def test_ten_bits_of_a_heic_are_ten_bits_of_a_uint16(tmp_path: Path) -> None:
    row = one(tmp_path, "a.hif", make.lossless_heic(TEN_BITS))
    assert row["dtype"] == "uint16" and np.array_equal(row["image_array"], TEN_BITS >> 6)
    assert json.loads(row["metadata"])["tags"]["BitsPerSample"] == 10
    grey = one(tmp_path, "b.hif", make.lossless_heic(TEN_BITS[..., 0]))
    assert np.array_equal(grey["image_array"], TEN_BITS[..., 0] >> 6)


@pytest.mark.parametrize("turned", TURNS)
def test_a_heic_is_not_turned_and_its_orientation_told(tmp_path: Path, turned: int) -> None:
    content = make.lossless_heic(COLOUR)
    for name, value in TURNS[turned]:
        content = make.with_property(content, name.encode(), bytes([value]))
    shown = decoded(content)
    exif = Image.Exif()
    exif[0x0112] = turned
    held = io.BytesIO()
    Image.fromarray(COLOUR).save(held, "PNG", exif=exif)
    from PIL import ImageOps

    assert np.array_equal(shown, np.asarray(ImageOps.exif_transpose(Image.open(held))))
    row = one(tmp_path, "a.heic", content)
    assert np.array_equal(row["image_array"], COLOUR)
    assert json.loads(row["metadata"]).get("orientation", 1) == turned


@pytest.mark.parametrize("turned", TURNS)
def test_an_avif_is_not_turned_and_its_orientation_told(tmp_path: Path, turned: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = turned, "well C6"
    row = one(tmp_path, "a.avif", make.avif(COLOUR, exif=exif, quality=100, subsampling="4:4:4"))
    assert np.abs(row["image_array"].astype(int) - COLOUR).max() < 4
    found = json.loads(row["metadata"])
    assert found.get("orientation", 1) == turned
    assert turned == 1 or found["tags"]["Exif"]["ImageDescription"] == "well C6"


def test_a_crop_to_whole_pixels_is_the_image(tmp_path: Path) -> None:
    crop = struct.pack(">8i", 60, 1, 40, 1, -3, 1, 2, 1)
    content = make.with_property(make.lossless_heic(COLOUR), b"clap", crop)
    row = one(tmp_path, "a.heic", content)
    assert np.array_equal(row["image_array"], decoded(content))
    assert json.loads(row["metadata"])["tags"]["Crop"] == [[14, 54], [7, 67]]


@pytest.mark.parametrize(
    "crop", [(119, 2, 40, 1, 0, 1, 0, 1), (60, 1, 40, 1, 30, 1, 0, 1), (20, 1, 40, 1, 0, 1, 0, 1)]
)
def test_a_crop_that_makes_no_image_is_refused(tmp_path: Path, crop: tuple[int, ...]) -> None:
    content = make.with_property(make.lossless_heic(COLOUR), b"clap", struct.pack(">8i", *crop))
    (tmp_path / "a.heic").write_bytes(content)
    with pytest.raises(SourceError, match="cropped to"):
        scan(tmp_path / "a.heic")


def test_a_camera_that_writes_tiles_gives_one_image(tmp_path: Path) -> None:
    content = make.grid(COLOUR, (100, 131))
    row = one(tmp_path, "a.heic", content)
    assert np.array_equal(row["image_array"], np.tile(COLOUR, (2, 2, 1))[:100, :131])
    assert np.array_equal(decoded(content), row["image_array"])
    (tmp_path / "b.heic").write_bytes(make.grid(COLOUR, (129, 131)))
    with pytest.raises(SourceError, match="do not make a whole"):
        scan(tmp_path / "b.heic")


def test_exif_of_a_heic_is_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "well C6", 6
    row = one(tmp_path, "a.heic", make.lossless_heic(COLOUR, exif=exif.tobytes()))
    found = json.loads(row["metadata"])
    assert (found["orientation"], found["tags"]["Exif"]["ImageDescription"]) == (6, "well C6")
    assert np.array_equal(row["image_array"], COLOUR)


def test_images_beside_the_one_that_is_shown_are_told(tmp_path: Path) -> None:
    file = pillow_heif.from_bytes("RGB", (80, 64), COLOUR.tobytes())
    file.add_frombytes("RGB", (80, 64), COLOUR[::-1].tobytes())
    file.save(tmp_path / "a.heic", quality=-1, chroma=444, matrix_coefficients=0, primary_index=1)
    (row,) = rows(tmp_path / "a.heic")
    assert np.array_equal(row["image_array"], COLOUR[::-1])
    assert scan(tmp_path / "a.heic").warnings == (
        "a.heic: images beside the one that is shown: left out (1)",
    )


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("shape", [(64, 80), (64, 80, 3), (64, 80, 4)])
def test_a_lossless_avif_is_exact(tmp_path: Path, bits: int, shape: tuple[int, ...]) -> None:
    image = (CLEAR[..., 0] if len(shape) == 2 else CLEAR[..., : shape[2]]).astype(
        "uint16" if bits > 8 else "uint8"
    )
    image = np.ascontiguousarray(image << (bits - 8) | image >> (16 - bits))
    row = one(tmp_path, "a.avif", imagecodecs.avif_encode(image, level=100, bitspersample=bits))
    assert (row["dtype"], row["shape"]) == (image.dtype.name, list(shape))
    assert np.array_equal(row["image_array"], image)
    assert json.loads(row["metadata"])["tags"]["BitsPerSample"] == bits


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_an_avif_is_as_pillow_decodes_it(tmp_path: Path, mode: str) -> None:
    content = make.avif(Image.fromarray(CLEAR).convert(mode))
    with Image.open(io.BytesIO(content)) as opened:
        expected = np.asarray(opened)
    found = one(tmp_path, "a.avif", content)["image_array"]
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_animated_avif_has_its_frames_on_an_axis(tmp_path: Path, mode: str) -> None:
    frames = [Image.fromarray(image).convert(mode) for image in (CLEAR, CLEAR[::-1], CLEAR[:, ::-1])]
    content = make.avif(frames[0], save_all=True, append_images=frames[1:], duration=[100, 200, 300])
    row = one(tmp_path, "a.avif", content)
    assert (row["axes"], row["shape"]) == ("TYXS", [3, 64, 80, len(mode)])
    assert np.array_equal(row["image_array"], imagecodecs.avif_decode(content))
    assert json.loads(row["metadata"])["frames"] == [{"DelayMs": delay} for delay in (100, 200, 300)]
    planes = rows(tmp_path / "a.avif", rows="plane")
    assert [
        np.array_equal(plane["image_array"], row["image_array"][t]) for t, plane in enumerate(planes)
    ] == [True] * 3


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_data_that_are_larger_than_the_file_says_are_refused(tmp_path: Path, kind: str, moving: bool) -> None:
    image = np.zeros((512, 512, 3), "uint8")
    content = bytearray(make.heic(image) if kind == "heic" else imagecodecs.avif_encode(image, speed=10))
    if moving and kind == "avif":  # its header is one of many frames
        content = bytearray(make.avif(image, save_all=True, append_images=[Image.fromarray(image)]))
        content[8:12] = b"avif"
    at = content.index(b"ispe") + 8
    assert struct.unpack_from(">II", content, at) == (512, 512)
    struct.pack_into(">II", content, at, 64, 64)
    (tmp_path / "a.heic").write_bytes(content)
    with pytest.raises(SourceError, match=r"as large as they are said|cannot be decoded"):
        rows(tmp_path / "a.heic")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"hvc1", b"vvc1", "of the type vvc1 is not read"),
        (b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\7", "has no image"),
        (b"ispe", b"free", "does not say its size"),
        (b"meta", b"free", "a video"),
    ],
)
def test_a_heic_that_lacks_what_an_image_needs_is_refused(
    tmp_path: Path, old: bytes, new: bytes, said: str
) -> None:
    (tmp_path / "a.heic").write_bytes(make.heic(COLOUR).replace(old, new))
    with pytest.raises(SourceError, match=said):
        scan(tmp_path / "a.heic")
