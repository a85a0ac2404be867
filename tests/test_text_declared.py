"""Columns whose type the manifest declares."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import make
import make_text
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.errors import ManifestError, SchemaError, SourceError
from datapkg.manifest.load import load


def declared(folder: Path, cells: list[str], **field: Any) -> Any:
    """The type and values of one declared column."""
    missing = field.pop("schema_missing", None)
    schema: dict[str, Any] = {"fields": [{"name": "x", **field}]}
    if missing is not None:
        schema["missingValues"] = missing
    content = "id,x\n" + "".join(f'{i},"{cell}"\n' for i, cell in enumerate(cells))
    table = make_text.read_text(folder, content, schema=schema)
    return str(table.schema.field("x").type), table.column("x").to_pylist()


def refusal(folder: Path, cells: list[str], **field: Any) -> str:
    """What a declaration that does not hold is told."""
    with pytest.raises(SchemaError) as caught:
        declared(folder, cells, **field)
    return caught.value.what


def test_text_stays_as_it_stands(tmp_path: Path) -> None:
    assert declared(tmp_path, ["1", "NA", "", " 005"], type="string") == ("string", ["1", "NA", None, " 005"])


def test_integers_may_have_leading_zeros_and_signs(tmp_path: Path) -> None:
    assert declared(tmp_path, ["007", "+5", "-03", "", "NA", "0"], type="integer") == (
        "int64",
        [7, 5, -3, None, None, 0],
    )
    assert declared(tmp_path, ["18446744073709551615", "1"], type="integer")[0] == "uint64"
    assert declared(tmp_path, ["1,234 µm", "-5"], type="integer", groupChar=",", bareNumber=False)[1] == [
        1234,
        -5,
    ]
    told = refusal(tmp_path, ["1", "x7", "1.5", "2"], type="integer")
    assert "2 values in `x` that are no integer of 64 bits, first `x7` at t.csv:3" in told
    both = refusal(tmp_path, ["-1", "18446744073709551615"], type="integer")
    assert "no integer of 64 bits, first `18446744073709551615`" in both
    assert "no integer of 64 bits" in refusal(tmp_path, ["18446744073709551616"], type="integer")


def test_numbers_may_be_written_in_any_way(tmp_path: Path) -> None:
    cells = ["1E5", "007.5", "+1.", "-INF", "", "NA"]
    assert declared(tmp_path, cells, type="number") == ("double", [1e5, 7.5, 1.0, float("-inf"), None, None])
    assert declared(tmp_path, ["1.234,5", "2"], type="number", decimalChar=",", groupChar=".")[1] == [
        1234.5,
        2.0,
    ]
    assert declared(tmp_path, ["95 %", "3.5%"], type="number", bareNumber=False)[1] == [95.0, 3.5]
    assert "`1.5`" in refusal(tmp_path, ["1.5"], type="number", decimalChar=",")
    assert "`1e400`" in refusal(tmp_path, ["1e400"], type="number")


def test_a_whole_number_that_a_declared_double_rounds_is_reported(tmp_path: Path) -> None:
    entry = make_text.resource(schema={"fields": [{"name": "x", "type": "number"}]})
    decision = make_text.decide(entry, make_text.file(tmp_path, "t.csv", "x\n9007199254740993\n1.5\n"))
    assert any("rounded" in warning and "9007199254740993" in warning for warning in decision.warnings)


def test_booleans_have_declared_words(tmp_path: Path) -> None:
    assert declared(tmp_path, ["1", "false", ""], type="boolean") == ("bool", [True, False, None])
    words = {"trueValues": ["yes"], "falseValues": ["no"]}
    assert declared(tmp_path, ["yes", "no"], type="boolean", **words)[1] == [True, False]
    assert "no boolean, first `true`" in refusal(tmp_path, ["true"], type="boolean", **words)


def test_dates_and_times_are_iso_or_follow_a_pattern(tmp_path: Path) -> None:
    assert declared(tmp_path, ["2026-01-05", ""], type="date") == ("date32[day]", [dt.date(2026, 1, 5), None])
    assert declared(tmp_path, ["05/01/2026"], type="date", format="%d/%m/%Y")[1] == [dt.date(2026, 1, 5)]
    assert declared(tmp_path, ["20260105"], type="date", format="any")[1] == [dt.date(2026, 1, 5)]
    assert "`2026-02-30`" in refusal(tmp_path, ["2026-02-30"], type="date")
    assert declared(tmp_path, ["10:30:00.5"], type="time") == ("time64[us]", [dt.time(10, 30, 0, 500000)])
    kind, values = declared(tmp_path, ["2026-01-05T10:00:00"], type="datetime")
    assert (kind, values) == ("timestamp[us]", [dt.datetime(2026, 1, 5, 10)])
    assert declared(tmp_path, ["2026", "1999"], type="year") == ("int64", [2026, 1999])
    assert declared(tmp_path, ["2026-01"], type="yearmonth") == ("string", ["2026-01"])
    assert "no yearmonth" in refusal(tmp_path, ["2026-13"], type="yearmonth")


def test_times_with_a_zone_are_kept_as_utc(tmp_path: Path) -> None:
    kind, values = declared(tmp_path, ["2026-01-05T10:00:00+01:00", "2026-01-05T09:00:00Z"], type="datetime")
    assert kind == "timestamp[us, tz=UTC]"
    assert values[0] == values[1] == dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)
    mixed = ["2026-01-05T10:00:00+01:00", "2026-01-05T09:00:00"]
    assert "with and without a zone" in refusal(tmp_path, mixed, type="datetime")


def test_missing_values_are_what_the_manifest_says(tmp_path: Path) -> None:
    assert declared(tmp_path, ["1", "-999"], type="integer", missingValues=["-999"])[1] == [1, None]
    assert declared(tmp_path, ["1", "-"], schema_missing=["", "-"]) == ("int64", [1, None])
    assert declared(tmp_path, ["1", "NA"], schema_missing=[""]) == ("string", ["1", "NA"])
    assert "`NA`" in refusal(tmp_path, ["NA"], type="number", schema_missing=[""])


@pytest.mark.parametrize(
    ("constraints", "kind", "cells", "told"),
    [
        ({"required": True}, "string", ["a", ""], "1 value in `x` that is missing, though it is required"),
        (
            {"enum": ["a", "b"]},
            "string",
            ["a", "c", "c"],
            "2 values in `x` that are against its enum, first `c`",
        ),
        ({"enum": [1, 2]}, "integer", ["01", "3"], "first `3`"),
        ({"minimum": 2}, "integer", ["2", "1"], "against its minimum, first `1`"),
        ({"maximum": 2.5}, "number", ["2.5", "2.6"], "against its maximum, first `2.6`"),
        ({"maximum": "2026-01-01"}, "date", ["2026-01-02"], "first `2026-01-02`"),
        (
            {"pattern": "[A-P][0-9]{2}"},
            "string",
            ["A01", "A1", "xA01"],
            "2 values in `x` that are against its pattern",
        ),
        ({"minLength": 2}, "string", ["ab", "µ"], "first `µ`"),
        ({"maxLength": 2}, "string", ["ab", "abc"], "first `abc`"),
        ({"pattern": "[0-9]"}, None, ["1", "12"], "against its pattern, first `12`"),
    ],
)
def test_constraints_are_checked(
    tmp_path: Path, constraints: dict[str, Any], kind: str | None, cells: list[str], told: str
) -> None:
    field = {"constraints": constraints, **({"type": kind} if kind else {})}
    assert told in refusal(tmp_path, cells, **field)
    assert declared(tmp_path, [cells[0]], **field) if "date" not in str(kind) else True


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("email", "a.b@lab.org", "a.b at lab.org"),
        ("uri", "https://idr.openmicroscopy.org/x?y=1", "idr.openmicroscopy.org"),
        ("uuid", "123e4567-e89b-12d3-A456-426614174000", "123e4567e89b12d3a456426614174000"),
        ("binary", "AAEC/w==", "AAEC/w="),
    ],
)
def test_formats_of_text_are_checked(tmp_path: Path, form: str, good: str, bad: str) -> None:
    assert declared(tmp_path, [good, ""], type="string", format=form) == ("string", [good, None])
    told = refusal(tmp_path, [good, bad], type="string", format=form)
    assert f"1 value in `x` that is no {form}, first `{bad}`" in told


def test_a_format_that_is_not_known_is_said(tmp_path: Path) -> None:
    schema = {"fields": [{"name": "x", "type": "string", "format": "inchi"}]}
    source = make_text.file(tmp_path, "t.csv", "x,y\n1,2\n")
    (told,) = make_text.decide(make_text.resource(schema=schema), source).warnings
    assert told == "format 'inchi' of the column `x` is not checked"


def test_constraints_that_cannot_be_read_are_mistakes_of_the_manifest(tmp_path: Path) -> None:
    for field in (
        {"type": "string", "constraints": {"pattern": "(?=a)"}},
        {"type": "integer", "constraints": {"minimum": "few"}},
        {"type": "date", "format": "DD/MM/YYYY"},
    ):
        with pytest.raises(ManifestError, match="'x'"):
            declared(tmp_path, ["1"], **field)


@given(values=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_integers_come_back(tmp_path_factory: pytest.TempPathFactory, values: list[int | None]) -> None:
    folder = tmp_path_factory.mktemp("integers")
    cells = ["" if value is None else f"{value:+05d}" for value in values]
    assert declared(folder, cells, type="integer") == ("int64", values)


@given(values=st.lists(st.datetimes(min_value=dt.datetime(1900, 1, 1))))
def test_moments_come_back(tmp_path_factory: pytest.TempPathFactory, values: list[dt.datetime]) -> None:
    folder = tmp_path_factory.mktemp("moments")
    cells = [value.isoformat() for value in values]
    assert declared(folder, cells, type="datetime") == ("timestamp[us]", values)


@pytest.mark.parametrize(
    ("kind", "cells", "limit", "beyond"),
    [
        ("integer", ["1", "2", "3"], "2", "2"),
        ("number", ["1.5", "2", ""], "2", "2"),
        ("date", ["2024-05-06", "2024-05-07"], "2024-05-07", "2024-05-07"),
    ],
)
def test_an_exclusive_limit_is_no_value_itself(
    tmp_path: Path, kind: str, cells: list[str], limit: str, beyond: str
) -> None:
    told = refusal(tmp_path, cells, type=kind, constraints={"exclusiveMaximum": limit})
    assert f"exclusiveMaximum, first `{beyond}`" in told
    told = refusal(tmp_path, cells, type=kind, constraints={"exclusiveMinimum": cells[0]})
    assert f"exclusiveMinimum, first `{cells[0]}`" in told
    declared(tmp_path, cells[:1], type=kind, constraints={"exclusiveMaximum": limit})


def test_json_in_cells_is_held_against_its_schema(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"$ref": "#/$defs/n"}},
        "$defs": {"n": {"type": "integer"}},
    }
    good = ["{}", '{""n"": 1}', "", '{""n"": 1}']
    assert declared(tmp_path, good, type="string", constraints={"jsonSchema": schema})[1][1] == '{"n": 1}'
    wrong = [*good, '{""n"": 1.5}', "[]", "no json"]
    told = refusal(tmp_path, wrong, type="string", constraints={"jsonSchema": schema})
    assert '3 values in `x` that are against its jsonSchema, first `{"n": 1.5}` at t.csv:6' in told


@pytest.mark.parametrize(
    ("schema", "said"),
    [({"type": "objekt"}, "no JSON Schema"), ({"$ref": "https://example.org/a.json"}, "which is not in it")],
)
def test_a_json_schema_that_makes_no_sense_is_a_mistake(
    tmp_path: Path, schema: dict[str, Any], said: str
) -> None:
    field = {"name": "x", "type": "string", "constraints": {"jsonSchema": schema}}
    listed = json.dumps([{"name": "t", "path": "t.csv", "schema": {"fields": [field]}}])
    with pytest.raises(ManifestError, match=said):
        load(make.text(tmp_path / "manifest.yaml", f"name: p\nresources: {listed}\n"))


def test_quotes_mean_nothing_where_the_manifest_says_so(tmp_path: Path) -> None:
    content = 'id,size\n1,5" tube\n"2,"6"\n3,""\n'
    table = make_text.read_text(tmp_path, content, dialect={"quoteChar": ""})
    assert table.column("size").to_pylist() == ['5" tube', '"6"', '""']
    assert table.column("id").to_pylist() == ["1", '"2', "3"]
    with pytest.raises(SourceError, match="NUL"):
        make_text.read_text(tmp_path, "id,size\n1,a\0b\n", dialect={"quoteChar": ""})
