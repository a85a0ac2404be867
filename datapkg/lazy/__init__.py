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
from .notebook import has_images, is_image, tell_notebook
from .stored import StoredColumn

IMAGE_COLUMN, METADATA_COLUMN = "image_array", "metadata"

__all__ = [
    "IMAGE_COLUMN",
    "METADATA_COLUMN",
    "LazyArray",
    "LazyDtype",
    "StoredColumn",
    "decodes_files",
    "has_images",
    "is_image",
    "lazy_column",
    "lazy_columns",
]

tell_notebook()


def lazy_columns(record: TableRecord) -> dict[str, Kind]:
    """The columns whose cells are lazy, and what these are: ``image``, ``bytes`` or ``text``.

    A table that keeps files alone has an image column too, which is decoded from them.
    """
    names = {one.name for one in record.columns}
    kinds: dict[str, Kind] = {one.name: "image" for one in record.columns if one.image}
    if FILE_COLUMN in names:
        kinds[FILE_COLUMN] = "bytes"
    if {METADATA_COLUMN, "image_digest"} <= names:
        kinds[METADATA_COLUMN] = "text"
    if decodes_files(record) and IMAGE_COLUMN not in names:
        kinds[IMAGE_COLUMN] = "image"
    return kinds


def decodes_files(record: TableRecord) -> bool:
    """Whether a table's images are decoded from the files that it keeps."""
    names = {one.name for one in record.columns}
    return {FILE_COLUMN, "image_digest"} <= names and not any(one.image for one in record.own)


def lazy_column(opened: OpenVersion, table: str, column: str, positions: NDArray[np.int64]) -> LazyArray:
    """Make a lazy column of the rows at `positions` of a table; -1 is a missing cell. Nothing is read.

    Raises
    ------
    ValueError
        The column is none whose cells are lazy.
    """
    kind = lazy_columns(opened.table(table)).get(column)
    if kind is None:
        raise ValueError(f"the column {column!r} of table {table} has no lazy cells")
    stored = StoredColumn(opened, table, column, kind)
    return LazyArray(kind, [stored], np.zeros(len(positions), np.int32), np.array(positions, np.int64))
