"""Every table of the sample screen comes through every door."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT
from datafusion import SessionContext

import datapkg
from datapkg import Package

TABLES = [
    "platemap",
    "features",
    "frames",
    "movies",
    "movies_objects",
    "movies_features_primary__primary",
    "movies_feature_names",
    "movies_classes",
    "movies_tracks",
    "movies_channels",
    "movies_regions",
    "movies_attributes",
    "_sources",
]


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Package:
    target = tmp_path_factory.mktemp("screen") / "screen.datapkg"
    datapkg.build(PROJECT / "manifests" / "screen.yaml", target, engine="inline")
    return datapkg.open(target)


@pytest.fixture(scope="module")
def context(screen: Package) -> SessionContext:
    return screen.datafusion()


def test_the_tables_are_all_that_there_are(screen: Package) -> None:
    assert {*screen.tables, "_sources"} == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_through_every_door(name: str, screen: Package, context: SessionContext) -> None:
    table = screen[name]
    expected = table.to_pandas()
    if str(expected.get("metadata", pd.Series()).dtype) == "datapkg[text]":
        expected["metadata"] = expected["metadata"].astype(object)  # SQL reads into it
    frame = screen.sql(f'from "{name}"').to_pandas()
    pd.testing.assert_frame_equal(frame.astype({"metadata": object} if "metadata" in frame else {}), expected)
    assert screen.sql(f'from "{name}"').to_arrow().num_rows == len(table)
    assert table.to_polars().collect().height == len(table)
    assert sum(batch.num_rows for batch in table.to_batches(batch_bytes=10_000)) == len(table)
    assert {len(table.to_awkward(column)) for column in table.columns} == {len(table)}
    assert context.table(f'"{name}"').count() == len(table)
    item = table.to_torch()[len(table) - 1]
    assert list(item) == list(expected.columns)


def test_features_bring_their_images(screen: Package) -> None:
    frame = screen["features"].with_images(
        ["Image_FileName_H2B", "Metadata_Plate"], where="ObjectNumber = 2", limit=4
    )
    frames = screen["frames"].to_pandas(["file_name", "Plate", "image_digest", "image_array"])
    for _, row in frame.iterrows():
        (there,) = frames[
            (frames.file_name == row.Image_FileName_H2B) & (frames.Plate == row.Metadata_Plate)
        ].index
        assert (row.image_array == frames.image_array[there]).all()


def test_a_question_is_written_to_a_file(screen: Package, tmp_path: Path) -> None:
    asked = "select class_name, count(*) as n from movies_objects group by all order by n desc"
    rows = screen.sql(asked).write(tmp_path / "classes.csv")
    assert rows == len((tmp_path / "classes.csv").read_text("utf-8").splitlines()) - 1
