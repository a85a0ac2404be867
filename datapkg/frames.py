"""Arrow columns as pandas DataFrames: exact dtypes, plain Python values where nested, lazy cells where large."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from .access import BATCH_BYTES, RowAccess
from .companions import companions
from .encoding import decoded
from .lazy import lazy_column, lazy_columns
from .opened import OpenVersion
from .records import ColumnRecord, TableRecord
from .selection import Selection

Backend = Literal["pyarrow"] | None

MASKED: dict[pa.DataType, Any] = {
    **dict.fromkeys((pa.int8(), pa.int16(), pa.int32(), pa.int64()), pd.arrays.IntegerArray),
    **dict.fromkeys((pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()), pd.arrays.IntegerArray),
    **dict.fromkeys((pa.float16(), pa.float32(), pa.float64()), pd.arrays.FloatingArray),
}
"""What holds numbers some of which are missing; pandas has no such array of 16-bit floats, which become 32-bit ones."""
BOOLEAN: Any = pd.BooleanDtype()
THREADS_FROM_ROWS = 1 << 17
"""Shorter columns are converted sooner than handed to a thread: without threads 50 rows take 0.6 of the time, 3,000 columns half."""


@dataclass(frozen=True, slots=True)
class Categories:
    """The values that the manifest declares for a column, in its order."""

    values: tuple[Any, ...]
    ordered: bool


@dataclass(frozen=True, slots=True)
class Look:
    """How a frame shows its columns.

    `lazy` says whether images, files and metadata are read only when a cell is touched; `categories` holds what the
    manifest declares, by column.
    """

    lazy: bool = True
    backend: Backend = None
    categories: Mapping[str, Categories] = field(default_factory=dict)


def to_pandas(
    opened: OpenVersion, record: TableRecord, columns: Sequence[str], selection: Selection, look: Look
) -> pd.DataFrame:
    """Make a DataFrame of different `columns` of the selected rows; its index is the rows' positions.

    The dtypes depend on the whole column in this version, not on the rows asked for: nullable ones where the
    column has a missing value, NumPy's where it has none.
    """
    rows = opened.rows(record.name)
    known = {column.name: column for column in record.columns}
    kinds = lazy_columns(record) if look.lazy else {}
    lazy = [name for name in columns if name in kinds]
    images = [name for name in columns if name not in kinds and (name not in known or known[name].image)]
    set_apart = {*lazy, *images}
    plain = [name for name in columns if name not in set_apart]
    at, table, cells = _read(rows, plain, [name for name in images if name in known], selection)
    made: dict[str, Any] = {name: _objects(cells[name]) for name in images if name in known}
    made |= {
        name: _objects(opened.images(record.name, name).load(at)) for name in images if name not in known
    }
    made |= {name: lazy_column(opened, record.name, name, at) for name in lazy}
    return _frame(columns, table, {name: known[name] for name in plain}, made, look, _index(at, selection))


def frame_of(table: pa.Table, made: dict[str, Any]) -> pd.DataFrame:
    """Make a DataFrame of any Arrow table, with dtypes as in `to_pandas`; `made` has the columns that are ready."""
    names = table.column_names
    plain = {
        name: ColumnRecord(name, name, "", table.column(name).null_count, "")
        for name in names
        if name not in made
    }
    return _frame(names, table.select(list(plain)), plain, dict(made), Look(), pd.RangeIndex(len(table)))


def declared_categories(opened: OpenVersion, table: str) -> dict[str, Categories]:
    """The dtypes of the columns whose categories the manifest declares, by name."""
    record = opened.record
    if "categories" not in record.manifest:
        return {}
    from .manifest.normal import parse_recorded
    from .manifest.promises import category_values

    resource = opened.table(table).resource
    return {
        field.name: Categories(tuple(category_values(field)), bool(field.categories_ordered))
        for one in parse_recorded(record.manifest, record.manifest_digest).resources
        for field in (one.table_schema.fields if one.name == resource == table else ())
        if field.categories
    }


def _read(
    rows: RowAccess,
    plain: Sequence[str],
    images: Sequence[str],
    selection: Selection,
) -> tuple[NDArray[np.int64], pa.Table, dict[str, list[Any]]]:
    """Positions, the plain columns, and the cells of image columns."""
    if not images and not (plain and selection.in_order):
        at = selection.positions(rows)
        return at, rows.pick(at, plain) if plain else pa.table({}), {}
    helpers = [name for image in images for name in companions(image).looks if name not in plain]
    asked = [*plain, *images, *helpers]
    binary = {column.name for column in rows.record.columns if column.type == "binary"}
    large = bool(images) or not binary.isdisjoint(plain)
    if selection.in_order:
        bounds = BATCH_BYTES if large else None
        read = rows.read(asked, selection.where, selection.limit, batch_bytes=bounds)
    else:
        read = rows.take(selection.positions(rows), asked)
    positions: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    batches = []
    cells: dict[str, list[Any]] = {name: [] for name in images}
    for at, batch in read:
        positions.append(at)
        batches.append(batch if asked == plain else batch.select(list(plain)))
        for name, found in cells.items():
            found += image_cells(rows.record.name, at, batch, name)
    table = pa.Table.from_batches(batches) if batches else rows.schema.empty_table().select(plain)
    return np.concatenate(positions), table, cells


def image_cells(table: str, positions: NDArray[np.int64], batch: pa.RecordBatch, column: str) -> list[Any]:
    """An image column's cells as arrays, each in its own dtype and shape; `positions` are the batch's rows."""
    looks = companions(column).looks
    dtypes, shapes = (batch.column(name).to_pylist() for name in looks)
    return decoded(batch.column(column), dtypes, shapes, lambda at: f"table {table}, row {positions[at]}")


def _index(at: NDArray[np.int64], selection: Selection) -> NDArray[np.int64] | pd.RangeIndex:
    return pd.RangeIndex(len(at)) if selection.where is None and selection.in_order else at


def _frame(
    columns: Sequence[str],
    table: pa.Table,
    plain: Mapping[str, ColumnRecord],
    made: dict[str, Any],
    look: Look,
    index: NDArray[np.int64] | pd.RangeIndex,
) -> pd.DataFrame:
    """Columns that pandas converts alike are converted together: thousands one by one take seconds."""
    masked: dict[pa.DataType, list[str]] = {}
    for (name, column), kind in zip(plain.items(), table.schema.types, strict=True):
        if (series := _series(table, name, kind, look)) is not None:
            made[name] = series
        elif column.nulls and kind in MASKED:
            masked.setdefault(kind, []).append(name)
        elif column.nulls and kind == pa.bool_():
            made[name] = BOOLEAN.__from_arrow__(table.column(name))
    for alike in masked.values():
        made |= zip(alike, _masked(table.select(alike)), strict=True)
    if not made:
        frame = _plain_frame(table)
        if not isinstance(index, pd.RangeIndex) or len(frame) != len(index):  # else it has this one
            frame.index = index
        return frame
    together = _plain_frame(table.select([name for name in plain if name not in made]))
    parts = {name: made[name] if name in made else together[name]._values for name in columns}
    frame = pd.DataFrame(dict(enumerate(parts.values())), index=index, copy=False)
    frame.columns = pd.Index(list(parts), dtype="str")
    return frame


def _plain_frame(table: pa.Table) -> pd.DataFrame:
    """The columns as pandas itself converts them."""
    frame: pd.DataFrame = table.to_pandas(use_threads=len(table) >= THREADS_FROM_ROWS)
    return frame


def _series(table: pa.Table, name: str, kind: pa.DataType, look: Look) -> Any:
    """A column that is shown in another way than the numbers or texts that it holds; None for others."""
    if name in look.categories:
        found = _categorical(table.column(name), look.categories[name])
        if found is not None:
            return found
    if look.backend == "pyarrow":
        return pd.arrays.ArrowExtensionArray(table.column(name))
    if pa.types.is_nested(kind):
        with _many_objects():
            nested = np.empty(len(table), object)
            nested[:] = [cell for chunk in table.column(name).chunks for cell in python_values(chunk)]
        return nested
    return None


def python_values(values: pa.Array) -> list[Any]:
    """A nested column's values; lists of plain values are cut from one list, which is four times as fast as Arrow's way.

    Examples
    --------
    >>> python_values(pa.array([[3, 4], None, [], [5]]))
    [[3, 4], None, [], [5]]
    """
    if values.null_count == len(values):
        return [None] * len(values)
    kind = values.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or pa.types.is_nested(kind.value_type):
        return values.to_pylist()  # type: ignore[no-any-return]
    items = values.flatten()
    plain = pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)
    listed = items.to_numpy().tolist() if plain and not items.null_count else items.to_pylist()
    lengths = values.value_lengths().fill_null(0).to_numpy()
    ends = lengths.cumsum(dtype=np.int64)
    cells = [listed[start:end] for start, end in zip((ends - lengths).tolist(), ends.tolist(), strict=True)]
    for row in np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)) if values.null_count else ():
        cells[row] = None
    return cells


@contextmanager
def _many_objects() -> Iterator[None]:
    """Python looks through all lists again and again while a million are made: 2.7 s where 0.2 s do."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _categorical(values: pa.ChunkedArray, declared: Categories) -> pd.Categorical | None:
    """The column with its declared categories; None where it holds another value, which must not be lost."""
    encoded = values.combine_chunks().dictionary_encode()
    number = {value: at for at, value in enumerate(declared.values)}
    numbers = [number.get(value, -1) for value in encoded.dictionary.to_pylist()]
    if -1 in numbers:
        return None
    codes = np.array([*numbers, -1])[encoded.indices.fill_null(len(numbers)).to_numpy()]
    return pd.Categorical.from_codes(codes, categories=pd.Index(declared.values), ordered=declared.ordered)


def _masked(table: pa.Table) -> list[Any]:
    """Columns of numbers of one type, with a mask of what is missing: a NaN is no missing value, and 2**53 + 1 stays exact.

    Thousands of columns take a fraction of what they do one by one; they are cut from two arrays.
    """
    (kind,) = set(table.schema.types)
    stored = np.dtype(kind.to_pandas_dtype())
    values = np.empty((table.num_columns, len(table)), np.float32 if stored == np.float16 else stored)
    masks = np.zeros(values.shape, bool)
    for column, cells, missing in zip(table.columns, values, masks, strict=True):
        start = 0
        for chunk in column.chunks:
            end, first = start + len(chunk), chunk.offset
            validity, data = chunk.buffers()
            cells[start:end] = np.frombuffer(data, stored)[first : first + len(chunk)]
            if chunk.null_count:
                bits = np.unpackbits(
                    np.frombuffer(validity, np.uint8), count=first + len(chunk), bitorder="little"
                )
                missing[start:end] = bits[first:] == 0
            start = end
    np.copyto(values, 0 if values.dtype.kind in "iu" else np.nan, where=masks)
    return [MASKED[kind](cells, missing) for cells, missing in zip(values, masks, strict=True)]


def _objects(cells: Sequence[Any]) -> NDArray[np.object_]:
    """Cells as they are: NumPy would spread an array over its axes."""
    values = np.empty(len(cells), object)
    for place, cell in enumerate(cells):
        values[place] = cell
    return values
