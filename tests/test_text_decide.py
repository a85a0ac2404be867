"""One table of many files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import make_text
import pytest

from datapkg.errors import SchemaError
from datapkg.sources.base import Scan
from datapkg.sources.text.source import TextSource


def decided(folder: Path, files: dict[str, str], **given: Any) -> Any:
    """The decision over some files; what a scan told goes through JSON, as when it is remembered."""
    entry = make_text.resource(many=len(files) > 1, **given)
    scans = []
    for name, content in files.items():
        source = make_text.file(folder, name, content)
        scan = make_text.scan(source, entry)
        scans.append((source.path, Scan(json.loads(json.dumps(scan.evidence)), scan.warnings)))
    return TextSource().decide(entry, scans)


def columns(decision: Any) -> dict[str, str]:
    """Column names to logical types."""
    return {column.name: column.logical for column in decision.tables[0].columns}


def test_columns_are_joined_by_name_in_order_of_appearance(tmp_path: Path) -> None:
    decision = decided(tmp_path, {"a.csv": "x,y\n1,2\n", "b.csv": "z,y\nA,2.5\n"})
    assert columns(decision) == {
        "source_path": "string",
        "source_row": "int64",
        "x": "int64",
        "y": "double",
        "z": "string",
    }
    assert decision.tables[0].name == "t"
    assert decision.warnings == (
        "1 file lacks column `x`, first b.csv; these cells are missing",
        "1 file lacks column `z`, first a.csv; these cells are missing",
    )


def test_why_names_the_file_and_line_of_what_decided(tmp_path: Path) -> None:
    decision = decided(tmp_path, {"p1.csv": "site\n1\n2\n", "p2.csv": "site\n3\n\nx7\n"})
    assert (
        decision.tables[0].columns[-1].why == "text, because 1 value is not a number, first `x7` at p2.csv:4"
    )


def test_what_many_files_lack_is_told_in_few_lines(tmp_path: Path) -> None:
    wide = ",".join(f"c{i}" for i in range(300))
    files = {f"{i}.csv": "c0\n1\n" for i in range(5)} | {"w.csv": wide + "\n" + ",".join("1" * 300) + "\n"}
    (told,) = decided(tmp_path, files).warnings
    assert told.startswith("5 files lack 299 columns (`c1`, `c2`, `c3`, `c4`, `c5`, ...), first 0.csv")
    many = {f"{i}.csv": f"a{i},b\n1,2\n" for i in range(40)}
    assert len(decided(tmp_path, many).warnings) == 21


def test_empty_files_are_left_out_where_the_manifest_says_so(tmp_path: Path) -> None:
    decision = decided(tmp_path, {"a.csv": "", "b.csv": "x\n1\n", "c.csv": "\n"}, empty="skip")
    assert columns(decision)["x"] == "int64"
    assert decision.warnings == ("2 files are empty and left out, first a.csv",)
    assert columns(decided(tmp_path, {"a.csv": ""}, empty="skip")) == {}


def test_a_header_alone_counts_as_a_file_with_these_columns(tmp_path: Path) -> None:
    decision = decided(tmp_path, {"a.csv": "x,y\n", "b.csv": "x,y\n1,\n"})
    assert columns(decision)["x"] == "int64"
    assert columns(decision)["y"] == "null"
    assert not decision.warnings


def test_what_was_not_kept_is_told(tmp_path: Path) -> None:
    told = decided(tmp_path, {"a.csv": "\n,x\n1,1e-400\n\n2;3,5\n", "b.csv": ";x\n1;5\n"}).warnings
    assert told == (
        "1 value of the column `x`: too small for a double, and kept as 0, first `1e-400` at a.csv:3",
        "2 files have an unnamed first column, which is named `index`, first a.csv",
        "1 file has 2 blank lines, which are skipped, first a.csv",
        "1 file has another delimiter than the suffix says, first b.csv (`;`)",
    )


def test_names_made_from_the_path_must_not_be_columns_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"'source_row' of b\.csv"):
        decided(tmp_path, {"a.csv": "x\n1\n", "b.csv": "source_row\n1\n"})
    assert "source_row" in columns(decided(tmp_path, {"b.csv": "source_row\n1\n"}))
    with pytest.raises(SchemaError, match="'Well'"):
        decided(tmp_path, {"A01.csv": "Well\n1\n"}, pattern="{Well}.csv")
    with pytest.raises(SchemaError, match="'source_path'"):
        decided(tmp_path, {"A01.csv": "x\n1\n"}, pattern="{source_path}.csv", source=True)


def test_a_declared_column_that_no_file_has_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="did you mean 'Well'") as caught:
        decided(tmp_path, {"a.csv": "Well\nA1\n"}, schema={"fields": [{"name": "Wel", "type": "string"}]})
    assert caught.value.fix == "did you mean 'Well'?"


@pytest.mark.parametrize(
    ("rule", "header", "fits"),
    [
        *(("exact", "a,b", True), ("exact", "b,a", False), ("equal", "b,a", True), ("equal", "a,b,c", False)),
        *(
            ("subset", "a,b,c", True),
            ("subset", "a", False),
            ("superset", "a", True),
            ("superset", "c", False),
        ),
        *(("partial", "b,c", True), ("partial", "c", False)),
    ],
)
def test_fields_match_as_frictionless_says(tmp_path: Path, rule: str, header: str, fits: bool) -> None:
    schema = {"fields": [{"name": "a", "type": "string"}, {"name": "b"}], "fieldsMatch": rule}
    if fits:
        found = columns(decided(tmp_path, {"t.csv": header + "\n"}, schema=schema))
        assert found["a"] == "string"
    else:
        with pytest.raises(SchemaError, match="fieldsMatch"):
            decided(tmp_path, {"t.csv": header + "\n"}, schema=schema)


def test_all_broken_promises_are_told_at_once(tmp_path: Path) -> None:
    schema = {"fields": [{"name": name, "type": "integer"} for name in "xy"]}
    with pytest.raises(SchemaError) as caught:
        decided(tmp_path, {"a.csv": "x,y\n1,b\n", "b.csv": "x,y\nc,d\n"}, schema=schema)
    assert "1 value in `x` that is no integer of 64 bits, first `c` at b.csv:2" in caught.value.what
    assert "2 values in `y` that are no integer of 64 bits, first `b` at a.csv:2" in caught.value.what
