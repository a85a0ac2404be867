"""Time and memory of a build of one large CSV file, beside DuckDB's default `read_csv` into Arrow, in one run.

    python -m benchmarks.large_csv                    # a generated file of 2,000 MB, 2 rounds
    python -m benchmarks.large_csv --megabytes 500 --rounds 3 --folder /scratch

Both do their work in a process of its own, one after the other, round by round, so that what else the machine does
meets both. datapkg decides types over all rows (and reads a file again if a guess at them fails), checks, hashes, writes
and syncs a package; DuckDB looks at a sample and keeps the table in memory. On a busy machine the CPU tells more. The goals: at most 2.5 times DuckDB's time,
and less than 1 GB of private memory (resident minus shared, summed over all processes, sampled) with two workers.
Linux only: memory is read from /proc.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

GOAL_RATIO, GOAL_BYTES = 2.5, 1_000_000_000
ROWS = 100_000
SAMPLE_S = 0.02
DUCKDB = "import sys, duckdb; table = duckdb.read_csv(sys.argv[1]).to_arrow_table(); print(table.num_rows)"
DATAPKG = (
    "import sys, datapkg\n"
    "if __name__ == '__main__':\n"
    "    report = datapkg.build(sys.argv[1], sys.argv[2], workers=int(sys.argv[3]))\n"
    "    print(report.tables[0].rows)\n"
)


def main() -> None:
    """Run the benchmark, and print what it found."""
    parser = argparse.ArgumentParser(description="A build of one large CSV file beside DuckDB's read_csv.")
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=None, help="where to put the file and the packages")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="datapkg-csv-", dir=given.folder))
    try:
        path, rows = generate(folder, given.megabytes)
        print(f"{path.stat().st_size / 1e6:,.0f} MB, {rows:,} rows, {len(header())} columns")
        run(folder, path, rows, given.rounds, given.workers)
    finally:
        shutil.rmtree(folder)


def run(folder: Path, path: Path, rows: int, rounds: int, workers: int) -> None:
    """Let both work in turns."""
    manifest = folder / "manifest.yaml"
    manifest.write_text("name: large\nresources: [{name: cells, path: cells.csv}]\n")
    times: dict[str, list[float]] = {"duckdb": [], "datapkg": []}
    peaks: dict[str, int] = {"duckdb": 0, "datapkg": 0}
    for number in range(rounds):
        package = folder / f"{number}.datapkg"
        for name, command in (
            ("duckdb", [DUCKDB, str(path)]),
            ("datapkg", [DATAPKG, str(manifest), str(package), str(workers)]),
        ):
            seconds, cpu, peak, said = measured(command, folder)
            assert int(said.split()[-1]) == rows, said
            times[name].append(seconds)
            peaks[name] = max(peaks[name], peak)
            told = f"{seconds:7.1f} s  {cpu:7.1f} s of CPU  {peak / 1e6:7,.0f} MB private"
            print(f"round {number + 1}  {name:8} {told}", flush=True)
        shutil.rmtree(package)
    ratios = [ours / theirs for ours, theirs in zip(times["datapkg"], times["duckdb"], strict=True)]
    ratio = statistics.median(ratios)
    print(f"ratio     {ratio:.2f} (goal: at most {GOAL_RATIO}): {'met' if ratio <= GOAL_RATIO else 'missed'}")
    met = "met" if peaks["datapkg"] < GOAL_BYTES else "missed"
    print(f"memory    {peaks['datapkg'] / 1e6:,.0f} MB (goal: under {GOAL_BYTES / 1e6:,.0f}): {met}")


def measured(command: list[str], folder: Path) -> tuple[float, float, int, str]:
    """Run Python code: seconds, seconds of CPU, the peak of all its processes' private bytes, what it printed."""
    script = folder / "work.py"
    script.write_text(command[0])
    said, peak, before, started = folder / "said.txt", 0, cpu_seconds(), time.monotonic()
    with open(said, "w") as output:
        process = subprocess.Popen([sys.executable, str(script), *command[1:]], stdout=output)
        while process.poll() is None:
            peak = max(peak, sum(map(private_bytes, tree(process.pid))))
            time.sleep(SAMPLE_S)
    seconds = time.monotonic() - started
    assert process.returncode == 0, f"failed: {command[1:]}"
    return seconds, cpu_seconds() - before, peak, said.read_text()


def cpu_seconds() -> float:
    """What all ended children of this process used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tree(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from tree(int(child))


def private_bytes(pid: int) -> int:
    """Resident memory that no file or other process shares."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")


def header() -> list[str]:
    """Columns as a profile of single cells has them."""
    named = ["Metadata_Plate", "Metadata_Well", "Metadata_Site", "ObjectNumber", "Image_FileName_DAPI"]
    return [*named, *(f"Cells_Feature_{i}" for i in range(25))]


def generate(folder: Path, megabytes: int) -> tuple[Path, int]:
    """Write a CSV file of about so many megabytes, without quotes, as pandas and CellProfiler do."""
    path, rows, random = folder / "cells.csv", 0, np.random.default_rng(0)
    with open(path, "wb") as file:
        while file.tell() < megabytes * 1_000_000:
            options = csv.WriteOptions(include_header=not rows, quoting_style="none")
            csv.write_csv(cells(random, rows), file, options)
            rows += ROWS
    return path, rows


def cells(random: np.random.Generator, first: int) -> pa.Table:
    """Some rows: text, whole numbers, and features rounded as programs write them, a few of them missing."""
    at = np.arange(first, first + ROWS)
    plates, wells = at // 38_400, at // 100 % 384
    columns: list[pa.Array] = [
        pa.array([f"LT{plate:04d}_02" for plate in plates]),
        pa.array([f"{chr(65 + well // 24)}{well % 24 + 1:02d}" for well in wells]),
        pa.array(at // 25 % 4 + 1),
        pa.array(at % 25 + 1),
        pa.array([f"LT{plate:04d}_{well:03d}_DAPI.tif" for plate, well in zip(plates, wells, strict=True)]),
    ]
    for i in range(25):
        values = np.round(random.normal(100 * (i % 3), 1 + i, ROWS), 4)
        columns.append(pa.array(values, mask=random.random(ROWS) < 0.01 * (i % 5 == 0)))
    return pa.table(columns, names=header())


if __name__ == "__main__":
    main()
