"""What a query's result holds for images and files: where they stand. Here that becomes cells, or stored values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import ExportError, SchemaError
from ..lazy import LazyArray, StoredColumn
from .database import NUMBER, PLACE

WHERE = "the query"


def is_reference(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type say where cells stand."""
    return pa.types.is_struct(kind) and [field.name for field in kind] == [NUMBER, PLACE]


def is_list_of_references(kind: pa.DataType) -> bool:
    """Whether values are lists of such."""
    return is_list(kind) and is_reference(kind.value_type)


def is_list(kind: pa.DataType) -> bool:
    """Whether values are lists, of any encoding."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def refuse_hidden(name: str, kind: pa.DataType) -> None:
    """Refuse a column whose values hold images deeper than in a list. Raises SchemaError."""
    if _holds(kind) and not (is_reference(kind) or is_list_of_references(kind)):
        fix = "select images as columns of their own, or as list(image_array)"
        raise SchemaError(f"the column {name!r} holds images within other values", WHERE, fix)


def cells(references: pa.Array, columns: Sequence[StoredColumn]) -> LazyArray:
    """Lazy cells of references; no cell is read.

    Raises
    ------
    SchemaError
        They mix images and files.
    """
    numbers, at = _places(references)
    used = np.unique(numbers[at >= 0])
    origins = [columns[number] for number in used.tolist()]
    kinds = sorted({one.kind for one in origins}) or ["image"]
    if len(kinds) > 1:
        fix = "select `image_array` and `image_bytes` as columns of their own"
        raise SchemaError(f"a column mixes {' and '.join(kinds)}", WHERE, fix)
    of = np.searchsorted(used, numbers).clip(0, max(len(used) - 1, 0)).astype(np.int32)
    return LazyArray(kinds[0], list(origins), of, at)


def lists_of_cells(lists: pa.Array, columns: Sequence[StoredColumn]) -> NDArray[np.object_]:
    """Of each list of references its lazy cells; None for a missing list."""
    found = np.empty(len(lists), object)
    every = cells(lists.flatten(), columns)
    stop = 0
    for place, length in enumerate(pc.list_value_length(lists).to_pylist()):
        if length is not None:
            found[place] = every[stop : stop + length]
            stop += length
    return found


def stored_type(column: StoredColumn) -> pa.DataType:
    """The Arrow type of a column's cells as they are stored. Raises ExportError where they are not."""
    schema = column.opened.rows(column.table).schema
    if column.column not in schema.names:
        what = f"the images of {column.table} are kept as files: there is no stored column of pixels"
        raise ExportError(what, WHERE, "select image_bytes")
    return schema.field(column.column).type


def stored(references: pa.Array, columns: Sequence[StoredColumn], kind: pa.DataType) -> pa.Array:
    """The cells as they are stored, nested lists or binaries, read in batched requests."""
    numbers, at = _places(references)
    parts: list[pa.Array] = [pa.nulls(0, kind)]
    index = np.full(len(at), -1, np.int64)
    done = 0
    for number in np.unique(numbers[at >= 0]).tolist():
        here = np.flatnonzero((numbers == number) & (at >= 0))
        wanted, place = np.unique(at[here], return_inverse=True)
        rows = columns[number].opened.rows(columns[number].table)
        for _, batch in rows.take(wanted, [columns[number].column]):
            parts.append(batch.column(0))
        index[here] = place + done
        done += len(wanted)
    return pa.concat_arrays(parts).take(pa.array(index, mask=index < 0))


def step(columns: Sequence[StoredColumn]) -> int:
    """How many rows' cells are read together."""
    return min((one.step for one in columns), default=1 << 16)


def _places(references: pa.Array) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The number of the column, and the row, of each reference; row -1 where there is none."""
    valid = references.is_valid()
    numbers, rows = (
        pc.if_else(valid, pc.struct_field(references, [at]), pa.scalar(none, kind)).fill_null(none)
        for at, none, kind in ((0, 0, pa.int32()), (1, -1, pa.int64()))
    )
    return numbers.to_numpy(zero_copy_only=False), rows.to_numpy(zero_copy_only=False).copy()


def _holds(kind: Any) -> bool:
    return is_reference(kind) or any(_holds(kind.field(i).type) for i in range(kind.num_fields))
