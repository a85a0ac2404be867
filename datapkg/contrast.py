"""Contrast for pictures of pixels: the range between two percentiles is stretched over what a screen can show.

Sixteen bits on a screen of eight look black as they are. Values beyond the range are drawn as its ends; the pixels
themselves are never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (0.5, 99.5)
MOST_PIXELS = 1 << 22
"""Of larger planes every second pixel counts, or every third, along each axis."""

Grey = NDArray[np.uint8]


def contrast_range(
    planes: Sequence[NDArray[Any]], percentiles: tuple[float, float] = PERCENTILES
) -> tuple[float, float]:
    """The values that are drawn black and white, for planes that are to share one contrast.

    Where the percentiles are one value, smallest and largest; 0 and 1 where no value is finite.

    Examples
    --------
    >>> contrast_range([np.arange(1001), np.array([np.nan, 1001.0])], (0, 100))
    (0.0, 1001.0)
    """
    values = np.concatenate([_finite(plane) for plane in planes])
    if not values.size:
        return 0.0, 1.0
    low, high = (float(end) for end in np.percentile(values, percentiles))
    if low == high:
        low, high = float(values.min()), float(values.max())
    return low, high


def stretched(plane: NDArray[Any], low: float, high: float) -> Grey:
    """Draw `low` as 0 and `high` as 255; what is no number is black.

    Examples
    --------
    >>> stretched(np.array([100, 150, 900]), 100, 200).tolist()
    [0, 127, 255]
    """
    values = np.nan_to_num(plane.astype(np.float64), nan=low, posinf=high, neginf=low)
    grey: Grey = (np.clip((values - low) / ((high - low) or 1.0), 0, 1) * 255).astype(np.uint8)
    return grey


def _finite(plane: NDArray[Any]) -> NDArray[Any]:
    step = 1
    while plane.ndim > 1 and plane[::step, ::step].size > MOST_PIXELS:
        step += 1
    values: NDArray[Any] = (plane[::step, ::step] if plane.ndim > 1 else plane).ravel()
    if values.dtype.kind in "iu":
        return values  # as they are: twice as fast
    floats: NDArray[np.float64] = values.astype(np.float64)
    return floats[np.isfinite(floats)]
