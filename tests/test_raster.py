"""PNG, JPEG, JPEG 2000, WebP and BMP files as rows of an image table."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import make_raster as make
import make_tiff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_tiff import pixels, rows, scan
from PIL import Image

from datapkg.errors import SourceError

PNG_KINDS = [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (1, 3), (2, 3), (4, 3), (8, 3)]
PNG_KINDS += [(8, 4), (16, 4), (8, 6), (16, 6)]
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def one(path: Path, **options: Any) -> dict[str, Any]:
    """The only row of a file."""
    (row,) = rows(path, **options)
    return row


def written(path: Path, content: bytes) -> Path:
    """A file of these bytes."""
    path.write_bytes(content)
    return path


def tags(row: dict[str, Any]) -> dict[str, Any]:
    """What the file says beside its pixels."""
    return dict(json.loads(row["metadata"])["tags"])


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(PNG_KINDS), height=st.integers(1, 20), width=st.integers(1, 20), laced=st.booleans()
)
def test_a_png_of_any_kind_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, kind: tuple[int, int], height: int, width: int, laced: bool
) -> None:
    depth, colour = kind
    shape = (height, width) if SAMPLES[colour] == 1 else (height, width, SAMPLES[colour])
    values = np.random.default_rng(height * width).integers(0, 1 << depth, shape)
    palette = make.chunk(b"PLTE", bytes(3 << depth)) if colour == 3 else b""
    content = make.png(values, depth, colour, palette, laced)
    row = one(written(tmp_path_factory.mktemp("png") / "a.png", content))
    expected = "uint16" if depth == 16 else "bool" if kind == (1, 0) else "uint8"
    assert (row["dtype"], row["shape"], row["axes"]) == (expected, list(shape), "YXS"[: len(shape)])
    assert np.array_equal(row["image_array"], values)


@pytest.mark.parametrize("shape", [(40, 56), (40, 56, 3), (40, 56, 4), (40, 56, 2)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_filtered_png_is_the_same(tmp_path: Path, shape: tuple[int, ...], dtype: str) -> None:
    image = pixels(shape, dtype)
    row = one(written(tmp_path / "a.png", imagecodecs.png_encode(image, level=9)))
    assert np.array_equal(row["image_array"], image) and row["dtype"] == dtype


WRITTEN = {
    "png": ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"],
    "bmp": ["1", "L", "P", "RGB", "RGBA"],
    "jpg": ["L", "RGB"],
    "jp2": ["L", "RGB", "RGBA", "LA", "I;16"],
    "webp": ["RGB", "RGBA"],
}


@pytest.mark.parametrize(("suffix", "mode"), [(s, mode) for s, modes in WRITTEN.items() for mode in modes])
def test_pixels_are_pillows_wherever_it_reads_the_file(tmp_path: Path, suffix: str, mode: str) -> None:
    image = Image.fromarray(make.smooth(samples=3)).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype("uint16") * 257)
    path = make.pillow(tmp_path / f"a.{suffix}", image)
    with Image.open(path) as opened:
        expected = np.asarray(opened)
    row = one(path)
    assert row["shape"] == list(expected.shape)
    assert np.array_equal(row["image_array"], expected)


def test_a_palette_keeps_its_indices_and_its_colour_map_as_in_tiff(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(12, dtype="uint8").reshape(3, 4))
    image.putpalette(bytes(range(36)))
    for suffix in ("png", "bmp"):
        row = one(make.pillow(tmp_path / f"a.{suffix}", image))
        assert row["image_array"].tolist() == np.arange(12).reshape(3, 4).tolist()
        colours = tags(row)["ColorMap"]
        assert [channel[:12] for channel in colours] == [list(range(c, 36, 3)) for c in range(3)]


def test_a_transparent_colour_changes_no_pixel_and_is_told(tmp_path: Path) -> None:
    values = pixels((5, 7), "uint8")
    row = one(written(tmp_path / "a.png", make.png(values, 8, 0, make.chunk(b"tRNS", b"\0\5"))))
    assert np.array_equal(row["image_array"], values) and row["axes"] == "YX"
    assert "tRNS" in tags(row)


@pytest.mark.parametrize(
    ("per_metre", "unit", "um"),
    [(4_000_000, 1, 0.25), (2835, 1, None), (4_000_000, 0, None), (0, 1, None), (100_000, 1, 10.0)],
)
def test_a_png_says_its_pixel_size_in_metres_if_it_is_a_specimens(
    tmp_path: Path, per_metre: int, unit: int, um: float | None
) -> None:
    sizes = make.chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, unit))
    row = one(written(tmp_path / "a.png", make.png(pixels((5, 7), "uint8"), 8, 0, sizes)))
    assert (row["pixel_size_x_um"], row["pixel_size_y_um"]) == (um, um)
    assert tags(row)["pHYs"] == [per_metre, per_metre, unit]


def test_texts_of_a_png_are_metadata(tmp_path: Path) -> None:
    import zlib

    texts = make.chunk(b"tEXt", b"Title\0nuclei \xb5m")
    texts += make.chunk(b"zTXt", b"Log\0\0" + zlib.compress(b"x" * 3000))
    texts += make.chunk(b"iTXt", b"Note\0\0\0de\0Notiz\0" + "Färbung".encode())
    texts += make.chunk(b"tEXt", b"Note\0again")
    texts += make.chunk(b"zTXt", b"Bomb\0\0" + zlib.compress(bytes(10_000_000)))
    row = one(written(tmp_path / "a.png", make.png(pixels((5, 7), "uint8"), 8, 0, texts)))
    found = tags(row)["Text"]
    assert (found["Title"], found["Log"]) == ("nuclei µm", "x" * 3000)
    assert sorted(found["Note"]) == ["Färbung", "again"]
    assert "left_out" in found["Bomb"]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_is_told_and_the_orientation_not_applied(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "well C6"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    image = make.smooth(samples=3)
    row = one(make.pillow(tmp_path / f"a.{suffix}", image, exif=exif))
    assert row["shape"] == list(image.shape)
    metadata = json.loads(row["metadata"])
    assert metadata["orientation"] == 6
    assert metadata["tags"]["Exif"]["ImageDescription"] == "well C6"
    assert metadata["tags"]["Exif"]["ExifTag"]["DateTimeOriginal"] == "2024:05:06 07:08:09"


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize(
    "how", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 4}], ids=str
)
def test_a_jpeg_is_as_libjpeg_turbo_decodes_it(tmp_path: Path, samples: int, how: dict[str, Any]) -> None:
    path = make.pillow(tmp_path / "a.jpg", make.smooth(samples=samples), **how)
    row = one(path)
    assert np.array_equal(row["image_array"], imagecodecs.jpeg8_decode(path.read_bytes()))
    assert tags(row)["Process"] == ("progressive" if how.get("progressive") else "baseline")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("shape", [(40, 56), (40, 56, 3)])
@pytest.mark.parametrize("codec", ["jp2", "j2k"])
def test_jpeg_2000_is_exact(tmp_path: Path, dtype: str, shape: tuple[int, ...], codec: str) -> None:
    image = pixels(shape, "int16").astype(dtype) - (100 if dtype.startswith("i") else 0)
    image = image.astype(dtype)
    content = imagecodecs.jpeg2k_encode(image, codecformat=codec, reversible=True, level=0)
    row = one(written(tmp_path / f"a.{codec}", content))
    assert row["dtype"] == dtype and np.array_equal(row["image_array"], image)


def test_twelve_bits_of_jpeg_2000_come_as_uint16(tmp_path: Path) -> None:
    image = pixels((20, 30)) * 20
    content = imagecodecs.jpeg2k_encode(image, bitspersample=12, reversible=True, level=0)
    row = one(written(tmp_path / "a.jp2", content))
    assert np.array_equal(row["image_array"], image)
    assert tags(row)["BitsPerSample"] == [12]


def test_a_grey_bmp_is_grey_and_four_bits_are_indices(tmp_path: Path) -> None:
    image = pixels((5, 7), "uint8")
    row = one(make.pillow(tmp_path / "a.bmp", image))
    assert np.array_equal(row["image_array"], image) and "ColorMap" not in tags(row)
    content = make.bmp(bytes([0x12, 0x30, 0, 0, 0x45, 0x60, 0, 0]), 3, 2, 4, bytes(range(64)))
    row = one(written(tmp_path / "b.bmp", content))
    assert row["image_array"].tolist() == [[4, 5, 6], [1, 2, 3]]


@pytest.mark.parametrize("bits", [8, 4])
def test_a_run_length_coded_bmp_is_as_pillow_reads_it(tmp_path: Path, bits: int) -> None:
    values = pixels((9, 7), "uint8") & ((1 << bits) - 1)
    path = written(tmp_path / "a.bmp", make.bmp_runs(values, bits, bytes(range(256)) * 4))
    row = one(path)
    assert np.array_equal(row["image_array"], values)
    with Image.open(path) as opened:
        assert np.array_equal(np.asarray(opened), values)
    assert tags(row)["Compression"] == f"RLE{bits}"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(SourceError, match="cut off"):
        one(path)


def test_a_palette_of_jpeg_2000_keeps_its_indices(tmp_path: Path) -> None:
    values, colours = pixels((5, 7), "uint8") % 4, [(1, 2, 3), (40, 50, 60), (7, 8, 9), (255, 0, 128)]
    content = imagecodecs.jpeg2k_encode(values, reversible=True, level=0)
    path = written(tmp_path / "a.jp2", make.with_palette(content, colours))
    row = one(path)
    assert np.array_equal(row["image_array"], values)
    assert tags(row)["ColorMap"] == [list(channel) for channel in zip(*colours, strict=True)]
    assert np.array_equal(imagecodecs.jpeg2k_decode(path.read_bytes()), np.array(colours)[values])


@pytest.mark.parametrize("samples", [3, 4])
def test_qoi_is_exact(tmp_path: Path, samples: int) -> None:
    image = pixels((20, 30, samples), "uint8")
    row = one(written(tmp_path / "a.qoi", imagecodecs.qoi_encode(image)))
    assert np.array_equal(row["image_array"], image)


def test_an_image_stands_at_the_files_only_place(tmp_path: Path) -> None:
    path = make.pillow(tmp_path / "a.png", pixels((5, 7), "uint8"))
    whole, plane = one(path), one(path, rows="plane")
    assert [whole[name] for name in ("series", "page", "size_x", "size_y", "size_c")] == [0, 0, 7, 5, 1]
    assert [plane[name] for name in ("series", "page", "t", "c", "z")] == [0] * 5
    assert whole["image_bytes"] == path.read_bytes()
    assert whole["image_digest"] == plane["image_digest"]


def test_formats_make_one_table_together(tmp_path: Path) -> None:
    image = pixels((5, 7), "uint16")
    files = [make_tiff.tiff(tmp_path / "a.tif", image), make.pillow(tmp_path / "b.png", image)]
    one, other = rows(*files)
    assert one["image_digest"] == other["image_digest"]
    assert list(one) == list(other)


def test_the_limit_holds_before_anything_is_decoded(tmp_path: Path) -> None:
    image = make.smooth(64, 64, 3)
    files = [make.pillow(tmp_path / f"a.{suffix}", image) for suffix in ("png", "jpg", "jp2", "webp", "bmp")]
    files += [
        written(tmp_path / "a.jxl", imagecodecs.jpegxl_encode(image, lossless=True)),
        written(tmp_path / "a.qoi", imagecodecs.qoi_encode(image)),
        written(tmp_path / "a.jls", imagecodecs.jpegls_encode(image)),
        make.pillow(tmp_path / "a.ppm", image),
    ]
    for path in files:
        scan(path, max_image_bytes=image.nbytes)
        with pytest.raises(SourceError, match=r"takes 12\.3 kB, more than the limit of 12\.3 kB") as caught:
            scan(path, max_image_bytes=image.nbytes - 1)
        assert "--max-image-bytes" in caught.value.fix
