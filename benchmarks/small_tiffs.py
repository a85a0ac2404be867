"""What a build of many little TIFFs costs beside a bare loop of `tifffile.imread` over the same files.

``python -m benchmarks.small_tiffs [FILES] [ROUNDS]`` writes that many TIFFs of 64 x 64 uint8 (default 100,000; with a pixel size
and a description, as cameras do), then takes turns: two processes that read half of the files each, a build of all of them by
two workers with all their metadata (`keep: array`), and a build of 2,000 of them, which has both workers start. What this takes beyond
the files' share is the start-up. The goal is 0.6 of the loop's time for the build less the start-up. CPU time is told beside it, since a shared machine spoils the clock.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

SPREAD, FEW = 1000, 2000
"""Files in a folder, and in the smaller build."""
LOOP = """
import os, sys, tifffile
for folder in sys.argv[1:]:
    for name in sorted(os.listdir(folder)):
        tifffile.imread(os.path.join(folder, name))
"""
BUILD = "import sys, datapkg; datapkg.build(sys.argv[1], sys.argv[2], workers=2)"
MANIFEST = 'name: bench\nresources:\n  - {{name: frames, path: "{path}", keep: array}}\n'


def write(folder: Path, files: int) -> list[Path]:
    """Write the files, and return their folders."""
    texture = np.random.default_rng(0).integers(0, 256, (64, 64), "uint8")
    for number in range(files):
        path = folder / "data" / f"{number // SPREAD:04}" / f"{number:06}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        how = {"resolution": (40000, 40000), "resolutionunit": "CENTIMETER", "software": "bench"}
        tifffile.imwrite(path, np.roll(texture, number), description=f"frame {number}", metadata=None, **how)
    return sorted((folder / "data").iterdir())


def taken(*commands: list[str]) -> tuple[float, float]:
    """Seconds by the clock and of CPU that Python programs take side by side."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    running = [
        subprocess.Popen([sys.executable, "-c", *words], stdout=subprocess.DEVNULL) for words in commands
    ]
    if any(one.wait() for one in running):
        raise SystemExit("a program failed")
    clock, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(folder: Path, files: int, rounds: int) -> None:
    """Print what each way takes, and the ratio."""
    folders = [str(one) for one in write(folder, files)]
    for name, path in (("all", "data/*/*.tif"), ("few", "data/000[01]/*.tif")):
        (folder / f"{name}.yaml").write_text(MANIFEST.format(path=path), "utf-8")
    ways = {
        "tifffile, two processes": [[LOOP, *folders[::2]], [LOOP, *folders[1::2]]],
        "build of all files": [[BUILD, str(folder / "all.yaml"), str(folder / "package")]],
        f"build of {FEW:,} files": [[BUILD, str(folder / "few.yaml"), str(folder / "package")]],
    }
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, commands in ways.items():
            shutil.rmtree(folder / "package", ignore_errors=True)
            os.sync()  # what was written before is none of this one's
            found[way].append(taken(*commands))
    loop, whole, few = (np.median(np.array(one), axis=0) for one in found.values())
    own = (whole - few) * files / (files - FEW)
    for way, (clock, cpu) in zip((*ways, "start-up"), (loop, whole, few, whole - own), strict=True):
        print(f"{way:<26} {clock:7.2f} s  {cpu:7.2f} s of CPU")
    ratios = own / loop
    print(f"ratio, start-up apart      {ratios[0]:7.2f}    {ratios[1]:7.2f} of CPU   (goal 0.60)")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    count, turns = (*given, *(100_000, 3)[len(given) :])
    os.environ["XDG_CACHE_HOME"] = place = tempfile.mkdtemp()
    try:
        compare(Path(place), count, turns)
    finally:
        shutil.rmtree(place)
