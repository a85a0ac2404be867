"""What reading costs, by the storage engine's own counts of requests and bytes: never by a clock."""

from __future__ import annotations

from pathlib import Path

import make
import numpy as np
import pytest
from costs import counted, read_by
from make_large import IMAGE_BYTES, IMAGES, PACKAGE_BYTES, SHAPE

import datapkg
from datapkg import Package


@pytest.fixture
def opened(large: Path) -> Package:
    return datapkg.open(large)


def test_opening_lazy_frames_filters_and_joins_read_under_a_hundredth(opened: Package) -> None:
    frames = opened["frames"]
    with counted(frames) as cost:
        frame = frames.to_pandas()
        repr(frame)
        filtered = frames.to_pandas(where="Well = 'A03' and size_y > 300", order_by="Site desc")
        joined = opened["cells"].to_pandas().merge(frame, on="file_name")
        assert joined["image_array"].nunique() == IMAGES
    assert cost.bytes < PACKAGE_BYTES / 100
    assert filtered["Site"].tolist() == [26, 14, 2]
    assert joined["image_array"].iloc[7].shape == SHAPE


def test_one_image_reads_itself_once_the_table_is_warm(opened: Package) -> None:
    frames = opened["frames"]
    frame = frames.to_pandas()
    requests, cold = read_by(frames, lambda: frame["image_array"].iloc[5])
    assert requests == 1 and cold == IMAGE_BYTES
    requests, warm = read_by(frames, lambda: frame["image_array"].iloc[5])
    assert requests == 1 and warm == IMAGE_BYTES
    requests, other = read_by(frames, lambda: frames.image(30))
    assert requests == 1 and other == IMAGE_BYTES


def test_a_loaded_column_reads_each_image_once(opened: Package) -> None:
    frames = opened["frames"]
    column = frames.to_pandas()["image_array"].iloc[[30, 1, 30, 12, 13, 1]]
    repr(column)
    _, read = read_by(frames, column.array.load)
    assert read < 1.05 * 4 * IMAGE_BYTES
    site = frames.to_pandas(["Site"])["Site"].iloc[30]
    assert np.array_equal(column.array.stack()[0], make.image(0, SHAPE) + site)


def test_rows_without_a_column_read_nothing(opened: Package) -> None:
    frames = opened["frames"]
    assert read_by(frames, lambda: frames.to_pandas(["image_array"], limit=7)) == (0, 0)
