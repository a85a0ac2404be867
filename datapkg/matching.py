"""Find rows that repeat each other, and rows that have no partner in another table, over any number of rows.

DuckDB does it within a fixed share of memory: what does not fit goes to a folder that the caller gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from .places.failures import store_error
from .written import POSITION

MEMORY = "256MB"
THREADS = 2

Rows = Callable[[], pa.RecordBatchReader]
"""Opens a pass over rows of key columns ``k0``, ``k1`` ... and their position."""


@dataclass(frozen=True, slots=True)
class Example:
    """A key, the position of the first row that has it, and of another one where that matters."""

    key: tuple[Any, ...]
    position: int
    again: int = -1


@dataclass(frozen=True, slots=True)
class Found:
    """How many rows and how many distinct keys of theirs were found, and the first examples."""

    rows: int
    keys: int
    examples: tuple[Example, ...] = ()


class Matcher:
    """One database in a folder of its own; use it within `matcher`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def repeated(self, rows: Rows, width: int, shown: int) -> Found:
        """Find rows whose key another row has too; rows with a null in the key are passed over."""
        names = _names(width)
        self._make("repeated", f"{_counted(names)} having count(*) > 1", rows=rows())
        found = self._found("repeated", names, shown)
        if not found.examples:
            return found
        same = " and ".join(f"rows.{name} = shown.{name}" for name in names)
        self._make("shown", f"select * from repeated order by earliest limit {shown}")
        again = self._ask(
            f"select earliest, min({POSITION}) from rows join shown on {same} where {POSITION} > earliest group by 1",
            rows=rows(),
        )
        later = dict(again)
        examples = tuple(Example(e.key, e.position, later[e.position]) for e in found.examples)
        return Found(found.rows, found.keys, examples)

    def orphans(self, rows: Rows, there: Rows, matched: Sequence[tuple[str, str]], shown: int) -> Found:
        """Find rows whose key no row of `there` has; rows with a null in the key are passed over.

        `matched` gives, for each column of the key, how it is written on both sides to be compared.
        """
        names = _names(len(matched))
        written = ", ".join(f"{right} as m{i}" for i, (_, right) in enumerate(matched))
        self._make("there", f"select distinct {written} from rows", rows=there())
        self._make("given", _counted(names), rows=rows())
        same = " and ".join(f"there.m{i} = {left}" for i, (left, _) in enumerate(matched))
        self._make("alone", f"select * from given where not exists (select 1 from there where {same})")
        return self._found("alone", names, shown)

    def unnamed(self, images: Rows, names: Rows, shown: int) -> Found:
        """Find images, by file name and path, neither of which is among `names`."""
        self._make("there", "select distinct k0 as name from rows", rows=names())
        self._make("given", _counted(_names(2)), rows=images())
        not_named = [f"not exists (select 1 from there where name = {key})" for key in _names(2)]
        self._make("alone", f"select * from given where {' and '.join(not_named)}")
        return self._found("alone", _names(2), shown)

    def distinct(self, rows: Rows, width: int) -> int:
        """Count the distinct keys without a null."""
        self._make("given", _counted(_names(width)), rows=rows())
        return int(self._ask("select count(*) from given")[0][0])

    def _found(self, table: str, names: Sequence[str], shown: int) -> Found:
        keys, total = self._ask(f"select count(*), coalesce(sum(n), 0) from {table}")[0]
        columns = ", ".join(names)
        first = self._ask(f"select {columns}, earliest from {table} order by earliest limit {shown}")
        return Found(int(total), int(keys), tuple(Example(row[:-1], row[-1]) for row in first))

    def _make(self, table: str, query: str, **given: pa.RecordBatchReader) -> None:
        self._ask(f"create or replace temp table {table} as {query}", **given)

    def _ask(self, query: str, **given: pa.RecordBatchReader) -> list[tuple[Any, ...]]:
        for name, reader in given.items():
            self._connection.register(name, reader)
        answer: list[tuple[Any, ...]] = self._connection.execute(query).fetchall()
        for name in given:
            self._connection.unregister(name)
        return answer


@contextmanager
def matcher(folder: str) -> Iterator[Matcher]:
    """Open a matcher that puts what memory does not hold into `folder`."""
    import duckdb

    spilled = Path(folder) / "matching"
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "threads": THREADS,
        "temp_directory": str(spilled),
    }
    connection = duckdb.connect(config=config)
    try:
        yield Matcher(connection)
    except duckdb.Error as error:
        raise store_error(error, str(spilled)) from None
    finally:
        connection.close()


def whole_number(name: str) -> str:
    """A double as the whole number that it is; null where it is none, so that it equals no integer."""
    return f"case when isfinite({name}) and {name} = trunc({name}) then try_cast({name} as hugeint) end"


def _names(width: int) -> list[str]:
    return [f"k{i}" for i in range(width)]


def _counted(names: Sequence[str]) -> str:
    """Each key without a null, with its number of rows and its first position."""
    columns, there = ", ".join(names), " and ".join(f"{name} is not null" for name in names)
    return f"select {columns}, count(*) as n, min({POSITION}) as earliest from rows where {there} group by {columns}"
