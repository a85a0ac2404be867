"""A query's rows as a file: Parquet, CSV or JSON, whole or not at all, and never over another file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa

from ..durable import move_if_absent, sync_file
from ..errors import ExportError, nearest
from ..json_text import json_text

if TYPE_CHECKING:
    from .result import QueryResult

Writer = Callable[["QueryResult", IO[bytes]], int]


def write(result: QueryResult, path: Path) -> int:
    """Write a result to a file; parameters and errors as in `QueryResult.write`."""
    kind = path.suffix.lower()
    if kind not in WRITERS:
        raise ExportError(f"{kind or 'no suffix'} says of no kind of file", str(path), nearest(kind, WRITERS))
    if kind != ".parquet":
        refuse_images(result, kind[1:].upper())
    taken = ExportError("is there already", str(path), "name another file")
    if os.path.lexists(path):
        raise taken
    whole = path.with_name(f".{path.name}-{uuid4().hex}")
    try:
        with open(whole, "xb") as file:
            rows = WRITERS[kind](result, file)
        sync_file(whole)
        if not move_if_absent(whole, path):
            raise taken
    except OSError as error:
        said = error.strerror or str(error)
        raise ExportError(f"cannot be written: {said}", str(path), "choose another place") from None
    finally:
        whole.unlink(missing_ok=True)
    return rows


def refuse_images(result: QueryResult, kind: str) -> None:
    """Refuse to write images as text. Raises ExportError."""
    if result.images:
        what = f"{kind} cannot hold the images of column {result.images[0]!r}"
        raise ExportError(what, "the query", "leave them out, or write a .parquet file")


def json_rows(result: QueryResult) -> Iterator[str]:
    """Yield each row as a JSON object.

    Raises
    ------
    ExportError
        Two columns have one name, or a value is an image or bytes.
    """
    refuse_images(result, "JSON")
    names = result.columns
    for at, name in enumerate(names):
        if name in names[:at]:
            fix = "give one of them another name: select a.Well as first, b.Well as second"
            raise ExportError(f"two columns are named {name!r}", "the query", fix)
    for batch in result.to_batches():
        for row in batch.to_pylist():
            yield json_text(row, "the query")


def _write_json(result: QueryResult, file: IO[bytes]) -> int:
    count = 0
    for row in json_rows(result):
        file.write((",\n" if count else "[\n").encode() + row.encode())
        count += 1
    file.write(b"\n]\n" if count else b"[]\n")
    return count


def _write_csv(result: QueryResult, file: IO[bytes]) -> int:
    from pyarrow.csv import CSVWriter

    schema = pa.schema(
        [pa.field(f.name, f.type if _is_plain(f.type) else pa.string()) for f in result.schema]
    )
    count = 0
    with CSVWriter(file, schema) as writer:
        for batch in result.to_batches():
            arrays = [
                column if column.type == field.type else _as_text(column)
                for column, field in zip(batch.columns, schema, strict=True)
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            count += batch.num_rows
    return count


def _write_parquet(result: QueryResult, file: IO[bytes]) -> int:
    from pyarrow.parquet import ParquetWriter

    count = 0
    try:
        with ParquetWriter(file, result.schema) as writer:
            for batch in result.to_batches():
                writer.write_batch(batch)
                count += batch.num_rows
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        what = f"a Parquet file cannot hold a column of it: {error}"
        raise ExportError(what, "the query", "write cast(... as varchar) around it") from None
    return count


WRITERS: dict[str, Writer] = {".parquet": _write_parquet, ".csv": _write_csv, ".json": _write_json}


def _is_plain(kind: pa.DataType) -> bool:
    """Whether CSV has one way to write such values."""
    of = pa.types
    return bool(
        of.is_integer(kind)
        or of.is_floating(kind)
        or of.is_boolean(kind)
        or of.is_string(kind)
        or of.is_null(kind)
        or (of.is_temporal(kind) and not of.is_interval(kind))
    )


def _as_text(column: pa.Array) -> pa.Array:
    return pa.array(
        [v if v is None or isinstance(v, str) else json_text(v, "the query") for v in column.to_pylist()],
        pa.string(),
    )
