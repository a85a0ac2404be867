"""A frame with lazy columns is written whole, or an error says how: never the abridged text of an array."""

from __future__ import annotations

from pathlib import Path

import make
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

import datapkg
from datapkg import Table
from datapkg.errors import ExportError


@pytest.fixture
def frames(tmp_path: Path) -> Table:
    make.build(make.folder(tmp_path), tmp_path / "p")
    return datapkg.open(tmp_path / "p")["frames"]


def test_csv_takes_metadata_and_refuses_images(frames: Table, tmp_path: Path) -> None:
    frame = frames.to_pandas()
    for column in ("image_array", "image_bytes"):
        for write in (frame[["path", column]].to_csv, frame[column].to_csv):
            with pytest.raises(
                ExportError, match=r"a CSV file cannot hold .*\n  fix: leave it out: frame.drop\("
            ):
                write(tmp_path / "x.csv")
    (tmp_path / "x.csv").unlink(missing_ok=True)
    rest = frame.drop(columns=["image_array", "image_bytes"], errors="ignore")
    rest.to_csv(tmp_path / "x.csv", index=False)
    back = pd.read_csv(tmp_path / "x.csv")
    assert back["metadata"].tolist() == frame["metadata"].tolist()


def test_cells_that_are_asked_for_come_although_csv_is_refused(frames: Table) -> None:
    objects = frames.to_pandas()["image_array"].astype(object)
    assert objects.dtype == object
    assert np.array_equal(objects.iloc[1], make.image(1))


def test_parquet_and_arrow_say_what_to_do(frames: Table, tmp_path: Path) -> None:
    frame = frames.to_pandas()
    for column, fix in {
        "image_array": "frame.drop",
        "image_bytes": "frame.drop",
        "metadata": "astype",
    }.items():
        for write in (lambda f: f.to_parquet(tmp_path / "x.parquet"), pa.Table.from_pandas):
            with pytest.raises(ExportError, match=fix) as caught:
                write(frame[["path", column]])
            assert "table.to_arrow()" in str(caught.value)
    rest = frame.drop(columns=["image_array", "image_bytes"]).astype({"metadata": "str"})
    rest.to_parquet(tmp_path / "x.parquet")
    assert pd.read_parquet(tmp_path / "x.parquet")["path"].tolist() == frame["path"].tolist()
    pa.parquet.write_table(frames.to_arrow(), tmp_path / "whole.parquet")
    whole = pa.parquet.read_table(tmp_path / "whole.parquet")
    assert np.array_equal(np.array(whole["image_array"][2].as_py(), "u2"), make.image(2))


def test_loaded_columns_are_numpy_s(frames: Table) -> None:
    column = frames.to_pandas()["image_array"]
    assert np.asarray(column)[2].shape == (6, 8)
    assert column.to_numpy()[0].dtype == "uint16"
    assert np.array(column.array, copy=True).shape == (3,)
    with pytest.raises(ValueError, match="copy=False"):
        np.array(column.array, copy=False)
