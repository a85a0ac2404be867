"""CSV and TSV files with a manifest beside them: what text can hold comes back through a build, type and value."""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import make
import pyarrow.csv
from hypothesis import given, settings
from hypothesis import strategies as st
from make_sqlite import built, database

import datapkg

CELLS = st.one_of(
    st.none(),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6),
    st.sampled_from(
        ["005", "NA", "nan", "1E5", "true", "2026-11-01", 'a"b', "a,b", "a\nb", "a\r\nb", " x ", "-", "+5"]
    ),
)


@settings(max_examples=40)
@given(
    rows=st.lists(st.tuples(CELLS, st.one_of(st.none(), st.floats(allow_nan=False))), min_size=1, max_size=6)
)
def test_any_text_and_number_comes_back(rows: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database(folder / "x.db", "create table t (s text, x real)", rows=rows, into="t")
        original = built(folder, "name: t, path: x.db")
        datapkg.export(folder / "p", folder / "csv", to="csv")
        make.build(folder / "csv" / "little.yaml", folder / "q")
        assert datapkg.open(folder / "q")["t"].to_arrow().equals(original["t"].to_arrow())


def test_types_and_keys_come_back_with_the_digest(tmp_path: Path) -> None:
    text = "Well,n,big,x,b,day,when\n005,9007199254740993,18446744073709551615,0.1,true,2026-02-28,2026-11-01T12:00:00.5\n042,,1,-inf,false,,\n"
    make.text(tmp_path / "t.csv", text)
    fields = "{name: day, type: date}, {name: when, type: datetime}"
    original = built(tmp_path, f"name: t, path: t.csv, schema: {{primaryKey: Well, fields: [{fields}]}}")
    done = datapkg.export(tmp_path / "p", tmp_path / "csv", to="csv")
    make.build(tmp_path / "csv" / "little.yaml", tmp_path / "q")
    back = datapkg.open(tmp_path / "q")
    assert back["t"].digest == original["t"].digest
    assert back["t"].promises == ["primaryKey [Well]"]
    assert done.notes == ()
    row = back["t"].to_arrow().to_pylist()[0]
    assert (row["Well"], row["n"], row["day"]) == ("005", 2**53 + 1, date(2026, 2, 28))
    assert row["when"] == datetime(2026, 11, 1, 12, 0, 0, 500000)


def test_what_text_cannot_say_is_told(tmp_path: Path) -> None:
    database(tmp_path / "x.db", "create table t (s, b)", rows=[("", b"x"), (None, None)], into="t")
    built(tmp_path, "name: t, path: x.db")
    done = datapkg.export(tmp_path / "p", tmp_path / "csv", to="csv")
    assert done.notes == (
        "t: text cannot hold b, which are left out",
        '1 empty texts of t.s are "", which a build takes as missing',
    )
    assert (tmp_path / "csv" / "t.csv").read_text("utf-8") == '"s"\n""\n\n'


def test_lists_are_json(package: Path, tmp_path: Path) -> None:
    datapkg.export(package, tmp_path / "csv", to="csv", tables=["frames"])
    shapes = pyarrow.csv.read_csv(tmp_path / "csv" / "frames.csv").column("shape").to_pylist()
    assert shapes == ["[6, 8]"] * 3


def test_a_single_table_is_a_file(package: Path, tmp_path: Path) -> None:
    datapkg.export(package, tmp_path / "wells.tsv", tables=["wells"])
    assert make.csv_rows(tmp_path / "wells.tsv", "\t") == [
        ["Well", "Gene", "Count", "Area"],
        ["005", "KIF11", "1", "0.5"],
        ["042", "", "2", "1.5"],
    ]
