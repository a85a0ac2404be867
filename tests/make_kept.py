"""Files that are kept without their pixels: of several images, planes, in databases, and files that repeat."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import make
import make_sqlite
import numpy as np
import tifffile
from PIL import Image

Pixels = np.ndarray


class Form(NamedTuple):
    """How a data set is made, with so many files; its resource; and what a list of files says of it, for all files new."""

    write: Callable[[Path, int], object]
    resource: str
    kind: str


def pages(file: int, count: int = 3) -> list[Pixels]:
    """The images of a file; their shapes differ."""
    return [make.image(10 * file + page, (20 + page, 30)) for page in range(count)]


def multi(path: Path, images: list[Pixels]) -> Path:
    """A TIFF of several images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as writer:
        for image in images:
            writer.write(image, photometric="minisblack", metadata=None)
    return path


def tiffs(folder: Path, count: int, of: Callable[[int], int] = int) -> None:
    """Files of several images; one in four has a single one. `of` says which files are the same."""
    for number in range(count):
        multi(folder / f"{number:03}.tif", pages(of(number), 3 if of(number) % 4 else 1))


def singles(folder: Path, count: int, of: Callable[[int], int] = int) -> None:
    """Files of one image."""
    for number in range(count):
        make.tiff(folder / f"{number:03}.tif", make.image(of(number), (20, 30 + of(number) % 3)))


def stacks(folder: Path, count: int) -> None:
    """Files of which each plane is a row."""
    for number in range(count):
        make.tiff(folder / f"{number:03}.tif", make.image(number, (4, 20, 30)), photometric="minisblack")


def gifs(folder: Path, count: int) -> None:
    """Moving pictures of two images."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        images = [Image.fromarray(make.image(2 * number + at, dtype="uint8")) for at in range(2)]
        images[0].save(folder / f"{number:03}.gif", save_all=True, append_images=images[1:])


def bases(folder: Path, count: int, of: Callable[[int], int] = int) -> None:
    """Two databases, of different sizes, with images of one and of several pages."""
    for name, first, last in (("a", 0, count // 3), ("b", count // 3, count)):
        contents = [
            multi(folder / "t", pages(of(at), 2 if of(at) % 3 else 1)).read_bytes()
            for at in range(first, last)
        ]
        create = "create table frames (id integer primary key, img blob)"
        make_sqlite.database(folder / f"{name}.db", create, rows=enumerate(contents), into="frames")
    (folder / "t").unlink()


def few(number: int) -> int:
    """Six different ones, most of them the first."""
    return number % 6 if number % 3 else 0


IMAGES, BASE = (
    'name: frames, path: "*.{}", keep: bytes',
    'name: frames, path: "*.db", image: img, keep: bytes',
)
TIFFS = IMAGES.format("tif")
FORMS = {
    "several images": Form(tiffs, TIFFS, "values, gapped"),
    "planes": Form(stacks, f"{TIFFS}, rows: plane", "values, gapped"),
    "moving": Form(gifs, IMAGES.format("gif"), ""),
    "databases": Form(bases, BASE, "values, gapped"),
    "same files": Form(lambda at, count: singles(at, 10 * count, few), TIFFS, "values, shared"),
    "same files of several": Form(lambda at, count: tiffs(at, 10 * count, few), TIFFS, "values, shared"),
    "same in databases": Form(lambda at, count: bases(at, 30 * count, few), BASE, "values, shared"),
    "sorted": Form(lambda at, count: singles(at, 10 * count, lambda n: n // 30), TIFFS, "values, shared"),
    "alone": Form(singles, TIFFS, ""),
}
