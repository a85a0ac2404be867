"""Images to Arrow and back: exact in every bit, dtype and shape."""

from __future__ import annotations

from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from numpy.typing import NDArray

from datapkg.errors import SchemaError
from datapkg.pixels import (
    DTYPES,
    ImageLayout,
    common_dtype,
    common_layout,
    from_arrow,
    image_digest,
    part_of,
    to_arrow,
)

GROUPS = [["bool"], ["uint8", "uint16", "bool"], ["int8", "uint8", "int16"], ["float16", "uint8", "float32"]]
GROUPS += [["uint64"], ["int64", "uint32"], ["float64", "int32", "float32"], ["uint16", "float32"]]


@st.composite
def image_sets(draw: st.DrawFn) -> list[NDArray[Any]]:
    group = draw(st.sampled_from(GROUPS))
    ranks = draw(st.sampled_from([(2, 2), (2, 3), (3, 3), (4, 4)]))
    uniform = draw(st.booleans())
    shapes = hn.array_shapes(min_dims=ranks[0], max_dims=ranks[1], min_side=1, max_side=5)
    one = draw(shapes)
    count = draw(st.integers(1, 4))
    return [
        draw(hn.arrays(np.dtype(draw(st.sampled_from(group))), one if uniform else draw(shapes)))
        for _ in range(count)
    ]


def back(column: pa.Array, images: list[NDArray[Any]]) -> list[NDArray[Any] | None]:
    return from_arrow(column, [i.dtype.name for i in images], [i.shape for i in images])


def assert_same(found: list[Any], images: list[NDArray[Any]]) -> None:
    assert [i.dtype for i in found] == [i.dtype for i in images]
    assert [i.shape for i in found] == [i.shape for i in images]
    assert [i.tobytes() for i in found] == [i.tobytes() for i in images]


@given(image_sets())
def test_images_come_back_bit_for_bit(images: list[NDArray[Any]]) -> None:
    layout = common_layout((i.dtype.name, i.shape) for i in images)
    column = to_arrow(images, layout)
    assert column.type == layout.arrow_type()
    assert_same(back(column, images), images)
    assert_same(back(pa.concat_arrays([column, column]).slice(len(images)), images), images)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_goes_through_lance(dtype: str, tmp_path: Any) -> None:
    rng = np.random.default_rng(1)
    whole = [rng.integers(0, 2, (3, 4)).astype(dtype), rng.integers(0, 2, (2, 5)).astype(dtype)]
    for name, images in (("ragged", whole), ("uniform", [whole[0], whole[0][::-1]])):
        layout = common_layout((i.dtype.name, i.shape) for i in images)
        lance.write_dataset(pa.table({"a": to_arrow(images, layout)}), tmp_path / name)
        stored = lance.dataset(tmp_path / name).to_table()["a"].combine_chunks()
        assert stored.type == layout.arrow_type()
        assert_same(back(stored, images), images)


def test_equal_axes_are_fixed_from_the_last_one_inwards() -> None:
    assert common_layout([("uint8", (3, 4)), ("uint8", (3, 4))]) == ImageLayout("uint8", (3, 4))
    assert common_layout([("uint8", (2, 4)), ("uint8", (3, 4))]) == ImageLayout("uint8", (None, 4))
    assert common_layout([("uint8", (3, 4)), ("uint8", (3, 5))]) == ImageLayout("uint8", (None, None))
    assert common_layout([("uint8", (9, 8)), ("uint8", (2, 9, 8))]) == ImageLayout("uint8", (None, 9, 8))
    assert common_layout([("uint8", (5, 6, 3)), ("uint8", (4, 7, 3))]) == ImageLayout(
        "uint8", (None, None, 3)
    )


def test_a_missing_image_is_null_and_costs_nothing() -> None:
    image = np.arange(6, dtype="u2").reshape(2, 3)
    for layout in (ImageLayout("uint16", (2, 3)), ImageLayout("uint16", (None, None))):
        column = to_arrow([None, image, None], layout)
        assert column.null_count == 2
        first, found, last = from_arrow(column, [None, "uint16", None], [None, (2, 3), None])
        assert first is None
        assert last is None
        assert_same([found], [image])


def test_arrays_are_read_only_views() -> None:
    image = np.zeros((2, 2), "u1")
    column = to_arrow([image, image], ImageLayout("uint8", (2, 2)))
    found = back(column, [image, image])[0]
    assert found is not None
    assert not found.flags.writeable
    assert not found.flags.owndata


@pytest.mark.parametrize(
    ("names", "common"),
    [
        (["uint8", "int8"], "int16"),
        (["uint16", "float16"], "float32"),
        (["uint32", "float32"], "float64"),
        (["int32", "float32"], "float64"),
        (["uint8", "float16"], "float16"),
        (["bool", "bool"], "uint8"),
        (["int64", "uint32"], "int64"),
    ],
)
def test_mixed_dtypes_are_stored_in_the_smallest_that_holds_them(names: list[str], common: str) -> None:
    assert common_dtype(names) == common


@pytest.mark.parametrize("names", [["uint64", "int64"], ["int64", "float64"], ["uint64", "float32"]])
def test_dtypes_that_nothing_holds_exactly_are_refused(names: list[str]) -> None:
    with pytest.raises(SchemaError, match="no pixel type holds"):
        common_dtype(names)


@pytest.mark.parametrize("name", ["complex64", "complex128", "object", "float128"])
def test_dtypes_that_are_no_pixels_are_refused(name: str) -> None:
    with pytest.raises(SchemaError, match="cannot be stored"):
        common_dtype([name])


def test_an_image_that_does_not_fit_is_refused() -> None:
    with pytest.raises(SchemaError, match="does not fit"):
        to_arrow([np.zeros((2, 3), "u1")], ImageLayout("uint8", (2, 4)))
    with pytest.raises(SchemaError, match="does not fit"):
        to_arrow([np.zeros((2, 4), "u2")], ImageLayout("uint8", (2, 4)))


def test_the_digest_is_of_dtype_shape_and_little_endian_pixels() -> None:
    image = np.arange(6, dtype=">u2").reshape(2, 3)
    naive = b"datapkg-image-1\0uint16\x002,3\0" + bytes([0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0])
    assert image_digest(image) == blake3(naive).hexdigest()
    assert image_digest(image) == image_digest(np.asfortranarray(image))
    assert image_digest(np.zeros((2, 2), bool)) != image_digest(np.zeros((2, 2), "u1"))


@given(hn.arrays(np.uint16, hn.array_shapes(min_dims=2, max_dims=4, max_side=6)), st.data())
def test_rows_are_chosen_rightly_from_a_part(images: NDArray[np.uint16], data: st.DataObject) -> None:
    """As Arrow does not where nested lists begin later in memory than their first row."""
    count = len(images)
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    column = pa.array(images.reshape(-1))
    for length in images.shape[:1:-1]:
        column = pa.FixedSizeListArray.from_arrays(column, length)
    column = pa.FixedSizeListArray.from_arrays(column, images.shape[1], mask=pa.array(gone))
    start = data.draw(st.integers(0, count - 1))
    part = part_of(pa.record_batch({"image": column, "number": range(count)}), start, count)
    chosen = np.array(data.draw(st.lists(st.integers(0, count - start - 1), max_size=5)), np.int64)
    expected = [None if gone[start + row] else images[start + row].tolist() for row in chosen]
    assert part.take(pa.array(chosen)).column("image").to_pylist() == expected
    assert part.column("number").to_pylist() == list(range(start, count))
