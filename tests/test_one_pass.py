"""Rows that are stored while files are looked at are the rows that a second pass would store, or are thrown away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import datapkg
from datapkg import ingest
from datapkg.errors import DatapkgError, SourceError
from datapkg.ingest import IngestTask, ScanTask
from datapkg.one_pass import Looked, OnePassTask, scan_and_store
from datapkg.places import Folder
from datapkg.report import Report
from datapkg.sources.text import guess
from datapkg.sources.text.source import TextSource
from tests import make, make_text

ROWS = "".join(f"{i % 7},{i % 5}.5,w{i % 11}\n" for i in range(3000))
HEAD = "a,b,c\n"
ENDINGS = {
    "as guessed": ("1,2.5,x\n", True),
    "text in the last row": ("x,2.5,x\n", False),
    "beyond 64 bits in the last row": ("18446744073709551616,2.5,x\n", False),
    "beyond int64 in the last row": ("9223372036854775808,2.5,x\n", False),
    "a decimal in the last row": ("1.0,2.5,x\n", False),
    "an overflow in the last row": ("1,1e400,x\n", False),
    "a whole number that no double holds": ("1,9007199254740993,x\n", False),
    "a late missing value": (",,\n", True),
    "a late word for a missing value": ("NA,nan,NA\n", True),
    "a late zero that leads": ("1,02.5,x\n", False),
}


@pytest.fixture(autouse=True)
def _guess_from_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guess, "HEAD_BYTES", 1 << 10)
    monkeypatch.setattr(guess, "PLACES", 0)
    monkeypatch.setattr(TextSource, "guess_bytes", 0)


def both(folder: Path, files: dict[str, str], **given: Any) -> tuple[Looked, ingest.Ingested]:
    """What one pass over files gives, and what a second pass stores."""
    entry = make_text.resource(**given)
    sources = tuple(make_text.file(folder, name, text) for name, text in files.items())
    looked = scan_and_store(
        OnePassTask(Folder(folder / "p"), "one", ScanTask(entry, sources, threads=2)), ignore
    )
    tables = TextSource().decide(entry, [(one.file.path, one.scan) for one in looked.files]).tables
    stores = tuple(one.to_store() for one in looked.files)
    stored = ingest.ingest(IngestTask(Folder(folder / "p"), "two", entry, tables, stores), ignore)["t"]
    kept = looked.rows_of(tables)
    assert kept is None or kept["t"].fragment is looked.stored.fragment  # type: ignore[union-attr]
    return (looked if kept else Looked(looked.files)), stored


def ignore(path: str, done: int, files: int = 1, /) -> None:
    """No progress is wanted."""


def in_fragment(stored: ingest.Ingested) -> object:
    """All that can be seen of stored rows; the bytes of a fragment are those of its rows."""
    assert stored.fragment is not None
    files = [(file.bytes, file.blake3) for file in stored.fragment.files]
    return stored.fragment.rows, files, stored.rows, stored.digests, stored.sums.digests(), stored.sums.nulls


@pytest.mark.parametrize(("last", "right"), ENDINGS.values(), ids=ENDINGS)
def test_what_is_stored_on_the_way_is_what_a_second_pass_stores(
    tmp_path: Path, last: str, right: bool
) -> None:
    looked, stored = both(tmp_path, {"t.csv": HEAD + ROWS + last})
    assert (looked.stored is not None) is right
    if looked.stored is not None:
        assert in_fragment(looked.stored) == in_fragment(stored)


@pytest.mark.parametrize(
    ("files", "right"),
    [
        ({"1.csv": HEAD + ROWS, "2.csv": "c,a,b\nx,1,2.5\n", "3.csv": HEAD}, True),
        ({"1.csv": HEAD + ROWS, "2.csv": "a,b,c,d\n1,2.5,x,1\n", "3.csv": "b\n1.5\n"}, True),
        ({"1.csv": HEAD + ROWS, "2.csv": HEAD + ROWS + "x,,\n", "3.csv": HEAD + ROWS}, False),
        ({"1.csv": HEAD + ROWS, "2.csv": "", "3.csv": HEAD + ROWS}, True),
        ({f"{i:02}.csv": "a,b,d\n1,2.5,1\n" if i == 10 else HEAD + ROWS for i in range(12)}, False),
    ],
    ids=[
        "the same columns",
        "a column in a later file",
        "text in a later file",
        "an empty file",
        "not sampled",
    ],
)
def test_files_of_one_task_are_stored_as_by_a_second_pass(
    tmp_path: Path, files: dict[str, str], right: bool
) -> None:
    looked, stored = both(tmp_path, files, empty="skip", source=True)
    assert (looked.stored is not None) is right
    if looked.stored is not None:
        assert in_fragment(looked.stored) == in_fragment(stored)


def test_what_was_stored_in_vain_is_gone_and_the_evidence_is_whole(tmp_path: Path) -> None:
    text = HEAD + ROWS * 300 + "x,1,y\n"
    source = make_text.file(tmp_path, "t.csv", text)
    task = OnePassTask(Folder(tmp_path / "p"), "one", ScanTask(make_text.resource(), (source,)))
    looked = scan_and_store(task, ignore)
    assert looked.stored is None
    assert [one.scan for one in looked.files] == [make_text.scan(source, make_text.resource())]
    assert not [path for path in (tmp_path / "p").rglob("*") if path.is_file()]


def built(folder: Path, name: str, content: Sequence[str], **options: Any) -> tuple[Report, dict[str, Any]]:
    """Build files as one table: the report, and what a user and the record can see of the table."""
    for number, text in enumerate(content):
        make.text(folder / f"{number}.csv", text)
    manifest = make.manifest(folder, 'name: t, path: "*.csv"')
    report = make.build(manifest, folder / name, **options)
    package = datapkg.open(folder / name)
    return report, {
        "rows": package["t"].to_pandas().to_csv(),
        "columns": package["t"].record.columns,
        "digest": package.digest,
        "warnings": report.warnings,
    }


@pytest.mark.parametrize("last", [one for one, _ in ENDINGS.values()], ids=ENDINGS)
def test_a_package_is_the_same_whether_the_guess_was_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    content = [HEAD + ROWS, "c,a\nx,1\n", HEAD + ROWS + last, HEAD + "\n" + ROWS]
    _, one = built(tmp_path, "one", content)
    make.tasks_of_one_file(monkeypatch)  # each task makes its own guess, and some are kept
    _, tasks = built(tmp_path, "tasks", content)
    monkeypatch.setattr(TextSource, "guess_bytes", 1 << 60)
    _, two = built(tmp_path, "two", content)
    assert one == tasks == two


@pytest.mark.parametrize(
    "changed", ["8,2.5,x\n", "x,2.5,x\n", HEAD + "y,1.5,z\n"], ids=["a row", "a late type", "a type"]
)
def test_a_changed_file_gives_what_a_clean_build_gives(tmp_path: Path, changed: str) -> None:
    built(tmp_path, "p", [HEAD + ROWS, HEAD + ROWS])
    content = [HEAD + ROWS, changed if changed.startswith(HEAD) else HEAD + ROWS + changed]
    _, following = built(tmp_path, "p", content)
    _, clean = built(tmp_path, "clean", content)
    assert {**following, "warnings": ()} == {**clean, "warnings": ()}


@pytest.mark.parametrize("last", ["", "x,1,y\n"], ids=["right", "wrong"])
def test_a_large_file_gives_one_digest_for_any_number_of_workers(tmp_path: Path, last: str) -> None:
    rows = np.random.default_rng(0).integers(0, 10**6, (450_000, 6))
    text = "a,b,c,d,e,f\n" + "\n".join(",".join(map(str, row)) for row in rows.tolist()) + "\n"
    content = [text + last.replace("\n", ",1,2,3\n")]
    digests = {
        built(tmp_path, str(workers), content, engine="local", workers=workers)[0].digest
        for workers in (1, 3)
    }
    assert digests == {built(tmp_path, "inline", content)[0].digest}


def test_a_mistake_is_named_with_its_line_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^0\.csv:3002: the row has 4 cells"):
        built(tmp_path, "p", [HEAD + ROWS + "1,2,3,4\n"])
    assert not (tmp_path / "p").exists()


def test_a_value_against_the_schema_is_named_with_its_line(tmp_path: Path) -> None:
    make.text(tmp_path / "t.csv", HEAD + ROWS + "x,1,y\n")
    manifest = make.manifest(tmp_path, "name: t, path: t.csv, schema: {fields: [{name: a, type: integer}]}")
    with pytest.raises(DatapkgError, match=r"no integer.*`x` at t\.csv:3002"):
        make.build(manifest, tmp_path / "p")


def test_a_pass_with_threads_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    make.text(tmp_path / "t.csv", HEAD + ROWS * 12000)  # so long that none but the pass can be stopped
    manifest = make.manifest(tmp_path, "name: t, path: t.csv")
    command = [sys.executable, "-c", "from datapkg.cli import main; main()", "build", str(manifest), "p"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + 300
    while not any(path.stat().st_size for path in tmp_path.glob("p/.building-*/t.lance/data/*")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not (tmp_path / "p").exists()
