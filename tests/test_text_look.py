"""A look at a text file gives its rows and its evidence, whatever the blocks, the threads and the guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.errors import SourceError
from datapkg.reading import Reading, SourceFile
from datapkg.sources.base import Scan, TableSchema
from datapkg.sources.text import columns, look, read
from datapkg.sources.text.look import TextLook
from tests import make_text

CELLS = st.sampled_from(
    [
        "",
        "1",
        "-7",
        "005",
        "2.5",
        "-0",
        "1e5",
        "1E5",
        "NA",
        "nan",
        "true",
        "False",
        "x",
        "+5",
        " 5",
        "inf",
        "1,5",
        "9007199254740993",
        "18446744073709551615",
        "99999999999999999999",
        "1e400",
        "1e-400",
        "2024-01-02",
    ]
)
COLUMN = st.one_of(
    st.lists(CELLS, min_size=12, max_size=12),
    st.lists(st.sampled_from(["1", "2", "30", ""]), min_size=12, max_size=12),
    st.lists(st.sampled_from(["1.5", "2", "-0.25", "0"]), min_size=12, max_size=12),
)


def looked(source: SourceFile, table: TableSchema | None, threads: int = 1, **given: Any) -> tuple[Any, Scan]:
    """A look's batches and markers, and what it showed."""
    with Reading(source, threads=threads) as reading:
        one = TextLook(reading, make_text.resource(**given), table, 1 << 20)
        return list(one.rows()), one.finish()


def patched(patch: pytest.MonkeyPatch, block_bytes: int, few_rows: int) -> None:
    """Small blocks, on threads, however small the file is."""
    patch.setattr(read, "AHEAD_BYTES", 0)
    patch.setattr(read, "CELL_BYTES", 1)
    patch.setattr(read, "PIECE_BYTES", block_bytes)
    patch.setattr("datapkg.sources.text.bytes.PIECE_BYTES", block_bytes)
    patch.setattr(read, "FEW_ROWS", few_rows)
    patch.setattr(columns, "FEW_ROWS", few_rows)
    patch.setattr(look, "BLOCK_BYTES", block_bytes)


@given(
    st.lists(COLUMN, min_size=2, max_size=3), st.integers(1, 90), st.sampled_from([0, 256]), st.integers(1, 3)
)
def test_neither_blocks_nor_threads_show(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[list[str]],
    block_bytes: int,
    few_rows: int,
    threads: int,
) -> None:
    lines = [";".join(row) for row in zip(*cells, strict=True)]
    names = ";".join(f"c{i}" for i in range(len(cells)))
    source = make_text.file(tmp_path_factory.mktemp("t"), "t.csv", "\n".join([names, *lines]) + "\n")
    entry = make_text.resource(dialect={"delimiter": ";"})
    decision = make_text.decide(entry, source)
    scan, rows = make_text.scan(source, entry), make_text.rows(source, entry, decision)
    with pytest.MonkeyPatch.context() as patch:
        patched(patch, block_bytes, few_rows)
        batches, found = looked(source, decision.tables[0], threads, dialect={"delimiter": ";"})
        again = make_text.rows(source, entry, decision)
    assert found == scan
    assert pa.Table.from_batches(batches, rows.schema).equals(rows)
    assert again.equals(rows)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("last", "column"), [("x,1", 0), ("1.5,1", 0), ("99999999999999999999,1", 0), (",NA", None), ("7,", None)]
)
def test_rows_are_given_as_long_as_they_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str, column: int | None, threads: int
) -> None:
    content = "a,b\n" + "1,2.5\n" * 5000
    guess = make_text.decide(make_text.resource(), make_text.file(tmp_path, "t.csv", content)).tables[0]
    source = make_text.file(tmp_path, "t.csv", content + last + "\n" + "3,3.5\n" * 3000)
    alone = make_text.scan(source, make_text.resource())
    patched(monkeypatch, 1 << 10, 256)
    batches, found = looked(source, guess, threads)
    assert found == alone
    if column is None:
        assert sum(batch.num_rows for batch in batches) == 8001
    else:
        assert batches.count(None) == 1
        assert batches[-1] is None
        assert 4000 < sum(batch.num_rows for batch in batches[:-1]) <= 5000


def test_a_file_with_a_column_that_the_guess_lacks_gives_no_row(tmp_path: Path) -> None:
    guess = make_text.decide(make_text.resource(), make_text.file(tmp_path, "a.csv", "a\n1\n")).tables[0]
    source = make_text.file(tmp_path, "b.csv", "a,b\n1,2\n")
    assert looked(source, guess) == ([None], make_text.scan(source, make_text.resource()))


def test_a_file_that_lacks_a_column_gives_missing_cells(tmp_path: Path) -> None:
    guess = make_text.decide(make_text.resource(), make_text.file(tmp_path, "a.csv", "a,b\n1,x\n")).tables[0]
    batches, _ = looked(make_text.file(tmp_path, "b.csv", "b\nz\n"), guess)
    assert [row for batch in batches for row in batch.to_pylist()] == [{"a": None, "b": "z"}]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    ("broken", "where"),
    [
        ("1,2,3\n", "t.csv:3002: the row has 3 cells"),
        ('1,"2\n', "t.csv:3002: a quote opens here"),
        ("1,\0\n", "t.csv:3002: has a NUL byte"),
    ],
)
def test_a_mistake_is_named_with_its_line_on_threads_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, where: str, threads: int
) -> None:
    content = "a,b\n" + "1,2.5\n" * 3000
    guess = make_text.decide(make_text.resource(), make_text.file(tmp_path, "t.csv", content)).tables[0]
    patched(monkeypatch, 1 << 10, 256)
    ragged_behind = "".join(f"{i}\n" for i in range(3000))
    source = make_text.file(tmp_path, "t.csv", content + broken + ragged_behind)
    for table in (None, guess):
        with pytest.raises(SourceError) as caught:
            looked(source, table, threads)
        assert str(caught.value).startswith(where)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_file_that_grows_while_it_is_looked_at_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    source = make_text.file(tmp_path, "t.csv", "a,b\n" + "1,2.5\n" * 3000)
    table = make_text.decide(make_text.resource(), source).tables[0]
    patched(monkeypatch, 1 << 10, 256)
    with (
        pytest.raises(SourceError, match=r"t\.csv: the file changed while it was being read"),
        Reading(source, threads=threads) as reading,
    ):
        rows = TextLook(reading, make_text.resource(), table, 1 << 20).rows()
        next(rows)
        with open(source.local, "a") as file:
            file.write("3,4.5\n")
        for _ in rows:
            pass
