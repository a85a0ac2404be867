"""JPEG XR, OpenEXR and Radiance files as rows of an image table."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import make_photographs as make
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_raster import smooth
from make_tiff import pixels, rows, scan

from datapkg.errors import SourceError

COLOUR = smooth(64, 80, 3)
NUMBERS = np.random.default_rng(5)


def one(tmp_path: Path, name: str, content: bytes, **options: Any) -> dict[str, Any]:
    """The only row of a file."""
    (tmp_path / name).write_bytes(content)
    (row,) = rows(tmp_path / name, **options)
    return row


def tags(row: dict[str, Any]) -> dict[str, Any]:
    """What the file says beside its pixels."""
    return dict(json.loads(row["metadata"])["tags"])


JXR_KINDS = [
    (dtype, n) for dtype in ("uint8", "uint16") for n in (1, 3, 4, 5, 8) if (dtype, n) != ("uint16", 8)
]
JXR_KINDS += [(dtype, n) for dtype in ("float16", "float32") for n in (1, 3, 4)] + [("bool", 1)]


@pytest.mark.parametrize(("dtype", "samples"), JXR_KINDS)
def test_a_jpeg_xr_is_exact(tmp_path: Path, dtype: str, samples: int) -> None:
    image = smooth(40, 56)[..., np.newaxis].astype("uint16") + np.arange(samples, dtype="uint16")
    image = image > 120 if dtype == "bool" else (image * (257 if dtype == "uint16" else 1)).astype(dtype)
    image = image[..., 0] if samples == 1 else image
    row = one(tmp_path, "a.jxr", make.jpegxr(image))
    assert (row["dtype"], row["shape"]) == (dtype, list(image.shape))
    assert np.array_equal(row["image_array"], image)


def test_red_is_red_whichever_end_a_jpeg_xr_says_it_is_at(tmp_path: Path) -> None:
    content = make.jpegxr(COLOUR)
    at = struct.unpack_from("<I", content, make.jpegxr_entry(content, 0xBC01) + 8)[0] + 15
    assert content[at] == 0x0D
    row = one(tmp_path, "a.wdp", content[:at] + b"\x0c" + content[at + 1 :])
    assert np.array_equal(row["image_array"], COLOUR) and tags(row)["PixelFormat"] == "24bppBGR"


@pytest.mark.parametrize(("turn", "orientation"), [*enumerate([1, 4, 2, 3, 6, 7, 5, 8])])
def test_a_jpeg_xr_is_not_turned_and_its_orientation_told(
    tmp_path: Path, turn: int, orientation: int
) -> None:
    row = one(tmp_path, "a.jxr", make.jpegxr_with(make.jpegxr(COLOUR), 0xBC02, turn))
    assert np.array_equal(row["image_array"], COLOUR)
    assert json.loads(row["metadata"]).get("orientation", 1) == orientation


@pytest.mark.parametrize(("dpi", "um"), [(96, None), (25400, 1.0)])
def test_a_jpeg_xr_says_a_specimens_pixel_size(tmp_path: Path, dpi: float, um: float | None) -> None:
    content = make.jpegxr(COLOUR)
    for code in (0xBC82, 0xBC83):
        (value,) = struct.unpack("<I", struct.pack("<f", dpi))
        content = make.jpegxr_with(content, code, value)
    assert one(tmp_path, "a.jxr", content)["pixel_size_x_um"] == um


@pytest.mark.parametrize(
    "image", [COLOUR, COLOUR[..., 0], COLOUR.astype("float32")], ids=lambda i: str(i.dtype)
)
def test_a_jpeg_xr_that_was_closed_too_early_is_refused_and_not_grey(tmp_path: Path, image: Any) -> None:
    content = make.jpegxr(image)
    for lost in [*range(8, 80, 9), *range(100, len(content) - 400, len(content) // 30)]:
        (tmp_path / "a.jxr").write_bytes(make.jpegxr_closed(content, lost))
        with pytest.raises(SourceError, match="cannot be decoded"):
            rows(tmp_path / "a.jxr")


@pytest.mark.parametrize(
    ("code", "value", "said"),
    [(0xBC80, 81, "own header says otherwise"), (0xBCC1, 1 << 20, "cut off"), (0xBCC1, 0, "cut off")],
)
def test_a_jpeg_xr_that_makes_no_sense_is_refused(tmp_path: Path, code: int, value: int, said: str) -> None:
    (tmp_path / "a.jxr").write_bytes(make.jpegxr_with(make.jpegxr(COLOUR), code, value))
    with pytest.raises(SourceError, match=said):
        scan(tmp_path / "a.jxr")


def test_a_jpeg_xr_of_another_pixel_format_is_refused_by_its_number(tmp_path: Path) -> None:
    content = make.jpegxr(pixels((40, 56, 8), "uint16"))  # jxrlib spoils blocks of more than four kilobytes
    (tmp_path / "a.jxr").write_bytes(content)
    with pytest.raises(SourceError, match="pixel format 24c3dd6f034efe4bb1853d77768dc92b is not read"):
        scan(tmp_path / "a.jxr")


LOSSLESS = ["NO", "RLE", "ZIPS", "ZIP", "PIZ", "HTJ2K256", "HTJ2K32", "ZSTD"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint32"])
@pytest.mark.parametrize("packing", LOSSLESS)
def test_an_exr_is_exact(tmp_path: Path, packing: str, dtype: str) -> None:
    image = (pixels((67, 45, 3), "uint16") * 3).astype(dtype)
    grey = one(tmp_path, "a.exr", make.exr({"Y": np.ascontiguousarray(image[..., 0])}, packing))
    assert (grey["dtype"], grey["axes"]) == (dtype, "YX")
    assert np.array_equal(grey["image_array"], image[..., 0])
    channels = {name: np.ascontiguousarray(image[..., i]) for i, name in enumerate("RGB")}
    colour = one(tmp_path, "b.exr", make.exr(channels, packing))
    assert (colour["dtype"], colour["axes"]) == (dtype, "YXS")
    assert np.array_equal(colour["image_array"], image)


@pytest.mark.parametrize("packing", ["PXR24", "B44", "B44A", "DWAA", "DWAB", "LJ2K"])
def test_an_exr_packed_with_loss_is_near_what_was_packed(tmp_path: Path, packing: str) -> None:
    image = (smooth(300, 80).astype("float16") / 255).astype("float16")
    row = one(tmp_path, "a.exr", make.exr({"Y": image}, packing))
    assert row["dtype"] == "float16" and np.abs(row["image_array"] - image).max() < 0.02


def test_planes_of_an_exr_are_channels_under_their_names(tmp_path: Path) -> None:
    planes = {
        name: pixels((9, 7), "uint16").astype("float32") + i
        for i, name in enumerate(["488 nm", "dapi.R", "Z"])
    }
    row = one(tmp_path, "a.exr", make.exr(planes))
    assert (row["axes"], row["size_c"], row["channel_names"]) == ("CYX", 3, ["488 nm", "Z", "dapi.R"])
    for number, name in enumerate(row["channel_names"]):
        assert np.array_equal(row["image_array"][number], planes[name])


def test_transparency_of_an_exr_is_its_fourth_sample(tmp_path: Path) -> None:
    planes = {name: np.full((4, 5), i, "float16") for i, name in enumerate("RGBA")}
    row = one(tmp_path, "a.exr", make.exr(planes))
    assert row["axes"] == "YXS" and row["image_array"][0, 0].tolist() == [0, 1, 2, 3]


def test_channels_of_an_exr_of_different_types_are_stored_exactly(tmp_path: Path) -> None:
    planes = {"A": np.full((4, 5), 0.1, "float16"), "Z": np.full((4, 5), 0.1, "float32")}
    row = one(tmp_path, "a.exr", make.exr(planes))
    assert row["dtype"] == "float32" and row["image_array"][:, 0, 0].tolist() == [
        np.float16(0.1),
        np.float32(0.1),
    ]
    assert tags(row)["channels"] == {"A": "float16", "Z": "float32"}
    planes["id"] = np.full((4, 5), 4_000_000_001, "uint32")
    row = one(tmp_path, "b.exr", make.exr(planes))
    assert row["dtype"] == "float64" and row["image_array"][2, 0, 0] == 4_000_000_001


def test_nan_and_infinity_of_an_exr_stay(tmp_path: Path) -> None:
    image = np.array([[np.nan, np.inf], [-np.inf, -0.0]], "float32")
    assert one(tmp_path, "a.exr", make.exr({"Y": image}))["image_array"].tobytes() == image.tobytes()


def test_what_an_exr_says_is_metadata(tmp_path: Path) -> None:
    told = {"comments": "well C6 µm", "xDensity": 25400.0, "exposure": 0.5}
    row = one(tmp_path, "a.exr", make.exr({"Y": np.zeros((4, 5), "float16")}, **told))
    assert tags(row).items() >= {"comments": "well C6 µm", "exposure": 0.5, "compression": "ZIP"}.items()
    assert (row["pixel_size_x_um"], row["pixel_size_y_um"]) == (1.0, 1.0)


@pytest.mark.parametrize(("flag", "said"), [(2, "tiles"), (8, "deep"), (16, "several parts")])
def test_an_exr_of_a_kind_that_is_not_read_is_told_by_name(tmp_path: Path, flag: int, said: str) -> None:
    content = bytearray(make.exr({"Y": np.zeros((4, 5), "float16")}))
    content[5] |= flag
    (tmp_path / "a.exr").write_bytes(content)
    with pytest.raises(SourceError, match=said):
        scan(tmp_path / "a.exr")


def test_an_exr_that_lacks_a_chunk_is_refused(tmp_path: Path) -> None:
    content = bytearray(make.exr({"Y": np.ones((64, 5), "float16")}))
    table = next(at for at in range(len(content)) if struct.unpack_from("<Q", content, at) == (at + 4 * 8,))
    content[table + 8 : table + 16] = bytes(8)  # what a writer that was stopped leaves
    (tmp_path / "a.exr").write_bytes(content)
    with pytest.raises(SourceError, match="lacks its lines from 16 on"):
        scan(tmp_path / "a.exr")


@settings(max_examples=40, deadline=None)
@given(shape=st.tuples(st.integers(1, 9), st.integers(1, 12)), seed=st.integers(0, 99))
def test_radiance_values_are_numbers_times_powers_of_two(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, int], seed: int
) -> None:
    stored = np.random.default_rng(seed).integers(2, 256, (*shape, 4), "uint8")
    stored[0, 0, 3] = 0
    expected = [
        [[m * 2.0 ** (e - 136) if e else 0.0 for m in rgb] for *rgb, e in line] for line in stored.tolist()
    ]
    row = one(tmp_path_factory.mktemp("hdr"), "a.hdr", make.radiance(stored))
    assert row["dtype"] == "float32" and row["image_array"].tolist() == expected
    if shape[1] >= 8:
        row = one(tmp_path_factory.mktemp("hdr"), "a.hdr", make.in_runs(stored))
        assert row["image_array"].tolist() == expected


def test_a_radiance_image_is_as_imagecodecs_reads_it(tmp_path: Path) -> None:
    image = COLOUR.astype("float32") / 7
    content = bytes(imagecodecs.rgbe_encode(image))
    row = one(tmp_path, "a.hdr", content)
    assert np.array_equal(row["image_array"], imagecodecs.rgbe_decode(content))
    assert np.abs(row["image_array"] - image).max() < 0.3


ORDERS = ["-Y {0} +X {1}", "-Y {0} -X {1}", "+Y {0} -X {1}", "+Y {0} +X {1}"]
ORDERS += ["-X {0} +Y {1}", "-X {0} -Y {1}", "+X {0} -Y {1}", "+X {0} +Y {1}"]


@pytest.mark.parametrize("order", ORDERS)
def test_lines_of_a_radiance_image_stay_in_their_order(tmp_path: Path, order: str) -> None:
    from PIL import Image, ImageOps

    stored = np.full((2, 3, 4), 136, "uint8")
    stored[..., 0] = np.arange(10, 16).reshape(2, 3)
    row = one(tmp_path, "a.hdr", make.radiance(stored, order))
    assert np.array_equal(row["image_array"], stored[..., :3])
    image = Image.fromarray(row["image_array"][..., 0].astype("uint8"))
    image.getexif()[0x0112] = json.loads(row["metadata"]).get("orientation", 1)
    shown = np.asarray(ImageOps.exif_transpose(image))
    first, _, second, _ = order.split()  # lines first; -Y begins at the top, +X at the left
    by_rows = first[1] == "Y"
    expected, down, right = (stored, first, second) if by_rows else (stored.swapaxes(0, 1), second, first)
    expected = expected[:: 1 if down[0] == "-" else -1, :: 1 if right[0] == "+" else -1, 0]
    assert np.array_equal(shown, expected)


def test_what_a_radiance_image_says_is_metadata(tmp_path: Path) -> None:
    lines = "rad -ab 2\nEXPOSURE=2.0\nEXPOSURE=0.5\nPIXASPECT=1.5\n"
    row = one(tmp_path, "a.hdr", make.radiance(np.full((3, 4, 4), 130, "uint8"), lines=lines))
    assert tags(row)["EXPOSURE"] == ["2.0", "0.5"] and tags(row)["Comment"] == ["rad -ab 2"]
    assert row["image_array"].max() == 130 / 64  # what was exposed is not taken back


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (make.radiance(np.full((3, 4, 4), 9, "uint8"))[:-1], "cut off"),
        (make.in_runs(np.full((9, 9, 4), 9, "uint8"))[:-1], "cannot be decoded"),
        (make.radiance(np.array([[[9, 9, 9, 9], [1, 1, 1, 3]]], "uint8")), "coded in an old way"),
        (make.radiance(np.full((3, 4, 4), 9, "uint8"), "-Y {} +Y {}"), "makes no sense"),
        (make.radiance(np.full((3, 4, 4), 9, "uint8")).replace(b"rgbe", b"luvs"), "form 32-bit_rle_luvs"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 3", "cut off"),
    ],
)
def test_a_radiance_image_that_is_not_whole_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.hdr").write_bytes(content)
    with pytest.raises(SourceError, match=said):
        rows(tmp_path / "a.hdr")
