"""What a build costs when nothing changed, and when one image of many did; and what the digest is of a first build.

``python -m benchmarks.rebuild noop [FILES]`` builds a package of that many little text files (default 100,000) once, then
builds again, with nothing to do, in turns with a bare walk (`os.scandir` and `os.stat` of each file, in a process that
imports no more than Python itself) and the start-up (a build with nothing to do of a package of one file). Goal: at most twice the
walk and the start-up.

``python -m benchmarks.rebuild image [FILES]`` changes one image among many (default 10,000) and builds, in turns with
builds that have nothing to do. Goals: at most twice the bytes of that file's rows plus 2 MB are written, in at most one
second more.

``python -m benchmarks.rebuild digest [MB]`` builds images and a table in one process each, and adds up the CPU time of all
calls of the digest. Goals: at most 8 % and 15 % of the build's. It also tells what BLAKE3 alone takes for as many bytes as the
images have, pixels and kept files, in the same process: no digest of them takes less.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import tifffile

from datapkg import versions
from datapkg.places import Folder

TURNS = 5
IMAGE_BYTES = 2_000_000
SPREAD = 100
"""Folders that the files lie in."""
OLD_S = 2.5
"""What was hashed is remembered once it is this old."""
WALK = """
import os, sys
def walk(folder):
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                walk(entry.path)
            else:
                os.stat(entry.path)
walk(sys.argv[1])
"""
BUILD = "import sys, datapkg; datapkg.build(sys.argv[1], sys.argv[2])"


def seconds(*command: str) -> float:
    """How long a Python program takes, with its start."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def in_turns(ways: dict[str, Callable[[], float]], turns: int = TURNS) -> dict[str, float]:
    """The median of each way's seconds; the first turn is to warm up."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(turns + 1):
        for way, run in ways.items():
            taken[way].append(run())
    medians = {way: statistics.median(found[1:]) for way, found in taken.items()}
    for way, found in medians.items():
        print(f"{way:<34} {found:7.2f} s")
    return medians


def manifest(folder: Path, path: str, more: str = "") -> str:
    """A manifest of one resource."""
    text = f'name: bench\nresources:\n  - {{name: t, path: "{path}"{more}}}\n'
    (folder / "bench.yaml").write_text(text, "utf-8")
    return str(folder / "bench.yaml")


def noop(folder: Path, files: int = 100_000) -> bool:
    """A build with nothing to do beside a bare walk."""
    one, many = folder / "one", folder / "many"
    for place, count in ((one, 1), (many, files)):
        for number in range(count):
            path = place / "data" / f"{number % SPREAD:03}" / f"{number:06}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"Well,Count\nA{number},{number}\n", "utf-8")
        manifest(place, "data/*/*.csv")
    time.sleep(OLD_S)
    builds = {place.name: ("-c", BUILD, str(place / "bench.yaml"), str(place / "p")) for place in (one, many)}
    for command in builds.values():
        seconds(*command)
    times = in_turns(
        {
            f"build of {files:,} files, nothing new": lambda: seconds(*builds["many"]),
            "build of one file, nothing new": lambda: seconds(*builds["one"]),
            "bare walk": lambda: seconds("-c", WALK, str(many / "data")),
        }
    )
    build, start, walk = times.values()
    assert versions.numbers(Folder(many / "p")) == [1]
    print(f"ratio to walk and start-up: {build / (walk + start):.2f}")
    return build <= 2 * (walk + start)


def image(folder: Path, files: int = 10_000) -> bool:
    """One changed image among many beside a build with nothing to do."""
    rng = np.random.default_rng(1)
    data = folder / "data"
    data.mkdir()
    for number in range(files):
        tifffile.imwrite(data / f"{number:06}.tif", rng.integers(0, 4000, (64, 64)).astype("u2"))
    path, package = manifest(folder, "data/*.tif"), folder / "p"
    time.sleep(OLD_S)
    command = ("-c", BUILD, path, str(package))
    seconds(*command)
    written = []

    def changed() -> float:
        before = stored(package)
        tifffile.imwrite(data / "004321.tif", rng.integers(0, 4000, (64, 64)).astype("u2"))
        taken = seconds(*command)
        written.append(stored(package) - before)
        return taken

    times = in_turns({"one image changed": changed, "nothing changed": lambda: seconds(*command)})
    first = versions.read_record(Folder(package), 1)
    rows = sum(first.tables[0].image_bytes.values()) / files
    print(f"written {statistics.median(written):,.0f} bytes; the image's row is {rows:,.0f} bytes")
    one, none = times.values()
    print(f"{one - none:.2f} s more than a build with nothing to do")
    return statistics.median(written) <= 2 * rows + 2_000_000 and one <= none + 1


def stored(package: Path) -> int:
    """Bytes of all files of a package."""
    return sum(path.stat().st_size for path in package.rglob("*") if path.is_file())


def digest(folder: Path, megabytes: int = 400) -> bool:
    """The digest's part of the CPU time of builds of images, and of a build of a table."""
    rng = np.random.default_rng(1)
    (folder / "images").mkdir()
    for number in range(max(1, megabytes // 2)):
        pixels = rng.integers(0, 4000, (1000, 1000)).astype("u2")
        tifffile.imwrite(folder / "images" / f"{number:05}.tif", pixels)
    values = pa.table({f"feature_{i}": rng.normal(size=megabytes * 5000).round(6) for i in range(20)})
    pa.csv.write_csv(values, folder / "table.csv")
    good = True
    for what, path, more, goal in (
        ("images", "images/*.tif", ", keep: array", 0.08),
        ("images and their files", "images/*.tif", "", 0.08),
        ("a table", "table.csv", "", 0.15),
    ):
        asked = manifest(folder, path, more), str(folder / "p")
        text = f"import benchmarks.rebuild as it; it.print_share(*{asked!r})"
        shares = []
        for _ in range(TURNS):
            done = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True)
            shares.append([float(number) for number in done.stdout.split()])
            shutil.rmtree(folder / "p")
        share, least, whole = np.median(shares, axis=0)
        print(
            f"the digest takes {share:.1%} of the {whole:.2f} s of CPU of a build of {what} (goal {goal:.0%}); "
            f"BLAKE3 of the images alone {least:.1%}"
        )
        good &= share <= goal
    return good


def print_share(path: str, package: str) -> None:
    """Build in this process; print the parts of its CPU time that all calls of the digest take and BLAKE3 of images alone, and that time."""
    from blake3 import blake3

    from datapkg import builder, ingest
    from datapkg.sources import image_columns

    spent = 0.0

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            nonlocal spent
            started = time.thread_time()
            try:
                return function(*arguments)
            finally:
                spent += time.thread_time() - started

        return run

    for owner, name in (
        (ingest.SourceHasher, "update"),
        (ingest.SourceHasher, "result"),
        (ingest.RowHasher, "digests"),
        (ingest.ColumnSums, "add"),
        (image_columns, "image_digest"),
    ):
        setattr(owner, name, timed(getattr(owner, name)))
    before = time.process_time()
    report = builder.build(path, package, engine="inline")
    whole = time.process_time() - before
    images = sum(sum(table.image_bytes.values()) for table in report.tables)
    some, started = np.random.default_rng(0).bytes(64 << 20), time.thread_time()
    for at in range(0, images, IMAGE_BYTES):
        at %= len(some) - IMAGE_BYTES
        blake3(memoryview(some)[at : at + IMAGE_BYTES]).digest()
    print(spent / whole, (time.thread_time() - started) / whole, whole)


def main(what: str, *count: int) -> int:
    """Run one comparison."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATAPKG_CACHE"] = str(Path(folder) / "cache")
        return 0 if {"noop": noop, "image": image, "digest": digest}[what](Path(folder), *count) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
