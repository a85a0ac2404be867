"""Which rows come, and in which order; no pixel is read to find out."""

from __future__ import annotations

from pathlib import Path

import make
import numpy as np
import pandas as pd
import pytest
from costs import counted
from hypothesis import given
from hypothesis import strategies as st

import datapkg
from datapkg import Table
from datapkg.errors import SchemaError
from datapkg.places import Folder
from datapkg.rows import RowOrder

WELLS = "Well,Count,Area,Dead,Odd desc\nB02,5,0.5,true,1\nA01,,2.5,false,2\nB02,7,,true,3\nA01,5,1.5,,4\nC03,,0.5,true,5\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    make.text(folder / "wells.csv", WELLS)
    for seed in range(120):
        make.tiff(folder / "images" / f"{seed:03}.tif", make.image(seed, (128, 128)))
    resources = ("name: wells, path: wells.csv", 'name: frames, path: "images/*.tif", keep: array')
    make.build(make.manifest(folder, *resources), folder / "p")
    return folder / "p"


@pytest.fixture
def wells(folder: Path) -> Table:
    return datapkg.open(folder)["wells"]


@pytest.fixture
def frames(folder: Path) -> Table:
    return datapkg.open(folder)["frames"]


ORDERS = {
    "Count": [0, 3, 2, 1, 4],
    "Count DESC": [2, 0, 3, 1, 4],
    "Odd desc": [0, 1, 2, 3, 4],  # the column of this name
    "Odd desc desc": [4, 3, 2, 1, 0],
    "Well": [1, 3, 0, 2, 4],
    "Well desc": [4, 0, 2, 1, 3],
    "Area": [0, 4, 3, 1, 2],
    "Area desc": [1, 3, 0, 4, 2],
    "Dead asc": [1, 0, 2, 4, 3],
}


@pytest.mark.parametrize(("order", "rows"), ORDERS.items(), ids=ORDERS.keys())
def test_missing_values_come_last_and_equal_rows_stay_in_order(
    order: str, rows: list[int], wells: Table
) -> None:
    assert wells.to_pandas(order_by=order).index.tolist() == rows
    assert wells.to_pandas(order_by=[order], limit=2).index.tolist() == rows[:2]
    assert wells.to_pandas(["Well"], "Well <> 'C03'", order_by=order).index.tolist() == [
        r for r in rows if r != 4
    ]


def test_several_columns_and_the_values_themselves(wells: Table) -> None:
    frame = wells.to_pandas(order_by=["Well", "Count desc"])
    assert frame.index.tolist() == [3, 1, 2, 0, 4]
    assert frame["Area"].tolist()[:2] == [1.5, 2.5]
    assert wells.to_pandas(["Area"], order_by=["Well desc", "Area"]).index.tolist() == [4, 0, 2, 3, 1]
    assert wells.to_pandas(limit=0, order_by="Well").empty


@given(st.lists(st.none() | st.integers(-3, 3), max_size=12), st.booleans())
def test_an_order_is_that_of_pandas(values: list[int | None], down: bool) -> None:
    import pyarrow as pa

    from datapkg.selection import ordered

    found = ordered(
        pa.table({"x": pa.array(values, pa.int64())}), [("x", "descending" if down else "ascending")]
    )
    wanted = pd.Series(values, dtype="Int64").sort_values(
        ascending=not down, kind="stable", na_position="last"
    )
    assert found.tolist() == wanted.index.tolist()


def test_rows_that_lie_in_another_order_are_sorted_alike(folder: Path) -> None:
    shuffled = datapkg.open(folder)["wells"]
    shuffled.rows.order = RowOrder.of([0, 4, 1, 0, 0, 4])
    assert shuffled.to_pandas(order_by="Odd desc").index.tolist() == [1, 2, 3, 4, 0]
    assert shuffled.to_pandas(order_by="Area desc")["Well"].tolist() == ["A01", "A01", "C03", "B02", "B02"]


def test_a_sample_is_the_same_for_its_seed_for_ever(frames: Table) -> None:
    one = frames.sample(5, seed=3)
    assert one.index.tolist() == [5, 95, 101, 103, 111]
    assert one.equals(frames.sample(5, seed=3))
    assert frames.sample(5, seed=4).index.tolist() != one.index.tolist()
    assert np.array_equal(one["image_array"].iloc[2], make.image(101, (128, 128)))
    assert frames.sample(120).index.tolist() == list(range(120))
    assert frames.sample(0).empty
    some = frames.sample(3, columns=["path"], where="path < 'images/010.tif'")
    assert list(some) == ["path"] and some.index.max() < 10


def test_a_hundred_scattered_images_are_one_request(frames: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    places = np.random.default_rng(1).permutation(120)[:100]
    with counted(frames) as cost:
        frame = frames.to_pandas(["path", "image_array"]).iloc[places]
    assert cost.bytes < 128 * 128 * 2
    opened: list[str] = []
    read_into = Folder.read_into
    monkeypatch.setattr(
        Folder, "read_into", lambda self, name, parts: opened.append(name) or read_into(self, name, parts)
    )
    with counted(frames) as cost:
        loaded = frame["image_array"].array.load()
    assert len(opened) == 1
    assert cost.bytes < 1.2 * 100 * 128 * 128 * 2
    for place, image in zip(places, loaded, strict=True):
        assert np.array_equal(image, make.image(place, (128, 128)))
    frames.images(places)
    assert len(opened) == 2


def test_conditions_orders_and_samples_read_no_pixel(frames: Table) -> None:
    with counted(frames) as cost:
        frames.to_pandas(where="size_y > 5 and path like '%1.tif'", order_by=["size_x", "path desc"], limit=7)
        frames.sample(10, seed=1)
        frames.to_pandas(["image_array"], where="path > 'images/1'")
    assert cost.bytes < 120 * 128 * 128 * 2 / 50


WRONG = {
    "order_by": ({"order_by": "Wel"}, "did you mean 'Well'"),
    "order_by a part": ({"order_by": ["Well", "Nope desc"]}, "no column 'Nope'"),
    "where": ({"where": "Wel = 'A01'"}, "did you mean 'Well'"),
    "type": ({"where": "Count = 'x'"}, "whole numbers with 'x'"),
    "a mask": ({"where": [True]}, "where is a list"),
    "order_by a number": ({"order_by": 3}, "order_by is 3"),
    "order_by in words": ({"order_by": "Well descending"}, "write 'Well', or 'Well desc'"),
    "limit": ({"limit": -1, "order_by": "Well"}, "limit is -1"),
    "limit text": ({"limit": "1"}, "limit is '1'"),
}


@pytest.mark.parametrize(("asked", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_makes_no_sense_is_told(asked: dict[str, object], told: str, wells: Table) -> None:
    with pytest.raises(SchemaError, match=told):
        wells.to_pandas(**asked)  # type: ignore[arg-type]


def test_images_have_no_order_and_samples_an_end(frames: Table) -> None:
    for column in ("image_array", "shape", "channel_names desc"):
        with pytest.raises(SchemaError, match="values have no order"):
            frames.to_pandas(order_by=column)
    for asked, told in (
        ((121,), "from 0 to 120"),
        ((-1,), "n of the sample is -1"),
        ((1, -1), "seed"),
        ((1.5,), "1.5"),
    ):
        with pytest.raises(SchemaError, match=told):
            frames.sample(*asked)  # type: ignore[arg-type]
