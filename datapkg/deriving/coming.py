"""A table of the coming version, seen by its rows: which source each is from, and where its columns can be read now.

Nothing of the coming version is in the package yet. Rows that stay are read from the version before, new ones from
the attempt's staging folder; values that were just derived are read from there too, so that one entry of `derive` may
take what another gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .. import store
from ..companions import companions
from ..constants import DTYPES, constant, image_shapes
from ..content import Content
from ..encoding import unpacked
from ..known_places import add_places
from ..places import Place
from ..plan import Previous
from ..records import ColumnRecord, FilesList, TableRecord
from ..rows import RowOrder
from ..source_list import SourceRow
from ..store import Layer
from .gathering import Located, Look, Stored, opened

SMALL_BYTES = 64
"""What a value that is no image is taken to hold."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows of one source: its place in the table, and what the version before has of it."""

    source: SourceRow
    first: int
    before: int | None
    """The first position of the same rows in the version before, where it has them unchanged."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows' positions."""
        return np.arange(self.first, self.first + self.source.rows)


class Coming:
    """One table of the coming version, which grows by layers."""

    def __init__(self, package: Place, attempt: str, content: Content, before: Previous | None) -> None:
        self.package, self.attempt, self.content, self.before = package, attempt, content, before
        self.columns: dict[str, ColumnRecord] = {column.name: column for column in content.table.own}
        self.layers: list[Layer] = []
        self.held = dict(content.table.image_bytes)
        self._layered: dict[str, Located] = {}
        self._alike: dict[str, Look | None] = {}

    @property
    def name(self) -> str:
        """The table's name."""
        return self.content.table.name

    @cached_property
    def old(self) -> TableRecord | None:
        """The table in the version before, if it is there and whole."""
        there = {} if self.before is None else {table.name: table for table in self.before.record.tables}
        if self.before is None or self.name not in there or not self.before.intact(self.name):
            return None
        return there[self.name]

    @cached_property
    def runs(self) -> Sequence[int]:
        """The runs of all rows; fragments that are new have numbers below 0."""
        content = self.content
        if content.succession is not None:
            return content.succession.runs
        if content.schema is None:
            assert self.before is not None
            return self.before.files.runs[self.name]
        parts = enumerate(content.fragments)
        return [number for at, fragment in parts for number in (-1 - at, 0, fragment.rows)]

    @property
    def keeps(self) -> bool:
        """Whether fragments of the version before stay."""
        return self.content.schema is None or self.content.succession is not None

    @cached_property
    def stretches(self) -> list[Stretch]:
        """The table's sources in order."""
        known = {} if self.before is None or self.old is None else self._old_stretches(self.before)
        found, at = [], 0
        for source in self.content.rows:
            first, digest = known.get(source.path, (None, ""))
            found.append(Stretch(source, at, first if digest == source.digest else None))
            at += source.rows
        return found

    def _old_stretches(self, before: Previous) -> dict[str, tuple[int, str]]:
        found, at = {}, 0
        for row in before.sources:
            if row.table == self.name:
                found[row.path] = at, row.digest
                at += row.rows
        return found

    @cached_property
    def old_sources(self) -> list[tuple[SourceRow, int]]:
        """The sources of the version before, with the positions of their first rows."""
        found, at = [], 0
        for row in self.before.sources if self.before is not None and self.old is not None else ():
            if row.table == self.name:
                found.append((row, at))
                at += row.rows
        return found

    @cached_property
    def old_order(self) -> RowOrder:
        """The order of the rows of the version before."""
        assert self.before is not None
        return RowOrder.of(self.before.files.runs[self.name])

    @cached_property
    def old_state(self) -> Stored:
        """The state of the version before."""
        assert self.old is not None and self.before is not None
        return Stored.of(self.package, self.name, self.old.stored, self.before.files)

    @cached_property
    def _staged(self) -> store.Staged | None:
        content = self.content
        if content.schema is None or not content.fragments:
            return None
        return store.staged(self.package, self.attempt, self.name, content.schema, content.fragments)

    @cached_property
    def _base(self) -> Located:
        stores, staged = [], self._staged
        if self.keeps and self.old is not None:
            stores.append(self.old_state)
        if staged is not None:
            stores.append(Stored.of(staged.folder, self.name, staged.pin, self._staged_files(staged)))
        numbers = [] if staged is None else list(staged.runs[::3])
        flat = np.array(self.runs, np.int64).reshape(-1, 3).tolist()
        return Located.of(
            [
                (0, fragment, first, rows)
                if fragment >= 0
                else (len(stores) - 1, numbers[-1 - fragment], first, rows)
                for fragment, first, rows in flat
            ],
            stores,
        )

    def _staged_files(self, staged: store.Staged) -> FilesList:
        """The files of what is staged, and where pixels lie in them."""
        content = self.content
        listed = [
            [one.role, one.path, one.bytes, one.blake3] for part in content.fragments for one in part.files
        ]
        files = FilesList(0, {self.name: listed})
        numbers = [
            (number, part.rows) for number, part in zip(staged.runs[::3], content.fragments, strict=True)
        ]
        add_places(files, self.name, numbers, content.fragments)
        return files

    def located(self, column: str) -> Located:
        """Where a column's values stand."""
        return self._layered.get(column, self._base)

    def add(
        self, columns: Sequence[ColumnRecord], layer: Layer, located: Located, held: Mapping[str, int]
    ) -> None:
        """Take in derived columns, and what they hold."""
        self.held |= held
        self.layers.append(layer)
        for column in columns:
            self.columns[column.name] = column
            self._layered[column.name] = located

    def field(self, column: str) -> pa.Field:
        """A column's Arrow field, under its true name."""
        for layer in self.layers:
            if column in layer.schema.names:
                return layer.schema.field(column)
        if self.content.schema is not None:
            return self.content.schema.field(column)
        stored = opened(self.old_state).lance.schema.field(self.columns[column].stored)
        return pa.field(column, stored.type)

    def look(self, column: str) -> Look | None:
        """The dtype and shape that all images of a column have, where their digests prove it; no row is read."""
        if column not in self._alike:
            dtype, shape = (self.columns[name] for name in companions(column).looks)
            rows = self.content.table.rows
            shapes = image_shapes(self.field(column).type)
            found = constant(shape, rows, shapes), constant(dtype, rows, DTYPES if shapes else ())
            self._alike[column] = (found[1], tuple(found[0])) if None not in found else None
        return self._alike[column]

    def row_bytes(self, column: str) -> float:
        """About what a row's value of a column takes in memory."""
        rows = max(self.content.table.rows, 1)
        return self.held.get(unpacked(column), self.held.get(column, SMALL_BYTES * rows)) / rows

    def physical_rows(self) -> dict[int, int]:
        """How many rows were ever written into each fragment of the coming table."""
        numbers = set(self.runs[::3])
        found = {-1 - at: fragment.rows for at, fragment in enumerate(self.content.fragments)}
        if any(number >= 0 for number in numbers):
            sizes = store.fragment_sizes(opened(self.old_state))
            found |= {number: rows for number, _, rows in sizes}
        return {number: rows for number, rows in found.items() if number in numbers}
