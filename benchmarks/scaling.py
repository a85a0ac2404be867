"""What grows with what: time and memory against the number of files, rows, versions, wells and bytes.

    python -m benchmarks.scaling                  # all, some 20 minutes and 20 GB of disk
    python -m benchmarks.scaling --of files rows --most 0.1

Each task runs in a process of its own, on packages of three or four sizes. The slope is that of the logarithms between the
two largest: 1 grows as the size does, 0 not at all. It writes ``docs/benchmarks/scaling.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from .suite.sets import PROJECT, ImageSet, TableSet, well
from .suite.tasks import Memory

RESULTS = PROJECT / "docs" / "benchmarks" / "scaling.json"
SIZES = {
    "files": (1000, 10_000, 100_000),
    "rows": (10_000, 100_000, 1_000_000, 4_000_000),
    "versions": (10, 50, 250),
    "wells": (4, 16, 64),
    "bytes": (1000, 2000, 4000, 8000),
}
"""Images of 64 x 64; rows of 20 columns; versions of one table; movies of one well each; megabytes of images of 2 MB."""
TASKS = {
    "files": ("build", "again", "add", "open", "filter", "log"),
    "rows": ("build", "again", "open", "filter"),
    "versions": ("add", "open", "log"),
    "wells": ("build", "again", "open", "filter"),
    "bytes": ("build", "again", "open", "scan", "verify", "export"),
}
LIMIT_S = 3600

Row = dict[str, Any]


def main() -> None:
    """Measure, or do one task of a package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--of", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--most", type=float, default=1.0, help="share of each largest size (default: 1)")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--task", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        print(json.dumps(task(given.task[0], Path(given.task[1]))))
        return
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    rows: list[Row] = []
    try:
        for of in given.of:
            for size in SIZES[of]:
                if size <= given.most * SIZES[of][-1]:
                    rows += measured(folder / "set", of, size)
    finally:
        shutil.rmtree(folder)
    report(rows)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(rows, indent=1) + "\n")


def measured(folder: Path, of: str, size: int) -> Iterator[Row]:
    """All tasks of one size."""
    MAKE[of](folder, size)
    for name in TASKS[of]:
        command = [sys.executable, "-m", "benchmarks.scaling", "--task", name, str(folder)]
        done = subprocess.run(
            command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
        if done.returncode:
            sys.exit(f"{of} {size} {name}: {done.stderr[-2000:]}")
        row = {"of": of, "size": size, "task": name, **json.loads(done.stdout.splitlines()[-1])}
        print(json.dumps(row), flush=True)
        yield row
    shutil.rmtree(folder)


def make_files(folder: Path, count: int) -> None:
    """Small images."""
    ImageSet("files", folder, count, 64, "uint8").make()


def make_rows(folder: Path, count: int) -> None:
    """A table."""
    TableSet("rows", folder, count, 20).make()


def make_versions(folder: Path, count: int) -> None:
    """A table that was changed so many times."""
    import datapkg

    TableSet("versions", folder, 100, 8).make()
    for _ in range(count):
        another(folder)
        datapkg.build(folder / "manifest.yaml", folder / "p")


def make_wells(folder: Path, count: int) -> None:
    """Movies."""
    from datapkg.simulate import screen

    screen(folder / "screen", plates=1, wells=count, frames=4, size=(256, 256))
    text = 'name: wells\nresources:\n  - {name: movies, path: "screen/ch5/**/*.ch5"}\n'
    (folder / "manifest.yaml").write_text(text)


def make_bytes(folder: Path, megabytes: int) -> None:
    """Images of 2 MB in plain TIFF files: shifts of real ones."""
    import tifffile

    images = ImageSet("bytes", folder, megabytes // 2, 1024, "uint16")
    (folder / "images").mkdir(parents=True)
    for number in range(images.count):
        path = folder / "images" / f"{number:06}_{well(number)}.tif"
        tifffile.imwrite(path, np.roll(images.bases[number % 15], number // 15, 1))
    pattern = 'pattern: "{Number:d}_{Well}.tif"'
    text = f'name: bytes\nresources:\n  - {{name: images, path: "images/*.tif", keep: array, {pattern}}}\n'
    (folder / "manifest.yaml").write_text(text)


MAKE: dict[str, Callable[[Path, int], None]] = {
    "files": make_files,
    "rows": make_rows,
    "versions": make_versions,
    "wells": make_wells,
    "bytes": make_bytes,
}


def another(folder: Path) -> None:
    """One more file, or one more row: what the next version has."""
    table, images = folder / "table.csv", folder / "images"
    if table.exists():
        with table.open("a") as file:
            file.write("A01,1" + ",0.5" * 6 + "\n")
    else:
        some = sorted(images.iterdir())[0]
        shutil.copy(some, images / f"999999_{well(0)}.tif")


def task(name: str, folder: Path) -> Row:
    """Do one task, timed without the start of the process."""
    import datapkg

    package, manifest = folder / "p", folder / "manifest.yaml"

    def table() -> Any:
        opened = datapkg.open(package)
        return opened[next(iter(opened.tables))]

    def opened() -> Any:
        first = table()
        return first.image(0) if "image_array" in first.columns else first.to_pandas(limit=1)

    def filtered() -> Any:
        found = table()
        where = "Well = 'C06'" if "Well" in found.columns else "well = 'C06' and t = 1"
        return found.to_pandas(where=where, limit=10, images="array")

    def scan() -> int:
        return sum(batch.nbytes for batch in table().to_batches())

    works: dict[str, Callable[[], Any]] = {
        "build": lambda: datapkg.build(manifest, package),
        "again": lambda: datapkg.build(manifest, package),
        "add": lambda: datapkg.build(manifest, package),
        "open": opened,
        "filter": filtered,
        "log": lambda: datapkg.open(package).versions(),
        "scan": scan,
        "verify": lambda: datapkg.verify(package),
        "export": lambda: datapkg.export(package, folder / "out.datapkg.zip"),
    }
    if name == "add":
        another(folder)
    if name in ("open", "filter", "log"):
        works[name]()  # imports, and what the system keeps of the files
    watch = Memory()
    started = time.perf_counter()
    works[name]()
    return {"seconds": time.perf_counter() - started, "memory": watch.stop()}


def report(rows: list[Row]) -> None:
    """A line for each task: seconds and megabytes of every size, and the slopes."""
    for of in dict.fromkeys(row["of"] for row in rows):
        sizes = sorted({row["size"] for row in rows if row["of"] == of})
        print(f"\n{of:10}{''.join(f'{size:>22,}' for size in sizes)}   slope of time, of memory")
        for name in TASKS[of]:
            found = [r for size in sizes for r in rows if (r["of"], r["size"], r["task"]) == (of, size, name)]
            cells = "".join(f"{r['seconds']:13.4g} s {r['memory'] / 1e6:4.0f} MB" for r in found)
            slopes = [slope(found, key) for key in ("seconds", "memory")]
            print(f"{name:10}{cells}   {slopes[0]:.2f}, {slopes[1]:.2f}")


def slope(rows: list[Row], key: str) -> float:
    """How steeply the logarithm grows between the two largest sizes."""
    if len(rows) < 2:
        return float("nan")
    (before, last) = rows[-2:]
    return log(max(last[key], 1e-9) / max(before[key], 1e-9)) / log(last["size"] / before["size"])


if __name__ == "__main__":
    main()
