"""A table is guessed from samples: rightly where they show it, and not at all where they cannot be taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from datapkg.reading import SourceFile
from datapkg.sources.text import guess
from datapkg.sources.text.guess import guess_table
from tests import make_text


@pytest.fixture(autouse=True)
def _small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guess, "HEAD_BYTES", 1 << 12)
    monkeypatch.setattr(guess, "SAMPLE_BYTES", 1 << 8)


def rows(count: int, cell: str = "{}") -> str:
    """A column of numbers beside one of text."""
    return "a,b\n" + "".join(f"{cell.format(i)},w{i}\n" for i in range(count))


def types(files: list[SourceFile], **given: Any) -> dict[str, str] | None:
    """The guessed columns and their types."""
    table = guess_table(files, make_text.resource(**given))
    return None if table is None else {column.name: column.logical for column in table.columns}


@pytest.mark.parametrize("count", [3, 20_000])
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.CSV"])
def test_the_guess_is_the_table_where_the_samples_show_all(tmp_path: Path, name: str, count: int) -> None:
    source = make_text.file(tmp_path, name, rows(count))
    entry = make_text.resource(path="*", source=True)
    table = guess_table([source], entry)
    assert table is not None
    assert table.same_rows(make_text.decide(entry, source).tables[0])


def test_samples_are_from_the_whole_file(tmp_path: Path) -> None:
    content = rows(20_000) + "".join(f"{i}.5,w{i}\n" for i in range(3000)) + rows(20_000)[4:]
    assert types([make_text.file(tmp_path, "t.csv", content)]) == {"a": "double", "b": "string"}


def test_samples_are_from_files_all_over_the_task(tmp_path: Path) -> None:
    files = [make_text.file(tmp_path, f"{i:02}.csv", rows(30)) for i in range(30)]
    files += [make_text.file(tmp_path, f"z{i:02}.csv", "a,c\n1.5,2\n") for i in range(15)]
    assert types(files) == {"a": "double", "b": "string", "c": "int64"}


def test_line_ends_in_quotes_do_not_lead_a_sample_astray(tmp_path: Path) -> None:
    content = "a,b\n" + "".join(f'{i},"two\nlines, {i}\n"\n' for i in range(5000))
    assert types([make_text.file(tmp_path, "t.csv", content)]) == {"a": "int64", "b": "string"}


def test_a_declared_encoding_is_heeded(tmp_path: Path) -> None:
    source = make_text.file(tmp_path, "t.csv", rows(9000).replace("w", "µ").encode("cp1252"))
    assert types([source]) is None
    assert types([source], encoding="cp1252") == {"a": "int64", "b": "string"}


@pytest.mark.parametrize(
    "content",
    [rows(9000).encode("utf-16"), rows(9000).replace("\n", "\r"), "a,a\n" * 900, "", b"\x1f\x8b", "a,b\n1\n"],
    ids=["utf-16", "carriage returns", "names twice", "empty", "packed", "ragged"],
)
def test_what_cannot_be_sampled_is_not_guessed(tmp_path: Path, content: bytes | str) -> None:
    assert types([make_text.file(tmp_path, "t.csv", content)]) is None


def test_a_file_that_is_gone_and_rows_in_the_manifest_are_not_guessed(tmp_path: Path) -> None:
    source = make_text.file(tmp_path, "t.csv", rows(3))
    inline = make_text.resource().model_copy(update={"path": None, "data": [["a"], [1]]})
    assert guess_table([source], inline) is None
    source.local.unlink()
    assert types([source]) is None
