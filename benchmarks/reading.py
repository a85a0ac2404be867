"""How fast a package is read, against bare Lance on the same files.

Each round runs the peer and datapkg one after the other in this process, and the medians of all rounds are compared:

- open: `datapkg.open` and its table of 20,000 x 100 as a DataFrame, against `lance.dataset(...).to_table().to_pandas()`;
- few: the same with a table of 50 x 8, which is all overhead;
- long, wide, gaps: `to_pandas()` of a table that is open already, against `dataset.to_table().to_pandas()`; nearly every column
  of gaps has missing values, which stay apart from NaN in ours;
- images: so many images at random places in one call, against one `dataset.take` of the same rows, as one array;
- cells: the same images through a lazy column of a frame, `frame["image_array"].iloc[places].array.load()`.

    python -m benchmarks.reading

Goals: at most 1.3 of the time for tables, at least 0.9 of the rate for images.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.csv
import tifffile

import datapkg

ALONE = """name: {name}
resources:
  - {{name: {name}, path: {name}.csv}}
"""
MANIFEST = """name: reading
resources:
  - {name: long, path: long.csv}
  - {name: wide, path: wide.csv}
  - {name: gaps, path: gaps.csv}
  - {name: images, path: "images/*.tif", keep: array}
"""
TABLES, IMAGES = 1.3, 1 / 0.9
GOALS = {
    **dict.fromkeys(("open", "few", "long", "wide", "gaps"), TABLES),
    **dict.fromkeys(("images", "cells"), IMAGES),
}
MISSING = 0.02
MORE_ROUNDS = {"few": 40}
"""What takes a millisecond is tried more often."""

Work = Callable[[], Any]


def main() -> None:
    """Build a package, and print what each side takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the long table (default: 1,000,000)")
    parser.add_argument("--columns", type=int, default=3000, help="of the wide table (default: 3,000)")
    parser.add_argument("--images", type=int, default=3000, help="in the package (default: 3,000)")
    parser.add_argument(
        "--side", type=int, default=256, help="pixels along each side of an image (default: 256)"
    )
    parser.add_argument("--rounds", type=int, default=9, help="of which the median counts (default: 9)")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        package = made(folder, given.rows, given.columns, given.images, given.side)
        for name, (peer, ours) in sides(package, max(given.images // 3, 1)).items():
            report(name, peer, ours, given.rounds * MORE_ROUNDS.get(name, 1))
    finally:
        shutil.rmtree(folder)


def made(folder: Path, rows: int, columns: int, images: int, side: int) -> str:
    """Build a package of three text tables and one of images, and beside it two of a single table."""
    rng = np.random.default_rng(1)
    sizes = {
        "first": (20_000, 100),
        "few": (50, 8),
        "long": (rows, 20),
        "wide": (2000, columns),
        "gaps": (2000, columns),
    }
    for name, (high, wide) in sizes.items():
        values: dict[str, Any] = {"Well": [f"{'ABCDEFGH'[i % 8]}{i % 12 + 1:02}" for i in range(high)]}
        values["Count"] = rng.integers(0, 1000, high)
        for i in range(wide - 2):
            missing = rng.random(high) < MISSING if name == "gaps" else None
            values[f"Cells_Feature_{i}"] = pa.array(rng.normal(size=high).round(6), mask=missing)
        pa.csv.write_csv(pa.table(values), folder / f"{name}.csv")
    (folder / "images").mkdir()
    for number in range(images):
        pixels = rng.integers(0, 4096, (side, side), np.uint16)
        tifffile.imwrite(folder / "images" / f"{number:06}.tif", pixels)
    alone = {name: ALONE.format(name=name) for name in ("first", "few")}
    for name, text in {**alone, "package": MANIFEST}.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
        datapkg.build(folder / f"{name}.yaml", folder / name)
    return str(folder / "package")


def sides(package: str, count: int) -> dict[str, tuple[Work, Work]]:
    """What each side does: the peer, and datapkg."""
    opened = datapkg.open(package)
    bare = {name: lance.dataset(f"{package}/{name}.lance") for name in opened.tables}
    places = np.random.default_rng(2).permutation(len(opened["images"]))[:count]
    frame = opened["images"].to_pandas()
    shape, beside = tuple(frame["shape"].iloc[0]), Path(package).parent

    def lance_alone(name: str) -> object:
        return lance.dataset(f"{beside / name}/{name}.lance").to_table().to_pandas()

    def ours_alone(name: str) -> object:
        return datapkg.open(beside / name)[name].to_pandas()

    def lance_open(name: str) -> object:
        return bare[name].to_table().to_pandas()

    def taken() -> object:
        pixels = bare["images"].take(places.tolist(), columns=["image_array"]).column(0).combine_chunks()
        return list(pixels.flatten().flatten().to_numpy().reshape(count, *shape))

    def cells() -> object:
        return frame["image_array"].iloc[places].array.load()

    work: dict[str, tuple[Work, Work]] = {
        "open": (lambda: lance_alone("first"), lambda: ours_alone("first")),
        "few": (lambda: lance_alone("few"), lambda: ours_alone("few")),
        **{name: (partial(lance_open, name), opened[name].to_pandas) for name in ("long", "wide", "gaps")},
        "images": (taken, lambda: opened["images"].images(places)),
        "cells": (taken, cells),
    }
    for peer, mine in work.values():
        assert len(peer()) == len(mine())  # type: ignore[arg-type]
    return work


def report(name: str, peer: Work, ours: Work, rounds: int) -> None:
    """Run both sides in turn, and print what they took."""
    took: dict[str, list[float]] = {"lance": [], "datapkg": []}
    for _ in range(rounds):
        for side, work in (("lance", peer), ("datapkg", ours)):
            started = time.perf_counter()
            work()
            took[side].append(time.perf_counter() - started)
    theirs, mine = (float(np.median(times)) * 1000 for times in took.values())
    print(
        f"{name:7} lance {theirs:8.2f} ms  datapkg {mine:8.2f} ms  ratio {mine / theirs:5.2f} (goal {GOALS[name]:.2f})"
    )


if __name__ == "__main__":
    main()
