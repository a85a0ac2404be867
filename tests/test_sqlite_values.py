"""Values of Arrow columns as SQLite's, and back, through a true database: its affinities change none of them."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from datetime import date, datetime, time
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.errors import ExportError
from datapkg.sqlite_values import declared, from_sqlite, to_sqlite

FINITE = st.floats(allow_nan=False)
KINDS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.int8(): st.integers(-128, 127),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint32(): st.integers(0, 2**32 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): FINITE,
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(st.characters(codec="utf-8")),
    pa.large_binary(): st.binary(),
    pa.date32(): st.dates(),
    pa.time64("us"): st.times(),
    pa.timestamp("us"): st.datetimes(min_value=datetime(1, 1, 2)),
    pa.list_(pa.float64()): st.lists(st.one_of(st.floats(allow_nan=False), st.none())),
    pa.struct([("x", pa.int32()), ("name", pa.string())]): st.fixed_dictionaries(
        {"x": st.integers(-5, 5), "name": st.one_of(st.none(), st.text(st.characters(codec="utf-8")))}
    ),
    pa.decimal128(20, 3): st.decimals(-(10**15), 10**15, places=3),
    pa.null(): st.none(),
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(data=st.data())
def test_values_come_back_through_a_database(kind: pa.DataType, data: st.DataObject) -> None:
    column = pa.array(data.draw(st.lists(st.one_of(st.none(), KINDS[kind]), max_size=8)), kind)
    values, nans = to_sqlite(column, "here")
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"create table t (c {declared(kind)})")
        connection.executemany("insert into t values (?)", [(value,) for value in values])
        back = [value for (value,) in connection.execute("select c from t order by rowid")]
    assert nans == 0
    assert from_sqlite(back, kind).equals(column)


def test_a_moment_of_a_zone_is_the_same_moment() -> None:
    column = pa.array([datetime(2026, 11, 1, 12, 30)], pa.timestamp("us", "UTC"))
    values, _ = to_sqlite(column, "here")
    assert values == ["2026-11-01 12:30:00.000000Z"]
    assert from_sqlite(values, column.type).equals(column)


def test_nan_is_missing_and_counted() -> None:
    assert to_sqlite(pa.array([1.0, math.nan, None, math.inf]), "here") == ([1.0, None, None, math.inf], 1)


def test_nan_in_a_list_is_kept() -> None:
    values, count = to_sqlite(pa.array([[math.nan, -math.inf]]), "here")
    assert (values, count) == (['["NaN", "-INF"]'], 0)
    assert math.isnan(from_sqlite(values, pa.list_(pa.float64()))[0].as_py()[0])


def test_bytes_in_a_list_are_refused() -> None:
    with pytest.raises(ExportError, match="a value is bytes"):
        to_sqlite(pa.array([[b"x"]]), "table t, column c")


def test_moments_are_written_as_people_write_them() -> None:
    for value, kind, text in (
        (date(2026, 11, 1), pa.date32(), "2026-11-01"),
        (time(12, 30, 1), pa.time64("us"), "12:30:01.000000"),
    ):
        assert to_sqlite(pa.array([value], kind), "here")[0] == [text]
