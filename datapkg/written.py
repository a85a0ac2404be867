"""The tables of a coming version, as they were written but not yet published: what a check of all rows reads.

A table that was read anew lies in the attempt's staging folder, one that is taken over in the package. Both give
rows with their positions in the manifest's order, and every position has a place: a file and a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import pyarrow as pa

from . import sources, store
from .content import Content, ResourceContent
from .manifest import Resource
from .places import Place
from .plan import Plan, Previous, ResourcePlan, SourceRow
from .reading import Reading, Seen, SourceFile
from .records import ColumnRecord
from .rows import RowOrder

POSITION = "row_at"
BATCH_BYTES = 8 << 20
ANY_FILE = (0, 0, 0, 0)


class WrittenTable:
    """One table; `new` says that it was read from its files, not taken over from the version before."""

    def __init__(self, package: Place, attempt: str, content: Content, before: Previous | None) -> None:
        self.record, self.files, self.new = content.table, content.rows, content.schema is not None
        self._package, self._attempt, self._content, self._before = package, attempt, content, before

    @property
    def name(self) -> str:
        """The table's name."""
        return self.record.name

    @property
    def columns(self) -> dict[str, ColumnRecord]:
        """The columns by their true names."""
        return {column.name: column for column in self.record.columns}

    def read(self, names: Sequence[str]) -> pa.RecordBatchReader:
        """All rows of some columns, named by their numbers (``k0``, ``k1`` ...), and the rows' positions.

        Positions ascend wherever the rows were written in the manifest's order.
        """
        types = {field.name: field.type for field in self._pinned.lance.schema}
        stored = [self.columns[name].stored for name in names]
        fields = [pa.field(f"k{i}", _zoneless(types[name])) for i, name in enumerate(stored)]
        schema = pa.schema([*fields, pa.field(POSITION, pa.int64())])

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in self._pinned.batches(stored, batch_bytes=BATCH_BYTES):
                at = self._order.positions(batch.column("_rowaddr").to_numpy().astype(np.int64))
                columns = [batch.column(name).cast(f.type) for name, f in zip(stored, fields, strict=True)]
                yield pa.RecordBatch.from_arrays([*columns, pa.array(at)], schema=schema)

        return pa.RecordBatchReader.from_batches(schema, batches())

    @cached_property
    def _staged(self) -> store.Staged | None:
        content = self._content
        if content.schema is None:
            return None
        return store.staged(self._package, self._attempt, self.name, content.schema, content.fragments)

    @cached_property
    def _pinned(self) -> store.PinnedTable:
        if self._staged is None:
            return store.PinnedTable(self._package, self.name, self.record.stored)
        return store.PinnedTable(self._staged.folder, self.name, self._staged.pin)

    @cached_property
    def _order(self) -> RowOrder:
        if self._staged is not None:
            return RowOrder.of(self._staged.runs)
        return RowOrder.of(self._before.files.runs[self.name] if self._before is not None else ())

    def origins(self, positions: Iterable[int]) -> dict[int, tuple[SourceRow, int]]:
        """The file that each row is from, and the row's number in it, from 0."""
        ends = list(accumulate(file.rows for file in self.files))
        found = {}
        for position in positions:
            at = int(np.searchsorted(ends, position, "right"))
            found[position] = self.files[at], position - (ends[at] - self.files[at].rows)
        return found


@dataclass(frozen=True, slots=True)
class Written:
    """All tables of a coming version, by name and in manifest order."""

    tables: Mapping[str, WrittenTable]
    resources: Mapping[str, ResourcePlan]
    staging: str

    def places(self, table: WrittenTable, positions: Iterable[int]) -> dict[int, str]:
        """Where rows of a text table stand, as ``file:line``; each file that one is from is read once more."""
        planned = self.resources[table.record.resource]
        local = {file.path: file for file in planned.files}
        wanted: dict[str, dict[int, int]] = {}
        hashes = {}
        for position, (source, row) in table.origins(positions).items():
            wanted.setdefault(source.path, {})[position] = row
            hashes[source.path] = source.sha256
        found: dict[int, str] = {}
        for path, rows in wanted.items():
            lines = _lines(local[path], hashes[path], planned.resource, rows.values())
            found |= {position: f"{path}:{lines[row]}" for position, row in rows.items()}
        return found


def written(
    package: Place,
    attempt: str,
    plan: Plan,
    resources: Sequence[ResourceContent],
    before: Previous | None,
) -> Written:
    """Make the tables of a coming version readable."""
    tables = {
        content.table.name: WrittenTable(package, attempt, content, before)
        for resource in resources
        for content in resource.tables
    }
    planned = {one.resource.name: one for one in plan.resources}
    return Written(tables, planned, package.staging(attempt).uri)


def _zoneless(kind: pa.DataType) -> pa.DataType:
    """A time with a zone is stored as UTC; DuckDB would need yet another library to show it in a zone."""
    return pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) and kind.tz else kind


def _lines(file: SourceFile, sha256: str, resource: Resource, rows: Iterable[int]) -> dict[int, int]:
    with Reading(file, Seen(ANY_FILE, sha256)) as reading:
        return sources.lines_of(reading, resource, set(rows))
