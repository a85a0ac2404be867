"""Types held against DuckDB's, which looks at all rows: where the two differ, a rule of ours says why, cell by cell.

A difference that no rule explains fails: then one of the two reads a column wrongly, and it is to be known which.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import make_text
import pytest
from real import NO_HEADER, NO_TABLES, TEXT, listed, text_cells

SAME = {"DOUBLE": "double", "BIGINT": "int64", "BOOLEAN": "bool", "VARCHAR": "string", "UBIGINT": "uint64"}
NUMBERS = ("int64", "uint64", "double")
DIFFERENT_NUMBER = re.compile(r"[-+]?0\d|\+|\s|.*\s$|.*_|0[xXbB]")
WHOLE = re.compile(r"-?\d+")
ODD = {  # a small file for each rule, since the real ones do not need all of them
    "leading zeros": "Well\n005\n042\n",
    "a plus sign": "x\n+5\n-1\n",
    "codes": "Gene\n1E5\n2e3\n",
    "T and F": "hit\nT\nF\n",
    "yes and no": "hit\nyes\nno\n",
    "dates": "day\n2026-11-20\n2026-11-21\n",
    "days first": "day\n20/11/2026\n01/02/2026\n",
    "times": "at,on\n2026-11-20T06:33:37+01:00,12:30:00\n2026-11-20T06:33:37+01:00,12:31:00\n",
    "NA words": "x,y\n1.5,true\nNA,N/A\n",
    "NaN among whole numbers": "x\n1\nNaN\n",
    "beyond 64 bits": "x\n18446744073709551616\n1\n",
    "beyond int64": "x\n18446744073709551615\n1\n",
    "a whole number that a double cannot hold": "x\n9007199254740993\n0.5\n",
    "nothing": "x,y\n,1\n,2\n",
    "blanks": "x\n 1\n 2\n",
    "late text": "x\n" + "1\n" * 30_000 + "x\n",
}


def duckdb_types(path: Path) -> list[str]:
    """What DuckDB makes of each column, from all rows."""
    header, delimiter = not path.as_posix().endswith(NO_HEADER), "," if ".csv" in path.name else "\t"
    question = "select Columns from sniff_csv(?, sample_size=-1, header=?, delim=?, max_line_size=4000000)"
    with (
        duckdb.connect() as database
    ):  # its own: half a result left in DuckDB's shared one stops who comes next
        sniffed = database.execute(question, [str(path), header, delimiter]).fetchone()
    assert sniffed is not None
    return [column["type"] for column in sniffed[0]]


def our_types(path: Path) -> list[str]:
    """What we make of each column."""
    dialect = {"header": not path.as_posix().endswith(NO_HEADER)}
    entry = make_text.resource(dialect=dialect)
    return [c.logical for c in make_text.decide(entry, make_text.at(path, path.parent)).tables[0].columns]


def _words(cells: Sequence[str]) -> bool:
    return any(cell in make_text.MISSING for cell in cells)


def _inexact(cells: Sequence[str]) -> bool:
    numbers = [int(cell) for cell in cells if WHOLE.fullmatch(cell)]
    return any(int(float(number)) != number for number in numbers) and len(numbers) < len(cells)


RULES: dict[str, Callable[[str, str, Sequence[str]], bool]] = {
    "a column without a value has type null": lambda theirs, ours, cells: ours == "null" and not cells,
    "dates and times are text, unless the schema says otherwise": lambda theirs, ours, cells: (
        theirs.startswith(("DATE", "TIME")) and ours == "string"
    ),
    "only true and false are booleans, not T, yes or 1": lambda theirs, ours, cells: (
        theirs == "BOOLEAN" and ours == "string" and any(cell not in make_text.BOOLS for cell in cells)
    ),
    "numbers that would not come back as they were written are text": lambda theirs, ours, cells: (
        theirs in ("BIGINT", "DOUBLE") and ours == "string" and any(map(DIFFERENT_NUMBER.match, cells))
    ),
    "digits, an E and digits are codes": lambda theirs, ours, cells: (
        theirs == "DOUBLE" and ours == "string" and all(map(make_text.CODE.fullmatch, cells))
    ),
    "words for a missing value are missing where all other cells make numbers or booleans": (
        lambda theirs, ours, cells: (
            theirs in ("VARCHAR", "DOUBLE", "BIGINT") and ours in (*NUMBERS, "bool") and _words(cells)
        )
    ),
    "whole numbers beyond 64 bits, or that a double cannot hold beside decimals, are text": (
        lambda theirs, ours, cells: (
            theirs in ("DOUBLE", "HUGEINT", "UHUGEINT", "BIGINT")
            and ours == "string"
            and (_inexact(cells) or any(WHOLE.fullmatch(c) and not -(2**63) <= int(c) < 2**64 for c in cells))
        )
    ),
    "whole numbers up to 64 bits without a sign are uint64": lambda theirs, ours, cells: (
        ours == "uint64" and theirs in ("DOUBLE", "HUGEINT") and all(map(WHOLE.fullmatch, cells))
    ),
}


def unexplained(path: Path) -> list[str]:
    """The columns in which the two differ, and no rule says why."""
    header, rows = text_cells(path)
    columns = [[cell for cell in cells if cell] for cells in zip(*rows, strict=True)]
    compared = zip(header, duckdb_types(path), our_types(path), columns, strict=True)
    return [
        f"{name}: {theirs} and {ours}, cells such as {cells[:3]}"
        for name, theirs, ours, cells in compared
        if SAME.get(theirs) != ours and not any(rule(theirs, ours, cells) for rule in RULES.values())
    ]


FILES = [row["file"] for row in listed() if TEXT.search(row["file"]) and row["file"] not in NO_TABLES]


@pytest.mark.parametrize("file", FILES or ["SOURCES.tsv is absent"])
def test_an_open_table_has_the_types_that_duckdb_finds_or_a_rule_says_why_not(
    shared: Path, file: str
) -> None:
    assert unexplained(shared / "open" / file) == []


@pytest.mark.parametrize("case", ODD)
def test_each_rule_explains_what_it_is_for(tmp_path: Path, case: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(ODD[case], "utf-8")
    assert unexplained(path) == []


def test_every_rule_is_needed(tmp_path: Path) -> None:
    used = set()
    for case, content in ODD.items():
        path = tmp_path / f"{case}.csv"
        path.write_text(content, "utf-8")
        _, rows = text_cells(path)
        columns = [[cell for cell in cells if cell] for cells in zip(*rows, strict=True)]
        for theirs, ours, cells in zip(duckdb_types(path), our_types(path), columns, strict=True):
            if SAME.get(theirs) != ours:
                used.add(next(name for name, rule in RULES.items() if rule(theirs, ours, cells)))
    assert used == set(RULES)


def test_a_difference_without_a_rule_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_text_duckdb.our_types", lambda path: ["string"])
    path = tmp_path / "t.csv"
    path.write_text("x\n1\n2\n", "utf-8")
    assert unexplained(path) == ["x: BIGINT and string, cells such as ['1', '2']"]
