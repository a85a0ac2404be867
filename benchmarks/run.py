"""All comparisons with what people use instead, in one run: results, a page, plots.

    pip install 'lance-datapkg[bench]'
    python -m benchmarks.run --scale 1 --folder /scratch/bench

Every task of every peer runs in a process of its own, one after the other, peers in turn within each round, so that a noisy
moment hurts all alike; medians count. A task's files are read once right before it: stores of all peers are more than the
memory of a small machine. What has already taken more than `--enough` seconds is not repeated. Rows are added
to ``rows.jsonl`` in the folder as they come: the same command goes on where it was stopped, and other `--sets` are added.
A set's stores are removed when it is done. It writes ``docs/benchmarks/results.json``, and from it `docs/benchmarks.md` with
its plots (`--page` makes only these again). At full scale it needs 25 GB of disk and 45 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .suite.engines import PEERS
from .suite.page import write_page
from .suite.sets import PROJECT, ImageSet, TableSet, sets
from .suite.stores import copied, looks, remove, size, warm
from .suite.tables import TABLES

RESULTS = PROJECT / "docs" / "benchmarks" / "results.json"
LIBRARIES = (
    "datasets", "deeplake", "duckdb", "h5py", "icechunk", "numpy", "pandas", "pyarrow", "pylance", "tifffile",
    "webdataset", "zarr",
)  # fmt: skip
LIMIT_S = 3600
CACHE = "its files are all read right before it, so the file cache is warm"

Row = dict[str, Any]


def main() -> None:
    """Run what was asked for, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full sets (default: 1)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (default: 3)")
    parser.add_argument(
        "--enough", type=float, default=20, help="seconds of a task after which it is not repeated"
    )
    parser.add_argument(
        "--sets", nargs="+", default=["large", "small", "movie", "long", "wide"], help="default: all"
    )
    parser.add_argument("--peers", nargs="+", help="default: all that are installed")
    parser.add_argument(
        "--folder", type=Path, help="where to work, and to go on (default: a temporary folder)"
    )
    parser.add_argument(
        "--note", help="what is to be known of the run, such as what ran beside it: the page says it"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: docs/benchmarks/results.json")
    parser.add_argument("--page", action="store_true", help="only make the page again from the results")
    given = parser.parse_args()
    given.output.parent.mkdir(parents=True, exist_ok=True)
    if not given.page:
        folder = given.folder or Path(tempfile.mkdtemp())
        folder.mkdir(parents=True, exist_ok=True)
        rows = Rows(folder / "rows.jsonl", about(given))
        try:
            for name in given.sets:
                measured(folder, name, given, rows)
                given.output.write_text(json.dumps(rows.results(), indent=1) + "\n")
        finally:
            if not given.folder:
                shutil.rmtree(folder)
    write_page(json.loads(given.output.read_text()), given.output.parent)


def about(given: argparse.Namespace) -> dict[str, Any]:
    """The machine, the libraries, the day, and what was asked for."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": found,
        "scale": given.scale,
        "rounds": given.rounds,
        "enough": given.enough,
        "cache": CACHE,
        "note": given.note,
    }


class Rows:
    """What was measured, added to a file as it comes; its first line says on what."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        known = [json.loads(line) for line in lines if line.endswith("}")]  # the last may have been cut
        self.about, self.rows = (known[0], known[1:]) if known else (about, [])
        if self.about["scale"] != about["scale"]:
            raise SystemExit(f"{path} was begun at scale {self.about['scale']:g}: go on with that")
        path.write_text("".join(json.dumps(line) + "\n" for line in (self.about, *self.rows)))

    def has(self, **key: Any) -> bool:
        """Whether a row with these values is there."""
        return any(key.items() <= row.items() for row in self.rows)

    def seconds(self, name: str, peer: str, task: str) -> float:
        """What a task has taken in all."""
        key = {"set": name, "peer": peer, "task": task}
        return sum(row.get("seconds", 0.0) for row in self.rows if key.items() <= row.items())

    def add(self, row: Row) -> None:
        """Add a row, on the disk too."""
        self.rows.append(row)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)

    def results(self) -> dict[str, Any]:
        """All of it, as the page takes it."""
        return {**self.about, "rows": [row for row in self.rows if "task" in row]}


def measured(folder: Path, name: str, given: argparse.Namespace, rows: Rows) -> None:
    """Every task of a set that has not been measured yet; then its files and stores are removed."""
    data = sets(folder, given.scale)[name]
    if not rows.has(done=name):
        started = time.perf_counter()
        data.make()
        print(f"{name}: files made in {time.perf_counter() - started:.0f} s", flush=True)
        runner = Runner(folder, name, given, rows)
        if isinstance(data, TableSet):
            runner.rounds([p for p in TABLES if not given.peers or p in given.peers], ("build", "read"))
        else:
            peers = [
                p.name
                for p in PEERS.values()
                if (not given.peers or p.name in given.peers)
                and (not p.module or find_spec(p.module))
                and p.of in (None, type(data))
            ]
            runner.rounds(peers, ("build", *data.tasks))
            runner.changes(peers, data)
        rows.add({"done": name, "seconds": time.perf_counter() - started})
    for path in [data.folder, folder / "cache", *folder.glob(f"{name}.*")]:
        remove(path)


class Runner:
    """Runs tasks of one set, each in a process of its own."""

    def __init__(self, folder: Path, name: str, given: argparse.Namespace, rows: Rows) -> None:
        self.folder, self.name, self.scale, self.rows = folder, name, given.scale, rows
        self.count, self.enough = given.rounds, given.enough
        self.data = sets(folder, given.scale)[name]

    def rounds(self, peers: list[str], tasks: tuple[str, ...]) -> None:
        """Each task by all peers in turn; what a build made stays for the next tasks."""
        for task in tasks:
            for number in range(self.count):
                for peer in peers:
                    if self.due(peer, task, number):
                        self.rows.add(
                            self.build(peer, number) if task == "build" else self.run(peer, task, number)
                        )

    def due(self, peer: str, task: str, number: int) -> bool:
        """Whether a task is still to be done: not if it is, nor again if it has failed, or taken long enough."""
        key = {"set": self.name, "peer": peer, "task": task}
        if self.rows.has(**key, round=number) or self.rows.has(**key, failed=True):
            return False
        if peer in PEERS and not PEERS[peer].can(task):
            return False
        return self.rows.seconds(self.name, peer, task) < self.enough

    def build(self, peer: str, number: int) -> Row:
        """Build a peer's store anew; what it wrote is on the disk before the next one begins."""
        at = self.store(peer)
        remove(at)
        row = self.run(peer, "build", number)
        remove(at.with_name(at.name + ".cache"))
        os.sync()
        return {**row, "size": size(at)}

    def changes(self, peers: list[str], images: ImageSet) -> None:
        """What is done to a store later: a few more images, one changed, and what the versions tell of it."""
        later = [task for task in ("append", "change", "old", "diff", "verify") if task in images.changes]
        for number in range(self.count):
            for peer in peers:
                if self.due(peer, "nothing", number):
                    self.rows.add(self.run(peer, "nothing", number))
            with added(images, "append" in later) as files:
                for peer in peers:
                    tasks = [task for task in later if PEERS[peer].can(task)]
                    if tasks and all(self.due(peer, task, number) for task in tasks):
                        for row in self.trial(peer, tasks, number, images, files):
                            self.rows.add(row)

    def trial(
        self, peer: str, tasks: list[str], number: int, images: ImageSet, files: list[str]
    ) -> list[Row]:
        """Change a copy of a store, one task after the other: each finds the work of those before."""
        at, rows = self.store(peer), []
        trial = at.with_name(at.name + ".trial")
        copied(at, trial, PEERS[peer].in_place)
        before = looks(at)
        for task in tasks:
            if task == "change":
                with changed(images, number) as which:
                    rows.append(self.run(peer, task, number, trial, image=which))
            else:
                rows.append(self.run(peer, task, number, trial, files=files))
        if looks(at) != before:
            raise SystemExit(f"{peer} writes into files that are there: say so by `in_place`")
        remove(trial)
        return rows

    def store(self, peer: str) -> Path:
        """Where a peer keeps the set."""
        return self.folder / f"{self.name}.{peer.replace(' ', '-')}"

    def run(self, peer: str, task: str, number: int, at: Path | None = None, **more: Any) -> Row:
        """One task, whose files were all read right before; what failed is told with its last line."""
        at = at or self.store(peer)
        warm(self.data.folder if task == "build" else at)
        row: Row = {"set": self.name, "peer": peer, "task": task, "round": number}
        value = {
            **row,
            **more,
            "at": str(at),
            "folder": str(self.folder),
            "scale": self.scale,
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.suite.tasks", json.dumps(value)],
            cwd=PROJECT, env={**os.environ, "DATAPKG_CACHE": str(self.folder / "cache")},
            capture_output=True, text=True, check=False, timeout=LIMIT_S,
        )  # fmt: skip
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["ended without a word"])[-1][:300]
            return {**row, "failed": True, "why": why}
        return {**row, **json.loads(done.stdout.splitlines()[-1])}


@contextmanager
def added(images: ImageSet, really: bool) -> Iterator[list[str]]:
    """New files in the set's folder, a hundredth of all, taken away at the end."""
    new = range(images.count, images.count + max(1, images.count // 100)) if really else range(0)
    paths = [images.write(number, images.image(number)) for number in new]
    try:
        yield list(map(str, paths))
    finally:
        for path in paths:
            path.unlink()


@contextmanager
def changed(images: ImageSet, number: int) -> Iterator[int]:
    """One file of the set with other pixels, put back at the end."""
    which = (number * 7 + 3) % images.count
    images.write(which, images.image(which, turn=1))
    try:
        yield which
    finally:
        images.write(which, images.image(which))


if __name__ == "__main__":
    main()
