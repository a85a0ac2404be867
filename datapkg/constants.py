"""What the record alone proves of rows: that a column holds one value in all of them, so that none need be read.

The digest of a column is a sum over its sources (`docs/digest.md`, 6). Where every source gave the same number of rows,
one row each as a rule, the sum for a column of nothing but some value can be computed without a look at any row. If
that is the recorded digest, the value is proven, as surely as any other content is by its digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Any

import pyarrow as pa

from .column_sums import ColumnSums
from .digest import DigestColumn, SourceHasher
from .records import ColumnRecord

MOST_ROWS = 4096
"""A source of more rows is not thought of: to digest them would take longer than to read some."""
DTYPES = (
    "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *("float16", "float32", "float64"),
)
TYPES = {"string": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "list<int32>": pa.list_(pa.int32())}


def constant(column: ColumnRecord, rows: int, candidates: Iterable[Any]) -> Any:
    """The value that all rows of a column hold, if it is one of some; else None.

    Examples
    --------
    >>> sums = ColumnSums([DigestColumn("dtype", "string")])
    >>> for source in range(3):
    ...     hasher = SourceHasher([DigestColumn("dtype", "string")], pa.schema([("dtype", pa.string())]))
    ...     hasher.update(pa.record_batch({"dtype": ["uint8"] * 2}))
    ...     _ = sums.add(hasher.result())
    >>> found = ColumnRecord("dtype", "dtype", "string", 0, sums.digests()[0])
    >>> constant(found, 6, ["uint16", "uint8"]), constant(found, 6, ["uint16"])
    ('uint8', None)
    """
    kind = TYPES.get(column.type)
    if kind is None or column.nulls or not rows:
        return None
    sizes = [size for size in range(1, min(rows, MOST_ROWS) + 1) if rows % size == 0]
    for value in candidates:
        if any(_digest(column, kind, value, size, rows // size) == column.digest for size in sizes):
            return value
    return None


def image_shapes(kind: pa.DataType) -> list[tuple[int, ...]]:
    """The shapes that all images of a column may have, by its Arrow type; none where it lets them differ."""
    shape: list[int] = []
    while pa.types.is_nested(kind):
        if not pa.types.is_fixed_size_list(kind):
            return []
        shape.append(kind.list_size)
        kind = kind.value_type
    found = [tuple(shape)] if shape else []
    while shape and shape[0] == 1:
        del shape[0]
        found.append(tuple(shape))
    return found


def image_axes(rank: int) -> Iterator[str]:
    """The usual axes of images of at most so many dimensions."""
    for count in range(rank - 1):
        for others in permutations("CZTSQI", count):
            letters = "".join(others)
            yield f"{letters}YX"
            if letters.endswith(("S", "C")):
                yield f"{letters[:-1]}YX{letters[-1]}"


def _digest(column: ColumnRecord, kind: pa.DataType, value: Any, size: int, sources: int) -> str:
    """The digest of a column in which each of so many sources gave `size` rows of this value."""
    columns = [DigestColumn(column.name, column.type)]
    schema = pa.schema([(column.name, kind)])
    hasher = SourceHasher(columns, schema)
    hasher.update(pa.RecordBatch.from_arrays([pa.array([value] * size, kind)], schema=schema))
    once, sums = ColumnSums(columns), ColumnSums(columns)
    once.add(hasher.result())
    sums.join(once, sources)
    return sums.digests()[0]
