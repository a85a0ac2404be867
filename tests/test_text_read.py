"""Cells as they stand in the file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import make_text
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.errors import SourceError
from datapkg.reading import Reading
from datapkg.sources.text import read
from datapkg.sources.text.dialect import Form
from datapkg.sources.text.read import open_text
from datapkg.sources.text.rows import RowBlock

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.sampled_from(
    ["", " ", "a b", '"', '""', "\n", "\r\n", "\r", "x\ny", ",", "µm", "#", '5" tube', "\ufeff"]
)


def cells(
    folder: Path, content: bytes | str, name: str = "t.csv", block_bytes: int = 1 << 20, **given: Any
) -> Any:
    """Names, rows, lines of rows, notes and blank lines of a file."""
    entry = make_text.resource(**given)
    with Reading(make_text.file(folder, name, content)) as reading:
        table = open_text(reading, entry, block_bytes)
        rows, lines, blank = [], [], table.notes.get("blank_head", 0)
        for block in table.blocks():
            columns = [column.to_pylist() for column in block.columns]
            rows += [list(row) for row in zip(*columns, strict=True)]
            lines += block.lines.tolist() if columns else []
            blank += block.blank_lines
    return table.names, rows, lines, table.notes, blank


@given(
    rows=st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), max_size=8)),
    delimiter=st.sampled_from(",\t;|"),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    block_bytes=st.integers(1, 60),
)
def test_tables_of_any_dialect_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    delimiter: str,
    ends: str,
    quoting: int,
    encoding: str,
    block_bytes: int,
) -> None:
    width = len(rows[0]) if rows else 2
    names = [f"c{i}" for i in range(width)]
    written = io.StringIO()
    # a lone carriage return is a line end to us, so it needs quotes whatever the writer's own line end is
    writer = csv.writer(written, delimiter=delimiter, lineterminator=ends, quoting=quoting)
    writer.writerow(names)
    for row in rows:
        special = any("\r" in cell or "\n" in cell for cell in row) or not any(
            cell.strip(" ") for cell in row
        )
        if special:
            csv.writer(written, delimiter=delimiter, lineterminator=ends, quoting=csv.QUOTE_ALL).writerow(row)
        else:
            writer.writerow(row)
    content = written.getvalue().encode(encoding)
    folder = tmp_path_factory.mktemp("dialect")
    found = cells(folder, content, block_bytes=block_bytes, dialect={"delimiter": delimiter})
    assert found[0] == tuple(names)
    assert found[1] == [[cell or None for cell in row] for row in rows]


def test_only_an_empty_cell_is_missing_and_blanks_stay(tmp_path: Path) -> None:
    _, rows, *_ = cells(tmp_path, 'a,b,c\n" x ", y ,""\nNA,,nan\n')
    assert rows == [[" x ", " y ", None], ["NA", None, "nan"]]


def test_a_byte_order_mark_inside_the_file_is_a_character(tmp_path: Path) -> None:
    content = "\ufeffa,b\n\ufeff1,2\n\ufeff3,4\n"
    for block_bytes in (1, 1 << 20):
        found = cells(tmp_path, content, block_bytes=block_bytes)
        assert found[:2] == (("a", "b"), [["\ufeff1", "2"], ["\ufeff3", "4"]])


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    content = 'a,b\n\n1,"x\ny"\n\n   \n2,z\r\n3,w'
    _, rows, lines, _, blank = cells(tmp_path, content)
    assert rows == [["1", "x\ny"], ["2", "z"], ["3", "w"]]
    assert lines == [3, 7, 8]
    assert blank == 3
    assert cells(tmp_path, content, block_bytes=1)[1:3] == (rows, lines)


def test_in_a_table_of_one_column_a_blank_line_is_a_missing_value(tmp_path: Path) -> None:
    assert cells(tmp_path, '\na\n1\n\n""\n2\n')[1:] == (
        [["1"], [None], [None], ["2"]],
        [3, 4, 5, 6],
        {"blank_head": 1},
        1,
    )


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_any_line_end_will_do(tmp_path: Path, ends: str, last: bool) -> None:
    found = cells(tmp_path, ends.join(["a,b", "1,2", "3,4"]) + ends * last)
    assert found[:3] == (("a", "b"), [["1", "2"], ["3", "4"]], [2, 3])


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("a,b,c\n1,2,3\n4,5\n", 3, "has 2 cells, but the header has 3"),
        ('a,b\n"x\ny",1\n\n1,2,3\n', 5, "has 3 cells, but the header has 2"),
        ("a\n1\nx,y\n", 3, "looks like no table"),
        ("a,b,a\n1,2,3\n", 1, "names columns twice: `a`"),
        ("a,,c\n1,2,3\n", 1, "no name to column 2"),
        ("\n\n,index\n1,2\n", 3, "first column is named `index`"),
        ("# Study,,,,,\nTitle,x,,,,\n", 1, "sheet of keys and values"),
    ],
)
def test_what_is_no_table_is_named_with_its_line(tmp_path: Path, content: str, line: int, what: str) -> None:
    with pytest.raises(SourceError, match=what) as caught:
        cells(tmp_path, content)
    assert caught.value.where == f"t.csv:{line}"
    assert caught.value.fix


def test_a_ragged_row_is_found_in_a_later_block(tmp_path: Path) -> None:
    content = "a,b\n" + "1,2\n\n" * 50_000 + "1,2,3\n"
    for block_bytes in (1 << 10, 1 << 22):
        with pytest.raises(SourceError) as caught:
            cells(tmp_path, content, block_bytes=block_bytes)
        assert caught.value.where == "t.csv:100002"


def test_an_unnamed_first_column_is_an_index(tmp_path: Path) -> None:
    names, _, _, notes, _ = cells(tmp_path, ",x\n0,1\n")
    assert names == ("index", "x")
    assert notes == {"index": True}


def test_without_a_header_columns_are_numbered_or_named_by_the_schema(tmp_path: Path) -> None:
    found = cells(tmp_path, "P1\tx\nP2\ty\n", "t.tsv", dialect={"header": False})
    assert found[:2] == (("field1", "field2"), [["P1", "x"], ["P2", "y"]])
    fields = {"fields": [{"name": "Plate"}, {"name": "Path"}]}
    assert cells(tmp_path, "P1\tx\n", "t.tsv", dialect={"header": False}, schema=fields)[0] == (
        "Plate",
        "Path",
    )


def test_two_rows_can_make_the_header(tmp_path: Path) -> None:
    content = "Image,Cells,Cells\nNumber,Area,\n1,2.5,3\n"
    assert cells(tmp_path, content, dialect={"headerRows": [1, 2]})[:2] == (
        ("Image Number", "Cells Area", "Cells"),
        [["1", "2.5", "3"]],
    )
    joined = cells(tmp_path, content, dialect={"headerRows": [1, 2], "headerJoin": "_"})
    assert joined[0][0] == "Image_Number"
    names, rows, _, notes, _ = cells(tmp_path, "made by me\n\na,b\n1,2\n", dialect={"headerRows": [3]})
    assert (names, rows, notes) == (("a", "b"), [["1", "2"]], {"skipped": 2})
    with pytest.raises(SourceError, match="headerRows names row 9"):
        cells(tmp_path, "a,b\n", dialect={"headerRows": [9]})
    with pytest.raises(SourceError, match="different numbers of cells: 1, 2"):
        cells(tmp_path, "x\na,b\n", dialect={"headerRows": [1, 2]})


def test_declared_dialects_are_followed(tmp_path: Path) -> None:
    assert cells(tmp_path, "a, b\n1, 'x, y'\n", dialect={"quoteChar": "'", "skipInitialSpace": True})[:2] == (
        ("a", "b"),
        [["1", "x, y"]],
    )
    assert cells(tmp_path, "#c\na,b\n# x\n1,2\n", dialect={"commentChar": "#"})[1:3] == ([["1", "2"]], [4])
    assert cells(tmp_path, "by me\na,b\n1,2\n", dialect={"commentRows": [1]})[:2] == (
        ("a", "b"),
        [["1", "2"]],
    )
    assert cells(tmp_path, "a b\n1 2\n", dialect={"delimiter": " "})[1] == [["1", "2"]]
    escaped = cells(tmp_path, 'a,b\nx\\,y,"q\\"r"\n', dialect={"escapeChar": "\\", "doubleQuote": False})
    assert escaped[1] == [["x,y", 'q"r']]


def test_a_field_of_megabytes_and_many_columns_are_read(tmp_path: Path) -> None:
    assert len(cells(tmp_path, "a,b\n1," + "x" * 3_000_000 + "\n")[1][0][1]) == 3_000_000
    names = [f"f{i}" for i in range(20_000)]
    found = cells(tmp_path, ",".join(names) + "\n" + ",".join(["1"] * 20_000))
    assert found[0] == tuple(names)
    assert found[1] == [["1"] * 20_000]


def test_a_file_that_holds_nothing_has_no_names(tmp_path: Path) -> None:
    for content in ("", "\n\n", "\ufeff"):
        assert cells(tmp_path, content)[:2] == ((), [])


@given(
    table=st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(st.sampled_from(["", "a", "1.5", " x ", "é", "5'"]), min_size=width, max_size=width),
            min_size=1,
            max_size=5,
        )
    ),
    ended=st.booleans(),
)
def test_few_plain_rows_are_cut_as_the_parser_cuts_them(table: list[list[str]], ended: bool) -> None:
    lines = [",".join(row).encode() for row in table]
    data = b"\n".join(lines) + b"\n" * (ended or not lines[-1])
    cut = read.cut_plain(data, Form(), len(table), len(table[0]))
    assert cut is not None
    ends = np.cumsum([len(line) + 1 for line in lines])
    block = RowBlock(data, np.minimum(ends, len(data)), np.arange(len(table)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "FEW_ROWS", -1)
        parsed = read._parse("t.csv", block, Form(), len(table[0]))
    assert [column.to_pylist() for column in cut] == [column.to_pylist() for column in parsed]


@pytest.mark.parametrize("data", [b'a,"b"\n', b"a,b\r\n", b"a,b,c\n", b"a\nb\n", b"a,b\nc,d\n"])
def test_rows_that_need_the_parser_are_left_to_it(data: bytes) -> None:
    assert read.cut_plain(data, Form(), 1, 2) is None


def test_a_large_file_is_read_ahead_with_equal_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "x,y\n" + "".join(f"{i},w{i}\n" for i in range(20_000))
    alone = make_text.read_text(tmp_path, content)
    monkeypatch.setattr(read, "AHEAD_BYTES", 0)
    monkeypatch.setattr("datapkg.sources.text.source.BLOCK_BYTES", 1 << 14)
    assert make_text.read_text(tmp_path, content).equals(alone)
    with pytest.raises(SourceError, match=r"t.csv:20002"):
        make_text.read_text(tmp_path, content + "1,2,3\n")
