"""Tables as CSV or TSV files, with a manifest beside them that builds them back with their types.

What text cannot say, the manifest does: which columns are text though they look like numbers. A missing value is
nothing, an empty text is ``""``; a build takes both as missing, as it takes every empty cell. Lists and structs are JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import CSVWriter, WriteOptions

from ..json_text import json_text
from ..table import Table
from .job import Job
from .target import only_table, table_file

FIELD_TYPES = {
    "string": "string",
    "bool": "boolean",
    "date32[day]": "date",
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"), "integer"),
    **dict.fromkeys(("float16", "float32", "double"), "number"),
}
BEGINNINGS = {"timestamp": "datetime", "time": "time"}
KEYS = {"primary_key", "unique_keys", "foreign_keys"}


def write(job: Job, path: Path) -> None:
    """Write each table of a job into a file of its own, with a manifest; a single one into `path` itself."""
    entries = write_tables(job, path)
    if not job.single:
        _write_manifest(job, path, entries)


def write_tables(job: Job, path: Path) -> list[dict[str, Any]]:
    """Write the files; the resources of a manifest for them."""
    suffix = job.dest.suffix.lower() if job.single else ".csv"
    delimiter = "\t" if suffix == ".tsv" else ","
    if job.single:
        only_table(job)
    entries = []
    for table in job.each():
        columns = _columns(job, table)
        if not columns:
            job.note(f"{table.name} is left out: text can hold none of its columns")
            continue
        file = path if job.single else table_file(path, table.name, suffix)
        _write_table(job, table, file, columns, delimiter)
        entries.append(_entry(job, table, file.name, columns))
    return entries


def _columns(job: Job, table: Table) -> list[str]:
    """The columns that text can hold."""
    kept: list[str] = []
    lost: list[str] = []
    for one in table.record.columns:
        (lost if one.image or one.type == "binary" else kept).append(one.name)
    if lost:
        job.note(f"{table.name}: text cannot hold {', '.join(lost)}, which are left out")
    return kept


def _write_table(job: Job, table: Table, file: Path, columns: list[str], delimiter: str) -> None:
    stored = table.schema
    schema = pa.schema([(name, _cells(pa.nulls(0, stored.field(name).type), "").type) for name in columns])
    empty = dict.fromkeys(columns, 0)
    done = 0
    with CSVWriter(file, schema, write_options=WriteOptions(delimiter=delimiter)) as writer:
        for batch in table.to_batches(columns):
            cells = []
            for name, values in zip(columns, batch.columns, strict=True):
                cells.append(_cells(values, f"{table.name}.{name}"))
                if pa.types.is_string(values.type):
                    empty[name] += pc.sum(pc.equal(values, "")).as_py() or 0
            writer.write_batch(pa.RecordBatch.from_arrays(cells, schema=schema))
            done += batch.num_rows
            job.tell(table, done)
    for name, count in empty.items():
        if count:
            job.note(f'{count:,} empty texts of {table.name}.{name} are "", which a build takes as missing')


def _cells(values: pa.Array, where: str) -> pa.Array:
    """Values as what is written exactly: numbers, which stand without quotes, and text, which stands in them."""
    kind, t = values.type, pa.types
    if t.is_dictionary(kind):
        return _cells(values.dictionary_decode(), where)
    if t.is_nested(kind):
        texts = [None if one is None else json_text(one, where) for one in values.to_pylist()]
        return pa.array(texts, pa.string())
    if t.is_floating(kind):
        return values.cast(pa.float64())  # a float32 in its own few digits would be another double
    return values if t.is_integer(kind) or t.is_boolean(kind) else values.cast(pa.string())


def _entry(job: Job, table: Table, file: str, columns: list[str]) -> dict[str, Any]:
    """The table's resource in a manifest."""
    kinds = {one.name: one.type for one in table.record.columns}
    fields = [{"name": name, **_typed(kinds[name])} for name in columns]
    schema = {"fields": fields, **_keys(job, table, columns), "missingValues": [""]}
    return {"name": table.name, "path": file, "type": "table", "schema": schema}


def _typed(logical: str) -> Mapping[str, str]:
    if logical == "null":
        return {}
    beginning = next((kind for start, kind in BEGINNINGS.items() if logical.startswith(start)), "string")
    return {"type": FIELD_TYPES.get(logical, beginning)}


def _keys(job: Job, table: Table, columns: list[str]) -> dict[str, Any]:
    """The keys that the package's manifest declares, as far as their columns are there."""
    resource = job.resource(table)
    if resource is None or not resource.tabular:
        return {}
    said = resource.table_schema.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=KEYS)
    foreign = [
        key
        for key in said.pop("foreignKeys", ())
        if key["reference"].get("resource", table.name) in job.tables and {*key["fields"]} <= {*columns}
    ]
    return {**said, **({"foreignKeys": foreign} if foreign else {})}


def _write_manifest(job: Job, folder: Path, entries: list[dict[str, Any]]) -> None:
    from ruamel.yaml import YAML

    name = f"{job.package.name}.yaml"
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 120
    with open(folder / name, "w", encoding="utf-8") as file:
        yaml.dump({"name": job.package.name, "resources": entries}, file)
