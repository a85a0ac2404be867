"""Draw what changed in an image: before, after and difference beside each other, as a PNG.

Before and after share one stretch of contrast, by percentiles of both, so that equal pixels look equal. In the
difference red is brighter than before, blue darker, and a frame shows where anything changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from ..contrast import contrast_range, stretched
from ..errors import StoreError
from .images import Image, ImagePair, PixelChange, compare, read_pairs, y_and_x
from .keys import NEW, keys
from .tables import TableDiff

SIDE = 320
"""Smaller images are magnified to about this, pixel by pixel."""
GAP, LINE = 12, 20
INK, PAPER, FRAME, EDGE = (20, 20, 20), (255, 255, 255), (255, 200, 0), (200, 200, 200)
UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
MOST_NAME = 80

Rgb = NDArray[np.uint8]


def draw(table: TableDiff, pairs: Sequence[ImagePair], folder: Path) -> list[Path]:
    """Draw each pair with other pixels into `folder`; returns the files.

    Raises
    ------
    StoreError
        The folder cannot be written, or a file is there already.
    """
    drawn = []
    for pair, old, new in read_pairs(table, pairs):
        (key,) = keys(table, NEW, np.array([pair.new_row]))
        name = UNSAFE.sub("_", f"{table.name}-{pair.new_row}-" + "-".join(map(str, key.values())))[:MOST_NAME]
        path = folder / f"{name}.png"
        if path.exists():
            raise StoreError("is there already", str(path), "name another folder for the images")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            picture(old, new, pair, f"{table.name}: {named_key(key)}").save(path)
        except OSError as error:
            raise StoreError(
                f"cannot be written ({error.strerror or error})", str(path), "name another folder"
            ) from None
        drawn.append(path)
    return drawn


def named_key(key: Mapping[str, Any]) -> str:
    """A key with the names of its columns.

    Examples
    --------
    >>> named_key({"well": "A01", "t": 3})
    'well A01, t 3'
    """
    return ", ".join(f"{name} {value}" for name, value in key.items())


def picture(old: Image | None, new: Image | None, pair: ImagePair, title: str) -> Picture.Image:
    """Draw two images and, where they have one shape and type, their difference."""
    change = compare(old, new, pair.axes)
    at, where = _most_changed(old, new, pair.axes)
    before, after = (None if image is None else _plane(image, pair.axes, at) for image in (old, new))
    panels = [
        (label, _grey(plane, [before, after]))
        for label, plane in (("before", before), ("after", after))
        if plane is not None
    ]
    told = f"{pair.form[0]} -> {pair.form[1]}"
    if change.changed is not None and before is not None and after is not None:
        panels.append(("difference: red is brighter, blue is darker", _difference(before, after)))
        told = f"{change.changed:,} of {pair.pixels:,} pixels changed, by up to {change.max_difference:.6g}{where}"
    return _beside(panels, change, [title, told])


def _most_changed(old: Image | None, new: Image | None, axes: str) -> tuple[int, str]:
    """Which plane of an image of several to draw, and its name."""
    if old is None or new is None or old.shape != new.shape or old.ndim < 3:
        return 0, ""
    changed = _planes(old != new, axes).sum(axis=(1, 2))
    at = int(np.argmax(changed))
    y, x = y_and_x(axes, old.ndim)
    others = [axis for axis in range(old.ndim) if axis not in (y, x)]
    index = np.unravel_index(at, [old.shape[axis] for axis in others])
    letters = axes if len(axes) == old.ndim else "?" * old.ndim
    named = ", ".join(f"{letters[axis]}={i}" for axis, i in zip(others, index, strict=True))
    return at, f"; the plane {named} of {len(changed)} is shown, where most changed"


def _planes(image: Image, axes: str) -> Image:
    """An image of any rank as a stack of planes."""
    if image.ndim < 2:
        return image.reshape(1, 1, -1)
    planes = np.moveaxis(image, y_and_x(axes, image.ndim), (-2, -1))
    return planes.reshape(-1, *planes.shape[-2:])


def _plane(image: Image, axes: str, at: int) -> NDArray[np.float64]:
    plane: NDArray[np.float64] = _planes(image, axes)[at].astype(np.float64)
    return plane


def _grey(plane: NDArray[np.float64], both: Sequence[NDArray[np.float64] | None]) -> Rgb:
    low, high = contrast_range([one for one in both if one is not None])
    return np.repeat(stretched(plane, low, high)[..., None], 3, axis=2)


def _difference(before: NDArray[np.float64], after: NDArray[np.float64]) -> Rgb:
    with np.errstate(invalid="ignore"):
        difference = np.nan_to_num(after - before)
    largest = np.abs(difference).max(initial=0.0) or 1.0
    faded = np.where(difference == 0, 1.0, 0.75 * (1 - np.abs(difference) / largest))  # a small one shows too
    colour = np.repeat((faded * 255).astype(np.uint8)[..., None], 3, axis=2)
    colour[difference > 0, 0] = 255
    colour[difference < 0, 2] = 255
    return colour


def _beside(panels: Sequence[tuple[str, Rgb]], change: PixelChange, head: Sequence[str]) -> Picture.Image:
    """Set panels beside each other, each under its name, below the lines of `head`."""
    font = ImageFont.load_default(14)
    factor = max(1, SIDE // max(max(panel.shape[:2]) for _, panel in panels))
    sizes = [(panel.shape[1] * factor, panel.shape[0] * factor) for _, panel in panels]
    widths = [
        max(width, int(font.getlength(label))) for (label, _), (width, _) in zip(panels, sizes, strict=True)
    ]
    wide = max(sum(widths) + GAP * (len(panels) + 1), *(int(font.getlength(line)) + 2 * GAP for line in head))
    top = GAP + LINE * (len(head) + 1)
    drawn = Picture.new("RGB", (wide, top + max(height for _, height in sizes) + GAP), PAPER)
    pen = ImageDraw.Draw(drawn)
    for number, line in enumerate(head):
        pen.text((GAP, GAP // 2 + LINE * number), line, INK, font)
    left = GAP
    for (label, panel), size, width in zip(panels, sizes, widths, strict=True):
        pen.text((left, top - LINE), label, INK, font)
        pen.rectangle((left - 1, top - 1, left + size[0], top + size[1]), outline=EDGE)
        drawn.paste(Picture.fromarray(panel).resize(size, Picture.Resampling.NEAREST), (left, top))
        if change.box is not None:
            y0, x0, y1, x1 = (edge * factor for edge in change.box)
            pen.rectangle((left + x0 - 1, top + y0 - 1, left + x1, top + y1), outline=FRAME)
        left += width + GAP
    return drawn
