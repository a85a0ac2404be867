"""Text tables from files to rows."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import make_text
import pyarrow as pa
import pytest

from datapkg.errors import ManifestError, SourceError
from datapkg.sources.text.source import TextSource


def test_real_files_with_declared_dialects_are_read(shared: Path) -> None:
    comma = make_text.resource(dialect={"decimalChar": ","})
    table = make_text.read(comma, make_text.at(shared / "bad/csv_semicolon_decimalcomma.csv", shared))
    assert table.to_pydict() == {"a": [1.5], "b": [2]}
    latin = make_text.resource(encoding="latin-1")
    table = make_text.read(latin, make_text.at(shared / "bad/csv_latin1.csv", shared))
    assert table.column_names == ["gène", "µm"]
    plates = make_text.resource(dialect={"header": False})
    table = make_text.read(
        plates, make_text.at(shared / "open/idr_stream/idr0013-screenA-plates.tsv", shared)
    )
    assert table.num_rows == 510
    assert table.column("field1")[0].as_py() == "LT0001_02"


def test_siblings_with_the_same_names_become_one_table(shared: Path) -> None:
    paths = sorted((shared / "open/cytominer_b").glob("*/Nuclei.csv"))
    sources = [make_text.at(path, shared) for path in paths]
    entry = make_text.resource(many=True, empty="skip")
    decision = make_text.decide(entry, *sources)
    assert decision.warnings == ("1 file is empty and left out, first open/cytominer_b/E17-4/Nuclei.csv",)
    table = pa.concat_tables([make_text.rows(source, entry, decision) for source in sources])
    assert table.column_names[:3] == ["source_path", "source_row", "ImageNumber"]
    assert table.column("source_row").to_pylist() == [*range(10)] * 3 + [0]


def read(folder: Path, content: bytes | str, **given: Any) -> dict[str, list[Any]]:
    """One little file's columns."""
    found: dict[str, list[Any]] = make_text.read_text(folder, content, **given).to_pydict()
    return found


def test_path_columns_come_first(tmp_path: Path) -> None:
    entry = make_text.resource(many=True, pattern="{Plate}/{Well}_{Site:d}.csv")
    sources = [make_text.file(tmp_path, f"P1/{name}.csv", "x\n1\n2\n") for name in ("A01_2", "A02_7")]
    assert make_text.read(entry, *sources).to_pydict() == {
        "source_path": ["P1/A01_2.csv"] * 2 + ["P1/A02_7.csv"] * 2,
        "source_row": [0, 1, 0, 1],
        "Plate": ["P1"] * 4,
        "Well": ["A01", "A01", "A02", "A02"],
        "Site": [2, 2, 7, 7],
        "x": [1, 2, 1, 2],
    }
    with pytest.raises(ManifestError):
        make_text.read(entry, make_text.file(tmp_path, "A01.csv", "x\n1\n"))


def test_cells_of_columns_that_a_file_lacks_are_missing(tmp_path: Path) -> None:
    entry = make_text.resource()
    sources = [make_text.file(tmp_path, "a.csv", "x\n1\n"), make_text.file(tmp_path, "b.csv", "y\nz\n")]
    assert make_text.read(entry, *sources).to_pydict() == {"x": [1, None], "y": [None, "z"]}


def test_a_decimal_comma_is_read_only_where_it_is_declared(tmp_path: Path) -> None:
    content = "a;b;c\n1,5;1.5;7\n-2,25e3;2;8\n"
    assert read(tmp_path, content) == {"a": ["1,5", "-2,25e3"], "b": [1.5, 2.0], "c": [7, 8]}
    declared = read(tmp_path, content, dialect={"decimalChar": ","})
    assert declared == {"a": [1.5, -2250.0], "b": ["1.5", "2"], "c": [7, 8]}


def test_a_null_sequence_is_missing_everywhere(tmp_path: Path) -> None:
    content = "a,b\n\\N,x\n1,\\N\n"
    assert read(tmp_path, content, dialect={"nullSequence": "\\N"}) == {"a": [None, 1], "b": ["x", None]}


def test_batches_are_of_the_size_that_is_asked_for(tmp_path: Path) -> None:
    lines = "".join(f"{i},word{i % 7},{i / 7}\n" for i in range(100_000))
    source = make_text.file(tmp_path, "t.csv", "id,word,x\n" + lines)
    entry = make_text.resource(source=True)
    decision = make_text.decide(entry, source)
    table = make_text.rows(source, entry, decision, batch_bytes=1 << 18)
    sizes = [batch.nbytes for batch in table.to_batches()]
    assert len(sizes) > 8
    assert max(sizes) < 1 << 20
    whole = make_text.rows(source, entry, decision, batch_bytes=1 << 30)
    assert table.combine_chunks().equals(whole.combine_chunks())
    assert table.column("source_row").to_pylist() == list(range(100_000))


def test_a_file_that_changes_between_the_looks_is_an_error(tmp_path: Path) -> None:
    entry = make_text.resource()
    source = make_text.file(tmp_path, "t.csv", "id,x\n" + "1,2\n" * 9)
    decision = make_text.decide(entry, source)
    for content, what in (
        ("id,x\n1,2\n\n3,abc\n", "`abc` in the column `x`"),
        ("id,y\n1,2\n", "a column `y`"),
    ):
        with pytest.raises(SourceError, match=what) as caught:
            make_text.rows(make_text.file(tmp_path, "t.csv", content), entry, decision)
        assert "changed" in caught.value.what
    assert caught.value.where == "t.csv"


def test_the_source_is_picklable() -> None:
    assert pickle.loads(pickle.dumps(TextSource())).kind == "table"
