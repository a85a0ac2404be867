"""Whether a package that is three times as large as the memory is read to its end.

A package of images is built, whose files are links to a few, so that it alone takes its place on the disk. Then each way to
look at every image runs in a process of its own, whose private memory is limited by the system (RLIMIT_DATA: an allocation
beyond it fails, and with it the scan). What it held at most is measured beside (private resident bytes).

- batches: `table.to_batches()`, as Arrow;
- cells: `frame["image_array"].map(np.max)`, each image as an array;
- sql: `pkg.sql("select image_array from frames").to_batches()`;
- verify: `datapkg.verify(package, deep=True)`, which computes all digests again.

    python -m benchmarks.scan --megabytes 3000 --limit 1000

Goal: every way reads all images within the limit.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from .large_csv import private_bytes

FILES, SIDE = 8, 2048
LOOK_S = 0.01
MANIFEST = """name: scan
resources:
  - {name: frames, path: "*.tif", keep: array}
"""


def main() -> None:
    """Build the package, and run each way to read it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=3000, help="of pixels (default: 3,000)")
    parser.add_argument("--limit", type=int, default=1000, help="MB of memory (default: 1,000)")
    parser.add_argument("--side", type=int, default=SIDE, help=f"pixels of an image's side (default: {SIDE})")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--read", nargs=2, metavar=("WAY", "PACKAGE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        print(limited(given.limit * 1_000_000, *given.read))
        return
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        images = made(folder, given.megabytes * 1_000_000, given.side)
        for way in WAYS:
            print(told(way, folder / "package", given.limit, images))
    finally:
        shutil.rmtree(folder)


def made(folder: Path, size: int, side: int) -> int:
    """Build the package; the number of its images."""
    import datapkg

    rng = np.random.default_rng(1)
    count = max(FILES, size // (side * side * 2))
    for number in range(count):
        path = folder / f"{number:06}.tif"
        if number < FILES:
            tifffile.imwrite(path, rng.integers(0, 4096, (side, side), np.uint16))
        else:
            os.link(folder / f"{number % FILES:06}.tif", path)
    (folder / "scan.yaml").write_text(MANIFEST, "utf-8")
    datapkg.build(folder / "scan.yaml", folder / "package")
    return count


def told(way: str, package: Path, limit: int, images: int) -> str:
    """Run one way in a process of its own, and say how it ended."""
    command = [sys.executable, "-m", "benchmarks.scan", "--limit", str(limit), "--read", way, str(package)]
    started, peak = time.monotonic(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak = max(peak, private_bytes(process.pid))
            time.sleep(LOOK_S)
        said, wrong = process.communicate()
    seconds = time.monotonic() - started
    if process.returncode or int(said) != images:
        return f"{way:8} failed within {limit:,} MB: {(wrong or said).strip().splitlines()[-1:]}"
    return f"{way:8} {images:,} images in {seconds:6.1f} s within {limit:,} MB; {peak / 1e6:,.0f} MB private at most"


def limited(limit: int, way: str, package: str) -> int:
    """Read every image with so much memory; how many there were."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return WAYS[way](package)


def batches(package: str) -> int:
    """Read all images as Arrow batches."""
    import datapkg

    return sum(batch.num_rows for batch in datapkg.open(package)["frames"].to_batches(["image_array"]))


def cells(package: str) -> int:
    """Give each cell of a lazy column to a function."""
    import datapkg

    frame = datapkg.open(package)["frames"].to_pandas(["image_array"])
    return int(frame["image_array"].map(np.max).count())


def sql(package: str) -> int:
    """Read all images of a query's result."""
    import datapkg

    result = datapkg.open(package).sql("select image_array from frames")
    return sum(batch.num_rows for batch in result.to_batches())


def verify(package: str) -> int:
    """Compute all digests again."""
    import datapkg

    return len(datapkg.open(package)["frames"]) if datapkg.verify(package, deep=True).ok else 0


WAYS: dict[str, Callable[[str], int]] = {"batches": batches, "cells": cells, "sql": sql, "verify": verify}


if __name__ == "__main__":
    main()
