"""Contours: what was packed comes back, and what is no contour says so."""

from __future__ import annotations

import base64
import zlib

import make_ch5 as make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.sources.ch5.contours import ContourError, contours

POINTS = st.lists(st.tuples(st.integers(-5, 1 << 20), st.integers(0, 1 << 20)), max_size=30)


@given(st.lists(POINTS, max_size=5))
def test_contours_come_back(outlines: list[list[tuple[int, int]]]) -> None:
    back = contours([make.contour(points) for points in outlines]).to_pylist()
    assert [[(point["x"], point["y"]) for point in points] for points in back] == outlines


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (b"!!!", "not base64"),
        (b"aGVsbG8=", "not base64 of zlib"),
        (base64.b64encode(zlib.compress(b"1,2,3")), "an x without a y"),
        (base64.b64encode(zlib.compress(b"1,zwei")), "whole numbers"),
        (base64.b64encode(zlib.compress(b"1,99999999999")), "whole numbers"),
        (base64.b64encode(zlib.compress(b"1,2,3,4")[:-4]), "cut short"),
        (base64.b64encode(zlib.compress(b"1," * (20 << 20))), "more than a million points"),
    ],
)
def test_no_contour_says_which_and_why(packed: bytes, why: str) -> None:
    with pytest.raises(ContourError, match=why) as caught:
        contours([b"", packed])
    assert caught.value.row == 1
