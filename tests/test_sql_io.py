"""What queries and joins read, by the storage engine's own counts: never by a clock."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import make
import numpy as np
import polars as pl
import pytest
from costs import counted

import datapkg
from datapkg import Package

SHAPE = (1024, 1344)
IMAGES = 36
IMAGE_BYTES = SHAPE[0] * SHAPE[1] * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A package of 36 images, 99 MB, and a table whose key leads to them."""
    folder = tmp_path_factory.mktemp("large")
    pixels = make.image(0, SHAPE)
    for number in range(IMAGES):
        make.tiff(folder / "data" / f"A{number % 12 + 1:02}_{number}.tif", pixels + number)
    names = [f"A{number % 12 + 1:02}_{number}.tif,{number}" for number in range(IMAGES)]
    make.text(folder / "data" / "cells.csv", "\n".join(["file_name,Count", *names]))
    manifest = make.manifest(
        folder / "data",
        'name: frames, path: "*.tif", keep: array, pattern: "{Well}_{Site:d}.tif"',
        "name: cells, path: cells.csv, schema: {foreignKeys: "
        "[{fields: [file_name], reference: {resource: frames, fields: [file_name]}}]}",
    )
    make.build(manifest, folder / "p")
    shutil.rmtree(folder / "data")
    yield folder / "p"
    shutil.rmtree(folder / "p")


@pytest.fixture
def opened(folder: Path) -> Package:
    return datapkg.open(folder)


@pytest.mark.parametrize(
    "ask",
    [
        lambda p: p.sql("select file_name, Site from frames where Well = 'A03' and size_y > 300").to_pandas(),
        lambda p: p.sql(
            "select c.Count, f.image_array from cells c join frames f using (file_name)"
        ).to_pandas(),
        lambda p: p.sql("from frames").to_pandas(),
        lambda p: p.sql(
            "select Well, count(image_array), list(image_array) from frames group by Well"
        ).to_pandas(),
        lambda p: p["cells"].with_images(),
        lambda p: p["frames"].to_polars().filter(pl.col("Site") > 3).select("Well").collect(),
        lambda p: p["frames"].to_polars().filter(pl.col("Site") > 99).collect(),
        lambda p: len(p["frames"].to_torch(where="Site > 3")),
    ],
)
def test_questions_and_joins_read_under_a_hundredth(
    ask: Callable[[Package], Any], opened: Package, folder: Path
) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size > 95_000_000
    with counted(opened["frames"]) as cost:
        repr(ask(opened))
    assert cost.bytes < size / 100


def test_an_image_of_a_result_reads_itself(opened: Package) -> None:
    frame = opened.sql(
        "select f.image_array, c.Count from cells c join frames f using (file_name) order by Count"
    ).to_pandas()
    with counted(opened["frames"]) as cost:
        assert np.array_equal(frame["image_array"].iloc[7], make.image(0, SHAPE) + 7)
    assert cost.bytes < 1.1 * IMAGE_BYTES


def test_polars_and_datafusion_read_the_pixels_of_what_they_select(opened: Package) -> None:
    stats = opened["frames"].rows.pinned.lance.io_stats_incremental
    stats()
    lazy = opened["frames"].to_polars().filter(pl.col("Site") == 30).select("image_array")
    assert lazy.collect()["image_array"][0].to_numpy()[0, 0] == make.image(0, SHAPE)[0, 0] + 30
    assert stats().read_bytes < 1.2 * IMAGE_BYTES


def test_batches_of_a_result_hold_few_images(opened: Package) -> None:
    rows = [batch.num_rows for batch in opened.sql("select image_array from frames").to_batches()]
    assert sum(rows) == IMAGES and max(rows) * IMAGE_BYTES < 20_000_000
