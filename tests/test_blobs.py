"""Bytes read without the engine are the ones that the engine reads, whatever was deleted or added meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import numpy as np
import pyarrow as pa
import pytest
import stores
from hypothesis import given, settings
from hypothesis import strategies as st
from make_sqlite import built, database, galaxies, read
from stores import MOTO

import datapkg
from datapkg import Table
from datapkg.errors import DamageError


def both_ways(table: Table, column: str = "image_bytes") -> bool:
    """Read scattered rows with and without the engine; gives whether they can be read without it."""
    rows = np.random.default_rng(0).permutation(np.arange(len(table)).repeat(2))
    taken = table.take(rows, [column]).column(0).combine_chunks()
    everything = table.to_arrow([column]).column(0).combine_chunks()
    assert taken.equals(everything.take(pa.array(rows)))
    blobs = table.rows._blobs(column)
    return bool(blobs) and blobs.read(table.rows.order.addresses(rows)) is not None


def pictures(path: Path, count: int) -> Table:
    galaxies(path / "x.db", count)
    return built(path, "name: galaxies, path: x.db, image: img, keep: bytes")["galaxies"]


@settings(max_examples=25)
@given(
    sizes=st.lists(st.one_of(st.none(), st.integers(0, 3000)), min_size=1, max_size=20),
    seed=st.integers(0, 9),
)
def test_bytes_of_any_length_are_as_the_engine_reads_them(
    sizes: list[int | None], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("bytes")
    rows = [(None if size is None else rng.bytes(size),) for size in sizes]
    database(folder / "x.db", "create table t (b blob)", rows=[*rows, (b"x",)], into="t")
    both_ways(built(folder, "name: t, path: x.db")["t"], "b")


def test_kept_files_are_read_without_the_engine(tmp_path: Path) -> None:
    table = pictures(tmp_path, 300)
    assert both_ways(table)
    stored = [content for (content,) in read(tmp_path / "x.db", "select img from galaxies order by id")]
    frame = table.to_pandas(columns=["image_bytes"])
    assert frame["image_bytes"].array.load().tolist() == stored


def test_large_values_that_stand_alone_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = [rng.bytes(size) for size in (9_000_000, 9_500_000, 12_000_001)]
    database(tmp_path / "x.db", "create table t (b blob)", rows=[(value,) for value in values], into="t")
    table = built(tmp_path, "name: t, path: x.db")["t"]
    assert both_ways(table, "b")
    assert table.take(np.array([2, 0]), ["b"]).column(0).to_pylist() == [values[2], values[0]]


def test_rows_that_stay_and_come_are_found(tmp_path: Path) -> None:
    for seed in range(6):
        make.tiff(tmp_path / "data" / f"{seed}.tif", make.image(seed, (40 + seed, 50)))
    manifest = make.manifest(tmp_path / "data", 'name: t, path: "*.tif", keep: bytes')
    make.build(manifest, tmp_path / "p")
    make.tiff(tmp_path / "data" / "1.tif", make.image(11, (60, 50)))
    (tmp_path / "data" / "3.tif").unlink()
    make.tiff(tmp_path / "data" / "00.tif", make.image(12, (30, 50)))
    make.build(manifest, tmp_path / "p", allow_removals=True)
    table = datapkg.open(tmp_path / "p")["t"]
    assert both_ways(table)
    files = [(tmp_path / "data" / path).read_bytes() for path in table.to_pandas()["path"]]
    assert table.take(np.arange(6), ["image_bytes"]).column(0).to_pylist() == files


def test_a_file_that_was_cut_is_damage(tmp_path: Path) -> None:
    pictures(tmp_path, 300)
    (path,) = (tmp_path / "p" / "galaxies.lance" / "data").iterdir()
    table = datapkg.open(tmp_path / "p")["galaxies"]
    content = path.read_bytes()
    path.write_bytes(content[:1000])
    with pytest.raises(DamageError, match=r"table galaxies of .*missing or damaged"):
        list(table.rows.take(np.array([299]), ["image_bytes"]))


def test_an_index_that_makes_no_sense_is_damage(tmp_path: Path) -> None:
    table = pictures(tmp_path, 300)
    (path,) = (tmp_path / "p" / "galaxies.lance" / "data").iterdir()
    _, rows, _, index, width, *_ = table.opened.files.pixels["galaxies"]["image_bytes"]["fragments"]["0"]
    content = bytearray(path.read_bytes())
    content[index : index + rows * width] = b"\xff" * (rows * width)
    path.write_bytes(content)
    with pytest.raises(DamageError, match="the index of a data file is damaged"):
        list(table.rows.take(np.array([5]), ["image_bytes"]))


def test_a_verified_read_goes_by_the_hash_of_each_file(tmp_path: Path) -> None:
    table = pictures(tmp_path, 300)
    (path,) = (tmp_path / "p" / "galaxies.lance" / "data").iterdir()
    _, _, begin, *_ = table.opened.files.pixels["galaxies"]["image_bytes"]["fragments"]["0"]
    content = bytearray(path.read_bytes())
    content[begin + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamageError, match="row 0"):
        datapkg.open(tmp_path / "p", verify=True)["galaxies"].take(np.array([0]), ["image_bytes"])


def test_a_zip_file_gives_them_without_unpacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    table = pictures(tmp_path, 300)
    datapkg.export(tmp_path / "p", tmp_path / "p.zip")
    rows = datapkg.open(tmp_path / "p.zip")["galaxies"].rows
    (found,) = [batch.column(0) for _, batch in rows.take(np.array([250, 7]), ["image_bytes"])]
    assert found.to_pylist() == table.to_pandas()["image_bytes"].iloc[[250, 7]].tolist()
    assert not (tmp_path / "cache" / "unpacked").exists()


@MOTO
def test_bytes_in_a_bucket_cost_two_requests(
    tmp_path: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    galaxies(tmp_path / "x.db", 200)
    resource = "name: galaxies, path: x.db, image: img, keep: bytes"
    make.build(make.manifest(tmp_path, resource), uri, **options)
    rows = datapkg.open(uri)["galaxies"].rows
    before = reached.requests()
    (found,) = [batch.column(0) for _, batch in rows.take(np.array([3, 4, 5]), ["image_bytes"])]
    assert reached.requests() - before <= 2  # the index, and the rows
    expected = read(tmp_path / "x.db", "select img from galaxies order by id limit 3 offset 3")
    assert [(one,) for one in found.to_pylist()] == expected
