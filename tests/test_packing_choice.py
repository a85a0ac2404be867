"""Which encoding an image gets, and that differences lose nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from numpy.typing import NDArray

from datapkg.packing.choice import Encoding, candidates, compressed, differences, smallest, undifferenced
from datapkg.packing.codecs import NARROW, PCODEC, RAW, ZSTD

INTEGERS = [f"<{kind}{width}" for kind in "ui" for width in (1, 2, 4, 8)]


@pytest.mark.parametrize("length", [374, 1344])
def test_differences_of_rows_are_undone_in_large_images_too(length: int) -> None:
    values = np.random.default_rng(length).integers(0, 256, 3000 * length, "u1")
    for part in (values, values[: 300 * length], values[:length]):  # larger than the cache, smaller, one row
        assert (undifferenced(differences(part, length), length) == part).all()


@given(st.sampled_from(INTEGERS), st.integers(1, 9), st.integers(1, 9), st.data())
def test_differences_lose_nothing(dtype: str, rows: int, step: int, data: st.DataObject) -> None:
    values: NDArray[Any] = data.draw(hn.arrays(dtype, rows * step))
    assert undifferenced(differences(values, step), step).view(dtype).tobytes() == values.tobytes()


def test_differences_are_of_the_value_a_step_before_modulo_the_width() -> None:
    assert differences(np.array([250, 10, 3, 0, 3, 255], "<u1"), 2).tolist() == [-6, 10, 9, -10, 0, -1]


def noise(shape: tuple[int, ...], dtype: str, spread: float) -> NDArray[Any]:
    return np.random.default_rng(3).normal(100, spread, shape).clip(0, 255).astype(dtype)


def wide(shape: tuple[int, ...]) -> NDArray[Any]:
    """Noise that takes more than 8 bits."""
    return np.random.default_rng(3).normal(3000, 300, shape).astype("<u2")


def ramp(shape: tuple[int, ...], spread: float = 1) -> NDArray[Any]:
    """A smooth image with a little noise, as a photograph has."""
    y, x = np.indices(shape[:2])
    image = 120 + 60 * np.sin(x / 40) + 50 * np.cos(y / 30)
    image = image[..., None] + np.arange(shape[2]) * 20 if len(shape) == 3 else image
    return (image + np.random.default_rng(3).normal(0, spread, shape)).clip(0, 255).astype("u1")


@pytest.mark.parametrize(
    ("image", "encoding"),
    [
        (np.full((300, 400), 7, "<u2"), Encoding(NARROW)),
        (np.full((300, 400), 7, "<f4"), Encoding(ZSTD)),
        (noise((300, 400), "<u2", 9), Encoding(NARROW)),
        (wide((300, 400)), Encoding(PCODEC)),
        (wide((30, 40)), Encoding(PCODEC)),
        (ramp((300, 400), 4).astype("<u2") * 257, Encoding(NARROW, 1)),
        (ramp((300, 400, 3), 4).astype("<i4") * 9 - 4000, Encoding(NARROW, 3)),
        (noise((300, 400), "<f4", 9), Encoding(PCODEC)),
        (ramp((300, 400, 3)), Encoding(ZSTD, 3)),
        (np.random.default_rng(1).integers(0, 256, (300, 400), "u1"), Encoding(RAW)),
        (np.zeros((1, 1), "u1"), Encoding(RAW)),
    ],
)
def test_the_encoding_suits_the_image(image: NDArray[Any], encoding: Encoding) -> None:
    found, payload = smallest(image.reshape(-1), image.shape)
    assert found == encoding
    assert payload == compressed(image.reshape(-1), found)
    assert len(payload) <= image.nbytes


def test_the_choice_is_not_far_from_the_smallest() -> None:
    for image in (
        ramp((700, 500)),
        ramp((300, 500, 3)),
        noise((600, 700), "<u2", 30),
        noise((500, 500), "u1", 3),
    ):
        flat = image.reshape(-1)
        best = min(len(compressed(flat, encoding)) for encoding in candidates(image.dtype, image.shape))
        assert len(smallest(flat, image.shape)[1]) <= best / 0.8


@pytest.mark.parametrize(
    "shape", [(1,), (5,), (3, 1), (2, 3, 4), (7, 1, 3), (1 << 17, 1), (1, 1 << 17), (2, 1 << 16, 2)]
)
def test_any_shape_has_an_encoding(shape: tuple[int, ...]) -> None:
    for dtype in ("<u1", "<u2", "<f8"):
        image = (np.arange(np.prod(shape)) % 11).astype(dtype)
        encoding, payload = smallest(image, shape)
        assert payload == compressed(image, encoding)
