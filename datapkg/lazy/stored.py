"""Cells that stand in a package: read when they are touched, in few large requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..access import BATCH_BYTES, FILE_COLUMN
from ..companions import companions
from ..loading import DecodedImages, StoredImages, missing_files, missing_values, request_rows
from ..opened import OpenVersion
from .cells import KEYS, LABELS, Kind, Origin, Positions, bytes_label, image_label

TEXT_STEP = 4096
FILE_DIGEST, FILE_SIZE = "sha256", "filesize_bytes"


@dataclass(frozen=True)
class StoredColumn:
    """One column of a pinned table; equal ones are one origin. What it has learnt is kept with the opened version."""

    opened: OpenVersion
    table: str
    column: str
    kind: Kind

    @property
    def step(self) -> int:
        """How many cells are loaded together."""
        if self.kind == "image":
            return self._images.step
        if self.kind == "text":
            return TEXT_STEP
        rows = self.opened.rows(self.table)
        return request_rows(
            rows, rows.record.image_bytes.get(FILE_COLUMN, 0) or BATCH_BYTES * rows.order.rows
        )

    @property
    def cell_bytes(self) -> float:
        """What a cell takes in memory, on the average; of an image that is kept as a file, at least."""
        record = self.opened.table(self.table)
        stored = self._images.stored_bytes if self.kind == "image" else record.image_bytes.get(self.column, 0)
        return stored / max(record.rows, 1)

    @property
    def some_missing(self) -> bool:
        """Whether any cell of the column is missing; nothing is read."""
        return self._nulls > 0

    def missing(self, at: Positions) -> NDArray[np.bool_]:
        """Which cells are missing."""
        return self._missing[at] if self._nulls else np.zeros(len(at), bool)

    def load(self, at: Positions) -> Sequence[Any]:
        """The cells; None for a missing one. Raises DamageError or StoreError where they cannot be read any more."""
        if self.kind == "image":
            return self._images.load(at)
        wanted, place = np.unique(at, return_inverse=True)
        found: list[Any] = []
        for _, batch in self.opened.rows(self.table).take(wanted, [self.column], rows=self.step):
            found += batch.column(0).to_pylist()
        return [found[one] for one in place.tolist()]

    def labels(self, at: Positions) -> Sequence[str | None]:
        """What is printed for the cells; text alone is read for it."""
        names = {"image": companions(self.column).looks, "bytes": (FILE_SIZE,), "text": ()}[self.kind]
        if not names or not self._has(names):
            return [None if cell is None else LABELS[self.kind](cell) for cell in self.load(at)]
        values = self.opened.facts(self.table).get(at, names)
        label = image_label if self.kind == "image" else bytes_label
        gone = self.missing(at)
        return [
            None if lost or None in row else label(*row)
            for lost, row in zip(gone, zip(*values, strict=True), strict=True)
        ]

    def keys(self, at: Positions) -> Sequence[Any]:
        """What equal cells have in common, None for a missing one; text alone is read for it."""
        name = {"image": self._digest, "bytes": FILE_DIGEST, "text": ""}[self.kind]
        if not self._has([name]):
            return [None if cell is None else KEYS[self.kind](cell) for cell in self.load(at)]
        (values,) = self.opened.facts(self.table).get(at, [name])
        values[self.missing(at)] = None
        return values.tolist()  # type: ignore[no-any-return]

    def kept(self, at: Positions) -> tuple[Origin, Positions]:
        """All of it: it holds no cell."""
        return self, at

    def __reduce__(self) -> tuple[type[StoredColumn], tuple[OpenVersion, str, str, Kind]]:
        return StoredColumn, (self.opened, self.table, self.column, self.kind)

    @property
    def _images(self) -> StoredImages | DecodedImages:
        return self.opened.images(self.table, self.column)

    @property
    def _digest(self) -> str:
        return companions(self.column).digest

    @property
    def _nulls(self) -> int:
        columns = {one.name: one.nulls for one in self.opened.table(self.table).columns}
        return columns.get(self.column, 0)

    @cached_property
    def _missing(self) -> NDArray[np.bool_]:
        rows, facts = self.opened.rows(self.table), self.opened.facts(self.table)
        if self.kind == "bytes" and self._has(["path"]):
            return missing_files(rows, self._nulls)
        if self.kind == "image" and self._has([self._digest]):
            (digests,) = facts.get(np.arange(rows.order.rows), [self._digest])
            missing = np.array([digest is None for digest in digests], bool)
            if missing.sum() == self._nulls:
                return missing
        return missing_values(rows, self.column)

    def _has(self, columns: Sequence[str]) -> bool:
        return {one.name for one in self.opened.table(self.table).columns}.issuperset(columns)
