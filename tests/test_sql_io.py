"""What queries and joins read, by the storage engine's own counts: never by a clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import make
import numpy as np
import polars as pl
import pytest
from costs import counted
from make_large import IMAGE_BYTES, IMAGES, PACKAGE_BYTES, SHAPE

import datapkg
from datapkg import Package


@pytest.fixture
def opened(large: Path) -> Package:
    return datapkg.open(large)


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
def test_questions_and_joins_read_under_a_hundredth(ask: Callable[[Package], Any], opened: Package) -> None:
    with counted(opened["frames"]) as cost:
        repr(ask(opened))
    assert cost.bytes < PACKAGE_BYTES / 100


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
