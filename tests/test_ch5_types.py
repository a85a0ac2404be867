"""Values of HDF5 as Arrow: what goes in comes out, and types are merged without loss."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from datapkg.errors import SchemaError
from datapkg.sources.ch5.types import (
    arrow_type,
    arrow_values,
    column_names,
    common_type,
    table_part,
    type_from_json,
    type_to_json,
)

NUMBERS = st.sampled_from(["i1", "<u2", ">i4", "u8", "f4", ">f8", "?"])
TYPES = st.recursive(
    st.sampled_from([pa.string(), pa.bool_(), pa.int8(), pa.uint64(), pa.float16(), pa.float64()]),
    lambda inner: st.builds(pa.list_, inner) | st.builds(lambda kind: pa.struct([("x y", kind)]), inner),
    max_leaves=3,
)


@given(NUMBERS.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=3, min_side=0, max_side=4))))
def test_arrays_come_back(values: np.ndarray[Any, Any]) -> None:
    array = arrow_values(values)
    assert len(array) == len(values)
    assert repr(array.to_pylist()) == repr(values.tolist())


@given(TYPES)
def test_types_come_back_from_json(kind: pa.DataType) -> None:
    assert type_from_json(type_to_json(kind)) == kind
    assert common_type([kind, pa.null(), kind]) == kind


def test_compound_values_become_structs() -> None:
    dtype = np.dtype([("name", "S4"), ("at", "<i4", 2), ("text", h5py.string_dtype())])
    values = np.array([(b"a", (1, 2), "µ")], dtype)
    assert arrow_values(values).to_pylist() == [{"name": "a", "at": [1, 2], "text": "µ"}]
    assert arrow_values(values).type == arrow_type(dtype)


def test_vlen_numbers_become_lists() -> None:
    values = np.empty(2, h5py.vlen_dtype(np.dtype("i2")))
    values[0], values[1] = np.array([1, 2], "i2"), np.array([], "i2")
    assert arrow_values(values).to_pylist() == [[1, 2], []]


@pytest.mark.parametrize("dtype", [np.dtype("c8"), h5py.ref_dtype, np.dtype("V3"), np.dtype("longdouble")])
def test_what_arrow_cannot_hold_has_no_type(dtype: np.dtype[Any]) -> None:
    assert arrow_type(dtype) is None and arrow_type(np.dtype([("a", dtype)])) is None


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (pa.int64(), pa.uint64()),
        (pa.int64(), pa.float64()),
        (pa.string(), pa.int8()),
        (pa.list_(pa.string()), pa.string()),
        (pa.struct([("x", pa.int8())]), pa.struct([("y", pa.int8())])),
    ],
)
def test_types_that_nothing_holds_are_refused(one: pa.DataType, two: pa.DataType) -> None:
    with pytest.raises(SchemaError):
        common_type([one, two])


@given(st.lists(st.sampled_from(["a", "b", "", "path", "a_b1ccb0"]), max_size=8))
def test_column_names_are_unique_and_keep_their_number(names: list[str]) -> None:
    fit = list(column_names(names, ["path"]))
    assert len(set(fit)) == len(fit) == len(names) and "path" not in fit and "" not in fit


@given(st.text(max_size=20))
def test_table_names_fit_and_differ(name: str) -> None:
    part = table_part(name)
    assert part and all(letter.isascii() and (letter.isalnum() or letter in "_.-") for letter in part)
