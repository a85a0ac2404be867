"""Take some rows of a table: read, proven, digested anew source by source, and stored as a table of their own.

What is taken must be what was written. Pixels are compared with the digests of their rows, and a source that is taken
as a whole proves itself by its digest. Of others, and wherever reading costs little, all files of the table are hashed
before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .. import store
from ..access import BATCH_BYTES
from ..column_sums import ColumnSums
from ..companions import companions
from ..content import Content
from ..digest import SourceHasher, table_digest
from ..encoding import is_packed, pixel_bytes, unpacked
from ..errors import DamageError
from ..ingest import coalesced
from ..places import Folder, Place
from ..progress import Counter, Progress
from ..proofs import seen_columns
from ..records import TableRecord
from ..source_list import SourceRow, SourceRows
from ..verified import FIX, VerifiedRows, wrong_images
from .choosing import Chosen
from .lost_files import LostFiles

FRAGMENT_BYTES = 64 << 20


def narrowed(chosen: Chosen, table: TableRecord, target: Place, attempt: str, progress: Progress) -> Content:
    """Store the rows of a table that were chosen, and tell of them as of a table that was built.

    Raises
    ------
    DamageError
        A row is not what was written.
    """
    opened, left = chosen.opened, chosen.left(table.name)
    sources = [row for row in chosen.of(table.name) if left[row.path]]
    rows = opened.rows(table.name)
    if table.derived or isinstance(opened.place, Folder) or any(left[row.path] < row.rows for row in sources):
        VerifiedRows(opened.place, table, opened.files).check()
    size = sum(table.image_bytes.values()) * int(chosen.rows[table.name].sum()) // max(table.rows, 1)
    count = Counter(f"taking rows of {table.name}", len(sources), size, progress)
    digests = Digests(table, rows.schema, sources, left, count)

    def batches() -> Iterator[pa.RecordBatch]:
        for at, batch in LostFiles(opened, table, np.flatnonzero(chosen.rows[table.name])).taken():
            _refuse_other_pixels(table, at, batch)
            digests.update(batch)
            yield batch

    stream = coalesced(batches(), BATCH_BYTES)
    fragments = []
    while fragment := store.write_fragment(target, attempt, table.name, rows.schema, _some(stream)):
        fragments.append(fragment)
    taken = SourceRows.of(
        replace(row, rows=left[row.path], digest=digest, held="")
        for row, digest in zip(sources, digests.found, strict=True)
    )
    return Content(digests.record(), taken, rows.schema, tuple(fragments))


class Digests:
    """The digests of rows while they pass: of the columns that were stored, and of derived ones beside them."""

    def __init__(
        self,
        table: TableRecord,
        schema: pa.Schema,
        sources: Sequence[SourceRow],
        left: dict[str, int],
        count: Counter,
    ) -> None:
        self._table, self._sources, self._left, self._count = table, sources, left, count
        parts = [seen_columns(table.own), seen_columns(table.derived)]
        self._hashers = [SourceHasher(columns, schema) for columns in parts]
        self._sums = [ColumnSums(columns) for columns in parts]
        self._held = dict.fromkeys(table.image_bytes, 0)
        self._begun = 0
        self.found: list[str] = []

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in the next rows, of one source or of several."""
        self._hold(batch)
        done = 0
        while done < batch.num_rows:
            source = self._sources[len(self.found)]
            part = batch.slice(done, self._left[source.path] - self._begun)
            for hasher in self._hashers:
                hasher.update(part)
            done, self._begun = done + part.num_rows, self._begun + part.num_rows
            if self._begun == self._left[source.path]:
                self._end(source)
                self._count(source.path, max(part.nbytes, 1))

    def record(self) -> TableRecord:
        """What a version says of the table with these rows alone."""
        table = self._table
        found = {
            column.name: (nulls, digest)
            for part, sums in zip((table.own, table.derived), self._sums, strict=True)
            for column, nulls, digest in zip(part, sums.nulls, sums.digests(), strict=True)
        }
        columns = tuple(
            replace(column, nulls=found[column.name][0], digest=found[column.name][1])
            for column in table.columns
        )
        pairs = [(column.name, column.type) for column in table.own]
        digest = table_digest(table.name, table.kind, pairs, self.found)
        rows = sum(self._left[source.path] for source in self._sources)
        return replace(table, rows=rows, digest=digest, pin=None, image_bytes=self._held, columns=columns)

    def _end(self, source: SourceRow) -> None:
        """All rows of a source have passed; all that it ever gave must have the digest that it had."""
        own, _ = (sums.add(hasher.result()) for sums, hasher in zip(self._sums, self._hashers, strict=True))
        if self._begun == source.rows and own.digest != source.digest:
            where = f"table {self._table.name}, rows of {source.path}"
            raise DamageError("are not what was written", where, FIX)
        self.found.append(own.digest)
        self._begun = 0
        for hasher in self._hashers:
            hasher.again()

    def _hold(self, batch: pa.RecordBatch) -> None:
        for name in self._held:
            column = name if name in batch.schema.names else name.removesuffix(unpacked(""))
            values = batch.column(column)
            whole = column == name or not is_packed(values.type)
            self._held[name] += values.nbytes if whole else pixel_bytes(values)


def _refuse_other_pixels(table: TableRecord, at: NDArray[np.int64], batch: pa.RecordBatch) -> None:
    for column in table.columns:
        if column.image and companions(column.name).digest in batch.schema.names:
            for row, what in wrong_images(batch, column.name):
                raise DamageError(what, f"table {table.name}, row {at[row]}", FIX)


def _some(stream: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The next batches of a stream, as many as make a fragment."""
    size = 0
    for batch in stream:
        size += batch.nbytes
        yield batch
        if size >= FRAGMENT_BYTES:
            return
