"""Join the keys of two tables by DuckDB, which goes to disk rather than grow."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import StoreError

if TYPE_CHECKING:
    import duckdb

MEMORY = "256MB"
OLD, NEW = "before", "after"

Numbers = NDArray[np.int64]


class KeyJoin:
    """The keys of the old and the new rows, each row with its number from 0. Key columns are k0, k1 ..."""

    def __init__(self, database: duckdb.DuckDBPyConnection, columns: int) -> None:
        self._database = database
        self._key = [f"k{i}" for i in range(columns)]

    def load(self, side: str, blocks: Iterable[pa.Table]) -> None:
        """Take in the keys of one side, some rows at a time."""
        start = 0
        for block in blocks:
            numbered = block.append_column("i", pa.array(np.arange(start, start + len(block))))
            self._database.register("block", numbered)
            self._database.execute(f"create table if not exists {side} as from block limit 0")
            self._database.execute(f"insert into {side} from block")
            self._database.unregister("block")
            start += len(block)

    def repeats(self, side: str) -> bool:
        """Whether two rows of one side have the same key."""
        sql = f"select 1 from {side} group by {', '.join(self._key)} having count(*) > 1 limit 1"  # noqa: S608
        return self._database.execute(sql).fetchone() is not None

    def count_occurrences(self, side: str) -> Numbers:
        """For each row, how many rows of the same key stand before it; from now on that is a part of the key."""
        self._database.execute(
            f"create or replace table {side} as select *, row_number() over "  # noqa: S608
            f"(partition by {', '.join(self._key)} order by i) - 1 as occurrence from {side}"
        )
        (counts,) = self._numbers(f"select occurrence from {side} order by i")  # noqa: S608
        return counts

    def pairs(self, start: int, occurrences: bool) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """Pair the rows from number `start` on: old and new ones of pairs, old ones alone, new ones alone."""
        key = [*self._key, "occurrence"] if occurrences else self._key
        same = " and ".join(f"o.{name} is not distinct from n.{name}" for name in key)
        rest = f"where i >= {start}"
        old, new = self._numbers(
            f"select coalesce(o.i, -1), coalesce(n.i, -1) from (from {OLD} {rest}) o "  # noqa: S608
            f"full join (from {NEW} {rest}) n on {same}"
        )
        both = (old >= 0) & (new >= 0)
        order = np.argsort(new[both])
        return old[both][order], new[both][order], np.sort(old[new < 0]), np.sort(new[old < 0])

    def _numbers(self, sql: str) -> list[Numbers]:
        found = self._database.sql(sql).to_arrow_table()
        return [column.to_numpy() for column in found.columns]


@contextmanager
def key_join(columns: int) -> Iterator[KeyJoin]:
    """Open a join that lasts as long as the block."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY,
            "temp_directory": folder,
            "preserve_insertion_order": "false",
        }
        try:
            with duckdb.connect(config=settings) as database:
                yield KeyJoin(database, columns)
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            raise StoreError(
                f"the keys of rows cannot be compared: {reason}",
                folder,
                "free some space for temporary files",
            ) from None
