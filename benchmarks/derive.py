"""How fast a derived column is computed beside its function alone, over arrays that are in memory already.

``python -m benchmarks.derive [MB] [FOLDER]`` builds a package of images (in the folder, where it is made once), times
the function over a part of them in memory, and adds a scalar column with one worker and with two. It prints the rate of
the whole command beside the function's own (goal: 0.8), what two workers gain (goal: 1.6) and what two processes of the
bare function gain on this machine, what the column writes (goal: under 5 MB for 2 GB of pixels) and the most that a
worker ever held in memory (goal: 600 MB). What a build takes to start and to end is measured on a few images, and told.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
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
FEW = 8


def image(number: int) -> Any:
    rng = np.random.default_rng(number)
    return rng.integers(0, 4000, SHAPE).astype("u2")


def alone(count: int) -> tuple[float, float]:
    """Seconds of the clock and of a CPU that the function alone takes for an image."""
    scope: dict[str, Any] = {}
    exec(FUNCTION, scope)
    images = [image(number) for number in range(min(count, IN_MEMORY))]
    scope["bright"](images[0])
    started, used = time.perf_counter(), time.process_time()
    for one in images:
        scope["bright"](one)
    return (time.perf_counter() - started) / len(images), (time.process_time() - used) / len(images)


def together(count: int) -> float:
    """Seconds for an image when two processes call the function alone: what this machine gains by a second one."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(alone, [1, 1]))
        return sum(seconds for seconds, _ in pool.map(alone, [count, count])) / 4


def used() -> float:
    """Seconds of CPUs that this process and all that it has ended took."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


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


@dataclass(frozen=True)
class Added:
    """What it took to add the column: seconds, seconds of CPUs, the most that a worker held, bytes written."""

    seconds: float
    cpu: float
    peak: int
    written: int


def added(manifest: Path, workers: int) -> Added:
    """Add the column to a copy of the package beside a manifest."""
    package = manifest.parent / f"p{workers}"
    shutil.copytree(manifest.parent / "base", package, copy_function=linked)
    manifest.write_text(MANIFEST + COLUMN)
    before = held(package)
    with Peak() as peak:
        began, spent = time.perf_counter(), used()
        datapkg.build(manifest, package, workers=workers)
        seconds, cpu = time.perf_counter() - began, used() - spent
    written = sum(size for path, size in held(package).items() if path not in before)
    shutil.rmtree(package)
    return Added(seconds, cpu, peak.bytes, written)


def main(megabytes: int = 2000, where: str | None = None) -> int:
    """Measure, print, and say whether the goals are met."""
    count = max(4, megabytes * 1_000_000 // (SHAPE[0] * SHAPE[1] * 2))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(where or temporary)
        manifest, few = base(folder, count), base(folder / "few", FEW)
        own = [alone(count)]
        whole: dict[int, Added] = {}
        seconds: dict[int, float] = {}
        for workers in (1, 2):
            whole[workers] = added(manifest, workers)
            own.append(alone(count))
            start = added(few, workers).seconds - FEW / workers * own[-1][0]
            seconds[workers] = (whole[workers].seconds - start) / count
            print(
                f"{workers} worker(s): {whole[workers].seconds:.1f} s, of which {start:.1f} s to start and to end"
            )
        two = together(count)
    clock, cpu = (sorted(pair)[1] for pair in zip(*own, strict=True))
    print(f"function alone   {1 / clock:6.1f} images/s; two processes of it run at {clock / two:.2f} of one")
    rates = {workers: clock * count / one.seconds for workers, one in whole.items()}
    for workers, one in whole.items():
        print(
            f"{workers} worker(s)      {count / one.seconds:6.1f} images/s, {rates[workers]:.2f} of the function alone "
            f"({clock / seconds[workers]:.2f} without its start, {cpu * count / one.cpu:.2f} by CPU time)"
        )
    gain = whole[1].seconds / whole[2].seconds
    print(f"two workers run at {gain:.2f} of one ({seconds[1] / seconds[2]:.2f} without their start)")
    most, written = max(one.peak for one in whole.values()), whole[2].written
    print(f"written {written / 1e6:.2f} MB; a worker held {most / 1e6:.0f} MB at most")
    return 0 if rates[1] >= 0.8 and gain >= 1.6 and written < 5e6 and most < 600e6 else 1


if __name__ == "__main__":
    from benchmarks.derive import main  # processes look for the functions by this name

    sys.exit(main(*map(int, sys.argv[1:2]), *sys.argv[2:]))
