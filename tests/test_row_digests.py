"""Digests of many sources of one row each are those of one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from datapkg.column_sums import ColumnSums
from datapkg.digest import DigestColumn, SourceDigest, SourceHasher
from datapkg.pixels import ImageLayout, image_digest, to_arrow
from datapkg.row_digests import RowHasher

WORDS = st.sampled_from(["", "a", "well C6", "µm", "x" * 600, "all of them are missing"])
INTEGERS = st.sampled_from([0, 1, -1, 2**31 - 1])
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "string": (pa.string(), WORDS),
    "large": (pa.large_string(), WORDS),
    "bytes": (pa.large_binary(), st.binary(max_size=4)),
    "int32": (pa.int32(), INTEGERS),
    "int64": (pa.int64(), INTEGERS),
    "double": (pa.float64(), st.sampled_from([0.0, -0.0, float("nan"), 1.5])),
    "bool": (pa.bool_(), st.booleans()),
    "shape": (pa.list_(pa.int32()), st.lists(INTEGERS, max_size=3)),
    "names": (pa.list_(pa.string()), st.lists(WORDS, max_size=2)),
    "nothing": (pa.null(), st.none()),
}


def one_by_one(columns: list[DigestColumn], batch: pa.RecordBatch) -> list[SourceDigest]:
    """Each row as a source, by the hasher of sources."""
    hasher, found = SourceHasher(columns, batch.schema), []
    for row in range(len(batch)):
        hasher.again()
        hasher.update(batch.slice(row, 1))
        found.append(hasher.result())
    return found


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_rows_digested_together_are_as_one_by_one(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, unique=True))
    count = data.draw(st.integers(1, 8))
    arrays = {}
    for name in names:
        kind, values = KINDS[name]
        maybe = st.one_of(values, st.none()) if data.draw(st.booleans()) else values
        arrays[name] = pa.array(data.draw(st.lists(maybe, min_size=count, max_size=count)), kind)
    whole = pa.RecordBatch.from_pydict(arrays)
    columns = [DigestColumn(name, name) for name in names]
    hasher = RowHasher(columns, whole.schema)
    for first in (0, count // 2):  # a part of a batch, after others whose values it has seen
        batch = whole.slice(first)
        sums, one = ColumnSums(columns), ColumnSums(columns)
        expected = one_by_one(columns, batch)
        assert hasher.digests(batch, sums) == [one.add(theirs).digest for theirs in expected]
        assert (sums.digests(), sums.nulls) == (one.digests(), one.nulls)


def test_images_are_digested_by_their_own_digests() -> None:
    images = [np.full((2, 3), i % 2, "uint8") for i in range(4)]
    batch = pa.RecordBatch.from_pydict(
        {
            "image_array": to_arrow(images, ImageLayout("uint8", (2, 3))),
            "image_digest": pa.array([image_digest(image) for image in images]),
        }
    )
    columns = [DigestColumn("image_array", "image", "image_digest"), DigestColumn("image_digest", "string")]
    sums, one = ColumnSums(columns), ColumnSums(columns)
    found = RowHasher(columns, batch.schema).digests(batch, sums)
    assert found == [one.add(theirs).digest for theirs in one_by_one(columns, batch)]
    assert sums.digests() == one.digests()
    assert found[0] == found[2] != found[1]


def test_what_is_kept_of_values_is_bounded() -> None:
    columns = [DigestColumn("n", "int64")]
    batch = pa.RecordBatch.from_pydict({"n": pa.array(range(10_000), pa.int64())})
    hasher = RowHasher(columns, batch.schema)
    found = hasher.digests(batch, ColumnSums(columns))
    assert found[-3:] == [one.digest for one in one_by_one(columns, batch.slice(9_997))]
    assert all(len(kept) <= 4096 for kept in hasher._kept)
