"""Rows written by the engine into one data file of their own, which stands alone until a table takes it."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import StoreError
from ..places import storage_errors

STORAGE_VERSION = "2.2"
MOST_ROWS, MOST_BYTES = (1 << 32) - 1, 1 << 62
"""Of a file: what is given is one fragment. The engine counts rows in 32 bits."""
WAITING_BYTES, LEAST_WAITING_BYTES, MOST_WAITING_BYTES = 128 << 20, 1 << 20, 8 << 20
"""What may wait in memory until it makes a page: of all columns, and of each one at least and at most."""


def write_file(folder: Path, table: str, rows: pa.RecordBatchReader) -> dict[str, Any]:
    """Write rows into a file below `folder`/data: the engine's description of a fragment of it, as plain values.

    Raises
    ------
    StoreError
        What the disk or the engine says of `table`.
    """
    from lance.fragment import write_fragments

    alone = folder / uuid.uuid4().hex  # the engine makes no table where another is: rows may be staged
    with storage_errors(f"table {table}"):
        (written,) = write_fragments(
            rows,
            str(alone),
            mode="create",
            max_rows_per_file=MOST_ROWS,
            max_bytes_per_file=MOST_BYTES,
            data_cache_bytes=waiting_bytes(len(rows.schema)),
            data_storage_version=STORAGE_VERSION,
        )
    data = folder / "data"
    data.mkdir(exist_ok=True)
    (file,) = written.files
    _refuse_cut(table, alone / "data" / file.path, file.file_size_bytes)
    (alone / "data" / file.path).rename(data / file.path)
    shutil.rmtree(alone)
    described: dict[str, Any] = written.to_json()
    return described


def waiting_bytes(columns: int) -> int:
    """How many bytes of rows the engine may hold back until they make pages; each column has the same share.

    The engine's own measure is `MOST_WAITING_BYTES` for each column: a million rows of 24 small columns wait in 200 MB.

    Examples
    --------
    >>> [waiting_bytes(columns) >> 20 for columns in (1, 4, 24, 3000)]
    [8, 32, 128, 3000]
    """
    least, most = columns * LEAST_WAITING_BYTES, columns * MOST_WAITING_BYTES
    return min(max(WAITING_BYTES, least), most)


def _refuse_cut(table: str, path: Path, wanted: int | None) -> None:
    """The engine does not say when the last piece of a file could not be written (pylance 14.0.2)."""
    size = path.stat().st_size
    if size != wanted:
        raise StoreError(
            f"the disk is full, or a file would grow over the allowed size: {size} of {wanted} bytes were written",
            f"table {table}",
            "free some space, or raise the limit (ulimit -f)",
        )
