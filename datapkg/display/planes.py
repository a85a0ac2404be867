"""Which part of an image a thumbnail shows: all channels of one plane, by the letters of the image's axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RGB = (3, 4)
ALL_CHANNELS = 8
"""More are not told apart in one picture."""
NAMES = {"T": "t", "Z": "z", "C": "channel", "S": "sample"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One plane of an image, and in words which one.

    `pixels` is (channel, y, x), or (y, x, 3) where `rgb` says that the file holds colours.
    """

    pixels: NDArray[Any]
    rgb: bool
    which: tuple[str, ...] = ()


def shown_plane(image: NDArray[Any], axes: str) -> Shown:
    """Take the plane to show: the middle one along Z, the first along all other axes but C and S.

    Examples
    --------
    >>> shown = shown_plane(np.zeros((5, 7, 2, 4, 6)), "TZCYX")
    >>> shown.pixels.shape, shown.which
    ((2, 4, 6), ('t 1 of 5', 'z 4 of 7'))
    """
    if image.ndim < 2:
        image = image.reshape(1, -1)
    letters = axes if len(axes) == image.ndim and {"Y", "X"} <= set(axes) else _guessed(image)
    many = "S" if "S" in letters and image.shape[letters.index("S")] in RGB else "C"
    which, index = [], []
    for letter, length in zip(letters, image.shape, strict=True):
        if letter in ("Y", "X") or letter == many:
            index.append(slice(None))
            continue
        at = length // 2 if letter == "Z" else 0
        index.append(slice(at, at + 1))
        if length > 1:
            which.append(f"{NAMES.get(letter, 'plane')} {at + 1} of {length}")
    plane = image[tuple(index)]
    order = [letters.index(letter) for letter in (many, "Y", "X") if letter in letters]
    others = [at for at in range(image.ndim) if at not in order]
    plane = plane.transpose(others + order).reshape([plane.shape[at] for at in order])
    if plane.ndim == 2:
        return Shown(plane[None], False, tuple(which))
    if many == "S":
        return Shown(np.moveaxis(plane[:3], 0, -1), True, tuple(which))
    if len(plane) > ALL_CHANNELS:
        which.append(f"channels 1 to {ALL_CHANNELS} of {len(plane)}")
    return Shown(plane[:ALL_CHANNELS], False, tuple(which))


def _guessed(image: NDArray[Any]) -> str:
    """Letters for an image that comes without: somebody put it into the frame."""
    if image.ndim == 3 and image.shape[-1] in RGB and image.dtype == np.uint8:
        return "YXS"
    return "?" * (image.ndim - 2) + "YX"
