"""The tables that a query names, as views of a DuckDB database that can do nothing but read them.

DuckDB reads pinned Lance tables as Arrow datasets, and hands down to them which columns and rows it needs. A view gives
columns their true names. Of an image or a file, a view shows where it stands: the number of its column, and the row.
That costs a few bytes wherever a query carries it; pixels are read when somebody looks at a cell of the result.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import NoTableError, VersionError, nearest
from ..lazy import StoredColumn, lazy_columns
from ..opened import OpenVersion
from ..records import TableRecord
from ..scanning import Made, ScannedTable
from .statement import explained, statement

CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "allow_community_extensions": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
    "python_enable_replacements": False,
}
ROW, PRESENT = "%row", "%has "
"""Columns that views make use of: in the name of a stored one, two digits stand behind `%`."""
NUMBER, PLACE = "datapkg column", "row"

OtherVersion = Callable[[int | str], OpenVersion]


@dataclass(frozen=True)
class NamedTable:
    """A table as a query names it, and what it means."""

    name: str
    opened: OpenVersion
    record: TableRecord

    @property
    def columns(self) -> dict[str, str]:
        """The columns by the names that SQL has for them: it does not tell `Well` from `well`, so one is `well_1`."""
        return distinct_names(
            list(dict.fromkeys([*(column.name for column in self.record.columns), *self.carried])), "_"
        )

    @property
    def carried(self) -> dict[str, StoredColumn]:
        """The columns of which a query carries where the cells stand, and not the cells."""
        return {
            column: StoredColumn(self.opened, self.record.name, column, kind)
            for column, kind in lazy_columns(self.record).items()
            if kind != "text"
        }


class Database:
    """A query with the tables that it names. Each pass over its rows has a connection of its own."""

    def __init__(self, query: str, opened: OpenVersion, other: OtherVersion) -> None:
        with closed_database() as parser, _explained(()):
            asked = statement(query, parser)
        self.text = asked.text
        named: dict[str, NamedTable] = {}
        for name in asked.tables:
            defined = name.casefold() in asked.own
            with suppress(VersionError) if defined else nullcontext():
                named[name.casefold()] = _named(name, opened, other)
        self.tables = list(named.values())
        self.carried = list(dict.fromkeys(one for table in self.tables for one in table.carried.values()))

    @contextmanager
    def relation(self) -> Iterator[Any]:
        """Yield the query as a DuckDB relation.

        Raises
        ------
        SchemaError
            The query names what is not there, or cannot be answered.
        DamageError
            A table that it reads is damaged.
        """
        known = [name for table in self.tables for name in table.columns]
        scanned: list[ScannedTable] = []
        with closed_database() as connection, _explained(known, scanned):
            for table in self.tables:
                scanned.append(self._scanned(table))
                connection.register(f"%{table.name}", scanned[-1])
                connection.execute(self._view(table))
            yield connection.sql(self.text)

    def _scanned(self, table: NamedTable) -> ScannedTable:
        made: dict[str, tuple[pa.DataType, Made]] = {ROW: (pa.int64(), pa.array)}
        for name, column in table.carried.items():
            if column.some_missing:
                made[PRESENT + name] = (pa.bool_(), partial(_present, column))
        plain = [column.stored for column in table.record.columns if column.name not in table.carried]
        return ScannedTable(table.opened.rows(table.record.name), distinct_names(plain, "%"), made)

    def _view(self, table: NamedTable) -> str:
        carried = table.carried
        stored = {column.name: column.stored for column in table.record.columns}
        scanned = distinct_names([one for name, one in stored.items() if name not in carried], "%")
        scanned_as = {one: name for name, one in scanned.items()}
        parts = []
        for shown, name in table.columns.items():
            if name in carried:
                made = (
                    f"{{'{NUMBER}': {self.carried.index(carried[name])}::integer, '{PLACE}': {_quoted(ROW)}}}"
                )
                if carried[name].some_missing:
                    made = f"case when {_quoted(PRESENT + name)} then {made} end"
            else:
                made = _quoted(scanned_as[stored[name]])
            parts.append(f"{made} as {_quoted(shown)}")
        return f"create temp view {_quoted(table.name)} as select {', '.join(parts)} from {_quoted('%' + table.name)}"


@contextmanager
def closed_database() -> Iterator[Any]:
    """Yield a connection to an empty database that reaches nothing but what is registered with the connection."""
    connection = _instance(os.getpid()).cursor()
    try:
        yield connection
    finally:
        connection.close()


@cache
def _instance(process: int) -> Any:
    """The database of a process; to start one takes longer than most queries, and threads do not survive a fork."""
    spilled = (
        Path(tempfile.gettempdir()) / f"datapkg-sql-{process}-{uuid4().hex}"
    )  # DuckDB makes and removes it
    database = duckdb.connect(config={**CLOSED, "temp_directory": str(spilled)})
    database.execute("set global timezone = 'UTC'")
    database.execute("set global lock_configuration = true")
    atexit.register(database.close)
    return database


def distinct_names(names: Sequence[str], joint: str) -> dict[str, str]:
    """Names that differ not only in their case, each with the one that it stands for.

    Examples
    --------
    >>> distinct_names(["Well", "well", "Site"], "_")
    {'Well': 'Well', 'well_1': 'well', 'Site': 'Site'}
    """
    found: dict[str, str] = {}
    taken = {name.casefold() for name in names}
    seen: set[str] = set()
    for name in names:
        shown, number = name, 0
        while shown.casefold() in (seen if not number else taken):
            number += 1
            shown = f"{name}{joint}{number}"
        seen.add(shown.casefold())
        taken.add(shown.casefold())
        found[shown] = name
    return found


def _named(name: str, opened: OpenVersion, other: OtherVersion) -> NamedTable:
    table, _, version = name.partition("@")
    if version:
        opened = other(int(version) if version.isdecimal() else version)
    records = {one.name.casefold(): one for one in (*opened.record.tables, opened.record.sources)}
    record = records.get(table.casefold())
    if record is None:
        known = [one.name for one in opened.record.tables]
        where = f"version {opened.version} of {opened.record.name}"
        raise NoTableError(f"there is no table {table!r}", where, nearest(table, known))
    return NamedTable(name, opened, record)


def _present(column: StoredColumn, at: NDArray[np.int64]) -> pa.Array:
    return pa.array(~column.missing(at))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _explained(columns: Sequence[str], scanned: Sequence[ScannedTable] = ()) -> Iterator[None]:
    """What DuckDB refuses, in a sentence; where a table could not be read, what was wrong with the table."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError, ValueError) as error:
        failures = [one.failure for one in scanned if one.failure is not None]
        raise failures[0] if failures else explained(error, columns) from None
