"""How fast `datapkg verify` is beside a bare BLAKE3 loop over the same files, in the same run.

``python -m benchmarks.verify [MB]`` builds a package of images, reads it once so that both find it in memory, and
prints the ratio of the medians of several turns. The aim is at least 0.5 of the bare loop's speed with the same number
of threads; one thread is shown too.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tifffile
from blake3 import blake3

import datapkg
from datapkg import versions
from datapkg.engine.local import cpus
from datapkg.places import Folder

TURNS = 5
CHUNK = 4 << 20


def package(folder: Path, megabytes: int) -> Path:
    data = folder / "data"
    data.mkdir()
    rng = np.random.default_rng(1)
    for number in range(max(1, megabytes // 2)):
        tifffile.imwrite(data / f"{number:05}.tif", rng.integers(0, 4000, (700, 750)).astype("u2"))
    text = 'name: bench\nresources:\n  - {name: frames, path: "data/*.tif"}\n'
    (folder / "bench.yaml").write_text(text)
    datapkg.build(folder / "bench.yaml", folder / "p")
    return folder / "p"


def bare(path: Path) -> str:
    digest = blake3()
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def threaded(paths: list[Path]) -> list[str]:
    with ThreadPoolExecutor(cpus()) as pool:
        return list(pool.map(bare, paths))


def main(megabytes: int = 1000) -> int:
    with tempfile.TemporaryDirectory() as folder:
        target = package(Path(folder), megabytes)
        record = versions.read_record(Folder(target), 1)
        listed = versions.read_files(Folder(target), record).files
        paths = [target / file[1] for files in listed.values() for file in files]
        size = sum(path.stat().st_size for path in paths) / 1e9
        ways: dict[str, Callable[[], object]] = {
            "verify": lambda: datapkg.verify(target),
            f"blake3, {cpus()} threads": lambda: threaded(paths),
            "blake3, 1 thread": lambda: [bare(path) for path in paths],
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(TURNS + 1):  # the first is to warm up
            for way, work in ways.items():
                times[way].append(seconds(work))
        found = {way: statistics.median(taken[1:]) for way, taken in times.items()}
        assert datapkg.verify(target).ok
    for way, taken in found.items():
        print(f"{way:<20} {taken:7.3f} s  {size / taken:6.2f} GB/s")
    ratios = {way: found[way] / found["verify"] for way in found if way != "verify"}
    for way, ratio in ratios.items():
        print(f"verify runs at {ratio:.2f} of {way}")
    return 0 if min(ratios.values()) >= 0.5 else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
