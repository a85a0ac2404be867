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
from .encoding import decoded
from .lazy import lazy_column, lazy_columns
from .loading import LOOKS
from .opened import OpenVersion
from .records import ColumnRecord, TableRecord
from .selection import Selection

Backend = Literal["pyarrow"] | None

NULLABLE: dict[pa.DataType, Any] = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


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
    plain = [name for name in columns if name in known and not known[name].image and name not in kinds]
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
    schema = pa.schema([rows.schema.field(name) for name in plain])
    if not images and not (plain and selection.in_order):
        at = selection.positions(rows)
        return at, rows.pick(at, plain) if plain else schema.empty_table(), {}
    helpers = [name for name in LOOKS if images and name not in plain]
    asked = [*plain, *images, *helpers]
    large = bool(images) or any(pa.types.is_large_binary(kind) for kind in schema.types)
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
        batches.append(batch.select(list(plain)))
        for name, found in cells.items():
            found += image_cells(rows.record.name, at, batch, name)
    return np.concatenate(positions), pa.Table.from_batches(batches, schema), cells


def image_cells(table: str, positions: NDArray[np.int64], batch: pa.RecordBatch, column: str) -> list[Any]:
    """An image column's cells as arrays, each in its own dtype and shape; `positions` are the batch's rows."""
    dtypes, shapes = (batch.column(name).to_pylist() for name in LOOKS)
    return decoded(batch.column(column), dtypes, shapes, lambda at: f"table {table}, row {positions[at]}")


def _index(at: NDArray[np.int64], selection: Selection) -> pd.Index[Any]:
    if selection.where is None and selection.in_order:
        return pd.RangeIndex(len(at))
    return pd.Index(at)


def _frame(
    columns: Sequence[str],
    table: pa.Table,
    plain: Mapping[str, ColumnRecord],
    made: dict[str, Any],
    look: Look,
    index: pd.Index[Any],
) -> pd.DataFrame:
    """Columns that pandas converts alike are converted together: thousands one by one take seconds."""
    alone = {name: _series(table.column(name), known, look) for name, known in plain.items()}
    made |= {name: series for name, series in alone.items() if series is not None}
    rest = [name for name in plain if name not in made]
    if not made:
        frame: pd.DataFrame = table.to_pandas()
        frame.index = index
        return frame
    together = table.select(rest).to_pandas()
    parts = {name: made[name] if name in made else together[name]._values for name in columns}
    frame = pd.DataFrame(dict(enumerate(parts.values())), index=index, copy=False)
    frame.columns = pd.Index(list(parts), dtype="str")
    return frame


def _series(values: pa.ChunkedArray, column: ColumnRecord, look: Look) -> Any:
    """A column that pandas' own conversion would change, as what holds it exactly; None for the others."""
    if (
        column.name in look.categories
        and (found := _categorical(values, look.categories[column.name])) is not None
    ):
        return found
    if look.backend == "pyarrow":
        return pd.arrays.ArrowExtensionArray(values)
    if pa.types.is_nested(values.type):
        with _many_objects():
            nested = np.empty(len(values), object)
            nested[:] = [cell for chunk in values.chunks for cell in python_values(chunk)]
        return nested
    if column.nulls and pa.types.is_floating(values.type):
        return _floats(values)
    if column.nulls and values.type in NULLABLE:
        return NULLABLE[values.type].__from_arrow__(values)
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


def _floats(values: pa.ChunkedArray) -> Any:
    """Missing values are missing, and NaNs are NaNs: pandas' own conversion makes one of both."""
    return pd.arrays.FloatingArray(values.to_numpy(), values.is_null().to_numpy())


def _objects(cells: Sequence[Any]) -> NDArray[np.object_]:
    """Cells as they are: NumPy would spread an array over its axes."""
    values = np.empty(len(cells), object)
    for place, cell in enumerate(cells):
        values[place] = cell
    return values
