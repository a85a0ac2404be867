"""Read the files of a simulated screen with the plain libraries, so that tests can compare them."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

MANIFESTS = Path(__file__).resolve().parents[1] / "manifests"
SAMPLE = MANIFESTS / "screen"
CHANNELS = ("H2B", "Tub")
Position = tuple[str, str, Any, list[dict[str, str]]]


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def features(folder: Path) -> list[dict[str, str]]:
    with gzip.open(folder / "features.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def platemap(folder: Path) -> list[dict[str, str]]:
    with open(folder / "platemap.tsv", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def positions(folder: Path) -> Iterator[Position]:
    """Every movie's plate, well, HDF5 position, and rows of the feature table."""
    rows = features(folder)
    for path in sorted(folder.glob("ch5/*/*.ch5")):
        plate, well = path.parent.name, path.name.removesuffix("_01.ch5")
        own = [row for row in rows if (row["Metadata_Plate"], row["Metadata_Well"]) == (plate, well)]
        with h5py.File(path, "r") as file:
            yield plate, well, file[f"sample/0/plate/{plate}/experiment/{well}/position/1"], own


def planes(folder: Path, plate: str, well: str, frame: int) -> NDArray[np.uint16]:
    names = [f"{well}_{frame:03}_{channel}.tif" for channel in CHANNELS]
    return np.stack([tifffile.imread(folder / "images" / plate / name) for name in names])


def rim(mask: NDArray[np.bool_]) -> set[tuple[int, int]]:
    # A gap that touches the outside at a corner is no hole, because the nucleus holds together by edges only.
    filled = ndimage.binary_fill_holes(mask, structure=np.ones((3, 3), np.bool_))
    return {(int(x), int(y)) for y, x in np.argwhere(filled & ~ndimage.binary_erosion(filled))}


def outline_points(contour: bytes) -> list[tuple[int, int]]:
    numbers = [int(number) for number in zlib.decompress(base64.b64decode(contour)).split(b",")]
    return list(zip(numbers[::2], numbers[1::2], strict=True))
