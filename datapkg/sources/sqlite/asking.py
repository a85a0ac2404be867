"""What a query or a view may ask of a database: to read its tables, and to give the same values each time."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import SourceError

ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_RECURSIVE,
}
OTHER_FILES = {"load_extension", "readfile", "writefile"}
CHANCE = {"random", "randomblob"}
NOW = {"current_date", "current_time", "current_timestamp"}
DATES = {"date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff"}
"""Functions that take a date, and read the clock or the time zone where they are told to, or where none is given."""

CLOCK = re.compile(
    r"""'(now|localtime|utc)' | \b(date|time|datetime|julianday|unixepoch)\s*\(\s*\) | \bstrftime\s*\(\s*'[^']*'\s*\)""",
    re.IGNORECASE | re.VERBOSE,
)


@contextmanager
def only_reading(connection: sqlite3.Connection, what: str, where: str, sql: str = "") -> Iterator[None]:
    """Let SQL that is prepared in the block read tables, and do nothing else: no other file is attached, no extension is loaded.

    Raises
    ------
    SourceError
        The SQL, or a view that it reads, gives other values each time or on each machine. `what` names it.
    sqlite3.DatabaseError
        It is "not authorized": it would do more than read.
    """
    called: set[str] = set()
    views: set[str] = set()

    def allowed(action: int, _: str | None, function: str | None, __: str | None, view: str | None) -> int:
        if action == sqlite3.SQLITE_FUNCTION and function not in OTHER_FILES:
            called.add(str(function).lower())
            views.add(view or "")
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY

    connection.set_authorizer(allowed)
    try:
        yield
    finally:
        connection.set_authorizer(None)
    _refuse_change(connection, what, where, called, [sql, *views])


def _refuse_change(
    connection: sqlite3.Connection, what: str, where: str, called: set[str], texts: list[str]
) -> None:
    chance = sorted(called & CHANCE)
    if chance:
        raise SourceError(
            f"{what} calls {chance[0]}, so it gives other values each time", where, "write it without"
        )
    said = sorted(called & NOW)
    if called & DATES and not said:
        stored = connection.execute("select name, sql from sqlite_master where type = 'view'").fetchall()
        known = dict(stored)
        said = [found[0] for text in texts if (found := CLOCK.search(known.get(text, text)))]
    if said:
        raise SourceError(
            f"{what} asks the clock or the time zone ({said[0]}), so it gives other values another day or elsewhere",
            where,
            "write the date itself, as in '2026-01-31'",
        )
