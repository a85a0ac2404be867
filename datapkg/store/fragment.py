"""Write rows as one fragment, into the staging folder of an attempt: files that no table has yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..durable import begin_writing
from ..errors import StoreError
from ..places import Folder, Place, storage_errors
from .engine_file import write_file
from .files import Fragment, StoredFile, hashed
from .layers import Numbers, numbers_among, numbers_of, renumbered
from .names import stored_schema
from .pages import WrittenColumns
from .raw_file import RawColumn, raw_columns

EARLY_BYTES = 4 << 20
"""After so many bytes of rows the disk begins with what was written of them."""


def write_fragment(
    package: Place, attempt: str, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Fragment | None:
    """Write rows as one fragment into the attempt's staging folder; large equal images have a file of their own.

    Parameters
    ----------
    schema, batches
        Under true names; the store encodes them.

    Returns
    -------
    None where there was no row. Whatever `batches` raises is raised as it is.
    """
    rows = (batch for batch in batches if batch.num_rows)
    first = list(islice(rows, 1))
    if not first:
        return None
    staging = package.staging(attempt)
    with staging.desk() as desk:
        writing = _Writing(desk.local(f"{table}.lance"), table, schema)
        described = writing.write(_chain(first, rows))
        files = _settled(desk, table, [file["path"] for file in described["files"]])
        pixels, placed = writing.columns.pages(desk, files, described["files"], writing.numbers)
        if desk is not staging:
            staging.move_in(desk, [(file.path, file.path) for file in files])
    return Fragment(json.dumps(described), described["physical_rows"], files, pixels, placed)


@dataclass(slots=True)
class _Writing:
    """Rows on their way into files below a folder; `schema` has true names, `stored` those in the files."""

    folder: Path
    table: str
    schema: pa.Schema
    stored: pa.Schema = field(init=False)
    columns: WrittenColumns = field(init=False)
    numbers: Numbers = field(init=False)
    _raised: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        from lance.schema import LanceSchema

        self.stored = stored_schema(self.schema)
        self.columns = WrittenColumns(self.schema)
        self.numbers = numbers_of(LanceSchema.from_pyarrow(self.stored))

    def write(self, batches: Iterator[pa.RecordBatch]) -> dict[str, Any]:
        """Write all rows: the engine's description of a fragment of the files."""
        with raw_columns(self.stored, self.folder, self.table) as raw:
            alone = [column.kind.name for column in raw]
            rest = pa.schema([one for one in self.stored if one.name not in alone], self.stored.metadata)
            parts = (
                [(rest.names, self._by_engine(rest, self._rest(batches, raw, rest)))] if rest.names else []
            )
            if not parts:
                for _ in self._rest(batches, raw, rest):
                    pass
            with storage_errors(f"table {self.table}"):
                parts += [([one.kind.name], one.finish(self.table, self.folder)) for one in raw]
        files = [
            file
            for names, part in parts
            for file in renumbered(part["files"], numbers_among(names, self.numbers))
        ]
        return {**parts[0][1], "files": files}

    def _by_engine(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> dict[str, Any]:
        try:
            return write_file(self.folder, self.table, pa.RecordBatchReader.from_batches(schema, batches))
        except StoreError:
            if self._raised:
                raise self._raised[0] from None
            raise

    def _rest(
        self, batches: Iterator[pa.RecordBatch], raw: Sequence[RawColumn], rest: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """What the engine is to write of the rows, under stored names, once the pixels beside it are written."""
        waiting, at = 0, {name: number for number, name in enumerate(self.stored.names)}
        try:
            for batch in batches:
                if waiting >= EARLY_BYTES:
                    begin_writing(self.folder)
                    waiting = 0
                waiting += batch.nbytes
                self.columns.watch(batch)
                with storage_errors(f"table {self.table}"):
                    for column in raw:
                        column.add(batch.column(at[column.kind.name]))
                batch = pa.RecordBatch.from_arrays([batch.column(at[one]) for one in rest.names], schema=rest)
                yield batch
                del batch  # a large image is in memory once
        except BaseException as error:
            self._raised.append(error)  # the engine turns it into text: the caller gets it back as it was
            raise


def _settled(desk: Folder, table: str, names: Sequence[str]) -> tuple[StoredFile, ...]:
    """Bring files to the disk, and describe them; all at once, as each waits for the disk."""
    data = Folder(desk.local(f"{table}.lance/data"))
    with ThreadPoolExecutor(len(names)) as pool:
        return tuple(pool.map(lambda name: hashed("data", data, name, f"{table}.lance/data/{name}"), names))


def _chain(first: list[pa.RecordBatch], rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first.pop()
    yield from rest
