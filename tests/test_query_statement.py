"""What a query may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from datapkg.errors import SchemaError
from datapkg.query.statement import explained, statement, versions_quoted


@pytest.fixture(scope="module")
def parser() -> Iterator[Any]:
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ("select * from frames", ["frames"]),
        ("from frames", ["frames"]),
        ("values (1)", []),
        ("table frames;", ["frames"]),
        ("describe frames", ["frames"]),
        ("summarize frames", ["frames"]),
        ("select 1 -- ; drop table x", []),
        ("pivot frames on Well in ('A01') using count(*)", ["frames"]),
        ("with a as (from frames) select * from a join wells using (Well)", ["frames", "wells"]),
        (
            "select (select count(*) from wells) from frames where x in (select y from c)",
            ["frames", "wells", "c"],
        ),
        ("from frames@1.0.0 old join frames@2 using (path)", ["frames@1.0.0", "frames@2"]),
        ('from "my.table"@1', ["my.table@1"]),
        ("select '; copy t to ''x'' ' from range(3) r, unnest([1]) u", []),
        ("with recursive n as (select 1 i union all select i + 1 from n where i < 5) from n", []),
        ("select * from main.frames", ["main.frames"]),
    ],
)
def test_a_query_that_reads_names_its_tables(query: str, tables: list[str], parser: Any) -> None:
    found = statement(query, parser)
    assert sorted(name for name in found.tables if name not in found.own) == sorted(tables)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "-- nothing",
        "select 1; select 2",
        "copy frames to 'x.csv'",
        "copy (select 1) to 'x.csv'",
        "attach 'x.db'",
        "detach x",
        "install httpfs",
        "load httpfs",
        "set threads = 1",
        "reset threads",
        "use main",
        "pragma database_list",
        "call range(3)",
        "explain select 1",
        "explain analyze copy frames to 'x'",
        "create table t as from frames",
        "create temp view t as from frames",
        "create macro f(x) as x",
        "insert into frames values (1)",
        "update frames set Well = ''",
        "delete from frames",
        "merge into frames using wells on false when not matched then insert",
        "truncate frames",
        "drop view frames",
        "alter table frames rename to x",
        "begin",
        "checkpoint",
        "vacuum",
        "export database 'x'",
        "import database 'x'",
        "prepare p as select 1",
        "execute p",
        "set variable x = 1",
        "with x as (insert into frames from frames returning *) from x",
        "with x as (delete from frames returning *) from x",
        "select * from (with x as (update frames set Well = '' returning *) from x)",
        "select * from read_csv('/etc/passwd')",
        "select * from READ_TEXT('/etc/passwd')",
        "select (select content from read_text('/etc/passwd'))",
        "from glob('/etc/*')",
        "from parquet_metadata('x')",
        "from sniff_csv('/etc/passwd')",
        "from duckdb_settings()",
        "from pragma_version()",
        "from query('select 1')",
        "from query_table('frames')",
        "from arrow_scan(1, 2, 3)",
        "from enable_logging(storage = 'file', storage_path = 'x')",
        "show tables",
        "show databases",
        "pivot frames on Well using count(*)",
        "with x as (copy frames to 'x.csv') select 1",
        "select list_transform([1], x -> (select max(content) from read_text('/etc/passwd')))",
        "from frames, lateral (from read_csv('/etc/passwd'))",
        "describe select * from read_csv('/etc/passwd')",
        "from (show all tables)",
        "from json_execute_serialized_sql('x')",
        "create secret s (type s3)",
        "comment on table frames is 'x'",
        "prepare p as copy frames to 'x.csv'",
        "from frames at (version => 1)",
        3,
    ],
)
def test_all_else_is_refused_before_it_runs(query: Any, parser: Any) -> None:
    with pytest.raises(SchemaError) as refused:
        statement(query, parser)
    assert refused.value.fix


@pytest.mark.parametrize(
    ("query", "given"),
    [
        ("from f@1.0.0, g@2", 'from "f@1.0.0", "g@2"'),
        ("from f@1.0.0-rc.1+x;", 'from "f@1.0.0-rc.1+x";'),
        ("select 'f@1', \"f@1\", e'it\\'s f@1', $$f@1$$ -- f@1\n/* f@1 */", None),
        ("select a <@ b, @x, a @> b", None),
    ],
)
def test_a_version_is_quoted_with_its_table_and_nowhere_else(query: str, given: str | None) -> None:
    assert versions_quoted(query) == (query if given is None else given)


def test_an_error_says_the_line_and_not_the_engine() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as raised:
        connection.sql("select *\nfrom (select 1)\nwher x")
    error = explained(raised.value, [])
    assert error.where == "the query, line 3"
    assert "syntax error" in error.what and "Parser" not in error.what and "LINE" not in error.what
