"""Tables, views and queries of SQLite databases as tables of a package: exact values, types over all rows."""

from __future__ import annotations

import datetime
import sqlite3
from contextlib import closing
from pathlib import Path

import make
import pytest
from make_sqlite import built, database

import datapkg
from datapkg.errors import DatapkgError, SchemaError


def values(package: datapkg.Package, column: str) -> list[object]:
    values: list[object] = package["t"].to_arrow([column]).column(0).to_pylist()
    return values


@pytest.mark.parametrize(
    ("kind", "stored", "logical", "found"),
    [
        ("integer", [5, None, -(2**63), 2**63 - 1], "int64", [5, None, -(2**63), 2**63 - 1]),
        ("real", [0.1, 5, None, float("inf")], "double", [0.1, 5.0, None, float("inf")]),
        ("text", ["005", "", None, "1E5"], "string", ["005", "", None, "1E5"]),
        ("blob", [b"\0\xff", None, b""], "binary", [b"\0\xff", None, b""]),
        ("", [None, None], "null", [None, None]),
        ("integer", [5, "x7"], "string", ["5", "x7"]),
        ("", [2**53 + 1, 0.5], "string", ["9007199254740993", "0.5"]),
        ("", [2**53, 0.5], "double", [2.0**53, 0.5]),
        ("boolean", [1, 0, None], "bool", [True, False, None]),
        ("boolean", [1, 2], "int64", [1, 2]),
        ("date", ["2026-02-28", None], "date32[day]", [datetime.date(2026, 2, 28), None]),
        ("date", ["2026-02-30"], "string", ["2026-02-30"]),
        (
            "datetime",
            ["2026-11-01T12:00:00.5"],
            "timestamp[us]",
            [datetime.datetime(2026, 11, 1, 12, 0, 0, 500000)],
        ),
        ("timestamp", ["2026-11-01 12:00:00+01:00"], "string", ["2026-11-01 12:00:00+01:00"]),
        ("time", ["12:00:01"], "time64[us]", [datetime.time(12, 0, 1)]),
        ("numeric", ["12:00", "a\0b"], "string", ["12:00", "a\0b"]),
    ],
)
def test_a_type_holds_every_value(
    kind: str, stored: list[object], logical: str, found: list[object], tmp_path: Path
) -> None:
    database(tmp_path / "x.db", f"create table t (c {kind})", rows=[(one,) for one in stored], into="t")
    package = built(tmp_path, "name: t, path: x.db")
    assert package["t"].described()[0]["type"] == logical
    assert values(package, "c") == found


def test_text_among_numbers_is_told_of(tmp_path: Path) -> None:
    database(tmp_path / "x.db", "create table t (c integer)", rows=[(5,), ("x7",)], into="t")
    (warning,) = built(tmp_path, "name: t, path: x.db").warnings
    assert "`c` holds whole numbers (1) and text (1), so all of it is text" in warning


def test_bytes_among_text_are_refused(tmp_path: Path) -> None:
    database(tmp_path / "x.db", "create table t (c)", rows=[(b"x",), ("x",)], into="t")
    with pytest.raises(SchemaError, match=r"`c` holds bytes \(1\) beside text \(1\)"):
        built(tmp_path, "name: t, path: x.db")
    assert values(built(tmp_path, 'name: t, path: x.db, query: "select hex(c) as c from t"'), "c") == [
        "78",
        "78",
    ]


def test_rows_come_by_row_number_whatever_the_indexes(tmp_path: Path) -> None:
    database(
        tmp_path / "x.db",
        "create table t (id integer primary key, c text)",
        "create index i on t (c)",
        rows=[(7, "a"), (3, "z"), (5, "m")],
        into="t",
    )
    package = built(tmp_path, "name: t, path: x.db")
    assert (values(package, "id"), values(package, "c")) == ([3, 5, 7], ["z", "m", "a"])


def test_a_table_without_row_numbers_comes_by_its_key(tmp_path: Path) -> None:
    make_table = "create table t (rowid text, b int, a int, primary key (a, b)) without rowid"
    database(tmp_path / "x.db", make_table, rows=[("x", 1, 9), ("y", 5, 2), ("z", 4, 2)], into="t")
    assert values(built(tmp_path, "name: t, path: x.db"), "rowid") == ["z", "y", "x"]


def test_views_and_generated_columns_are_columns(tmp_path: Path) -> None:
    database(
        tmp_path / "x.db",
        "create table t (a int, b int generated always as (a * 2), c int generated always as (a + 1) stored)",
        "create view v as select b + c as d, 'x' as e from t order by a desc",
        "insert into t (a) values (1), (2)",
    )
    package = built(tmp_path, "name: t, path: x.db, table: t", "name: v, path: x.db, table: v")
    assert package["t"].to_arrow().to_pydict() == {"a": [1, 2], "b": [2, 4], "c": [2, 3]}
    assert package["v"].to_arrow().to_pydict() == {"d": [7, 4], "e": ["x", "x"]}


def test_a_query_is_a_table(tmp_path: Path) -> None:
    database(
        tmp_path / "x.db", "create table a (n int)", "create table b (n int)", "insert into a values (1), (2)"
    )
    query = "select n, n * 10 as tens from a where n not in (select n from b) order by n desc -- all"
    package = built(tmp_path, f'name: t, path: x.db, query: "{query}"')
    assert package["t"].to_arrow().to_pydict() == {"n": [2, 1], "tens": [20, 10]}


def test_tables_of_several_databases_are_one(tmp_path: Path) -> None:
    database(tmp_path / "a.db", "create table t (n int, s text)", rows=[(1, "x")], into="t")
    database(tmp_path / "b.db", "create table t (n int, r real)", rows=[(2, 0.5), (3, None)], into="t")
    package = built(tmp_path, 'name: t, path: "*.db"')
    assert package["t"].to_arrow().to_pydict() == {
        "source_path": ["a.db", "b.db", "b.db"],
        "source_row": [0, 0, 1],
        "n": [1, 2, 3],
        "s": ["x", None, None],
        "r": [None, 0.5, None],
    }
    assert any("a.db lacks 1 columns (`r`)" in text for text in package.warnings)


def test_more_columns_than_sqlite_answers_at_once(tmp_path: Path) -> None:
    names = [f"c{at}" for at in range(450)]
    database(tmp_path / "x.db", f"create table t ({', '.join(names)})", rows=[range(450)], into="t")
    package = built(tmp_path, "name: t, path: x.db")
    assert package["t"].to_arrow().to_pylist() == [{name: at for at, name in enumerate(names)}]


def test_keys_are_held_to(tmp_path: Path) -> None:
    database(tmp_path / "x.db", "create table t (n int)", rows=[(1,), (2,), (1,)], into="t")
    with pytest.raises(SchemaError, match=r"1 at x\.db:3, which stands at x\.db:1 too"):
        built(tmp_path, "name: t, path: x.db, schema: {primaryKey: n}")


def test_nothing_changed_is_no_version_and_a_row_more_is_one(tmp_path: Path) -> None:
    database(tmp_path / "x.db", "create table t (n int)", rows=[(1,)], into="t")
    first = built(tmp_path, "name: t, path: x.db")
    assert not make.build(tmp_path / "manifest.yaml", tmp_path / "p").created
    database(tmp_path / "x.db", rows=[(2,)], into="t")
    assert make.build(tmp_path / "manifest.yaml", tmp_path / "p").version == 2
    assert values(datapkg.open(tmp_path / "p"), "n") == [1, 2]
    assert first.diff(1, 2).rows["change"].tolist() == ["added"]


def test_a_database_in_wal_mode_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    database(tmp_path / "x.db", "pragma journal_mode = wal", "create table t (n int)", rows=[(1,)], into="t")
    before = make.tree(tmp_path)
    assert list(before) == ["x.db"]
    assert values(built(tmp_path, "name: t, path: x.db"), "n") == [1]
    assert {name: make.tree(tmp_path)[name] for name in before} == before
    assert not list(tmp_path.glob("x.db-*"))


def test_changes_outside_of_the_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table t (n int)")
        connection.commit()
        with pytest.raises(DatapkgError, match=r"has changes that stand in x\.db-wal, not yet in the file"):
            built(tmp_path, "name: t, path: x.db")
    assert values(built(tmp_path, "name: t, path: x.db"), "n") == []


def test_a_hot_journal_is_refused(tmp_path: Path) -> None:
    database(tmp_path / "x.db", "create table t (n int)")
    (tmp_path / "x.db-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(504))
    with pytest.raises(DatapkgError, match="a program was stopped while it wrote into it"):
        built(tmp_path, "name: t, path: x.db")


def test_what_is_no_database_is_told_of(tmp_path: Path) -> None:
    for content, what in (
        (b"", "the file is empty"),
        (bytes(range(256)) * 20, "is no SQLite database, or is encrypted"),
    ):
        (tmp_path / "x.db").write_bytes(content)
        with pytest.raises(DatapkgError, match=f"x.db: {what}"):
            built(tmp_path, "name: t, path: x.db")


def test_a_cut_database_is_damaged(tmp_path: Path) -> None:
    path = database(tmp_path / "x.db", "create table t (s text)", rows=[("x" * 3000,)] * 20, into="t")
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(DatapkgError, match=r"x\.db: (is damaged|cannot be read)"):
        built(tmp_path, "name: t, path: x.db")


def test_text_that_is_not_utf8_is_told_of(tmp_path: Path) -> None:
    database(tmp_path / "x.db", "create table t (s text)", "insert into t values (cast(x'ff41' as text))")
    with pytest.raises(DatapkgError, match=r"x\.db: holds text that is not UTF-8"):
        built(tmp_path, "name: t, path: x.db")


@pytest.mark.parametrize(
    ("resource", "what"),
    [
        ("name: t, path: x.db", r"holds 2 tables\n  fix: say which one is meant, with table: a"),
        ("name: t, path: x.db, table: aa", "there is no table or view 'aa'"),
        ('name: t, path: x.db, query: "select * from c"', "the query is wrong: no such table: c"),
        ('name: t, path: x.db, query: "select 1 as a, 2 as A"', "has two columns named 'a'"),
        ('name: t, path: x.db, query: "select 1; select 2"', "the query is not one statement"),
        ('name: t, path: x.db, query: "delete from a"', "would do more than read tables"),
        ("name: t, path: x.db, query: \"attach 'y.db' as y\"", "would do more than read tables"),
        (
            'name: t, path: x.db, query: "select random() as r from a"',
            "the query calls random, so it gives other",
        ),
        ("name: t, path: x.db, query: \"select load_extension('x') as r\"", "would do more than read tables"),
        ("name: t, path: x.db, table: a, query: select 1", "both table and query say which rows are read"),
        ("name: t, path: x.db, table: a, keep: array", "keep has no meaning where no column holds images"),
        ("name: t, path: x.db, table: a, image: img", "there is no column 'img'"),
        ("name: t, path: x.db, table: a, rows: plane", "rows has no meaning for a database"),
        ("name: t, path: x.csv, table: a", "table has no meaning for a text table"),
        (
            "name: t, path: x.db, table: a, schema: {fields: [{name: n, type: date}]}",
            "the columns of a database have the types of their values",
        ),
        ("name: t, path: x.db, table: a, schema: {fields: [{name: m}]}", "there is no column 'm'"),
    ],
)
def test_mistakes_are_told(resource: str, what: str, tmp_path: Path) -> None:
    database(tmp_path / "x.db", "create table a (n int)", "create table b (n int)")
    make.text(tmp_path / "x.csv", "n\n1\n")
    with pytest.raises(DatapkgError, match=what):
        built(tmp_path, resource)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("date('now')", "'now'"),
        ("datetime('2026-01-31', 'LocalTime')", "'LocalTime'"),
        ("julianday( )", r"julianday\( \)"),
        ("strftime('%Y')", r"strftime\('%Y'\)"),
        ("current_date", "current_date"),
    ],
)
@pytest.mark.parametrize("stands", ["a query", "a view", "a view that a query reads"])
def test_a_query_that_asks_the_clock_is_refused(asked: str, said: str, stands: str, tmp_path: Path) -> None:
    select = f"select n, {asked} as d from a"
    database(tmp_path / "x.db", "create table a (n int)", f"create view v as {select}")
    what = {"a query": f'query: "{select}"', "a view": "table: v"}.get(stands, 'query: "select * from v"')
    with pytest.raises(DatapkgError, match=rf"asks the clock or the time zone \({said}\)"):
        built(tmp_path, f"name: t, path: x.db, {what}")


def test_a_query_may_reckon_with_dates_that_stand_in_it(tmp_path: Path) -> None:
    query = "select date(d, '+1 day') as d, 'now' as word, strftime('%Y', d) as y from a"
    database(tmp_path / "x.db", "create table a (d text)", "insert into a values ('2026-01-31')")
    with pytest.raises(DatapkgError, match="asks the clock"):  # the word alone cannot be told from a date
        built(tmp_path, f'name: t, path: x.db, query: "{query}"')
    query = query.replace("'now' as word, ", "")
    frame = built(tmp_path, f'name: t, path: x.db, query: "{query}"')["t"].to_pandas()
    assert frame.values.tolist() == [["2026-02-01", "2026"]]


def test_init_leaves_a_database_to_its_owner(tmp_path: Path) -> None:
    database(tmp_path / "x.db", "create table a (n int)")
    make.text(tmp_path / "x.csv", "n\n1\n")
    text = datapkg.init(tmp_path, tmp_path / "m.yaml")
    assert "1 file of .db (add a resource for a table or a query of it to have it): x.db" in text
