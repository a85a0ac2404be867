"""Peers for a table of numbers: how each stores a CSV, and brings it back as a pandas DataFrame."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .sets import TableSet

if TYPE_CHECKING:
    import pandas as pd

Build = Callable[[TableSet, Path], Any]
Read = Callable[[Path], "pd.DataFrame"]


def build_datapkg(table: TableSet, at: Path) -> None:
    """A build from the manifest."""
    import datapkg

    datapkg.build(table.manifest, at)


def read_datapkg(at: Path) -> pd.DataFrame:
    """The reader's frame."""
    import datapkg

    return datapkg.open(at)["table"].to_pandas()


def build_csv(table: TableSet, at: Path) -> None:
    """The file itself."""
    import shutil

    shutil.copy(table.csv, at)


def read_csv(at: Path) -> pd.DataFrame:
    """pandas, by its fastest parser."""
    import pandas as pd

    return pd.read_csv(at, engine="pyarrow")


def build_parquet(table: TableSet, at: Path) -> None:
    """pyarrow's CSV reader, then zstd."""
    import pyarrow.csv
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.csv.read_csv(table.csv), at, compression="zstd")


def read_parquet(at: Path) -> pd.DataFrame:
    """pandas."""
    import pandas as pd

    return pd.read_parquet(at)


def build_sqlite(table: TableSet, at: Path) -> None:
    """pandas writes."""
    with sqlite3.connect(at) as connection:
        read_csv(table.csv).to_sql("t", connection, index=False)


def read_sqlite(at: Path) -> pd.DataFrame:
    """pandas reads."""
    import pandas as pd

    with sqlite3.connect(at) as connection:
        return pd.read_sql("select * from t", connection)


def build_lance(table: TableSet, at: Path) -> None:
    """pyarrow's CSV reader, then bare Lance."""
    import lance
    import pyarrow.csv

    lance.write_dataset(pyarrow.csv.read_csv(table.csv), str(at), data_storage_version="2.2")


def read_lance(at: Path) -> pd.DataFrame:
    """Lance's table as pandas."""
    import lance

    return lance.dataset(str(at)).to_table().to_pandas()


def build_duckdb(table: TableSet, at: Path) -> None:
    """DuckDB's own CSV reader and file."""
    import duckdb

    with duckdb.connect(str(at)) as connection:
        connection.sql(f"create table t as from read_csv('{table.csv}')")


def read_duckdb(at: Path) -> pd.DataFrame:
    """DuckDB's frame."""
    import duckdb

    with duckdb.connect(str(at), read_only=True) as connection:
        return connection.sql("from t").df()


class Peer(NamedTuple):
    """How to build, how to read, and what both import."""

    build: Build
    read: Read
    loads: tuple[str, ...]


OURS = ("datapkg.builder", "datapkg.reader", "datapkg.frames", "lance", "pandas")
TABLES = {
    "datapkg": Peer(build_datapkg, read_datapkg, OURS),
    "CSV": Peer(build_csv, read_csv, ("pandas", "pyarrow.csv")),
    "Parquet": Peer(build_parquet, read_parquet, ("pandas", "pyarrow.csv", "pyarrow.parquet")),
    "SQLite": Peer(build_sqlite, read_sqlite, ("pandas", "pyarrow.csv")),
    "DuckDB": Peer(build_duckdb, read_duckdb, ("pandas", "duckdb")),
    "Lance": Peer(build_lance, read_lance, ("pandas", "pyarrow.csv", "lance")),
}
"""SQLite takes 2,000 columns at most: what cannot be done is told."""
