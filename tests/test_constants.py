"""A column's digest proves that all rows hold one value, and never proves what is not so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import datapkg
from datapkg.column_sums import ColumnSums
from datapkg.constants import DTYPES, constant, image_axes, image_shapes
from datapkg.digest import DigestColumn, SourceHasher
from datapkg.records import ColumnRecord

KINDS = {"string": pa.string(), "list<int32>": pa.list_(pa.int32()), "int32": pa.int32()}
DTYPE = st.sampled_from(DTYPES)


def recorded(sources: list[list[Any]], logical: str) -> ColumnRecord:
    """A column as a record tells of it, by what each source gave."""
    columns = [DigestColumn("x", logical)]
    schema = pa.schema([("x", KINDS[logical])])
    hasher, sums = SourceHasher(columns, schema), ColumnSums(columns)
    for values in sources:
        hasher.again()
        hasher.update(pa.record_batch([pa.array(values, KINDS[logical])], schema=schema))
        sums.add(hasher.result())
    return ColumnRecord("x", "x", logical, sums.nulls[0], sums.digests()[0])


@given(st.lists(st.lists(DTYPE, min_size=1, max_size=3), min_size=1, max_size=6))
def test_what_is_proven_is_so(sources: list[list[str]]) -> None:
    values = {value for source in sources for value in source}
    rows = sum(map(len, sources))
    proven = constant(recorded(sources, "string"), rows, DTYPES)
    even = len(set(map(len, sources))) == 1
    assert proven == (values.pop() if len(values) == 1 and even else None)


@pytest.mark.parametrize("sources", [[["uint8"], [None]], [[None]], [["uint8"], ["uint8", "uint8"]], []])
def test_what_is_not_proven_is_unknown(sources: list[list[str | None]]) -> None:
    assert constant(recorded(sources, "string"), sum(map(len, sources)), DTYPES) is None


def test_shapes_come_from_the_columns_type() -> None:
    fixed = pa.list_(pa.list_(pa.list_(pa.uint8(), 5), 4), 1)
    assert image_shapes(fixed) == [(1, 4, 5), (4, 5)]
    assert image_shapes(pa.list_(pa.list_(pa.uint8(), 5))) == []
    assert image_shapes(pa.large_binary()) == []
    assert constant(recorded([[[4, 5]]] * 3, "list<int32>"), 3, image_shapes(fixed)) == (4, 5)


def test_axes_are_the_usual_ones() -> None:
    found = list(image_axes(5))
    assert {"YX", "YXS", "CYX", "TZCYX", "ZYX", "TYX"} <= set(found)
    assert all(len(axes) <= 5 for axes in found)


def test_dtypes_and_shapes_of_equal_images_are_never_read(tmp_path: Path) -> None:
    for seed in range(6):
        make.tiff(tmp_path / f"{seed}.tif", make.image(seed, (2, 6, 8)), metadata={"axes": "CYX"})
    make.build(make.manifest(tmp_path, 'name: frames, path: "*.tif"'), tmp_path / "p")
    opened = datapkg.open(tmp_path / "p").opened
    facts = opened.facts("frames")
    assert [facts.alike(name) for name in ("dtype", "shape", "axes", "path")] == [
        "uint16",
        (2, 6, 8),
        "CYX",
        None,
    ]
    dtypes, shapes = facts.get(np.arange(6), ["dtype", "shape"])
    assert (set(dtypes), set(shapes)) == ({"uint16"}, {(2, 6, 8)})


def test_images_of_lower_rank_keep_their_own_shape(tmp_path: Path) -> None:
    images = [make.image(0, (5, 6)), make.image(1, (1, 5, 6)), make.image(2, (2, 5, 6))]
    for seed, image in enumerate(images):
        make.tiff(tmp_path / f"{seed}.tif", image, metadata={"axes": "CYX"[-image.ndim :]})
    make.build(make.manifest(tmp_path, 'name: frames, path: "*.tif"'), tmp_path / "p")
    frames = datapkg.open(tmp_path / "p")["frames"]
    shapes = [tuple(one) for one in frames.to_pandas().loc[:, "shape"]]
    assert [frames.image(row).shape for row in range(3)] == shapes
