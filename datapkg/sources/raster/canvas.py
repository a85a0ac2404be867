"""The canvas of an animation: what a viewer shows, put together from frames that store only what changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice]
KEEP, CLEAR, RESTORE = "keep", "clear", "restore"
"""What becomes of a frame when the next one is shown."""


def box(x: int, y: int, width: int, height: int) -> Box:
    """A part of the canvas."""
    return slice(y, y + height), slice(x, x + width)


class Canvas:
    """Pixels, and which of them were painted since they were last cleared."""

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.pixels: NDArray[Any] = np.zeros(shape, dtype)
        self.painted = np.zeros(shape[:2], bool)
        self._before: tuple[NDArray[Any], NDArray[np.bool_]] | None = None

    def remember(self, at: Box) -> None:
        """Keep a part as it is, for a frame that is to be taken away again."""
        self._before = self.pixels[at].copy(), self.painted[at].copy()

    def paint(self, at: Box, values: NDArray[Any], where: NDArray[np.bool_] | None = None) -> None:
        """Put values into a part, all of them or those chosen."""
        chosen = np.ones(values.shape[:2], bool) if where is None else where
        self.pixels[at][chosen] = values[chosen]
        self.painted[at] |= chosen

    def dispose(self, at: Box, how: str) -> None:
        """Do with a part what is due before the next frame."""
        if how == CLEAR:
            self.pixels[at] = 0
            self.painted[at] = False
        elif how == RESTORE and self._before is not None:
            self.pixels[at], self.painted[at] = self._before


def blend(below: NDArray[Any], above: NDArray[Any]) -> NDArray[Any]:
    """Colours over colours; the last sample is how opaque a pixel is.

    Whole numbers all the way, as the PNG project's own code has it: where a pixel is neither opaque nor clear, other
    programs may round to a neighbouring value.

    Examples
    --------
    >>> red, green = np.array([[200, 0, 0, 255]], "uint8"), np.array([[0, 100, 0, 51]], "uint8")
    >>> blend(red, green).tolist()
    [[160, 20, 0, 255]]
    """
    most = int(np.iinfo(above.dtype).max)
    over, under = above[..., -1:].astype(np.uint64), below[..., -1:].astype(np.uint64)
    share, rest = over * most, (most - over) * under
    whole = share + rest
    mixed = (above[..., :-1] * share + below[..., :-1] * rest) // np.maximum(whole, 1)
    mixed = np.concatenate([mixed, whole // most], axis=-1).astype(above.dtype)
    found: NDArray[Any] = np.where((over == most) | (under == 0), above, mixed)
    return np.where(over == 0, below, found)
