"""Parquet files that other libraries read, equal to the package in every value and type."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import make
import numpy as np
import polars
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT
from make_sqlite import built

import datapkg
from datapkg.errors import ExportError
from datapkg.reader import Package


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The sample package; its export lies beside it, in `parquet`."""
    folder = tmp_path_factory.mktemp("screen")
    make.build(PROJECT / "manifests" / "screen.yaml", folder / "p")
    datapkg.export(folder / "p", folder / "parquet", to="parquet")
    return datapkg.open(folder / "p")


def file(package: Package, table: str) -> str:
    return str(Path(package.uri).parent / "parquet" / f"{table}.parquet")


def test_every_table_is_equal(screen: Package) -> None:
    for name in screen.tables:
        back = pq.read_table(file(screen, name))
        assert back.schema.equals(screen[name].schema), name
        assert back.equals(screen[name].to_arrow()), name


def test_the_file_says_what_it_is(screen: Package) -> None:
    said = json.loads(pq.read_schema(file(screen, "frames")).metadata[b"datapkg"])
    assert (said["package"], said["table"], said["digest"]) == ("screen", "frames", screen["frames"].digest)
    assert said["types"]["image_array"] == "image"


def test_polars_reads_pixels(screen: Package) -> None:
    frame = polars.read_parquet(file(screen, "frames"))
    assert np.array_equal(frame["image_array"][7].to_numpy(), screen["frames"].image(7))
    assert frame["Well"].to_list() == screen["frames"].to_pandas()["Well"].tolist()


def test_duckdb_reads_pixels(screen: Package) -> None:
    with duckdb.connect() as database:
        (row,) = database.sql(f"select path, image_array from '{file(screen, 'frames')}' limit 1").fetchall()
    assert row[0] == screen["frames"].to_pandas()["path"].iloc[0]
    assert np.array_equal(np.array(row[1], "uint16"), screen["frames"].image(0))


def test_hugging_face_datasets_reads_pixels(screen: Package, tmp_path: Path) -> None:
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    for name in screen.tables:
        read = Dataset.from_parquet(file(screen, name), cache_dir=str(tmp_path))
        assert (read.num_rows, read.column_names) == (len(screen[name]), screen[name].columns)
    frames = Dataset.from_parquet(file(screen, "frames"), cache_dir=str(tmp_path))
    assert np.array_equal(np.array(frames[5]["image_array"], "uint16"), screen["frames"].image(5))


@pytest.mark.parametrize("array", ["nested", "packed"])
def test_ragged_images_of_two_types_are_nested_lists(array: str, tmp_path: Path) -> None:
    images = [make.image(1, (3, 4), "uint8"), make.image(2, (5, 6), "uint16")]
    for at, pixels in enumerate(images):
        make.tiff(tmp_path / f"{at}.tif", pixels)
    built(tmp_path, f'name: t, path: "*.tif", array: {array}')
    datapkg.export(tmp_path / "p", tmp_path / "t.parquet")
    rows = pq.read_table(tmp_path / "t.parquet", columns=["image_array", "dtype"]).to_pylist()
    for row, pixels in zip(rows, images, strict=True):
        assert np.array_equal(np.array(row["image_array"], row["dtype"]), pixels)


def test_images_that_no_list_holds_stay_packed(tmp_path: Path) -> None:
    for at, dtype in enumerate(("uint64", "float32")):
        make.tiff(tmp_path / f"{at}.tif", make.image(1, (3, 4), dtype))
    package = built(tmp_path, 'name: t, path: "*.tif", array: packed')
    done = datapkg.export(tmp_path / "p", tmp_path / "t.parquet")
    assert done.notes[0].startswith("t.image_array stays packed bytes (docs/packed.md): no pixel type holds")
    assert pq.read_table(tmp_path / "t.parquet").equals(package["t"].to_arrow())


def test_row_groups_are_small(tmp_path: Path) -> None:
    for at in range(5):
        make.tiff(tmp_path / f"{at}.tif", make.image(at, (2048, 2048)))
    built(tmp_path, 'name: t, path: "*.tif", keep: array')
    datapkg.export(tmp_path / "p", tmp_path / "t.parquet")
    assert pq.ParquetFile(tmp_path / "t.parquet").num_row_groups == 5


def test_a_file_holds_one_table(package: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"a \.parquet file holds one table, and there are 2"):
        datapkg.export(package, tmp_path / "x.parquet")
    datapkg.export(package, tmp_path / "x.parquet", tables=["wells"])
    assert pq.read_table(tmp_path / "x.parquet").num_rows == 2
