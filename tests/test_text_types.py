"""Types over whole columns, held against a slow second opinion."""

from __future__ import annotations

import struct

import make_text
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datapkg.sources.text.cells import Spellings, cast, kinds
from datapkg.sources.text.evidence import Evidence, look_together
from datapkg.sources.text.summary import Summary, Unpacker, packed
from datapkg.sources.text.types import decide_type

EDGES = [
    *(
        "0",
        "-0",
        "-0.0",
        "1",
        "-1",
        "007",
        "-05",
        "00.5",
        "0.5",
        ".5",
        "-.5",
        "1.",
        "+5",
        "+1.5",
        " 5",
        "5 ",
        "1,5",
    ),
    *(
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
    ),
    *(
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "1" * 30,
    ),
    *(
        "1E5",
        "1e5",
        "12e3",
        "05E3",
        "1e-5",
        "1E+05",
        "1.5e300",
        "1e400",
        "-1e400",
        "1e-400",
        "0e5",
        "1e",
        "e5",
    ),
    *("inf", "-inf", "Inf", "INF", "Infinity", "-Infinity", "iNf", "infinity", "+inf", "-nan", "nan(1)"),
    *("NA", "NaN", "nan", "NULL", "null", "N/A", "#N/A", "Na", "None", "#DIV/0!"),
    *("true", "True", "TRUE", "false", "False", "FALSE", "tRUE", "T", "yes", "0x10", "1_000", "½", "\u0661"),
    *(".", "-", "-.", "2026-01-05", "A01", "1d5", "1f", "", ""),
]
SPELLED = st.one_of(
    st.sampled_from(EDGES),
    st.integers().map(str),
    st.floats(allow_nan=False).map(repr),
    st.from_regex(r"-?[0-9]{0,20}\.?[0-9]{0,3}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
ALIKE = st.sampled_from(
    [
        ["1", "2", "9007199254740993", "", "NA"],
        ["1.5", "3", "inf", "nan", "", "1e400"],
        ["1E5", "2e3", "", "NA", "7"],
        ["18446744073709551615", "-1", "0", "1.5"],
        ["true", "FALSE", "", "null", "1"],
    ]
).flatmap(lambda kind: st.lists(st.sampled_from(kind)))
COLUMNS = st.one_of(st.lists(SPELLED), ALIKE)


def array(cells: list[str]) -> pa.StringArray:
    """Cells as they are read: an empty one is missing."""
    return pa.array([cell or None for cell in cells], pa.string())


def looked_at(cells: list[str], first_line: int = 2) -> Evidence:
    """The evidence of some cells."""
    evidence = Evidence()
    evidence.look(array(cells), np.arange(first_line, first_line + len(cells)))
    return evidence


def added_up(files: dict[str, Evidence]) -> Evidence:
    """The evidence of several files of one column, each packed and unpacked."""
    summary = Summary(["x"])
    for path, evidence in files.items():
        summary.add(path, *Unpacker().unpack(packed(["x"], [evidence])))
    return summary.evidence()["x"]


def word(kind: pa.DataType) -> str:
    """A type as the second opinion names it."""
    return str(kind)


@given(COLUMNS)
@example(["1", "0x10"])
@example(["9223372036854775808", "-1", "2.5"])
def test_the_type_is_what_the_rules_say_cell_by_cell(cells: list[str]) -> None:
    kind, why = decide_type(looked_at(cells))
    assert word(kind) == make_text.naive_type(cells)
    assert why.startswith({"string": "text"}.get(word(kind), word(kind)))


@given(COLUMNS)
def test_values_come_back_bit_for_bit(cells: list[str]) -> None:
    kind, _ = decide_type(looked_at(cells))
    values = cast(array(cells), kind)
    assert values is not None and values.type == kind
    assert bits(values.to_pylist()) == bits(make_text.naive_values(cells, word(kind)))


@given(st.lists(st.tuples(*[SPELLED] * 4), min_size=2, max_size=5))
def test_columns_looked_at_together_show_what_each_shows_alone(columns: list[tuple[str, ...]]) -> None:
    together, rows = [Evidence() for _ in columns], len(columns[0])
    for _ in range(2):  # the second look adds to the first
        look_together(together, [array([*cells]) for cells in columns], np.arange(2, 2 + rows))
    for found, cells in zip(together, columns, strict=True):
        alone = looked_at([*cells])
        alone.look(array([*cells]), np.arange(2, 2 + rows))
        assert decide_type(found) == decide_type(alone)
        assert (found.values, found.missing) == (alone.values, alone.missing)
        assert found.found.get("text") == alone.found.get("text")


def bits(values: list[object]) -> list[object]:
    """Values in which 0.0 and -0.0 differ."""
    return [struct.pack("<d", value) if isinstance(value, float) else value for value in values]


@given(st.lists(COLUMNS, max_size=4))
def test_files_together_decide_as_all_their_rows_would(files: list[list[str]]) -> None:
    together = added_up({f"{i}.csv": looked_at(cells) for i, cells in enumerate(files)})
    everything = [cell for cells in files for cell in cells]
    alone = looked_at(everything)
    assert decide_type(together)[0] == decide_type(alone)[0]
    assert (together.values, together.missing) == (alone.values, alone.missing)
    for name in (
        "text",
        "zeros",
        "plus",
        "blanks",
        "comma",
        "date",
        "words",
        "bool",
        "number",
        "beyond",
        "overflow",
    ):
        assert together.count(name) == alone.count(name), name
    assert together.found.keys() - {"inexact"} == alone.found.keys() - {"inexact"}
    for name, finding in alone.found.items():
        if name != "inexact":
            assert together.found[name].value == finding.value


@given(COLUMNS, st.integers(0, 9))
def test_blocks_of_one_file_decide_as_the_whole(cells: list[str], cut: int) -> None:
    evidence = looked_at(cells[:cut])
    evidence.look(array(cells[cut:]), np.arange(2 + cut, 2 + len(cells)))
    assert decide_type(evidence)[0] == decide_type(looked_at(cells))[0]


@given(st.lists(SPELLED.filter(bool), min_size=1))
def test_every_cell_is_of_one_kind(cells: list[str]) -> None:
    kind = kinds(Spellings(pa.array(cells)))
    total = sum(part.astype(int) for part in (kind.words, kind.bools, kind.infinite, kind.numbers, kind.text))
    assert (total == 1).all()
    for cell, text in zip(cells, kind.text, strict=True):
        assert text == (
            cell not in make_text.MISSING and cell not in make_text.BOOLS and not make_text.is_number(cell)
        )


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["A01", "005", "042"], "text, because 2 values have leading zeros, first `005` at w.csv:3"),
        (["1", "abc"], "text, because 1 value is not a number, first `abc` at w.csv:3"),
        (
            ["1", "", "NA"],
            "int64, because its one value is a whole number; NA and the like are missing (1 times)",
        ),
        (
            ["1", "true", "2"],
            "text, because numbers and true/false are mixed (2 and 1), first `true` at w.csv:3",
        ),
        (["nan", "nan"], "text, because all values are words for a missing one, first `nan` at w.csv:2"),
        (
            ["1E5", "2E3"],
            "text, because all values are digits, an E and digits, as codes are, first `1E5` at w.csv:2",
        ),
        (["1.5e400"], "text, because 1 value is too large for a double, first `1.5e400` at w.csv:2"),
        (["", ""], "null, because no cell has a value"),
        (
            ["18446744073709551615"],
            "uint64, because its one value is a whole number, up to 18446744073709551615",
        ),
    ],
)
def test_why_names_the_first_cell_that_decides(cells: list[str], why: str) -> None:
    evidence = added_up({"w.csv": looked_at(cells)})
    assert decide_type(evidence)[1] == why


def test_a_number_that_vanishes_is_noted() -> None:
    assert looked_at(["1.5", "1e-400", "0.0", "0"]).found["underflow"].value == "1e-400"
    assert "underflow" not in looked_at(["0.000", "-0.0", "0e5", "4e-324"]).found


def test_where_the_manifest_says_what_is_missing_other_words_are_text() -> None:
    assert word(decide_type(looked_at(["1", "NA"]), words_missing=False)[0]) == "string"


def test_a_cell_that_does_not_fit_is_found() -> None:
    for cells, kind in ((["x"], pa.int64()), (["x"], pa.bool_()), (["1.5"], pa.int64()), (["1"], pa.null())):
        assert cast(pa.array(cells), kind) is None
