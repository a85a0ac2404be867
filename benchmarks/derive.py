"""How fast a derived column is computed beside its function alone, over arrays that are in memory already.

``python -m benchmarks.derive [MB] [FOLDER]`` builds a package of images (in the folder, where it is made once), times
the function over a part of them in memory, and adds a scalar column with one worker and with two; the whole build is
timed, with the start of its processes. It prints the rate beside the function's own (goal: 0.8), what two workers gain (goal: 1.6), what the column writes (goal: under 5 MB
for 2 GB of pixels) and the most that a worker holds in memory (goal: 600 MB).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import datapkg
from benchmarks.workers import Peak

SHAPE = (1024, 1080)
FUNCTION = """
import numpy as np
from skimage.filters import gaussian, threshold_otsu


def bright(image):
    smooth = gaussian(image, 2, preserve_range=True)
    return float((smooth > threshold_otsu(smooth)).mean())
"""
MANIFEST = 'name: bench\nresources:\n  - {name: frames, path: "data/*.tif", keep: array}\n'
COLUMN = 'derive: [{table: frames, column: bright, function: "f.py:bright", input: image_array, output: float64}]\n'
IN_MEMORY = 40


def image(number: int) -> Any:
    rng = np.random.default_rng(number)
    return rng.integers(0, 4000, SHAPE).astype("u2")


def own_rate(count: int) -> float:
    """Images a second of the function alone."""
    scope: dict[str, Any] = {}
    exec(FUNCTION, scope)
    images = [image(number) for number in range(min(count, IN_MEMORY))]
    scope["bright"](images[0])
    started = time.perf_counter()
    for one in images:
        scope["bright"](one)
    return len(images) / (time.perf_counter() - started)


def held(package: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in package.rglob("*") if path.is_file()}


def linked(path: str, other: str) -> None:
    """A copy without its bytes: a build changes no data file that is there."""
    (os.link if Path(path).suffix == ".lance" else shutil.copy2)(path, other)


def base(folder: Path, count: int) -> Path:
    """A package of images without the column, and all that it needs; made if it is not there."""
    (folder / "data").mkdir(exist_ok=True, parents=True)
    for number in range(count):
        path = folder / "data" / f"{number:05}.tif"
        if not path.exists():
            tifffile.imwrite(path, image(number))
    (folder / "f.py").write_text(FUNCTION)
    manifest = folder / "bench.yaml"
    manifest.write_text(MANIFEST)
    datapkg.build(manifest, folder / "base", workers=2)
    return manifest


def main(megabytes: int = 2000, where: str | None = None) -> int:
    count = max(4, megabytes * 1_000_000 // (SHAPE[0] * SHAPE[1] * 2))
    with tempfile.TemporaryDirectory() as temporary:
        manifest = base(Path(where or temporary), count)
        folder = manifest.parent
        rates, most, written = {}, 0, 0
        own = [own_rate(count)]
        manifest.write_text(MANIFEST + COLUMN)
        for workers in (1, 2):
            package = folder / f"p{workers}"
            shutil.copytree(folder / "base", package, copy_function=linked)
            before = held(package)
            with Peak() as peak:
                started = time.perf_counter()
                datapkg.build(manifest, package, workers=workers)
                rates[workers] = count / (time.perf_counter() - started)
            own.append(own_rate(count))
            most = max(most, peak.bytes)
            written = sum(size for path, size in held(package).items() if path not in before)
            shutil.rmtree(package)
    alone = sum(own) / len(own)
    print(f"function alone   {alone:7.1f} images/s ({min(own):.1f} to {max(own):.1f})")
    for workers, rate in rates.items():
        print(f"{workers} worker(s)      {rate:7.1f} images/s  {rate / alone:5.2f} of the function alone")
    print(f"two workers run at {rates[2] / rates[1]:.2f} of one")
    print(f"written {written / 1e6:.2f} MB; a worker held {most / 1e6:.0f} MB at most")
    good = rates[1] / alone >= 0.8 and rates[2] / rates[1] >= 1.6 and written < 5e6 and most < 600e6
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2]), *sys.argv[2:]))
