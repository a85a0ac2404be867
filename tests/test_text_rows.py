"""Blocks of whole rows, and the line of each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datapkg.errors import SourceError
from datapkg.sources.text import rows as text_rows
from datapkg.sources.text.dialect import Form
from datapkg.sources.text.rows import RowBlock, row_blocks


def naive_rows(text: str, form: Form) -> list[tuple[int, str]]:
    """Line and text of each row, character by character."""
    rows, line, begin, at, row_line = [], 1, 0, 0, 1
    quoted, cell_begins = False, True
    while at < len(text):
        character = text[at]
        if quoted:
            if character == form.quote:
                if text[at + 1 : at + 2] == form.quote:
                    at += 1
                else:
                    quoted = False
        elif character == form.quote and cell_begins:
            quoted = True
        ends_line = character == "\n" or (character == "\r" and text[at + 1 : at + 2] != "\n")
        line += ends_line
        cell_begins = not quoted and (character == form.delimiter or character in "\r\n")
        at += 1
        if ends_line and not quoted:
            rows.append((row_line, text[begin:at]))
            begin, row_line = at, line
    if begin < len(text):
        rows.append((row_line, text[begin:]))
    return rows if not quoted else []


def pieces(text: str, size: int) -> Iterator[bytes]:
    """The text in pieces."""
    data = text.encode()
    return iter([data[i : i + size] for i in range(0, len(data), size)])


def found_rows(text: str, form: Form, size: int, block_bytes: int) -> list[tuple[int, str]]:
    """Line and text of each row, by the blocks."""
    found = []
    for block in row_blocks("t.csv", pieces(text, size), form, block_bytes):
        for line, start, end in zip(block.lines, block.starts, block.ends, strict=True):
            found.append((int(line), block.data[start:end].decode()))
    return found


SCRAPS = st.lists(st.sampled_from(["a", '"', '""', ",", "\n", "\r\n", "\r", " ", "µ", '"x"', '5" tube'])).map(
    "".join
)


@settings(max_examples=400)
@given(SCRAPS, st.integers(1, 9), st.integers(1, 30))
@example('a\n"x\ny"\n\n1', 9, 30)
def test_rows_end_where_a_walk_through_all_characters_ends_them(
    text: str, size: int, block_bytes: int
) -> None:
    form = Form()
    expected = naive_rows(text, form)
    try:
        assert found_rows(text, form, size, block_bytes) == expected
    except SourceError as error:
        # a quote that is never closed, or one closed in a later line with text behind it
        assert "quote" in error.what
        if "never closed" in error.what:
            assert not expected


@given(SCRAPS.filter(lambda text: '"' not in text), st.integers(1, 9))
def test_quotes_may_have_no_meaning(text: str, size: int) -> None:
    form = Form(quote="~")
    assert found_rows(text + '"', form, size, 5) == naive_rows(text + '"', Form(quote="\0"))


def test_an_unclosed_quote_is_named_with_the_line_that_it_opens_in() -> None:
    with pytest.raises(SourceError, match="never closed") as caught:
        found_rows('a,b\n"x\ny",2\n3,"open\n4,5\n', Form(), 7, 8)
    assert caught.value.where == "t.csv:4"


def test_a_forgotten_quote_that_a_later_one_closes_is_found() -> None:
    with pytest.raises(SourceError, match="a quote is missing in between") as caught:
        found_rows('a,b\n1,"open\n2,"x"\n3,"y"\n', Form(), 100, 100)
    assert caught.value.where == "t.csv:2"


def test_text_behind_a_quoted_cell_of_one_line_is_kept() -> None:
    assert len(found_rows('a,b\n"5" tube,2\n', Form(), 100, 100)) == 2


def test_a_row_longer_than_a_block_makes_its_block_longer() -> None:
    text = "a,b\n1," + "x" * 5000 + "\n2,y\n"
    assert [len(row) for _, row in found_rows(text, Form(), 100, 50)] == [4, 5003, 4]


def test_a_row_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_rows, "LONGEST_ROW_BYTES", 1 << 20)
    with pytest.raises(SourceError, match="a row of more than 1 MiB"):
        found_rows("a\n" + "x" * (5 << 20), Form(), 1 << 16, 1 << 16)


def test_comments_are_left_out_and_lines_still_counted() -> None:
    text = '# made by "someone\na,b\n1,2\n#3,"4\n5,#6\n# end'
    assert found_rows(text, Form(comment="#"), 8, 10) == [(2, "a,b\n"), (3, "1,2\n"), (5, "5,#6\n")]
    assert found_rows("x\ny\na\n", Form(comment_rows=frozenset({1, 2})), 8, 10) == [(3, "a\n")]


def test_escaped_characters_end_nothing() -> None:
    form = Form(escape="\\")
    assert found_rows('a\\\nb,c\n"x\\"\n",d\n', form, 100, 100) == [(1, "a\\\nb,c\n"), (3, '"x\\"\n",d\n')]


def test_rows_can_be_taken_from_a_block() -> None:
    (block,) = row_blocks("t.csv", pieces("a,b\n\n1,2\n   \n3,4", 100), Form(), 100)
    assert block.blank(Form()).tolist() == [False, True, False, True, False]
    assert block.only(~block.blank(Form())).data == b"a,b\n1,2\n3,4"
    assert block.after(2).lines.tolist() == [3, 4, 5]
    assert block.first(1).data == b"a,b\n"
    assert RowBlock(b"", np.zeros(0, np.int64), np.zeros(0, np.int64)).blank(Form()).tolist() == []
