"""GIF, animated PNG, WebP and JPEG XL: frames as they are shown, in values as they are stored."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import imagecodecs
import make_raster as make
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_tiff import pixels, rows, scan
from numpy.typing import NDArray
from PIL import Image
from test_raster import one, tags, written

from datapkg.errors import SourceError
from datapkg.sources.raster.canvas import blend


def colours(row: dict[str, Any]) -> NDArray[Any]:
    """What a viewer shows of a GIF, as red, green, blue and opacity."""
    image, said = row["image_array"], tags(row)
    if "ColorMap" in said:
        shown = np.array(said["ColorMap"], "u1").T[image]
        image = np.where(image == said.get("TransparentIndex", -1), 0, 255)[..., np.newaxis]
        return np.concatenate([shown, image.astype("u1")], axis=-1)
    if image.shape[-1] == 3:
        return np.concatenate([image, np.full((*image.shape[:-1], 1), 255, "u1")], axis=-1)
    return image


def pillows(content: bytes) -> NDArray[Any]:
    """What Pillow shows of an animation."""
    with Image.open(io.BytesIO(content)) as opened:
        frames = []
        for number in range(getattr(opened, "n_frames", 1)):
            opened.seek(number)
            frames.append(np.asarray(opened.convert("RGBA")))
    return np.stack(frames) if len(frames) > 1 else frames[0]


def assert_seen_alike(found: NDArray[Any], expected: NDArray[Any]) -> None:
    assert np.array_equal(found[..., 3], expected[..., 3])
    seen = expected[..., 3] > 0
    assert np.array_equal(found[seen], expected[seen])


@st.composite
def changing(draw: st.DrawFn) -> tuple[list[Image.Image], dict[str, Any]]:
    """Frames of which each changes a part of the one before, with palettes of their own or in common."""
    seed, count = draw(st.integers(0, 1 << 30)), draw(st.integers(1, 4))
    random = np.random.default_rng(seed)
    size, entries = random.integers(3, 30, 2), int(draw(st.sampled_from([2, 4, 16, 200])))
    palettes = [random.integers(0, 255, 768, dtype="u1").tobytes() for _ in range(2)]
    one_palette = draw(st.booleans())
    frames, indices = [], random.integers(0, entries, size)
    for _ in range(count):
        y, x = random.integers(0, size)
        indices = indices.copy()
        indices[y : y + 5, x : x + 5] = random.integers(0, entries)
        frames.append(make.indexed(indices, palettes[0 if one_palette else int(random.integers(2))]))
    how: dict[str, Any] = {"disposal": draw(st.sampled_from([0, 1, 2]))}
    if draw(st.booleans()):
        how["transparency"] = 0
    return frames, how | {"interlace": draw(st.integers(0, 1)), "optimize": False}


@settings(max_examples=80, deadline=None)
@given(made=changing())
def test_a_gif_shows_what_pillow_shows(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[list[Image.Image], dict[str, Any]]
) -> None:
    frames, how = made
    content = make.animation("gif", frames, **how)
    row = one(written(tmp_path_factory.mktemp("gif") / "a.gif", content))
    assert_seen_alike(colours(row), pillows(content))


def test_a_gif_of_one_image_keeps_its_indices_and_colours(tmp_path: Path) -> None:
    indices = pixels((5, 7), "uint8")
    path = make.pillow(tmp_path / "a.gif", make.indexed(indices, bytes(range(256)) * 3), optimize=False)
    row = one(path)
    assert np.array_equal(row["image_array"], indices)
    assert (row["axes"], row["size_t"]) == ("YX", 1)
    assert tags(row)["ColorMap"][1][:2] == [1, 4]


def test_frames_with_one_palette_are_a_stack_of_indices(tmp_path: Path) -> None:
    first, second = np.full((4, 6), 1), np.full((2, 2), 3)
    path = written(tmp_path / "a.gif", make.gif((6, 4), [(0, 0, first), (1, 2, second)]))
    row = one(path)
    assert (row["shape"], row["axes"], row["size_t"], row["dtype"]) == ([2, 4, 6], "TYX", 2, "uint8")
    expected = np.stack([first, first])
    expected[1, 2:4, 1:3] = 3
    assert np.array_equal(row["image_array"], expected)
    assert json.loads(row["metadata"])["frames"] == [{"DelayMs": 70}] * 2
    planes = rows(path, rows="plane")
    assert [(p["series"], p["page"], p["t"], p["shape"]) for p in planes] == [
        (0, 0, 0, [4, 6]),
        (0, 1, 1, [4, 6]),
    ]
    assert np.array_equal(planes[1]["image_array"], expected[1])
    assert json.loads(planes[1]["metadata"])["frame"] == {"DelayMs": 70}


def test_a_clear_index_shows_what_was_there(tmp_path: Path) -> None:
    first, second = np.array([[1, 2], [3, 0]]), np.array([[0, 1], [1, 0]])
    row = one(written(tmp_path / "a.gif", make.gif((2, 2), [(0, 0, first), (0, 0, second)], clear=0)))
    assert row["image_array"][1].tolist() == [[1, 1], [1, 0]]
    assert tags(row)["TransparentIndex"] == 0


def test_frames_that_leave_the_canvas_empty_or_differ_in_colours_are_colours(tmp_path: Path) -> None:
    small, palette = np.full((2, 2), 1), bytes(range(12))
    row = one(written(tmp_path / "a.gif", make.gif((3, 2), [(0, 0, small)])))
    assert row["shape"] == [2, 3, 4] and row["image_array"][0].tolist() == [[3, 4, 5, 255]] * 2 + [[0] * 4]
    frames, own = [(0, 0, small), (0, 0, small)], [palette, palette[::-1]]
    row = one(written(tmp_path / "b.gif", make.gif((2, 2), frames, own=own)))
    assert (row["shape"], row["axes"]) == ([2, 2, 2, 3], "TYXS")
    assert row["image_array"][:, 0, 0].tolist() == [[3, 4, 5], [8, 7, 6]]


@pytest.mark.parametrize("old", [b"\x02\x00\x02\x00\x81", b",\x00\x00\x00\x00\x02"])
def test_a_frame_outside_of_the_canvas_is_refused(tmp_path: Path, old: bytes) -> None:
    content = make.gif((2, 2), [(0, 0, np.full((2, 2), 1))])
    new = old.replace(b"\x02", b"\x01", 1) if old[0] == 2 else b",\x01" + old[2:]
    with pytest.raises(SourceError, match="frame of the GIF makes no sense"):
        scan(written(tmp_path / "a.gif", content.replace(old, new)))


APNG_MODES = ["1", "L", "P", "RGB", "RGBA", "LA"]


@pytest.mark.parametrize("mode", APNG_MODES)
@pytest.mark.parametrize("undone", [0, 2])
def test_an_animated_png_is_as_pillow_shows_it(tmp_path: Path, mode: str, undone: int) -> None:
    random = np.random.default_rng(undone)
    base, frames = random.integers(0, 255, (12, 17, 4), dtype="u1"), []
    for _ in range(3):
        base = base.copy()
        base[2:8, 3:11] = random.integers(0, 255, (6, 8, 4))
        palette = make.indexed(base[:, :, 0], bytes(range(256)) * 3)
        frames.append(palette if mode == "P" else Image.fromarray(base).convert(mode))
    content = make.animation("png", frames, duration=[100, 200, 300], disposal=[0, undone, 0], blend=0)
    row = one(written(tmp_path / "a.png", content))
    expected = np.stack([np.asarray(frame) for frame in frames])
    assert (row["dtype"], row["axes"][0], row["size_t"]) == (expected.dtype.name, "T", 3)
    assert np.array_equal(row["image_array"], expected)
    assert [frame["DelayMs"] for frame in json.loads(row["metadata"])["frames"]] == [100, 200, 300]


@pytest.mark.parametrize("shape", [(3, 12, 17), (3, 12, 17, 3), (3, 12, 17, 4)])
def test_an_animated_png_of_16_bits_is_exact(tmp_path: Path, shape: tuple[int, ...]) -> None:
    image = pixels(shape, "uint16") * 300
    content = imagecodecs.apng_encode(image, photometric="gray" if len(shape) == 3 else None)
    assert np.array_equal(one(written(tmp_path / "a.png", content))["image_array"], image)


def test_a_still_image_that_is_no_frame_is_an_image_of_its_own(tmp_path: Path) -> None:
    images = [pixels((9, 8), "uint8", seed) for seed in range(3)]
    path = written(tmp_path / "a.png", make.animation("png", images, default_image=True, duration=50))
    still, moving = rows(path)
    assert np.array_equal(still["image_array"], images[0])
    assert np.array_equal(moving["image_array"], np.stack(images[1:]))
    assert [(r["series"], r["page"]) for r in (still, moving)] == [(0, 0), (1, 1)]
    assert [(r["series"], r["page"]) for r in rows(path, rows="plane")] == [(0, 0), (1, 1), (1, 2)]


def test_pixels_over_others_are_mixed_as_their_opacity_says() -> None:
    random = np.random.default_rng(0)
    below, above = random.integers(0, 256, (2, 50, 50, 4)).astype("uint8")
    above[:10, :, 3], above[10:20, :, 3], below[20:30, :, 3] = 0, 255, 255
    mixed = blend(below, above)
    assert np.array_equal(mixed[:10], below[:10]) and np.array_equal(mixed[10:20], above[10:20])
    a, b = above[..., 3:] / 255, below[..., 3:] / 255
    opacity = a + b * (1 - a)
    expected = (above[..., :3] * a + below[..., :3] * b * (1 - a)) / np.where(opacity == 0, 1, opacity)
    seen = mixed[..., 3] > 0
    assert np.abs(mixed[..., :3][seen] - expected[seen]).max() <= 1
    assert np.abs(mixed[..., 3:] - opacity * 255).max() <= 1


def test_a_frame_laid_over_a_clear_colour_keeps_what_is_below(tmp_path: Path) -> None:
    first, second = np.array([[10, 20], [30, 40]], "u1"), np.array([[7, 50], [60, 7]], "u1")
    content = make.apng(first, second, over=True, extra=make.chunk(b"tRNS", b"\0\7"))
    row = one(written(tmp_path / "a.png", content))
    assert row["image_array"][1].tolist() == [[10, 50], [60, 40]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": 3}, "says that it has 3 frames"),
        ({"sequence": 5}, "not in order"),
        ({"x": 1}, "makes no sense"),
    ],
)
def test_an_animated_png_that_lacks_frames_is_refused(
    tmp_path: Path, change: dict[str, int], said: str
) -> None:
    image = pixels((4, 4), "uint8")
    with pytest.raises(SourceError, match=said):
        scan(written(tmp_path / "a.png", make.apng(image, image, **change)))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_animated_webp_has_all_its_frames(tmp_path: Path, mode: str) -> None:
    images = [Image.fromarray(pixels((20, 30, 3), "uint8", seed)).convert(mode) for seed in range(3)]
    if mode == "RGBA":
        images[1].putalpha(7)
    content = make.animation("webp", images, lossless=True, exact=True, duration=[40, 50, 60])
    row = one(written(tmp_path / "a.webp", content))
    assert row["axes"] == "TYXS"
    assert np.array_equal(row["image_array"], np.stack([np.asarray(image) for image in images]))
    assert [frame["DelayMs"] for frame in json.loads(row["metadata"])["frames"]] == [40, 50, 60]


def test_no_other_limit_than_ours_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    path = written(tmp_path / "a.webp", MOVING["webp"])
    assert len(rows(path, rows="plane")) == 3


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32"])
@pytest.mark.parametrize("shape", [(20, 30), (300, 17), (64, 128), (20, 30, 2), (20, 30, 3), (48, 64, 4)])
@pytest.mark.parametrize("boxed", [False, True])
def test_jpeg_xl_is_exact(tmp_path: Path, dtype: str, shape: tuple[int, ...], boxed: bool) -> None:
    image = pixels(shape, dtype)
    content = imagecodecs.jpegxl_encode(image, lossless=True, usecontainer=boxed)
    row = one(written(tmp_path / "a.jxl", content))
    assert (row["dtype"], row["shape"]) == (dtype, list(shape))
    assert np.array_equal(row["image_array"], image)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 300), width=st.integers(1, 600), bits=st.integers(1, 16))
def test_the_header_of_a_jpeg_xl_of_any_size_and_depth_is_understood(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, bits: int
) -> None:
    image = np.zeros((height, width), "uint8" if bits <= 8 else "uint16")
    image[-1, -1] = (1 << bits) - 1
    content = imagecodecs.jpegxl_encode(image, lossless=True, bitspersample=bits, effort=1)
    row = one(written(tmp_path_factory.mktemp("jxl") / "a.jxl", content))
    assert np.array_equal(row["image_array"], image) and tags(row)["BitsPerSample"] == bits


@pytest.mark.parametrize("count", [2, 3, 5, 16])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
def test_the_frames_of_a_jpeg_xl_are_counted(tmp_path: Path, count: int, shape: tuple[int, ...]) -> None:
    image = pixels((count, *shape), "uint8")
    image[-1] = 1  # what the frames are told apart from
    colour = None if len(shape) == 3 else "gray"
    path = written(tmp_path / "a.jxl", imagecodecs.jpegxl_encode(image, lossless=True, photometric=colour))
    row = one(path)
    assert row["size_t"] == count and np.array_equal(row["image_array"], image)
    planes = rows(path, rows="plane")
    assert [plane["t"] for plane in planes] == list(range(count))
    assert np.array_equal(planes[-1]["image_array"], image[-1])


def test_a_jpeg_in_a_jpeg_xl_is_what_its_library_shows(tmp_path: Path) -> None:
    jpeg = make.pillow_bytes(make.smooth(samples=3), "jpeg", quality=95, subsampling=0)
    content = imagecodecs.jpegxl_encode_jpeg(jpeg, usecontainer=True)
    row = one(written(tmp_path / "a.jxl", content))
    near = imagecodecs.jpeg8_decode(jpeg).astype(int)
    assert np.abs(row["image_array"] - near).mean() < 2  # JPEG XL does not round between its steps


MOVING = {
    "gif": make.animation("gif", [pixels((20, 30, 3), "uint8", seed) for seed in range(3)]),
    "png": make.animation("png", [pixels((20, 30), "uint8", seed) for seed in range(3)]),
    "webp": make.animation("webp", [pixels((20, 30, 3), "uint8", seed) for seed in range(3)]),
    "jxl": imagecodecs.jpegxl_encode(pixels((3, 20, 30, 3), "uint8"), lossless=True),
}


@pytest.mark.parametrize("kind", MOVING)
def test_the_limit_is_that_of_all_frames_or_of_one(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / f"a.{kind}", MOVING[kind])
    size = one(path)["image_array"].nbytes
    with pytest.raises(SourceError, match="more than the limit") as caught:
        scan(path, max_image_bytes=size - 1)
    assert "rows: plane" in caught.value.fix
    scan(path, max_image_bytes=size // 3, rows="plane")
    with pytest.raises(SourceError, match="more than the limit"):
        scan(path, max_image_bytes=size // 3 - 1, rows="plane")
