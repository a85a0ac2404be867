"""Which character separates cells."""

from __future__ import annotations

import make_text
import pytest

from datapkg.errors import ManifestError
from datapkg.sources.text.dialect import declared_form, find_form, suffix_delimiter


def delimiter(head: str, name: str = "t.csv", whole: bool = True, **dialect: object) -> str:
    """The delimiter that is found."""
    return find_form(name, head.encode(), whole, make_text.resource(dialect=dialect)).delimiter


@pytest.mark.parametrize("mark", [",", "\t", ";", "|"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt.gz"])
def test_the_delimiter_is_the_one_that_cuts_rows_evenly(mark: str, name: str) -> None:
    assert delimiter(f"a{mark}b{mark}c\n1{mark}2{mark}3\n", name) == mark
    assert delimiter(f'a{mark}b\n"x,;\n|\ty"{mark}2\n', name) == mark


def test_a_decimal_comma_does_not_make_a_comma_table() -> None:
    assert delimiter("a;b\n1,5;2,5\n") == ";"
    assert delimiter("a,x;b,x\n1,5;2,5\n") == ","  # both fit: the suffix decides
    assert delimiter("a,x;b,x\n1,5;2,5\n", "t.txt") == ","


def test_a_table_of_one_column_is_fine() -> None:
    assert delimiter("feature\nArea\n") == ","
    assert delimiter("feature\nArea\n", "t.txt") == "\t"
    assert delimiter("formula\n=cmd|x\n") == ","


def test_prose_is_cut_unevenly() -> None:
    assert delimiter("Dear colleague\nwith this, and that, comes\nthe plate\n", "t.txt") == ","


def test_a_row_that_does_not_fit_leaves_the_delimiter_as_most_rows_have_it() -> None:
    assert delimiter("a;b\n1;2\n3;4;5\n") == ";"
    assert delimiter("a\tb\n1\n", "t.tsv") == "\t"


def test_a_row_cut_off_by_the_end_of_the_look_does_not_count() -> None:
    assert delimiter("a;b;c\n1;2;3\n4;5", whole=False) == ";"


def test_a_declared_delimiter_wins() -> None:
    assert delimiter("a,b c\n1,2 3\n", delimiter=" ") == " "


def test_what_the_parser_cannot_do_is_refused() -> None:
    for dialect in ({"quoteChar": "«"}, {"lineTerminator": "|"}, {"headerRows": [0]}):
        with pytest.raises(ManifestError):
            declared_form(make_text.resource(dialect=dialect))


def test_the_suffix_promises_a_delimiter() -> None:
    assert [suffix_delimiter(name) for name in ("a.csv", "a.tsv.gz", "a.TXT", "a.dat")] == [
        ",",
        "\t",
        "\t",
        ",",
    ]
