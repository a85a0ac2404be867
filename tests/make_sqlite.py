"""Small SQLite databases, made by Python's own module, and images in them, made by plain libraries."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import make
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

import datapkg
from datapkg.reader import Package


def database(path: Path, *statements: str, rows: Iterable[Sequence[Any]] = (), into: str = "") -> Path:
    """A database that some statements make, with rows in one of its tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        for row in rows:
            connection.execute(f"insert into {into} values ({', '.join('?' * len(row))})", row)
        connection.commit()
    return path


def built(folder: Path, *resources: str, into: str = "p") -> Package:
    """The package of some resources in a folder."""
    make.build(make.manifest(folder, *resources), folder / into)
    return datapkg.open(folder / into)


def encoded(pixels: NDArray[Any], form: str) -> bytes:
    """An image as the bytes of a file."""
    file = io.BytesIO()
    if form == "TIFF":
        tifffile.imwrite(file, pixels, photometric="minisblack")
    else:
        Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def galaxies(path: Path, count: int, seed: int = 0) -> Path:
    """A table of `count` little JPEG images of 64 x 64 pixels, numbered 3, 10, 17 ..."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 200, (16, 8, 8, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
    rows = []
    for at in range(count):
        pixels = blocks[at % 16].copy()
        pixels[at % 64, at // 64 % 64] = at % 256
        rows.append((3 + 7 * at, float(at) / 3, encoded(pixels, "JPEG")))
    return database(
        path, "create table galaxies (id integer primary key, ra real, img blob)", rows=rows, into="galaxies"
    )


def read(path: Path, query: str) -> list[tuple[Any, ...]]:
    """What a query gives, as Python's own module answers."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()
