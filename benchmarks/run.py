"""All comparisons with what people use instead, in one run: results, a page, plots.

    pip install 'lance-datapkg[bench]'
    python -m benchmarks.run --scale 1

Every task of every peer runs in a process of its own, one after the other, peers in turn within each round, so that a noisy
moment hurts all alike; medians count. It writes ``docs/benchmarks/results.json``, and from it `docs/benchmarks.md` with its
plots (`--page` makes only these again). At full scale it needs 60 GB of disk and some hours; `--scale 0.1` an eighth.
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
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .suite.engines import PEERS
from .suite.page import write_page
from .suite.sets import PROJECT, ImageSet, TableSet, sets
from .suite.tables import TABLES

RESULTS = PROJECT / "docs" / "benchmarks" / "results.json"
LIBRARIES = (
    "datasets", "deeplake", "duckdb", "h5py", "icechunk", "numpy", "pandas", "pyarrow", "pylance", "tifffile",
    "webdataset", "zarr",
)  # fmt: skip
LIMIT_S = 3600

Row = dict[str, Any]


def main() -> None:
    """Run what was asked for, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full sets (default: 1)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (default: 3)")
    parser.add_argument(
        "--sets", nargs="+", default=["large", "small", "movie", "long", "wide"], help="default: all"
    )
    parser.add_argument("--peers", nargs="+", help="default: all that are installed")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: docs/benchmarks/results.json")
    parser.add_argument("--page", action="store_true", help="only make the page again from the results")
    given = parser.parse_args()
    if not given.page:
        folder = Path(tempfile.mkdtemp(dir=given.folder))
        try:
            rows = [row for name in given.sets for row in measured(folder, name, given)]
        finally:
            shutil.rmtree(folder)
        given.output.parent.mkdir(parents=True, exist_ok=True)
        given.output.write_text(
            json.dumps({**about(given.scale, given.rounds), "rows": rows}, indent=1) + "\n"
        )
    write_page(json.loads(given.output.read_text()), given.output.parent)


def about(scale: float, rounds: int) -> dict[str, Any]:
    """The machine, the libraries, the day."""
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
        "scale": scale,
        "rounds": rounds,
    }


def measured(folder: Path, name: str, given: argparse.Namespace) -> Iterator[Row]:
    """Every task of a set."""
    data = sets(folder, given.scale)[name]
    data.make()
    runner = Runner(folder, name, given.scale)
    if isinstance(data, TableSet):
        yield from runner.rounds(
            [p for p in TABLES if not given.peers or p in given.peers], ("build", "read"), given.rounds
        )
    else:
        peers = [
            p
            for p in PEERS.values()
            if (not given.peers or p.name in given.peers)
            and (not p.module or find_spec(p.module))
            and p.of in (None, type(data))
        ]
        names = [peer.name for peer in peers]
        yield from runner.rounds(names, ("build",), given.rounds)
        yield from runner.rounds(names, data.tasks, given.rounds)
        yield from runner.changes(names, data, given.rounds)
    shutil.rmtree(data.folder)


class Runner:
    """Runs tasks of one set, each in a process of its own."""

    def __init__(self, folder: Path, name: str, scale: float) -> None:
        self.folder, self.name, self.scale = folder, name, scale

    def rounds(self, peers: list[str], tasks: tuple[str, ...], rounds: int) -> Iterator[Row]:
        """Each task by all peers in turn; what a build made stays for the next tasks."""
        for task in tasks:
            for number in range(rounds):
                for peer in peers:
                    at = self.store(peer)
                    if task == "build":
                        remove(at)
                    row = self.run(peer, task, at, number)
                    if task == "build":
                        row["size"] = size(at)
                    yield row

    def changes(self, peers: list[str], images: ImageSet, rounds: int) -> Iterator[Row]:
        """What is done to a store later, each time to a fresh copy of it."""
        for number in range(rounds):
            for peer in peers:
                at = self.store(peer)
                trial = at.with_name(at.name + ".trial")
                yield self.run(peer, "nothing", at, number)
                if "append" in images.changes:
                    for task in ("append", "change"):
                        copied(at, trial)
                        with edited(images, task, number) as edit:
                            row = self.run(peer, task, trial, number, **edit)
                        row["size"] = size(trial) - size(at)
                        yield row
                for task in ("old", "diff", "verify"):
                    if task in images.changes:
                        yield self.run(peer, task, trial if trial.exists() else at, number)
                remove(trial)

    def store(self, peer: str) -> Path:
        """Where a peer keeps the set."""
        return self.folder / f"{self.name}.{peer.replace(' ', '-')}"

    def run(self, peer: str, task: str, at: Path, number: int, **more: Any) -> Row:
        """One task; what failed is told with its last line."""
        asked = {"set": self.name, "peer": peer, "task": task, "at": str(at), "round": number, **more}
        if peer in PEERS and not PEERS[peer].can(task):
            return {**{key: asked[key] for key in ("set", "peer", "task", "round")}, "cannot": True}
        command = [sys.executable, "-m", "benchmarks.suite.tasks"]
        value = json.dumps({**asked, "folder": str(self.folder), "scale": self.scale})
        done = subprocess.run(
            [*command, value], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
        row: Row = {key: asked[key] for key in ("set", "peer", "task", "round")}
        if done.returncode:
            row["failed"] = (done.stderr.strip().splitlines() or ["ended without a word"])[-1][:300]
        else:
            row |= json.loads(done.stdout.splitlines()[-1])
        print(json.dumps(row), flush=True)
        return row


class edited:  # noqa: N801 - reads as a word
    """New or changed files in the set's folder, taken back at the end."""

    def __init__(self, images: ImageSet, task: str, number: int) -> None:
        self.images, self.task, self.number = images, task, number

    def __enter__(self) -> dict[str, Any]:
        count = self.images.count
        if self.task == "append":
            new = range(count, count + max(1, count // 100))
            self.paths = [self.images.write(n, self.images.image(n)) for n in new]
            return {"files": list(map(str, self.paths))}
        self.at = (self.number * 7 + 3) % count
        self.images.write(self.at, self.images.image(self.at, turn=1))
        return {"image": self.at}

    def __exit__(self, *_: object) -> None:
        if self.task == "append":
            for path in self.paths:
                path.unlink()
        else:
            self.images.write(self.at, self.images.image(self.at))


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def copied(source: Path, target: Path) -> None:
    """A fresh copy of a store."""
    remove(target)
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy(source, target)


def remove(path: Path) -> None:
    """Remove a store."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
