"""How fast, and in how much memory, two versions of a large table are compared.

The peer does the same work in the same run: it reads both versions from the same package as pandas DataFrames, merges
them by the key and compares them column by column. Each side runs in a process of its own; its memory is what it takes
beyond the libraries that both load.

    python benchmarks/diff.py --rows 1000000 --columns 20 --cells 1000

Goals: at most 0.6 of the peer's time and 0.25 of its memory where the keys stand in one order, 1 and 0.4 where the new
version's rows are shuffled.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv

import datapkg

MANIFEST = "name: wide\nresources:\n  - {name: t, path: t.csv, schema: {primaryKey: [id]}}\n"


def main() -> None:
    """Make three versions, and print times, memory, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--cells", type=int, default=1000, help="changed cells (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (default: 3)")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--new", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(measured(given.side, str(given.folder), given.new)))
        return
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        package = str(make_versions(folder, given.rows, given.columns, given.cells))
        print(f"{given.rows:,} rows x {given.columns} columns, {given.cells:,} changed cells")
        for new, order in ((2, "aligned"), (3, "shuffled")):
            report(package, new, order, given.rounds, given.cells)
    finally:
        shutil.rmtree(folder)


def make_versions(folder: Path, rows: int, columns: int, cells: int) -> Path:
    """Build version 1, version 2 with changed cells, and version 3 with the rows of 2 shuffled."""
    rng = np.random.default_rng(1)
    keys = pa.array([f"plate{i // 384:04d}_{i % 384:03d}" for i in range(rows)])
    values = rng.normal(size=(columns - 1, rows)).round(6)
    (folder / "manifest.yaml").write_text(MANIFEST, "utf-8")
    package = folder / "package"

    def build(order: np.ndarray | None = None) -> None:
        names = ["id", *(f"feature_{i}" for i in range(columns - 1))]
        table = pa.table([keys, *values], names=names)
        pa.csv.write_csv(table if order is None else table.take(pa.array(order)), folder / "t.csv")
        datapkg.build(folder / "manifest.yaml", package)

    build()
    changed = rng.choice((columns - 1) * rows, cells, replace=False)
    values.reshape(-1)[changed] += 1
    build()
    build(rng.permutation(rows))
    (folder / "t.csv").unlink()
    return package


def report(package: str, new: int, order: str, rounds: int, cells: int) -> None:
    """Run both sides, and print what they took."""
    took = {}
    for side in SIDES:
        runs = []
        for _ in range(rounds):
            command = [sys.executable, __file__, "--side", side, "--folder", package, "--new", str(new)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            runs.append(json.loads(done.stdout))
        assert all(run["cells"] == cells for run in runs), runs
        took[side] = [float(np.median([run[what] for run in runs])) for what in ("seconds", "bytes")]
        print(f"{order:9} {side:8} {took[side][0]:6.2f} s {took[side][1] / 1e6:7.0f} MB")
    ratios = [ours / theirs for ours, theirs in zip(took["datapkg"], took["pandas"], strict=True)]
    print(f"{order:9} ratio    {ratios[0]:6.2f}   {ratios[1]:7.2f}")


def measured(side: str, package: str, new: int) -> dict[str, float]:
    """Run one side in this process."""
    import duckdb  # noqa: F401 - both sides load the same libraries before the clock starts
    import pandas as pd  # noqa: F401

    import datapkg.differ
    import datapkg.frames
    import datapkg.manifest.normal

    versions = [datapkg.open(package, version=number) for number in (1, new)]
    versions[0]["t"].schema  # noqa: B018 - loads the engine
    before = psutil.Process().memory_info().rss
    peak = Peak()
    started = time.perf_counter()
    cells = SIDES[side](*versions)
    seconds = time.perf_counter() - started
    return {"cells": cells, "seconds": seconds, "bytes": peak.stop() - before}


def by_pandas(old: datapkg.Package, new: datapkg.Package) -> int:
    """Merge and compare; returns the number of changed cells."""
    merged = (
        old["t"]
        .to_pandas()
        .merge(new["t"].to_pandas(), on="id", how="outer", suffixes=("_old", "_new"), indicator=True)
    )
    both = merged[merged["_merge"] == "both"]
    changed = []
    for name in old["t"].columns[1:]:
        before, after = both[f"{name}_old"], both[f"{name}_new"]
        differs = (before != after) & ~(before.isna() & after.isna())
        changed.append(both.loc[differs, ["id", f"{name}_old", f"{name}_new"]])
    return sum(len(one) for one in changed)


def by_datapkg(old: datapkg.Package, new: datapkg.Package) -> int:
    """Compare, and make the DataFrame of changed cells; returns their number."""
    return len(new.diff(old).cells)


class Peak:
    """The largest memory of this process while it runs, looked at every few milliseconds."""

    def __init__(self) -> None:
        self._process, self._highest, self._done = psutil.Process(), 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """End, and say how much it was."""
        self._done.set()
        self._thread.join()
        return self._highest

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self._highest = max(self._highest, self._process.memory_info().rss)


SIDES: dict[str, Callable[[datapkg.Package, datapkg.Package], int]] = {
    "pandas": by_pandas,
    "datapkg": by_datapkg,
}

if __name__ == "__main__":
    main()
