"""Tables of features as AnnData files (.h5ad): numbers as the matrix X, what names the rows beside it as `obs`.

A table is one of features if it has `Metadata_*` columns, or is named and has a declared key, and other columns of numbers. The file follows
AnnData's published description of its files and is written with h5py: no release of the library itself stands beside pandas 3.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import ExportError
from ..json_text import json_text
from ..manifest.promises import keys_of
from ..table import Table
from .job import Job
from .target import only_table, table_file

METADATA = "Metadata_"
FEATURES = "features"
"""The kind of a table of a movie's features."""
NUMBERS = frozenset(["ImageNumber", "ObjectNumber", "TableNumber", "object_index", "source_row"])
"""Columns of numbers that name rows, and are no features."""
INDEX = "_index"
EXACT = 1 << 53
BATCH_BYTES = 8 << 20
CHUNK_BYTES = 1 << 20
EMPTY = ("layers", "obsm", "varm", "obsp", "varp")
TEXT = h5py.string_dtype("utf-8")


@dataclass(frozen=True, slots=True)
class Profiles:
    """Which columns of a table are features, and which say what its rows are."""

    features: tuple[str, ...]
    beside: tuple[str, ...]


def write(job: Job, path: Path) -> None:
    """Write each table of features into a file of its own; a single one into `path` itself."""
    if job.single:
        only_table(job)
    found: dict[str, Profiles] = {}
    for name in job.tables:
        if columns := profiles(job, job.package[name]):
            found[name] = columns
    refused = [name for name in job.tables if name not in found]
    if not found or (refused and (job.asked or job.single)):
        what = f"table {refused[0]} is none of features" if refused else "there is no table of features"
        fix = f"a table with {METADATA}* columns, or a primaryKey, and columns of numbers is one; try --to parquet"
        raise ExportError(what, job.package.uri, fix)
    if refused:
        job.note(f"{', '.join(refused)} are no tables of features, and left out")
    for table in job.each(list(found)):
        _write_table(
            job, table, path if job.single else table_file(path, table.name, ".h5ad"), found[table.name]
        )


class Remembering(io.FileIO):
    """A new file that remembers why it could not be written: HDF5 ends in disorder where a write fails."""

    failed: OSError | None = None

    def write(self, content: Any) -> int:
        """Write all, or nothing more once something failed."""
        left = memoryview(content).cast("B")
        while len(left) and self.failed is None:
            try:
                left = left[super().write(left) :]
            except OSError as error:
                self.failed = error
        return len(memoryview(content).cast("B"))


@contextmanager
def open_file(path: Path) -> Iterator[h5py.File]:
    """A new HDF5 file. Raises OSError where the disk did not take all of it."""
    with Remembering(path, "x+") as file:
        try:
            with h5py.File(file, "w") as root:
                yield root
        finally:
            if file.failed is not None:
                raise file.failed


def profiles(job: Job, table: Table) -> Profiles | None:
    """Tell features from what names the rows; None for a table that has not both, or holds images."""
    keys = _keys(job, table)
    features: list[str] = []
    beside: list[str] = []
    named = table.record.kind == FEATURES
    for one in table.record.columns:
        kind = table.schema.field(one.name).type
        if one.image or pa.types.is_large_binary(kind) or pa.types.is_binary(kind):
            return None
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        names_rows = one.name.startswith(METADATA) or one.name in keys | NUMBERS
        named |= one.name.startswith(METADATA) or (one.name in keys and job.asked)
        inexact = pa.types.is_integer(kind) and not _is_exact(table, one.name)
        (features if is_number and not names_rows and not inexact else beside).append(one.name)
    return Profiles(tuple(features), tuple(beside)) if named and features else None


def _keys(job: Job, table: Table) -> set[str]:
    """The columns of a table's own keys, and those that lead to others."""
    resource = job.resource(table)
    if resource is None or not resource.tabular:
        return set()
    own = {name for key in keys_of(resource) for name in key.columns}
    return own.union(*(reference.fields for reference in resource.table_schema.foreign_keys))


def _is_exact(table: Table, name: str) -> bool:
    """Whether a double holds all whole numbers of a column."""
    if table.schema.field(name).type.bit_width < 64:
        return True
    for batch in table.to_batches([name]):
        if len(batch) > batch.column(0).null_count:
            ends = pc.min_max(batch.column(0)).as_py()
            if ends["min"] < -EXACT or ends["max"] > EXACT:
                return False
    return True


def _write_table(job: Job, table: Table, file: Path, columns: Profiles) -> None:
    kinds = [table.schema.field(name).type for name in columns.features]
    narrow = all(pa.types.is_floating(kind) and kind.bit_width <= 32 for kind in kinds)
    dtype = np.dtype(np.float32 if narrow else np.float64)
    rows = len(table)
    with open_file(file) as root:
        _told(root, "anndata", "0.1.0")
        wide = max(len(columns.features), 1)
        chunk = (max(1, min(rows, CHUNK_BYTES // (wide * dtype.itemsize))), wide) if rows else None
        matrix = root.create_dataset(
            "X", (rows, len(columns.features)), dtype, chunks=chunk, compression="gzip" if rows else None
        )
        _told(matrix, "array", "0.2.0")
        missing = _fill(job, table, matrix, columns.features)
        if missing:
            job.note(f"{missing:,} missing numbers of {table.name} are NaN")
        beside = table.to_arrow(list(columns.beside)) if columns.beside else pa.table({})
        _frame(
            root,
            "obs",
            [str(row) for row in range(rows)],
            {name: beside.column(name) for name in columns.beside},
        )
        _frame(root, "var", columns.features, {})
        for name in EMPTY:
            _told(root.create_group(name), "dict", "0.1.0")
        _about(job, table, root)


def _fill(job: Job, table: Table, matrix: h5py.Dataset, features: Sequence[str]) -> int:
    """Write the numbers batch by batch; how many were missing."""
    done = missing = 0
    for batch in table.to_batches(list(features), batch_bytes=BATCH_BYTES):
        block = np.empty((batch.num_rows, len(features)), matrix.dtype)
        for at, values in enumerate(batch.columns):
            missing += values.null_count
            block[:, at] = values.cast(pa.float64()).fill_null(float("nan")).to_numpy(zero_copy_only=False)
        matrix[done : done + batch.num_rows] = block
        done += batch.num_rows
        job.tell(table, done)
    return missing


def _frame(root: h5py.Group, name: str, index: Sequence[str], columns: Mapping[str, pa.ChunkedArray]) -> None:
    """A table in AnnData's form of pandas: a dataset for each column, and one for the index."""
    frame = root.create_group(name)
    _told(frame, "dataframe", "0.2.0")
    frame.attrs[INDEX] = INDEX
    order = np.array([_safe(one) for one in columns], object)
    frame.attrs.create("column-order", order, dtype=TEXT, shape=order.shape)
    _texts(frame, INDEX, index)
    for column, values in columns.items():
        _column(frame, column, values.combine_chunks())


def _column(frame: h5py.Group, name: str, values: pa.Array) -> None:
    """One column; missing texts need categories, missing numbers a mask."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        plain = values.fill_null(False if pa.types.is_boolean(kind) else 0).to_numpy(zero_copy_only=False)
        if not values.null_count:
            _told(_dataset(frame, name, plain), "array", "0.2.0")
            return
        masked = frame.create_group(_safe(name))
        _told(masked, "nullable-boolean" if pa.types.is_boolean(kind) else "nullable-integer", "0.1.0")
        _told(_dataset(masked, "values", plain), "array", "0.2.0")
        gone = values.is_null().to_numpy(zero_copy_only=False)
        _told(_dataset(masked, "mask", gone), "array", "0.2.0")
    elif pa.types.is_floating(kind):
        plain = values.fill_null(float("nan")).to_numpy(zero_copy_only=False)
        _told(_dataset(frame, name, plain), "array", "0.2.0")
    else:
        _text_column(frame, name, values)


def _text_column(frame: h5py.Group, name: str, values: pa.Array) -> None:
    if pa.types.is_nested(values.type):
        texts = [None if one is None else json_text(one, name) for one in values.to_pylist()]
        values = pa.array(texts, pa.string())
    else:
        values = values.cast(pa.string())
    if not values.null_count:
        _texts(frame, name, values.to_pylist())
        return
    coded = values.dictionary_encode()
    group = frame.create_group(_safe(name))
    _told(group, "categorical", "0.2.0")
    group.attrs["ordered"] = False
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    _told(_dataset(group, "codes", codes), "array", "0.2.0")
    _texts(group, "categories", coded.dictionary.to_pylist())


def _texts(group: h5py.Group, name: str, texts: Sequence[str]) -> None:
    found = group.create_dataset(_safe(name), (len(texts),), TEXT)
    if texts:
        found[:] = list(texts)
    _told(found, "string-array", "0.2.0")


def _dataset(group: h5py.Group, name: str, values: NDArray[Any]) -> h5py.Dataset:
    return group.create_dataset(_safe(name), data=values)


def _about(job: Job, table: Table, root: h5py.Group) -> None:
    """Say in `uns` what the file is of."""
    about = root.create_group("uns")
    _told(about, "dict", "0.1.0")
    said = {
        "package": job.package.name,
        "version": str(job.package.version),
        "table": table.name,
        "digest": table.digest,
    }
    inner = about.create_group("datapkg")
    _told(inner, "dict", "0.1.0")
    for name, text in said.items():
        _told(inner.create_dataset(name, data=text, dtype=TEXT), "string", "0.2.0")


def _told(node: h5py.Group | h5py.Dataset, kind: str, version: str) -> None:
    node.attrs["encoding-type"] = kind
    node.attrs["encoding-version"] = version


def _safe(name: str) -> str:
    """A name that HDF5 takes: a slash would be a group."""
    return name.replace("/", "\N{DIVISION SLASH}")
