"""A SQLite file that is only read: no lock, no journal, no file beside it, and nothing but the file itself.

It is opened as a file that nobody changes. So a database with changes that stand outside of the file, in a
write-ahead log or in the journal of a transaction that was cut short, is refused: its content is not what the file says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ...errors import ManifestError, SourceError, nearest
from ...manifest.models import Resource
from ...reading import SourceFile
from ...sqlite_values import TYPES_TABLE
from .asking import only_reading

MAGIC = b"SQLite format 3\0"
JOURNAL = bytes.fromhex("d9d505f920a163d7")
QUERY = "the query"
FAILURES = {
    "malformed": ("is damaged", "copy it again; `sqlite3 FILE .recover` saves what can be read"),
    "not a database": ("is no SQLite database, or is encrypted", "decrypt it, or exclude it"),
    "UTF-8": (
        "holds text that is not UTF-8",
        "write a query that says cast(COLUMN as blob), or mend the text",
    ),
    "no such module": ("needs an extension of SQLite that is not here", "copy the table into a plain one"),
    "not authorized": ("a query would do more than read tables", "write one select"),
    "no such function": ("the query needs a function that SQLite does not have", "write it without"),
}


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """A column: its name, and the type that it is declared with, in capitals."""

    name: str
    declared: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a resource reads of a database: where rows come from (SQL), their columns, and their order (SQL)."""

    source: str
    columns: tuple[SqlColumn, ...]
    order: str
    table: str = ""

    def select(self, what: Sequence[str]) -> str:
        """A query for some columns, or for what is computed of them, in the order of the rows."""
        return f"select {', '.join(what)} from {self.source}{self.order}"


@contextmanager
def opened(file: SourceFile, path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database.

    Raises
    ------
    SourceError
        It is none, cannot be read, or has changes that are not in it.
    """
    _check(file, path)
    connection = None
    with told(file.path):
        try:
            address = f"file:{quote(str(path))}?mode=ro&immutable=1"
            connection = sqlite3.connect(
                address, uri=True, check_same_thread=False
            )  # the engine asks for rows
            connection.execute("pragma trusted_schema = off")
            connection.execute("pragma cell_size_check = on")
            connection.execute("select count(*) from sqlite_master").fetchone()
            yield connection
        finally:
            if connection is not None:
                connection.close()


@contextmanager
def told(where: str) -> Iterator[None]:
    """Tell of what SQLite refuses in words of the file."""
    try:
        yield
    except sqlite3.Error as error:
        said = str(error)
        for words, (what, fix) in FAILURES.items():
            if words in said:
                raise SourceError(f"{what} ({said})", where, fix) from None
        raise SourceError(f"cannot be read: {said}", where, "look at it with the `sqlite3` command") from None


def rows_of(connection: sqlite3.Connection, file: SourceFile, resource: Resource) -> Rows:
    """Find the rows that a resource means.

    Raises
    ------
    ManifestError, SourceError
        There is no such table, or the query is wrong.
    """
    if resource.query is not None:
        return _query_rows(connection, file, resource.query)
    names = table_names(connection)
    table = resource.table or (names[0] if len(names) == 1 else "")
    where = f"resource {resource.name}, {file.path}"
    if not table:
        what = f"holds {len(names)} tables" if names else "holds no table"
        fix = f"say which one is meant, with table: {names[0]} (or {', '.join(names[1:6])})" if names else ""
        raise ManifestError(what, where, fix or "exclude the file")
    if table not in names:
        raise ManifestError(f"there is no table or view {table!r}", where, nearest(table, names))
    if _is_view(connection, table):
        with only_reading(connection, f"the view {table!r}", file.path):
            connection.execute(f"select * from {quoted(table)} limit 0")
    left_out = _added_by_export(connection, table)
    columns = tuple(one for one in _columns(connection, table) if one.name not in left_out)
    return Rows(quoted(table), columns, _order(connection, table, [one.name for one in columns]), table)


def table_names(connection: sqlite3.Connection) -> list[str]:
    """Tables and views, without SQLite's own, without those that an extension keeps, and without ours."""
    found = connection.execute(
        "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\' "
        "and name not like '\\_datapkg%' escape '\\' order by rowid"
    )
    return [name for (name,) in found]


def quoted(name: str) -> str:
    """A name in SQL.

    Examples
    --------
    >>> print(quoted('5" plate'))
    "5"" plate"
    """
    return '"' + name.replace('"', '""') + '"'


def _query_rows(connection: sqlite3.Connection, file: SourceFile, query: str) -> Rows:
    with only_reading(connection, QUERY, file.path, query):
        try:
            names = [one[0] for one in connection.execute(query).description or ()]
        except (sqlite3.Warning, sqlite3.ProgrammingError) as error:
            raise SourceError(
                f"{QUERY} is not one statement ({error})", file.path, "write one select"
            ) from None
        except sqlite3.OperationalError as error:
            if "not authorized" in str(error):
                raise
            raise SourceError(
                f"{QUERY} is wrong: {error}", file.path, f"tables are: {', '.join(table_names(connection))}"
            ) from None
    twice = [name for name in names if sum(name.lower() == other.lower() for other in names) > 1]
    if twice or not names:
        what = f"has two columns named {twice[0]!r}" if twice else "gives no column"
        raise SourceError(f"{QUERY} {what}", file.path, "write one select, and name columns with `as`")
    connection.execute(f"create temp view _datapkg_query as {query}")
    return Rows("_datapkg_query", _columns(connection, "_datapkg_query"), "")


def _columns(connection: sqlite3.Connection, table: str) -> tuple[SqlColumn, ...]:
    """The columns that ``select *`` gives, generated ones too."""
    told = connection.execute(f"pragma table_xinfo({quoted(table)})").fetchall()
    return tuple(SqlColumn(name, kind.upper()) for _, name, kind, _, _, _, hidden in told if hidden != 1)


def _added_by_export(connection: sqlite3.Connection, table: str) -> set[str]:
    """The columns of an exported table that say what an image's bytes are: they are not in the package."""
    query = f"select column_name from {TYPES_TABLE} where table_name = ? and type in ('encoded', 'size')"
    try:
        return {name for (name,) in connection.execute(query, [table])}
    except sqlite3.OperationalError:
        return set()


def _order(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> str:
    """How rows are ordered: by their row number, or where a table has none, by its primary key; a view as it is."""
    if _is_view(connection, table):
        return ""
    taken = {name.lower() for name in columns}
    number = next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), None)
    if number is not None:
        try:
            connection.execute(f"select {number} from {quoted(table)} limit 0")
        except sqlite3.OperationalError:
            pass
        else:
            return f" order by {number}"
    told = connection.execute(f"pragma table_info({quoted(table)})").fetchall()
    key = [quoted(name) for _, name, _, _, _, place in sorted(told, key=lambda one: one[5]) if place]
    return f" order by {', '.join(key)}" if key else ""


def _is_view(connection: sqlite3.Connection, table: str) -> bool:
    (kind,) = connection.execute("select type from sqlite_master where name = ?", [table]).fetchone()
    return bool(kind == "view")


def _check(file: SourceFile, path: Path) -> None:
    try:
        with open(path, "rb") as opened_file:
            head = opened_file.read(100)
        beside = {end: _head(path.with_name(path.name + end)) for end in ("-wal", "-journal")}
    except OSError as error:
        fix = "check that the file is there and that you may read it"
        raise SourceError(f"cannot be read ({error.strerror or error})", file.path, fix) from None
    if not head.startswith(MAGIC):
        what = "is empty" if not head else "is no SQLite database, or is encrypted"
        raise SourceError(what, file.path, "exclude it, or decrypt it first")
    close = f"end the program that uses it, or run: sqlite3 {path.name} 'pragma wal_checkpoint(truncate)'"
    if beside["-wal"]:
        raise SourceError(f"has changes that stand in {path.name}-wal, not yet in the file", file.path, close)
    if beside["-journal"].startswith(JOURNAL):
        what = f"a program was stopped while it wrote into it ({path.name}-journal)"
        raise SourceError(
            what, file.path, f"run: sqlite3 {path.name} 'pragma integrity_check', which mends it"
        )


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(8)
    except FileNotFoundError:
        return b""
