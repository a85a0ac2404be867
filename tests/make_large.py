"""A package of 200 MB: large images, and a table whose key leads to them."""

from __future__ import annotations

import shutil
from pathlib import Path

import make

SHAPE = (2048, 1376)
IMAGES = 36
IMAGE_BYTES = SHAPE[0] * SHAPE[1] * 2
PACKAGE_BYTES = 200_000_000


def package(folder: Path) -> Path:
    """Build it; the images differ by the number of their row, which is added to each pixel of `make.image`."""
    pixels = make.image(0, SHAPE)
    for number in range(IMAGES):
        make.tiff(folder / "data" / f"A{number % 12 + 1:02}_{number}.tif", pixels + number)
    names = [f"A{number % 12 + 1:02}_{number}.tif,{number}" for number in range(IMAGES)]
    make.text(folder / "data" / "cells.csv", "\n".join(["file_name,Count", *names]))
    manifest = make.manifest(
        folder / "data",
        'name: frames, path: "*.tif", keep: array, pattern: "{Well}_{Site:d}.tif"',
        "name: cells, path: cells.csv, schema: {foreignKeys: "
        "[{fields: [file_name], reference: {resource: frames, fields: [file_name]}}]}",
    )
    make.build(manifest, folder / "p")
    shutil.rmtree(folder / "data")
    size = sum(path.stat().st_size for path in (folder / "p").rglob("*") if path.is_file())
    assert size > PACKAGE_BYTES
    return folder / "p"
