"""How fast SQL over a package is, against DuckDB on the very same Lance files without datapkg.

Each round runs both sides one after the other in this process, and the medians of all rounds are compared. The table has
1,000,000 rows and 20 columns:

- group: `select Well, count(*), avg(...) ... group by Well`, which reads three columns of all rows;
- filter: five columns of the rows of one well with a count above 990;
- join: the same rows with the 384 rows of a plate map.

DuckDB reads the bare Lance dataset as an Arrow dataset, with columns and conditions handed down, and the connection is
made anew in each round, as datapkg's is. For comparison the same is asked of an Arrow table that is in memory already.

    python -m benchmarks.sql
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import lance
import numpy as np
import pyarrow as pa
import pyarrow.csv

import datapkg

MANIFEST = """name: sql
resources:
  - {name: cells, path: cells.csv}
  - {name: platemap, path: platemap.csv}
"""
QUERIES = {
    "group": "select Well, count(*) as n, avg(Count) as c, max(Feature_3) as f from cells group by Well",
    "filter": "select Well, Count, Feature_1, Feature_2, Feature_3 from cells where Well = 'C07' and Count > 990",
    "join": "select c.*, p.Gene from cells c join platemap p using (Well) where c.Count > 990 and p.Gene = 'G7'",
}
GOAL = 1.3


def main() -> None:
    """Build a package, and print what each side takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table (default: 1,000,000)")
    parser.add_argument("--rounds", type=int, default=9, help="of which the median counts (default: 9)")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        package = made(folder, given.rows)
        for name, query in QUERIES.items():
            report(name, sides(package, query), given.rounds)
    finally:
        shutil.rmtree(folder)


def made(folder: Path, rows: int) -> str:
    """Build a package of a table of 20 columns and a plate map."""
    rng = np.random.default_rng(1)
    wells = [f"{row}{column:02}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25)]
    values: dict[str, Any] = {"Well": rng.choice(wells, rows), "Count": rng.integers(0, 1000, rows)}
    values |= {f"Feature_{i}": rng.normal(size=rows).round(6) for i in range(18)}
    pa.csv.write_csv(pa.table(values), folder / "cells.csv")
    genes = {"Well": wells, "Gene": [f"G{number % 40}" for number in range(len(wells))]}
    pa.csv.write_csv(pa.table(genes), folder / "platemap.csv")
    (folder / "manifest.yaml").write_text(MANIFEST, "utf-8")
    datapkg.build(folder / "manifest.yaml", folder / "package")
    return str(folder / "package")


def sides(package: str, query: str) -> dict[str, Callable[[], pa.Table]]:
    """What each side does."""
    opened = datapkg.open(package)
    bare = {name: lance.dataset(f"{package}/{name}.lance") for name in opened.tables}
    held = {name: dataset.to_table() for name, dataset in bare.items()}

    def asked(tables: dict[str, Any]) -> pa.Table:
        with duckdb.connect() as connection:
            for name, table in tables.items():
                connection.register(name, table)
            return connection.sql(query).to_arrow_table()

    work = {
        "lance": lambda: asked(bare),
        "datapkg": lambda: opened.sql(query).to_arrow(),
        "memory": lambda: asked(held),
    }
    assert len({len(side()) for side in work.values()}) == 1
    return work


def report(name: str, work: dict[str, Callable[[], pa.Table]], rounds: int) -> None:
    """Run the sides in turn, and print what they took."""
    took: dict[str, list[float]] = {side: [] for side in work}
    for _ in range(rounds):
        for side, ask in work.items():
            started = time.perf_counter()
            ask()
            took[side].append(time.perf_counter() - started)
    median = {side: float(np.median(times)) * 1000 for side, times in took.items()}
    shown = "  ".join(f"{side} {ms:7.1f} ms" for side, ms in median.items())
    print(f"{name:7} {shown}  ratio to lance {median['datapkg'] / median['lance']:5.2f} (goal {GOAL:.2f})")


if __name__ == "__main__":
    main()
