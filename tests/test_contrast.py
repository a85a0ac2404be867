"""Contrast is stretched by percentiles, and what is no number never stretches it."""

from __future__ import annotations

import numpy as np

from datapkg.contrast import MOST_PIXELS, contrast_range, stretched


def test_a_few_hot_pixels_do_not_darken_the_rest() -> None:
    plane = np.tile(np.arange(100, 300, dtype=np.uint16), (200, 1))
    plane[0, :50] = 65535
    low, high = contrast_range([plane])
    assert (low, high) == (101, 299)
    grey = stretched(plane, low, high)
    assert (grey.min(), grey[0, 0], grey[1, -1]) == (0, 255, 255)
    assert 120 < grey[1, 100] < 135


def test_a_plane_of_one_value_and_one_of_no_number_are_drawn() -> None:
    for plane in (np.full((4, 5), 7.0), np.full((4, 5), np.nan), np.full((4, 5), np.inf)):
        assert stretched(plane, *contrast_range([plane])).shape == (4, 5)
    assert contrast_range([np.full((4, 5), 7)]) == (7, 7)
    assert contrast_range([np.full((4, 5), np.nan)]) == (0, 1)


def test_missing_and_infinite_values_are_black_and_white() -> None:
    plane = np.array([[np.nan, -np.inf, 1.0, 3.0, np.inf]])
    assert stretched(plane, 1, 3).tolist() == [[0, 0, 0, 255, 255]]


def test_a_rare_value_of_a_flat_plane_is_seen() -> None:
    plane = np.zeros((1000, 1000), np.uint8)
    plane[500, 500] = 9
    assert contrast_range([plane]) == (0, 9)


def test_of_a_very_large_plane_a_part_decides() -> None:
    plane = np.zeros((2, MOST_PIXELS), np.uint8)
    plane[:, 1::2] = 200
    assert contrast_range([plane, np.array([[100]])], (0, 100)) == (0, 100)
