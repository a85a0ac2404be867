"""Rows of files of several images, chosen without the row that holds their file: it goes with the first row that is chosen.

A file that is kept stands in the row of its first image alone. Without it a row would show an image of the file before.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..access import BATCH_BYTES, FILE_COLUMN, Rows
from ..loading import missing_files
from ..opened import OpenVersion
from ..records import TableRecord


class LostFiles:
    """The files of chosen rows, at ascending positions, that are in rows which are not chosen."""

    def __init__(self, opened: OpenVersion, table: TableRecord, at: NDArray[np.int64]) -> None:
        self._at, self._rows, self._names = at, opened.rows(table.name), [one.name for one in table.columns]
        self._of: dict[int, int] = {}
        nulls = sum(one.nulls for one in table.columns if one.name == FILE_COLUMN)
        if not nulls or table.kind != "images" or "path" not in self._names:
            return
        missing = missing_files(self._rows, opened.facts(table.name), nulls)
        files = np.maximum.accumulate(np.where(missing, 0, np.arange(len(missing))))[at]
        held, first = np.unique(files, return_index=True)
        lost = at[first] != held
        self._of = dict(zip(at[first[lost]].tolist(), held[lost].tolist(), strict=True))
        self._step = max(1, BATCH_BYTES * (len(missing) - nulls) // max(table.image_bytes[FILE_COLUMN], 1))

    def taken(self) -> Iterator[Rows]:
        """All columns of the rows, each file in the first row of it."""
        if not self._of:
            yield from self._rows.take(self._at, self._names)
            return
        for at, batch in self._rows.take(self._at, self._names, rows=self._step):
            yield at, self._whole(at, batch)

    def _whole(self, at: NDArray[np.int64], batch: pa.RecordBatch) -> pa.RecordBatch:
        wanted = {self._of[row]: place for place, row in enumerate(at.tolist()) if row in self._of}
        if not wanted:
            return batch
        number = batch.schema.get_field_index(FILE_COLUMN)
        contents = batch.column(number).to_pylist()
        for rows, files in self._rows.take(np.array(sorted(wanted), np.int64), [FILE_COLUMN]):
            for row, content in zip(rows.tolist(), files.column(0), strict=True):
                contents[wanted[row]] = content.as_py()
        return batch.set_column(number, batch.schema.field(number), pa.array(contents, pa.large_binary()))
