"""Arrow batches as pandas DataFrames whose image cells are true NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from . import sources
from .companions import companions
from .encoding import decoded
from .errors import DamageError
from .records import ColumnRecord, TableRecord

if TYPE_CHECKING:
    from .table import Table

FILE_COLUMN = "image_bytes"

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


def to_pandas(
    record: TableRecord,
    columns: Sequence[str],
    batches: Iterable[tuple[NDArray[np.int64], pa.RecordBatch]],
    schema: pa.Schema,
) -> pd.DataFrame:
    """Make a DataFrame of `columns` from (positions, batch) pairs; an image column needs its companions.

    The dtypes depend on the whole column in this version, not on the rows asked for: nullable ones where the
    column has a missing value, NumPy's where it has none.
    """
    records = {column.name: column for column in record.columns}
    positions: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    parts: dict[str, list[Any]] = {name: [] for name in columns}
    for at, batch in batches:
        positions.append(at)
        for name, part in parts.items():
            image = records[name].image
            part.append(image_cells(record.name, at, batch, name) if image else batch.column(name))
    index = pd.Index(np.concatenate(positions))
    series = {
        name: _images(parts[name])
        if records[name].image
        else _series(parts[name], records[name], schema.field(name))
        for name in columns
    }
    frame = pd.DataFrame(dict(enumerate(series.values())))
    frame.columns = pd.Index(list(series), dtype="str")
    return frame.set_axis(index, axis=0)


def images(table: Table, positions: NDArray[np.int64], column: str) -> list[NDArray[np.generic]]:
    """The images of a column at `positions`, in that order; where only files are kept, they are decoded."""
    if column == FILE_COLUMN:
        return _decoded(table, positions)
    found: list[NDArray[np.generic]] = []
    for batch in table.take(positions, [column, *companions(column).names[1:]]).to_batches():
        found += image_cells(table.name, positions[len(found) :], batch, column)
    return found


def _decoded(table: Table, positions: NDArray[np.int64]) -> list[NDArray[np.generic]]:
    rows: Literal["image", "plane"] = "plane" if "z" in table.columns else "image"
    place = ["series", "page", "t", "c", "z"] if rows == "plane" else ["series", "page"]
    asked = table.take(positions, ["path", *place]).to_pylist()
    wanted = [(row["path"], tuple(row[name] for name in place)) for row in asked]
    found: dict[tuple[str, tuple[int, ...]], NDArray[np.generic]] = {}
    for path in dict.fromkeys(path for path, _ in wanted):
        text = path.replace("'", "''")
        file = table.to_arrow([FILE_COLUMN], f"path = '{text}' and {FILE_COLUMN} is not null", 1)
        content = memoryview(file[FILE_COLUMN][0].as_buffer())
        for at, image in sources.image_decoder().decode(content, path, rows, partial(_member, table)):
            if (path, at) in wanted:
                image.flags.writeable = False
                found[path, at] = image
    return [found[key] for key in wanted]


def _member(table: Table, path: str) -> memoryview:
    """A file that was kept beside the table's own, since an image is spread over both."""
    name = f"{table.name}_files"
    if name not in table.package:
        raise DamageError(f"{path} is not kept with it", f"table {table.name}", "build the package again")
    text = path.replace("'", "''")
    file = table.package[name].to_arrow([FILE_COLUMN], f"path = '{text}'", 1)
    if not len(file):
        raise DamageError(f"{path} is not in it", f"table {name}", "build the package again")
    return memoryview(file[FILE_COLUMN][0].as_buffer())


def image_cells(table: str, positions: NDArray[np.int64], batch: pa.RecordBatch, column: str) -> list[Any]:
    """An image column's cells as arrays, each in its own dtype and shape; `positions` are the batch's rows."""
    beside = companions(column)
    return decoded(
        batch.column(column),
        batch.column(beside.dtype).to_pylist(),
        batch.column(beside.shape).to_pylist(),
        lambda at: f"table {table}, row {positions[at]}",
    )


def _images(parts: Sequence[list[Any]]) -> pd.Series[Any]:
    cells = [cell for part in parts for cell in part]
    values = np.empty(len(cells), object)
    values[:] = cells if len(cells) != 1 else [None]
    if len(cells) == 1:
        values[0] = cells[0]  # NumPy would spread a single array over its axes
    return pd.Series(values)


def _series(parts: Sequence[pa.Array], column: ColumnRecord, field: pa.Field) -> pd.Series[Any]:
    values = pa.chunked_array(parts, field.type)
    if pa.types.is_nested(field.type):
        return pd.Series(values.to_pylist(), dtype=object)
    if column.nulls and pa.types.is_floating(field.type):
        return pd.Series(_floats(values))
    nullable = column.nulls and field.type in NULLABLE
    series: pd.Series[Any] = values.to_pandas(types_mapper=NULLABLE.get if nullable else None)
    return series


def _floats(values: pa.ChunkedArray) -> Any:
    """Missing values are missing, and NaNs are NaNs: pandas' own conversion makes one of both."""
    missing = values.is_null().to_numpy()
    numbers = values.fill_null(0).to_numpy()
    return pd.arrays.FloatingArray(numbers, missing)
