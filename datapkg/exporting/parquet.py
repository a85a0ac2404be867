"""Tables as Parquet files: exact types, images as nested lists of pixels that any program reads.

Row groups are small, so that one image costs a read of some megabytes. What Arrow knows of types goes with the file; the
schema's metadata says which table of which package it is, and what type each column has there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..companions import companions
from ..encoding import decoded, encoded, is_packed
from ..errors import SchemaError
from ..ingest import coalesced
from ..pixels import ImageLayout, common_layout
from ..table import Table
from .job import Job
from .target import only_table, table_file

GROUP_BYTES = 8 << 20
LEVEL = 3


def write(job: Job, path: Path) -> None:
    """Write each table of a job into a file of its own; a single one into `path` itself."""
    if job.single:
        only_table(job)
    for table in job.each():
        file = path if job.single else table_file(path, table.name, ".parquet")
        _write_table(job, table, file)


def _write_table(job: Job, table: Table, file: Path) -> None:
    layouts = {column: _layout(job, table, column) for column in _packed_columns(table)}
    unpacked = {column: layout for column, layout in layouts.items() if layout is not None}
    schema = _schema(job, table, unpacked)
    large = {one.name for one in schema if pa.types.is_nested(one.type) or pa.types.is_large_binary(one.type)}
    plain = [name for name in schema.names if name not in large]
    done = 0
    with pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        compression_level=LEVEL,
        use_dictionary=plain,
        write_statistics=plain or False,
    ) as writer:
        for batch in coalesced(_batches(table, schema, unpacked), GROUP_BYTES):
            writer.write_batch(batch)
            done += batch.num_rows
            job.tell(table, done)


def _batches(table: Table, schema: pa.Schema, unpacked: dict[str, ImageLayout]) -> Iterator[pa.RecordBatch]:
    for batch in table.to_batches(batch_bytes=GROUP_BYTES):
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name, layout in unpacked.items():
            looks = (columns[one].to_pylist() for one in companions(name).looks)
            columns[name] = encoded(decoded(columns[name], *looks), layout)
        yield pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _schema(job: Job, table: Table, unpacked: dict[str, ImageLayout]) -> pa.Schema:
    fields = [
        pa.field(one.name, unpacked[one.name].arrow_type() if one.name in unpacked else one.type)
        for one in table.schema
    ]
    said = {
        "package": job.package.name,
        "version": job.package.version,
        "table": table.name,
        "digest": table.digest,
        "types": {one.name: one.type for one in table.record.columns},
    }
    return pa.schema(fields, metadata={"datapkg": json.dumps(said, ensure_ascii=False)})


def _packed_columns(table: Table) -> list[str]:
    images = [one.name for one in table.record.columns if one.image]
    return [name for name in images if is_packed(table.schema.field(name).type)]


def _layout(job: Job, table: Table, column: str) -> ImageLayout | None:
    """How packed images fit one column of nested lists; None where no type of pixels holds them all."""
    seen: set[tuple[str, tuple[int, ...]]] = set()
    for batch in table.to_batches(list(companions(column).looks)):
        rows = zip(*(batch.column(at).to_pylist() for at in range(2)), strict=True)
        seen.update((dtype, tuple(shape)) for dtype, shape in rows if dtype is not None and shape is not None)
    try:
        return common_layout(seen)
    except SchemaError as error:
        job.note(f"{table.name}.{column} stays packed bytes (docs/packed.md): {error.what}")
        return None
