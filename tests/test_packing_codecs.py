"""Codecs: the same numbers come back, and bytes that are not theirs are refused."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from numpy.typing import NDArray

from datapkg.packing.codecs import CODECS, PCODEC, RAW, ZSTD, announced
from datapkg.packing.value import KINDS

NUMBERS = [np.dtype("<" + kind) for kind in KINDS if kind != "b1"]


def test_a_codecs_number_keeps_its_meaning() -> None:
    assert {number: codec.name for number, codec in CODECS.items()} == {
        0: "raw",
        1: "zstd",
        2: "pcodec",
        3: "narrow",
    }


@given(
    st.sampled_from(sorted(CODECS)),
    st.sampled_from(NUMBERS).flatmap(lambda d: hn.arrays(d, st.integers(1, 300))),
)
def test_every_codec_brings_every_bit_back(number: int, values: NDArray[Any]) -> None:
    found = CODECS[number].decode(memoryview(CODECS[number].encode(values)), values.dtype, len(values))
    assert found.dtype == values.dtype
    assert found.tobytes() == values.tobytes()


@pytest.mark.parametrize("number", sorted(CODECS))
@pytest.mark.parametrize("count", [0, 99, 101, 1 << 40])
def test_another_number_of_values_is_refused(number: int, count: int) -> None:
    values = np.arange(100, dtype="<u2")
    with pytest.raises((ValueError, RuntimeError, MemoryError)):
        CODECS[number].decode(memoryview(CODECS[number].encode(values)), values.dtype, count)


@pytest.mark.parametrize("number", [ZSTD, PCODEC])
@pytest.mark.parametrize("payload", [b"", b"x", b"pco!", b"\x28\xb5\x2f\xfd", bytes(64)])
def test_what_is_no_payload_is_refused(number: int, payload: bytes) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        CODECS[number].decode(memoryview(payload), np.dtype("<u2"), 100)


@given(st.integers(1, 70_000))
def test_pcodec_announces_its_count_where_we_look_for_it(count: int) -> None:
    assert announced(memoryview(CODECS[PCODEC].encode(np.zeros(count, "<u2")))) == count


def test_a_frame_that_grows_beyond_its_image_is_refused() -> None:
    bomb = imagecodecs.zstd_encode(bytes(50_000_000))
    with pytest.raises(RuntimeError):
        CODECS[ZSTD].decode(memoryview(bomb), np.dtype("<u1"), 100)


def test_a_mask_takes_almost_nothing() -> None:
    mask = np.zeros((1000, 1000), "u1")
    mask[200:300, 400:500] = 255
    assert len(CODECS[ZSTD].encode(mask.reshape(-1))) < 400
    assert len(CODECS[RAW].encode(mask.reshape(-1))) == mask.size
