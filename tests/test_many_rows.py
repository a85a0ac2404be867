"""What is held in memory for a table does not grow with its rows: they are written and read in pieces that are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lance
import make
import numpy as np
import pyarrow as pa
import pytest
import tifffile
from make_sqlite import built, galaxies

from datapkg import blobs, store
from datapkg.exporting.pictures import lone_files
from datapkg.places import Folder
from datapkg.store import read
from datapkg.store.page_rows import rows_of_pages

ATTEMPT = f"{1:032x}"
BATCH = 10_000


def numbers(columns: int, batches: int) -> Iterator[pa.RecordBatch]:
    for at in range(batches):
        values = np.arange(at * BATCH, (at + 1) * BATCH, dtype=np.int64)
        yield pa.RecordBatch.from_arrays(
            [pa.array(values * (column + 1)) for column in range(columns)],
            names=[f"c{column}" for column in range(columns)],
        )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the engine is asked for, pass by pass."""
    found: list[dict[str, Any]] = []
    scanner = lance.LanceDataset.scanner

    def noted(self: lance.LanceDataset, *args: Any, **what: Any) -> Any:
        found.append(what)
        return scanner(self, *args, **what)

    monkeypatch.setattr(lance.LanceDataset, "scanner", noted)
    return found


def test_columns_are_written_before_eight_megabytes_of_each_are_there(tmp_path: Path) -> None:
    package, schema = Folder(tmp_path), next(numbers(128, 1)).schema
    package.begin(ATTEMPT)
    fragment = store.write_fragment(package, ATTEMPT, "t", schema, numbers(128, 30))
    assert fragment is not None
    (file,) = fragment.files
    pages = rows_of_pages(package.staging(ATTEMPT).local(file.path), 7)
    assert sum(pages) == fragment.rows == 30 * BATCH
    assert max(pages) * 8 < (1 << 20) + 2 * BATCH * 8


def test_rows_can_be_written_beside_those_that_are_staged(tmp_path: Path) -> None:
    package, schema = Folder(tmp_path), next(numbers(2, 1)).schema
    package.begin(ATTEMPT)
    parts: list[store.Fragment] = []
    for batches in (2, 1):
        part = store.write_fragment(package, ATTEMPT, "t", schema, numbers(2, batches))
        assert part is not None
        parts.append(part)
        staged = store.staged(package, ATTEMPT, "t", schema, parts)
    assert staged.runs[2::3] == (2 * BATCH, BATCH)
    assert {path.name for path in package.staging(ATTEMPT).local("t.lance").iterdir()} <= {
        "data",
        "_versions",
        "_transactions",
    }


def test_a_long_table_is_read_in_parts(
    tmp_path: Path, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        make.text(tmp_path / f"{number}.csv", "n\n" + "".join(f"{number}{at:03}\n" for at in range(250)))
    built(tmp_path, 'name: t, path: "*.csv"')
    make.text(tmp_path / "1.csv", "n\n" + "".join(f"9{at:03}\n" for at in range(180)))
    table = built(tmp_path, 'name: t, path: "*.csv"')["t"]
    whole = table.to_arrow().column("n").to_pylist()
    stored = table.rows.pinned.lance.to_table(columns=["n"]).column("n").to_pylist()
    assert sorted(whole) == sorted(stored)
    assert len(whole) == 930
    monkeypatch.setattr(read, "PASS_ROWS", 100)
    asked.clear()
    assert [n for b in table.to_batches(["n"]) for n in b.column("n").to_pylist()] == whole
    assert all(what["limit"] <= 100 and what["io_buffer_size"] < 1 << 27 for what in asked)
    asked.clear()
    pinned = table.rows.pinned
    found = [n for b in pinned.batches(["n"], batch_bytes=1 << 20) for n in b.column("n").to_pylist()]
    assert found == stored
    assert len(asked) == 10
    found = [
        n for b in pinned.batches(["n"], batch_bytes=1 << 20, limit=150) for n in b.column("n").to_pylist()
    ]
    assert found == stored[:150]


def test_a_long_table_without_gone_rows_keeps_its_positions(
    tmp_path: Path, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make.text(tmp_path / "a.csv", "n\n" + "".join(f"{at}\n" for at in range(950)))
    table = built(tmp_path, "name: t, path: a.csv")["t"]
    monkeypatch.setattr(read, "PASS_ROWS", 100)
    positions, cells = [], []
    for at, batch in table.rows.read(["n"]):
        positions += at.tolist()
        cells += batch.column(0).to_pylist()
    assert positions == cells == list(range(950))
    assert len(asked) == 10


def test_indexes_of_blobs_are_kept_while_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = 'name: t, path: "*.db", image: img, keep: bytes'
    for name, seed in (("a", 0), ("b", 1)):
        galaxies(tmp_path / f"{name}.db", 40, seed)
        rows = built(tmp_path, line)["t"].rows
    at = rows.order.addresses(np.arange(80))
    found = rows._blobs("image_bytes")
    first = found.read(at)
    held = [one.nbytes for one in found._indexes.values()]
    assert len(held) == 2
    monkeypatch.setattr(blobs, "KEPT_BYTES", max(held))
    found = blobs.DirectBlobs(found.package, rows._files, "t", found._listed)
    for _ in range(2):
        assert found.read(at).equals(first)
        assert [one.nbytes for one in found._indexes.values()] == [found._kept_bytes]


def test_files_of_several_images_are_told_apart_without_paths_in_memory(tmp_path: Path) -> None:
    make.tiff(tmp_path / "a.tif")
    with tifffile.TiffWriter(make.tiff(tmp_path / "b.tif")) as writer:
        for shape in ((6, 8), (4, 4)):
            writer.write(make.image(1, shape), metadata=None)
    package = built(tmp_path, 'name: t, path: "*.tif", keep: bytes')
    assert lone_files(package, package["t"]).tolist() == [True, False, False]
    assert not package["t"].opened.facts("t")._values
