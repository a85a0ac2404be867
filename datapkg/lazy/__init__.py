"""Lazy columns of DataFrames: images, files and metadata that are read only when a cell is touched.

A column is a pandas extension array that knows where its cells stand: the pinned table, the column, the rows'
positions. `lazy_column` makes one from these; whatever gives rows of a table (a DataFrame, a query's result) can
show their images with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..access import FILE_COLUMN
from ..opened import OpenVersion
from ..records import TableRecord
from .array import LazyArray
from .cells import Kind
from .dtype import LazyDtype
from .stored import StoredColumn

IMAGE_COLUMN, METADATA_COLUMN = "image_array", "metadata"

__all__ = ["IMAGE_COLUMN", "LazyArray", "LazyDtype", "is_lazy", "lazy_column", "lazy_kind"]


def lazy_kind(record: TableRecord, column: str) -> Kind | None:
    """What the cells of a column are where they are lazy: ``image``, ``bytes`` or ``text``; None for other columns.

    A table that keeps files alone has an image column too, which is decoded from them.
    """
    columns = {one.name: one for one in record.columns}
    if column not in columns:
        return "image" if column == IMAGE_COLUMN and decodes_files(record) else None
    if columns[column].image:
        return "image"
    if column == FILE_COLUMN:
        return "bytes"
    return "text" if column == METADATA_COLUMN and "image_digest" in columns else None


def is_lazy(record: TableRecord, column: str) -> bool:
    """Whether a column's cells are lazy."""
    return lazy_kind(record, column) is not None


def decodes_files(record: TableRecord) -> bool:
    """Whether a table's images are decoded from the files that it keeps."""
    names = {one.name for one in record.columns}
    return {FILE_COLUMN, "image_digest"} <= names and not any(one.image for one in record.columns)


def lazy_column(opened: OpenVersion, table: str, column: str, positions: NDArray[np.int64]) -> LazyArray:
    """Make a lazy column of the rows at `positions` of a table; -1 is a missing cell. Nothing is read.

    Raises
    ------
    ValueError
        The column is none whose cells are lazy.
    """
    kind = lazy_kind(opened.table(table), column)
    if kind is None:
        raise ValueError(f"the column {column!r} of table {table} has no lazy cells")
    stored = StoredColumn(opened, table, column, kind)
    return LazyArray(kind, [stored], np.zeros(len(positions), np.int32), np.array(positions, np.int64))
