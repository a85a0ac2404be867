"""Columns of a DataFrame: dtypes that are exact, plain Python values where nested, categories where declared."""

from __future__ import annotations

from pathlib import Path

import make
import make_ch5
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import datapkg
from datapkg import Table
from datapkg.frames import frame_of, python_values

NUMBERS = f"""whole,gap,large,yes,half,text,nothing
1,{2**53 + 1},{2**64 - 1},true,0.5,a,
2,,,,,,
3,{-(2**63)},1,false,1.5,c,
"""


def table(folder: Path, content: str, schema: str = "") -> Table:
    make.text(folder / "t.csv", content)
    make.build(make.manifest(folder, f"name: t, path: t.csv{schema}"), folder / "p")
    return datapkg.open(folder / "p")["t"]


def test_numbers_with_a_missing_value_stay_exact(tmp_path: Path) -> None:
    frame = table(tmp_path, NUMBERS).to_pandas()
    assert [str(kind) for kind in frame.dtypes] == [
        "int64",
        "Int64",
        "UInt64",
        "boolean",
        "Float64",
        "str",
        "object",
    ]
    assert frame["gap"].tolist() == [2**53 + 1, pd.NA, -(2**63)]
    assert frame["large"].tolist()[0] == 2**64 - 1
    assert frame["text"].isna().tolist() == [False, True, False]


def test_arrow_dtypes_come_when_they_are_asked_for(tmp_path: Path) -> None:
    frame = table(tmp_path, NUMBERS).to_pandas(dtype_backend="pyarrow")
    assert [str(kind) for kind in frame.dtypes] == [
        "int64[pyarrow]",
        "int64[pyarrow]",
        "uint64[pyarrow]",
        "bool[pyarrow]",
        "double[pyarrow]",
        "string[pyarrow]",
        "null[pyarrow]",
    ]
    assert frame["gap"].tolist() == [2**53 + 1, pd.NA, -(2**63)]
    assert frame.columns.tolist() == NUMBERS.splitlines()[0].split(",")


def test_images_stay_lazy_beside_arrow_dtypes(package: Path) -> None:
    frame = datapkg.open(package)["frames"].to_pandas(dtype_backend="pyarrow")
    assert frame["image_array"].dtype == "datapkg[image]"
    assert str(frame["shape"].dtype) == "list<item: int32>[pyarrow]"
    assert np.array_equal(frame["image_array"].iloc[2], make.image(2))


CATEGORIES = "Dose,Arm,Level,n\nhigh,2,1,1\nlow,1,,2\nhigh,,3,3\n"
SCHEMA = """, schema: {fields: [
  {name: Dose, type: string, categories: [low, middle, high], categoriesOrdered: true},
  {name: Arm, type: integer, categories: [{value: 1, label: control}, {value: 2, label: treated}]},
  {name: Level, type: string, categories: ["3", "1"]}]}"""


def test_declared_categories_are_categories(tmp_path: Path) -> None:
    frame = table(tmp_path, CATEGORIES, SCHEMA.replace("\n", "")).to_pandas()
    assert [str(kind) for kind in frame.dtypes] == ["category", "category", "category", "int64"]
    assert frame["Dose"].cat.ordered and not frame["Arm"].cat.ordered
    assert frame["Dose"].cat.categories.tolist() == ["low", "middle", "high"]
    assert frame["Dose"].max() == "high"
    assert frame["Arm"].cat.categories.tolist() == [1, 2]
    assert frame["Arm"].tolist()[:2] == [2, 1] and frame["Arm"].isna().tolist() == [False, False, True]
    assert frame["Level"].cat.categories.tolist() == ["3", "1"]
    assert frame["Level"].tolist()[::2] == ["1", "3"]


def test_an_enum_is_a_limit_and_no_category(tmp_path: Path) -> None:
    schema = ", schema: {fields: [{name: x, type: string, constraints: {enum: [a, b]}}]}"
    assert str(table(tmp_path, "x\na\nb\n", schema).to_pandas()["x"].dtype) == "str"


def test_nested_columns_are_python_values(tmp_path: Path) -> None:
    make_ch5.movie(tmp_path / "m.ch5")
    make.build(make.manifest(tmp_path, 'name: movies, path: "*.ch5"'), tmp_path / "p")
    opened = datapkg.open(tmp_path / "p")
    objects = opened["movies_objects"].to_pandas()
    box = objects["bounding_box"].iloc[0]
    assert isinstance(box, dict) and {"left", "right", "top", "bottom"} <= set(box)
    planes = opened["movies"].to_pandas()
    assert isinstance(planes["shape"].iloc[0], list)
    assert planes["image_array"].iloc[0].shape == tuple(planes["shape"].iloc[0])


INTS, TEXTS = st.integers(-9, 9), st.text(max_size=2)
LISTS = [
    (pa.list_(pa.int32()), st.lists(INTS, max_size=3)),
    (pa.large_list(pa.float64()), st.lists(st.none() | st.floats(), max_size=3)),
    (pa.list_(pa.string()), st.lists(st.none() | TEXTS, max_size=3)),
    (pa.list_(pa.list_(pa.int16())), st.lists(st.lists(INTS, max_size=2), max_size=2)),
    (pa.list_(pa.bool_()), st.lists(st.booleans(), max_size=3)),
]


@given(st.data())
def test_lists_come_as_arrow_gives_them(data: st.DataObject) -> None:
    kind, values = data.draw(st.sampled_from(LISTS))
    array = pa.array(data.draw(st.lists(st.none() | values, max_size=6)), kind)
    start = data.draw(st.integers(0, len(array)))
    for part in (array, array[start:], array[:start]):
        assert repr(python_values(part)) == repr(part.to_pylist())


CELLS: dict[pa.DataType, st.SearchStrategy[object]] = {
    pa.int8(): st.integers(-128, 127),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float16(): st.floats(width=16),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
}


DTYPES = {pa.float16(): "float32", pa.float32(): "float32", pa.float64(): "float64", pa.bool_(): "boolean"}


@given(st.data())
def test_numbers_come_as_they_are_and_missing_ones_are_missing(data: st.DataObject) -> None:
    length = data.draw(st.integers(0, 12))
    columns = {}
    for number, kind in enumerate(data.draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))):
        cells = st.lists(st.none() | CELLS[kind], min_size=length, max_size=length)
        whole = pa.array([None, *data.draw(cells), None], kind)[
            1:-1
        ]  # a part of an array, as of a large batch
        cut = data.draw(st.integers(0, length))
        columns[f"c{number}"] = pa.chunked_array([whole[:cut], whole[cut:]])
    frame = frame_of(pa.table(columns), {})
    for name, column in columns.items():
        given_cells = column.to_pylist()
        assert (
            str(frame[name].dtype).lower() == DTYPES.get(column.type, str(column.type))
            or not column.null_count
        )
        for found, cell in zip(frame[name].array, given_cells, strict=True):
            if cell is None:
                assert found is pd.NA
            else:
                assert found == cell or (cell != cell and found != found)


def test_a_nan_is_not_a_missing_value() -> None:
    column = pa.array([1.5, None, float("nan"), None])
    frame = frame_of(pa.table({"x": column, "y": column}), {})
    for name in ("x", "y"):
        assert frame[name].array._mask.tolist() == [False, True, False, True]
        assert np.isnan(frame[name].array._data[2])
    frame.loc[0, "x"] = 7
    assert frame["x"].iloc[0] == 7 and frame["y"].iloc[0] == 1.5


def test_the_index_is_the_position_in_the_table(package: Path) -> None:
    frames = datapkg.open(package)["frames"]
    assert frames.to_pandas().index.tolist() == [0, 1, 2]
    found = frames.to_pandas(where="Well = 'A01'")
    assert found.index.tolist() == [0, 2]
    for row, image in found["image_array"].items():
        assert np.array_equal(image, frames.image(row))


def test_columns_may_come_twice_and_in_any_order(package: Path) -> None:
    frame = datapkg.open(package)["frames"].to_pandas(["image_array", "Well", "image_array", "path"])
    assert frame.columns.tolist() == ["image_array", "Well", "image_array", "path"]
    assert datapkg.open(package)["frames"].to_pandas([]).shape == (3, 0)


@pytest.mark.parametrize("limit", [0, 2])
def test_dtypes_do_not_depend_on_the_rows_asked_for(limit: int, package: Path) -> None:
    frames = datapkg.open(package)["frames"]
    for images in ("lazy", "array"):
        whole, part = frames.to_pandas(images=images), frames.to_pandas(limit=limit, images=images)
        assert part.dtypes.equals(whole.dtypes)
        assert len(part) == limit
