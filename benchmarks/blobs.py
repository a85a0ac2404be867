"""Small JPEG images in a package against the same bytes in SQLite: in, out, their size, and random reads.

100,000 JPEG images of 64 x 64 pixels stand in a SQLite database with their ids. A build takes it (`keep: bytes`), an
export writes it again; both must be equal. Then each round reads the same 1,000 random images of the package in one call,
`table.take(rows, ["image_bytes"])`, and of the exported database in one query, ``where id in (...)``; both sides give all
bytes, in this process, one after the other. The medians of all rounds are compared.

    python -m benchmarks.blobs

Goals: at most 1.0 of SQLite's time; the package at most 1.05 of the database's size.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import simplejpeg

import datapkg

MANIFEST = """name: blobs
resources:
  - {name: galaxies, path: in.db, image: img, keep: bytes}
"""
SLOWEST, LARGEST = 1.0, 1.05
READ = 1000


def main() -> None:
    """Make the images, and print what each side takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000, help="how many (default: 100,000)")
    parser.add_argument("--rounds", type=int, default=15, help="of which the median counts (default: 15)")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        good = run(folder, given.images, given.rounds)
    finally:
        shutil.rmtree(folder)
    sys.exit(0 if good else 1)


def run(folder: Path, images: int, rounds: int) -> bool:
    """One trial; whether both goals are met."""
    make(folder / "in.db", images)
    (folder / "m.yaml").write_text(MANIFEST)
    spent = [timed(lambda: datapkg.build(folder / "m.yaml", folder / "p"))]
    spent.append(timed(lambda: datapkg.export(folder / "p", folder / "out.db")))
    query = "select id, img from galaxies order by id"
    with (
        closing(sqlite3.connect(folder / "in.db")) as old,
        closing(sqlite3.connect(folder / "out.db")) as new,
    ):
        if any(one != other for one, other in zip(old.execute(query), new.execute(query), strict=True)):
            raise SystemExit("what came out is not what went in")
    print(f"{images:,} images: build {spent[0]:.1f} s, export {spent[1]:.1f} s, equal")
    held = sum(file.stat().st_size for file in (folder / "p").rglob("*") if file.is_file())
    size = held / (folder / "out.db").stat().st_size
    print(f"size      {held / 1e6:.1f} MB, {size:.2f} of the database's (goal: {LARGEST})")
    ours, theirs = reads(folder, images, rounds)
    print(
        f"{READ:,} reads {ours * 1e3:.1f} ms, SQLite {theirs * 1e3:.1f} ms: {ours / theirs:.2f} (goal: {SLOWEST})"
    )
    return size <= LARGEST and ours / theirs <= SLOWEST


def make(path: Path, images: int) -> None:
    """A database of little images that all differ."""
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.integers(0, 248, (64, 8, 8, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)

    def rows() -> Iterator[tuple[int, float, float, bytes]]:
        for at in range(images):
            pixels = blocks[at % 64] + rng.integers(0, 8, (64, 64, 3), dtype=np.uint8)
            yield at, at / 7, at / 11, simplejpeg.encode_jpeg(pixels, quality=85)

    with closing(sqlite3.connect(path)) as database:
        database.execute("create table galaxies (id integer primary key, ra real, dec real, img blob)")
        database.executemany("insert into galaxies values (?, ?, ?, ?)", rows())
        database.commit()


def reads(folder: Path, images: int, rounds: int) -> tuple[float, float]:
    """What both sides take for the same random images: medians, in seconds; the first round warms both up."""
    table = datapkg.open(folder / "p")["galaxies"]
    rng = np.random.default_rng(1)
    ours, theirs = [], []
    with closing(sqlite3.connect(folder / "out.db")) as database:
        for _ in range(rounds + 1):
            rows = rng.choice(images, READ, replace=False)
            marks = ",".join(map(str, rows.tolist()))
            query = f"select id, img from galaxies where id in ({marks})"
            ours.append(timed(partial(table.take, rows, ["image_bytes"])))
            theirs.append(timed(partial(answered, database, query)))
            found = dict(database.execute(query))
            assert table.take(rows, ["image_bytes"]).column(0).to_pylist() == [
                found[row] for row in rows.tolist()
            ]
    return statistics.median(ours[1:]), statistics.median(theirs[1:])


def answered(database: sqlite3.Connection, query: str) -> object:
    """All rows of a query."""
    return database.execute(query).fetchall()


def timed(work: Callable[[], object]) -> float:
    """How long something takes, in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
