"""The tables of a coming version, as they were written but not yet published: what a check of all rows reads.

Rows that were read just now lie in the attempt's staging folder, others in the package. Both are given with their
positions in the manifest's order, and every position has a place: a file and a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from . import sources, store
from .content import Content, ResourceContent
from .known_files import ANY_PLACE
from .manifest import Resource
from .places import Place
from .plan import Plan, Previous, ResourcePlan
from .reading import Reading, Seen, SourceFile
from .records import ColumnRecord
from .rows import RowOrder
from .source_list import SourceRow

POSITION = "row_at"
BATCH_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of a coming table that lie in one place: `gone` tells those that do not count.

    `numbers` gives the number that a fragment has in the coming table's order, where it is another.
    """

    pinned: store.PinnedTable
    order: RowOrder
    gone: Callable[[NDArray[np.int64]], NDArray[np.bool_]] | None = None
    numbers: Mapping[int, int] = field(default_factory=dict)

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], pa.RecordBatch]]:
        """Positions and rows, in batches."""
        for batch in self.pinned.batches(columns, batch_bytes=BATCH_BYTES):
            addresses = batch.column("_rowaddr").to_numpy().astype(np.int64)
            if self.gone is not None:
                stay = ~self.gone(addresses)
                addresses, batch = addresses[stay], batch.filter(pa.array(stay))
            yield self.order.positions(self._numbered(addresses)), batch

    def _numbered(self, addresses: NDArray[np.int64]) -> NDArray[np.int64]:
        if not self.numbers:
            return addresses
        fragments, where = np.unique(addresses >> 32, return_inverse=True)
        renamed = np.array([self.numbers[int(fragment)] for fragment in fragments], np.int64)
        return renamed[where] << 32 | (addresses & 0xFFFFFFFF)


class WrittenTable:
    """One table; `new` says that any of its rows was read from its file, not taken over from the version before."""

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

    @property
    def ordered(self) -> bool:
        """Whether `read` gives the rows in the manifest's order."""
        parts = [part for part in (self._old, self._staged) if part is not None]
        return len(parts) == 1 and parts[0].order.physical

    def read(self, names: Sequence[str]) -> pa.RecordBatchReader:
        """All rows of some columns, named by their numbers (``k0``, ``k1`` ...), and the rows' positions.

        Positions ascend where the table is `ordered`.
        """
        parts = [part for part in (self._old, self._staged) if part is not None]
        types = {field.name: field.type for field in parts[0].pinned.lance.schema}
        stored = [self.columns[name].stored for name in names]
        fields = [pa.field(f"k{i}", _zoneless(types[name])) for i, name in enumerate(stored)]
        schema = pa.schema([*fields, pa.field(POSITION, pa.int64())])

        def batches() -> Iterator[pa.RecordBatch]:
            for part in parts:
                for at, batch in part.rows(stored):
                    columns = [
                        batch.column(name).cast(f.type) for name, f in zip(stored, fields, strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays([*columns, pa.array(at)], schema=schema)

        return pa.RecordBatchReader.from_batches(schema, batches())

    @cached_property
    def _old(self) -> _Part | None:
        """The rows of the version before that stay."""
        content = self._content
        if self._before is None or (self.new and content.succession is None):
            return None
        old = self._before.record.table(self.name)
        pinned = store.PinnedTable(self._package, self.name, old.stored)
        if content.succession is None:
            return _Part(pinned, RowOrder.of(self._before.files.runs[self.name]))
        return _Part(pinned, RowOrder.of(content.succession.runs), content.succession.gone)

    @cached_property
    def _staged(self) -> _Part | None:
        """The rows that were read from their files."""
        content = self._content
        if content.schema is None or (content.succession is not None and not content.fragments):
            return None
        staged = store.staged(self._package, self._attempt, self.name, content.schema, content.fragments)
        pinned = store.PinnedTable(staged.folder, self.name, staged.pin)
        if content.succession is None:
            return _Part(pinned, RowOrder.of(staged.runs))
        numbers = {fragment: -1 - at for at, fragment in enumerate(staged.runs[::3])}
        return _Part(pinned, RowOrder.of(content.succession.runs), numbers=numbers)

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
    room: str

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
    return Written(tables, planned, package.room(attempt).uri)


def _zoneless(kind: pa.DataType) -> pa.DataType:
    """A time with a zone is stored as UTC; DuckDB would need yet another library to show it in a zone."""
    return pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) and kind.tz else kind


def _lines(file: SourceFile, sha256: str, resource: Resource, rows: Iterable[int]) -> dict[int, int]:
    with Reading(file, Seen(ANY_PLACE, sha256)) as reading:
        return sources.lines_of(reading, resource, set(rows))
