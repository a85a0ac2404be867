"""The source files of two versions: which differ, and which rows of a table they gave.

Sources of equal digest gave equal rows: those are never read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..reader import Package
    from ..table import Table

SOURCES = "_sources"
COLUMNS = ("resource", "table", "path", "bytes", "sha256", "rows", "digest")

Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class File:
    """A source file as it was."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SourceChange:
    """A file that came, went or differs; one that was `renamed` had the path `was` and the same bytes."""

    resource: str
    path: str
    change: str
    old: File | None
    new: File | None
    was: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The rows that one source gave to a table: from `start`, so many."""

    path: str
    digest: str
    start: int
    rows: int

    def positions(self, first: int = 0) -> Positions:
        """The positions of its rows, from its row number `first` on."""
        return np.arange(self.start + min(first, self.rows), self.start + self.rows)


class Sources:
    """The sources of one version."""

    def __init__(self, package: Package) -> None:
        self._package = package

    def spans(self, table: Table) -> list[Span]:
        """A table's rows by source, in the table's order; one span without a path where sources do not tell."""
        found = []
        start = 0
        for row in self._rows:
            if row["table"] == table.name:
                found.append(Span(row["path"], row["digest"], start, row["rows"]))
                start += row["rows"]
        return found if start == len(table) else [Span("", "", 0, len(table))]

    def files(self) -> dict[tuple[str, str], File]:
        """Every file by resource and path; a derived table has none of its own."""
        derived = {table.name for table in self._package.record.tables if table.origin is not None}
        return {
            (row["resource"], row["path"]): File(row["bytes"], row["sha256"])
            for row in self._rows
            if row["table"] not in derived
        }

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._package[SOURCES].to_arrow(COLUMNS).to_pylist()
        return rows


def changed_files(old: Sources, new: Sources) -> list[SourceChange]:
    """List the files that differ, by resource and path."""
    before, after = old.files(), new.files()
    gone = {key: before[key] for key in before if key not in after}
    came = {key: after[key] for key in after if key not in before}
    changes = [
        SourceChange(*key, "changed", before[key], after[key])
        for key in before
        if key in after and before[key] != after[key]
    ]
    for key, was in _renamed(gone, came).items():
        changes.append(SourceChange(*key, "renamed", gone.pop(was), came.pop(key), was[1]))
    changes += [SourceChange(*key, "removed", file, None) for key, file in gone.items()]
    changes += [SourceChange(*key, "added", None, file) for key, file in came.items()]
    return sorted(changes, key=lambda change: (change.resource, change.path.encode()))


def _renamed(
    gone: dict[tuple[str, str], File], came: dict[tuple[str, str], File]
) -> dict[tuple[str, str], tuple[str, str]]:
    """New names and old ones, where one file alone went and one alone came with the same bytes."""
    contents = [
        Counter((resource, file.sha256) for (resource, _), file in side.items()) for side in (gone, came)
    ]
    went = {(key[0], file.sha256): key for key, file in gone.items()}
    return {
        key: went[content]
        for key, file in came.items()
        if (content := (key[0], file.sha256)) in went and contents[0][content] == contents[1][content] == 1
    }


def rows_to_compare(old: Sequence[Span], new: Sequence[Span]) -> tuple[Positions, Positions]:
    """The positions, on both sides, of rows from sources that the other side does not have just so."""
    shared = Counter(span.digest for span in old) & Counter(span.digest for span in new)
    return _without(old, shared.copy()), _without(new, shared.copy())


def joined(parts: Iterable[Positions]) -> Positions:
    """Positions one after the other."""
    return np.concatenate([np.empty(0, np.int64), *parts])


def _without(spans: Sequence[Span], shared: Counter[str]) -> Positions:
    parts = []
    for span in spans:
        if span.digest and shared[span.digest]:
            shared[span.digest] -= 1
        else:
            parts.append(span.positions())
    return joined(parts)
