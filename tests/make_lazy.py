"""A package of images large enough to tell a read of their pixels from a read of what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import make
import numpy as np
from costs import counted

from datapkg import Table

SIDE = 300
IMAGES = 8


def build(folder: Path, more: str = "", first: int = 0) -> Path:
    """A package of eight images of 90,000 pixels."""
    for number in range(IMAGES):
        image = make.image(first + number % 6, (SIDE, SIDE))  # the last two are like the first two
        make.tiff(folder / "data" / f"p{number % 2}" / f"A{number // 2:02}.tif", image, metadata=None)
    resource = f'name: frames, path: "**/*.tif", pattern: "{{Plate}}/{{Well}}.tif"{more}'
    make.build(make.manifest(folder / "data", resource), folder / "p")
    return folder / "p"


def images(first: int = 0) -> list[np.ndarray]:
    """What the package holds, in its order."""
    return [make.image(first + n % 6, (SIDE, SIDE)) for n in (*range(0, IMAGES, 2), *range(1, IMAGES, 2))]


@contextmanager
def no_pixel(frames: Table) -> Iterator[None]:
    """Whatever is done here reads less than a tenth of an image."""
    with counted(frames) as cost:
        yield
    assert cost.bytes < SIDE * SIDE * 2 / 10
