"""Cells are compared by bits; where a type changed, by value."""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.differ.cells import different
from datapkg.differ.retyped import different_by_value

NAN = float("nan")
NESTED = pa.list_(pa.struct([("x", pa.float64()), ("tags", pa.list_(pa.string()))]))
FLOATS = st.sampled_from([0.0, -0.0, 1.5, NAN, float("inf")])
STRUCTS = st.fixed_dictionaries(
    {"x": st.none() | FLOATS, "tags": st.none() | st.lists(st.none() | st.sampled_from("ab"), max_size=2)}
)
CELLS = st.lists(st.none() | st.lists(st.none() | STRUCTS, max_size=2), min_size=6, max_size=6)


def bits(value: Any) -> Any:
    """A value that is equal only to one of the same bits."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, dict):
        return {name: bits(one) for name, one in value.items()}
    return [bits(one) for one in value] if isinstance(value, list) else value


@given(old=CELLS, new=CELLS)
def test_nested_cells_differ_where_their_bits_do(old: list[Any], new: list[Any]) -> None:
    expected = [bits(one) != bits(other) for one, other in zip(old, new, strict=True)]
    for kind in (NESTED, pa.large_list(NESTED.value_type)):
        assert different(pa.array(old, NESTED), pa.array(new, kind)).tolist() == expected


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_floats_differ_by_bits_and_missing_is_no_nan(kind: pa.DataType) -> None:
    old = pa.array([0.0, NAN, None, None, 1.0], kind)
    new = pa.array([-0.0, NAN, NAN, None, 1.0], kind)
    assert different(old, new).tolist() == [True, False, True, False, False]


def test_encodings_of_one_type_do_not_count() -> None:
    text = pa.array(["a", None, "b"])
    for other in (text.cast(pa.large_string()), text.dictionary_encode(), text.cast(pa.string_view())):
        assert not different(text, other).any()
    lists = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int32(), 2))
    assert different(lists, pa.array([[1, 2], [1, 1], [3, 5]], pa.list_(pa.int32()))).tolist() == [
        False,
        True,
        True,
    ]
    assert different(pa.array([b"ab", b"cd"]), pa.array([b"ab", b"ce"], pa.large_binary())).tolist() == [
        False,
        True,
    ]
    assert not different(pa.nulls(2), pa.nulls(2)).any()
    assert different(pa.array([], pa.string()), pa.array([], pa.string())).tolist() == []


def test_slices_are_compared_by_what_is_in_them() -> None:
    cells = pa.array([[1.0], [2.0, 3.0], None, [4.0]])
    assert different(cells[1:3], cells[2:4]).tolist() == [True, True]
    assert different(cells[1:], cells[1:]).tolist() == [False] * 3


BIG = 2**53 + 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (pa.array([5, 6, 7]), pa.array(["5", "06", "7.0"]), [False, True, True]),
        (pa.array([5]), pa.array(["99999999999999999999"]), [True]),
        (
            pa.array([0.5, 1e5, float("inf"), -0.0]),
            pa.array(["0.50", "1e5", "inf", "0"]),
            [False, False, False, True],
        ),
        (pa.array([True, False, True]), pa.array(["TRUE", "false", "yes"]), [False, False, True]),
        (pa.array([1, BIG, 0]), pa.array([1.0, float(BIG), -0.0]), [False, True, True]),
        (pa.array([2**63 - 1, -1]), pa.array([2**63 - 1, 2**64 - 1], pa.uint64()), [False, True]),
        (pa.array([0.1], pa.float32()), pa.array([0.1]), [True]),
        (pa.array([0.5, NAN], pa.float32()), pa.array([0.5, 0.5]), [False, True]),
        (pa.array([1], pa.date32()), pa.array(["1970-01-02"]), [False]),
        (pa.array([True]), pa.array([1]), [True]),
        (pa.nulls(2), pa.array(["", None]), [True, False]),
        (pa.array([[1, 2], [3]]), pa.array([[1.0, 2.0], [3.5]]), [False, True]),
        (pa.array([{"x": 1}]), pa.array([{"x": 1, "y": 2}]), [True]),
        (pa.array([[1]]), pa.array(["[1]"]), [True]),
        (pa.array([b"a"]), pa.array(["a"]), [True]),
        (pa.array([b"a"]), pa.array([1]), [True]),
    ],
    ids=str,
)
def test_a_cell_of_another_type_is_compared_by_value(
    old: pa.Array, new: pa.Array, expected: list[bool]
) -> None:
    assert different_by_value(old, new).tolist() == expected
    assert different_by_value(new, old).tolist() == expected
