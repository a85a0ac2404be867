"""Conditions: true names, whole conditions, and explanations."""

from __future__ import annotations

import make
import pytest

import datapkg
from datapkg import Table
from datapkg.errors import SchemaError


@pytest.fixture(scope="module")
def wells(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Twelve wells; a column E5 as on a plate, one with a dot, one that is a word of SQL, one that only quotes help."""
    folder = tmp_path_factory.mktemp("wells")
    rows = [f"{'C06' if i % 2 else 'G01'},{i},{i * 1000},{i}.5,{i},E5 {i},{i % 3}" for i in range(12)]
    make.text(folder / "w.csv", "Well,Frame,E5,Cells.Area,in,the note,Größe\n" + "\n".join(rows) + "\n")
    make.build(make.manifest(folder, "name: w, path: w.csv"), folder / "p")
    return datapkg.open(folder / "p")["w"]


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("Well = 'C06' and Frame < 3", 1),
        ("Frame > 1E1", 1),
        ("E5 > 1E4", 1),
        ("Cells.Area > 10 and Well <> 'Cells.Area'", 2),
        ("`in` in (1, 2) and Frame is not null", 2),
        ("well = 'C06'", 6),
        ("\"Well\" = 'C06'", 6),
        ("`the note` = 'E5 3'", 1),
        ("Größe = 2 or (Frame between 0 and 1)", 6),
        ("lower(Well) like 'c%' and abs(Frame) >= 0", 6),
        ("cast(Frame as string) = '3'", 1),
        ("Well in ('C06', 'it''s')", 6),
        ("not (Well = 'C06')", 6),
        ("true", 12),
    ],
)
def test_conditions_mean_what_they_say(where: str, count: int, wells: Table) -> None:
    assert len(wells.to_pandas(where=where)) == count


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("Well = 'C06', Frame = 1", "makes no sense at ', Frame = 1'"),
        ("Well = 'C06'; drop table w", "makes no sense"),
        ("Well = 'C06' Frame = 1", "makes no sense"),
        ("Well = 'C06' limit 2", "makes no sense"),
        ("Well = 'C06' order by Frame", "makes no sense"),
        ("Well = 'C06') or (1 = 1", "makes no sense"),
        ("Well = 'C06' && Frame = 1", "join by and, or"),
        ("Wel = 'C06'", "did you mean 'Well'"),
        ("Well = C06", "put it into single quotes: 'C06'"),
        ("`Frames` = 1", "did you mean 'Frame'"),
        ("_rowid = 1", "no column"),
        ("Frame = 'x'", "a column of whole numbers with 'x'"),
        ("Frame = '1'", "write it without quotes: 1"),
        ("Frame < 1.5", "cast(t as double) < 1.5"),
        ("Well = 5", "a column of text with '5'\n  fix: put it into single quotes: '5'"),
        ("Frame", "makes no sense"),
        ("Well = 'C06' and", "makes no sense: Expected: an expression"),
        ("nope(Well)", "makes no sense: Invalid function 'nope'"),
        (" ", "it is empty"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(where: str, said: str, wells: Table) -> None:
    with pytest.raises(SchemaError) as caught:
        wells.to_pandas(where=where)
    text = str(caught.value)
    assert said in text
    assert "table w" in text
    assert not any(word in text for word in ("rust", "parsing", "planning", "SELECT"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"where": ["Well"]}, "where is a list"),
        ({"columns": "Well"}, r"write columns=\['Well'\]"),
        ({"columns": "Well = 'C06'"}, "write where="),
        ({"limit": -1}, "limit is -1"),
        ({"limit": "3"}, "limit is '3'"),
        ({"limit": True}, "limit is True"),
    ],
)
def test_arguments_of_the_wrong_kind_are_explained(asked: dict[str, object], said: str, wells: Table) -> None:
    with pytest.raises(SchemaError, match=said):
        wells.to_pandas(**asked)  # type: ignore[arg-type]


def test_no_column_one_column_and_a_column_twice(wells: Table) -> None:
    assert wells.to_arrow(columns=[]).num_rows == 12
    assert wells.to_pandas(columns=[]).shape == (12, 0)
    assert list(wells.to_pandas(columns=["Well", "Frame", "Well"], limit=1).columns) == [
        "Well",
        "Frame",
        "Well",
    ]
    assert wells.to_arrow(columns=["Well", "Well"]).column_names == ["Well", "Well"]
