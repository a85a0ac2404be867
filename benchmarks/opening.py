"""What it costs to open a package that has grown, and to show one image of it in a new process.

Warm: two packages are opened in turn in this process; one has one version and one fragment, the other 1,000 versions, of
which the newest has 1,000 fragments. What the second takes more is told in milliseconds:

- built: `datapkg.open`, and its tables, version and digest, within two seconds of a build: its versions are listed each time;
- opened: the same of packages that nothing was built in since, whose listing is remembered;
- rows: the same, and one image.

Cold: processes that are started in turn; each reads the same image of the same package:

- datapkg: `datapkg.open(...)["frames"].image(...)`;
- lancedb: `import lancedb`, then its table and a `take` of the row as NumPy.

    python -m benchmarks.opening

Goals: opened at most 1 ms more; datapkg at most 0.6 of lancedb's time.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tifffile

import datapkg
from datapkg import compaction, ingest

WELLS = "  - {name: wells, path: wells.csv}\n"
FRAMES = '  - {name: frames, path: "images/*.tif", keep: array}\n'
SIDE = 128
SETTLED_S = 2.5
"""A folder that has not changed for so long is known by its times."""

DATAPKG = "import datapkg; print(datapkg.open({package!r})['frames'].image({row}).sum())"
LANCEDB = """
import lancedb
table = lancedb.connect({package!r}).open_table("frames").to_lance()
pixels = table.take([{row}], columns=["image_array"]).column(0).combine_chunks()
print(pixels.flatten().flatten().to_numpy().reshape(SIDE, SIDE).sum())
""".replace("SIDE", str(SIDE))


def main() -> None:
    """Build two packages, and print what opening them costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--many", type=int, default=1000, help="versions, and fragments (default: 1,000)")
    parser.add_argument("--rounds", type=int, default=300, help="of which the median counts (default: 300)")
    parser.add_argument("--processes", type=int, default=15, help="started of each kind (default: 15)")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        packages = {number: grown(folder / str(number), number) for number in (1, given.many)}
        warm(packages, given.rounds)
        cold(packages[given.many], given.many - 1, given.processes)
    finally:
        shutil.rmtree(folder)


def grown(folder: Path, number: int) -> str:
    """Build a package of so many versions, with as many images in as many fragments."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(1)
    for image in range(number):
        tifffile.imwrite(folder / f"images/{image:04}.tif", rng.integers(0, 4096, (SIDE, SIDE), np.uint16))
    manifest, package = folder / "manifest.yaml", folder / "p"
    full, ingest.LEAST_TASK_BYTES, ingest.TASK_BYTES = (ingest.LEAST_TASK_BYTES, ingest.TASK_BYTES), 1, 1
    # each image is a task, and a fragment of its own
    let_stand, compaction.MOST = compaction.MOST, number
    try:
        for version in range(1, number + 1):
            (folder / "wells.csv").write_text(f"Well,Count\nA01,{version}\n", "utf-8")
            resources = WELLS + FRAMES if version == number else WELLS
            manifest.write_text(f"name: grown\nresources:\n{resources}", "utf-8")
            datapkg.build(manifest, package, engine="inline")
    finally:
        (ingest.LEAST_TASK_BYTES, ingest.TASK_BYTES), compaction.MOST = full, let_stand
    opened = datapkg.open(package)
    assert opened.version == number
    assert len(opened["frames"].lance.get_fragments()) == number
    return str(package)


def warm(packages: Mapping[int, str], rounds: int) -> None:
    """Open both in turn, and print what the one takes more."""

    def opened(package: str) -> object:
        found = datapkg.open(package)
        return found.tables, found.version, found.digest

    def rows(package: str) -> object:
        return datapkg.open(package)["frames"].image(0)

    work: dict[str, Callable[[str], object]] = {"built": opened, "opened": opened, "rows": rows}
    for name, ask in work.items():
        if name == "built":
            for package in packages.values():
                os.utime(Path(package) / "versions")  # as if its newest version were of now
        elif name == "opened":
            time.sleep(SETTLED_S)
        took: dict[int, list[float]] = {number: [] for number in packages}
        gc.collect()
        for _ in range(rounds):
            for number, package in packages.items():
                started = time.perf_counter()
                ask(package)
                took[number].append(time.perf_counter() - started)
        one, many = (float(np.median(times)) * 1000 for times in took.values())
        goal = " (goal 1.00)" if name == "opened" else ""
        print(f"{name:7} one {one:6.2f} ms  many {many:6.2f} ms  more {many - one:5.2f} ms{goal}")


def cold(package: str, row: int, processes: int) -> None:
    """Start processes of both kinds in turn, and print what they take."""
    took: dict[str, list[float]] = {"lancedb": [], "datapkg": []}
    said = set()
    for _ in range(processes):
        for name, code in (("lancedb", LANCEDB), ("datapkg", DATAPKG)):
            command = [sys.executable, "-c", code.format(package=package, row=row)]
            started = time.perf_counter()
            said.add(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            took[name].append(time.perf_counter() - started)
    assert len(said) == 1  # the same image
    theirs, ours = (float(np.median(times)) for times in took.values())
    print(f"cold    lancedb {theirs:5.2f} s  datapkg {ours:5.2f} s  ratio {ours / theirs:5.2f} (goal 0.60)")


if __name__ == "__main__":
    main()
