"""The content digest: sees every value, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from datapkg.column_sums import ColumnSums
from datapkg.digest import (
    DigestColumn,
    Level,
    SourceHasher,
    logical,
    package_digest,
    table_digest,
)

# --- a second implementation, naive and over Python values, from docs/digest.md alone ---

FIXED: dict[str, Callable[[Any], bytes]] = {
    "bool": lambda v: bytes([v]),
    "int8": lambda v: struct.pack("<b", v),
    "int64": lambda v: struct.pack("<q", v),
    "uint64": lambda v: struct.pack("<Q", v),
    "uint16": lambda v: struct.pack("<H", v),
    "int32": lambda v: struct.pack("<i", v),
    "double": lambda v: struct.pack("<d", v),
    "float32": lambda v: struct.pack("<f", v),
}


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def sized(part: bytes) -> bytes:
    return u64(len(part)) + part


def naive_level(values: Sequence[Any], kind: pa.DataType) -> bytes:
    nulls = b"".join(u64(i) for i, v in enumerate(values) if v is None)
    valid = [v for v in values if v is not None]
    lengths = data = b""
    children: list[bytes] = []
    name = logical(kind)
    if name.startswith("list"):
        lengths = b"".join(u64(len(v)) for v in valid)
        children = [naive_level([item for v in valid for item in v], kind.value_type)]
    elif name.startswith("struct"):
        children = [naive_level([v[f.name] for v in valid], f.type) for f in kind]
    elif name in ("string", "binary"):
        raw = [v.encode() if isinstance(v, str) else v for v in valid]
        lengths, data = b"".join(u64(len(r)) for r in raw), b"".join(raw)
    elif name != "null":
        data = b"".join(FIXED[name](v) for v in valid)
    parts = [u64(len(values)), *(blake3(p).digest() for p in (nulls, lengths, data)), *children]
    return blake3(b"".join(parts)).digest()


def naive_source(table: pa.Table) -> str:
    text = sized(b"datapkg-source-1") + u64(table.num_rows)
    for name in sorted(table.column_names, key=str.encode):
        values = table[name].to_pylist()
        if any(v is not None for v in values):
            kind = table.schema.field(name).type
            text += sized(name.encode()) + sized(logical(kind).encode()) + sized(naive_level(values, kind))
    return blake3(text).hexdigest()


def source_digest(table: pa.Table, rows_a_batch: int | None = None) -> str:
    columns = [DigestColumn(f.name, logical(f.type)) for f in table.schema]
    hasher = SourceHasher(columns, table.schema)
    for batch in table.to_batches(max_chunksize=rows_a_batch):
        hasher.update(batch)
    return hasher.result().digest


# --- columns of all kinds ---

finite = st.floats(width=32)
TYPES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.bool_(), st.booleans()),
    (pa.float64(), st.floats()),
    (pa.float32(), finite),
    (pa.string(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
    (pa.large_binary(), st.binary(max_size=5)),
    (pa.null(), st.none()),
]


@st.composite
def columns(draw: st.DrawFn, depth: int = 2) -> tuple[pa.DataType, st.SearchStrategy[Any]]:
    kind = draw(
        st.sampled_from(["leaf", "leaf", "list", "large_list", "fixed", "struct"] if depth else ["leaf"])
    )
    if kind == "leaf":
        return draw(st.sampled_from(TYPES))
    inner, values = draw(columns(depth - 1))
    values = st.none() | values
    if kind == "list":
        return pa.list_(inner), st.lists(values, max_size=3)
    if kind == "large_list":
        return pa.large_list(inner), st.lists(values, max_size=3)
    if kind == "fixed":
        return pa.list_(inner, 2), st.lists(values, min_size=2, max_size=2)
    other, more = draw(columns(depth - 1))
    fields = pa.struct([("x", inner), ("y", other)])
    return fields, st.fixed_dictionaries({"x": values, "y": st.none() | more})


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 6))
    made = {}
    for name in draw(st.lists(st.text(max_size=3), max_size=4, unique=True)):
        kind, values = draw(columns())
        made[name] = pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind)
    return pa.table(made) if made else pa.table({"only": pa.array([1] * rows, pa.int64())})


@given(tables(), st.integers(1, 4))
def test_equals_the_naive_implementation_however_batched(table: pa.Table, rows: int) -> None:
    expected = naive_source(table)
    assert source_digest(table) == expected
    assert source_digest(table, rows) == expected
    padded = pa.concat_tables([table, table]).combine_chunks().slice(table.num_rows)
    assert source_digest(padded) == expected


@given(tables(), st.randoms(use_true_random=False))
def test_every_edit_of_a_value_is_seen(table: pa.Table, random: Any) -> None:
    row = random.randrange(table.num_rows) if table.num_rows else None
    if row is None:
        return
    name = random.choice(table.column_names)
    values = table[name].to_pylist()
    kind = table.schema.field(name).type
    values[row] = None if values[row] is not None else _some_value(kind)
    if kind == pa.null():
        return
    index = table.column_names.index(name)
    assert source_digest(table.set_column(index, name, pa.array(values, kind))) != source_digest(table)


def _some_value(kind: pa.DataType) -> Any:
    name = logical(kind)
    if name.startswith("list"):
        return [None] * (kind.list_size if pa.types.is_fixed_size_list(kind) else 1)
    if name.startswith("struct"):
        return {field.name: None for field in kind}
    return {"string": "x", "binary": b"x", "bool": True}.get(name, 1)


EQUAL = {
    "string encodings": [
        pa.array(["a", None, "bc"]),
        pa.array(["a", None, "bc"], pa.large_string()),
        pa.array(["a", None, "bc"], pa.string_view()),
        pa.array(["a", None, "bc"]).dictionary_encode(),
    ],
    "binary encodings": [
        pa.array([b"aa", b"bc"]),
        pa.array([b"aa", b"bc"], pa.large_binary()),
        pa.array([b"aa", b"bc"], pa.binary(2)),
        pa.array([b"aa", b"bc"], pa.binary_view()),
    ],
    "list encodings": [
        pa.array([[1, 2], [3, 4]], pa.list_(pa.int64())),
        pa.array([[1, 2], [3, 4]], pa.large_list(pa.int64())),
        pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2)),
    ],
    "garbage under nulls": [
        pa.array([1, None, 3], pa.int64()),
        pa.Array.from_buffers(
            pa.int64(), 3, [pa.py_buffer(bytes([0b101])), pa.py_buffer(np.array([1, 99, 3]).tobytes())]
        ),
    ],
}


@pytest.mark.parametrize("same", EQUAL.values(), ids=EQUAL.keys())
def test_encodings_are_not_seen(same: list[pa.Array]) -> None:
    assert len({source_digest(pa.table({"a": array})) for array in same}) == 1


DIFFERENT = [
    pa.array([0.0]),
    pa.array([-0.0]),
    pa.array(np.array([0x7FF8000000000000], "u8").view("f8")),
    pa.array(np.array([0x7FF8000000000001], "u8").view("f8")),
    pa.array([None], pa.float64()),
    pa.array([0], pa.int64()),
    pa.array([0], pa.uint64()),
    pa.array([0], pa.timestamp("us")),
    pa.array([0], pa.timestamp("ms")),
    pa.array([0], pa.timestamp("us", "UTC")),
    pa.array([[0]]),
    pa.array([[]], pa.list_(pa.int64())),
    pa.array([[None]], pa.list_(pa.int64())),
    pa.array(["0"]),
    pa.array([b"0"]),
    pa.array([""]),
    pa.array([{"x": 0}]),
    pa.array([{"y": 0}]),
    pa.array([{"x": None}], pa.struct([("x", pa.int64())])),
]


def test_values_nulls_and_types_are_seen() -> None:
    digests = [source_digest(pa.table({"a": array})) for array in DIFFERENT]
    assert len(set(digests)) == len(DIFFERENT)


def test_row_order_and_names_are_seen_but_not_the_order_of_columns() -> None:
    table = pa.table({"a": [1, 2], "b": [3, 4]})
    assert source_digest(table) != source_digest(table.take([1, 0]))
    assert source_digest(table) != source_digest(table.rename_columns(["a", "c"]))
    assert source_digest(table) == source_digest(table.select(["b", "a"]))


def test_a_column_that_only_another_file_has_leaves_a_source_alone() -> None:
    table = pa.table({"a": [1, 2]})
    wider = table.append_column("b", pa.nulls(2, pa.string()))
    assert source_digest(wider) == source_digest(table)


def test_table_digest_sees_name_kind_column_order_and_source_order() -> None:
    columns, ones = [("a", "int64"), ("b", "string")], ["11" * 32, "22" * 32]
    base = table_digest("t", "table", columns, ones)
    assert base != table_digest("u", "table", columns, ones)
    assert base != table_digest("t", "images", columns, ones)
    assert base != table_digest("t", "table", columns[::-1], ones)
    assert base != table_digest("t", "table", columns, ones[::-1])
    naive = sized(b"datapkg-table-1") + sized(b"t") + sized(b"table") + u64(2)
    for name, kind in columns:
        naive += sized(name.encode()) + sized(kind.encode())
    assert base == blake3(naive + bytes.fromhex("".join(ones))).hexdigest()


def test_package_digest_is_of_its_tables_by_name() -> None:
    one, two = "11" * 32, "22" * 32
    assert package_digest({"a": one, "b": two}) == package_digest({"b": two, "a": one})
    assert package_digest({"a": one, "b": two}) != package_digest({"a": two, "b": one})
    naive = sized(b"datapkg-package-1") + sized(b"a") + bytes.fromhex(one)
    assert package_digest({"a": one}) == blake3(naive).hexdigest()


def test_column_digests_do_not_depend_on_the_order_of_sources() -> None:
    columns = [DigestColumn("a", "int64")]
    results = []
    for values in ([1], [2, 3]):
        hasher = SourceHasher(columns, pa.schema([("a", pa.int64())]))
        hasher.update(pa.record_batch({"a": pa.array(values)}))
        results.append(hasher.result())
    there, back = ColumnSums(columns), ColumnSums(columns)
    for one, other in zip(results, reversed(results), strict=True):
        there.add(one)
        back.add(other)
    assert there.digests() == back.digests()
    total = 0
    for values in ([1], [2, 3]):
        level = naive_level(values, pa.int64())
        term = blake3(sized(b"datapkg-column-1") + sized(b"a") + sized(b"int64") + sized(level)).digest()
        total = (total + int.from_bytes(term, "little")) % 2**256
    assert there.digests() == [total.to_bytes(32, "little").hex()]


def test_an_empty_level_is_defined() -> None:
    nothing = blake3(b"").digest()
    assert Level(pa.int64()).digest() == blake3(u64(0) + nothing * 3).digest()
