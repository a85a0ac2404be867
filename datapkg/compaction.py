"""Join small fragments, so that a table which changed a thousand times is not in a thousand pieces.

Fragments are put into classes by the bytes of the rows that still count, each class four times the one before. A class
of too many is joined into one: so a row is stored again a few times in the life of a package, not at every build, and
a table never has more than some dozens of small fragments. Full ones are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .content import Content
from .encoding import unpacked
from .ingest import BATCH_BYTES, TASK_BYTES
from .places import Place
from .plan import Previous
from .records import TableRecord
from .store import Fragment, PinnedTable, fragment_sizes, write_fragment
from .succession import Succession

SMALLEST_BYTES = 64 << 10
STEP = 4
MOST = 16
"""Fragments of a class that are let stand."""
CELL_BYTES = 8
"""What a value takes in memory at the least, for all that it may take next to nothing on the disk."""


def compacted(package: Place, attempt: str, content: Content, old: TableRecord, before: Previous) -> Content:
    """The same rows in fewer fragments, where the table that changes has too many small ones."""
    succession = content.succession
    if succession is None or content.schema is None:
        return content
    pinned = PinnedTable(package, old.name, old.stored)
    sizes = _row_bytes(pinned)
    joined = _to_join(succession, sizes)
    if not joined:
        return content
    runs = np.array(succession.runs, np.int64).reshape(-1, 3)
    addresses = _addresses(runs[np.isin(runs[:, 0], list(joined))])
    columns = [column.stored for column in old.own]
    fragments: list[Fragment] = []
    for part in _cut(addresses, sizes):
        batches = _batches(pinned, part, columns, sizes)
        written = write_fragment(package, attempt, old.name, content.schema, batches)
        assert written is not None
        fragments.append(written)
    moved = _moved(runs, joined, len(content.fragments), [fragment.rows for fragment in fragments])
    deleted = dict(succession.deleted) | _all_rows(before.files.runs[old.name], joined)
    return replace(content, fragments=(*content.fragments, *fragments), succession=Succession(deleted, moved))


def settled(package: Place, attempt: str, content: Content, before: Previous | None) -> Content:
    """The content with its own columns alone, and as it will lie: as it does where nothing changed, else in few fragments.

    Derived columns follow from that: their values lie beside the fragments.
    """
    content = replace(content, table=bare(content.table))
    there = {} if before is None else {table.name: table for table in before.record.tables}
    old = there.get(content.table.name)
    if before is None or old is None or content.succession is None:
        return content
    if bare(old).same(content.table) and before.intact(old.name):
        return replace(content, schema=None, fragments=(), succession=None)
    return compacted(package, attempt, content, old, before)


def bare(table: TableRecord) -> TableRecord:
    """A table without what was derived."""
    gone = {unpacked(column.name) for column in table.derived}
    held = {name: size for name, size in table.image_bytes.items() if name not in gone}
    return replace(table, columns=table.own, lineage=(), image_bytes=held)


def _row_bytes(pinned: PinnedTable) -> dict[int, float]:
    """What a row of each fragment takes on the disk."""
    return {number: size / max(rows, 1) for number, size, rows in fragment_sizes(pinned)}


def _to_join(succession: Succession, sizes: Mapping[int, float]) -> set[int]:
    """The old fragments of those classes that have too many."""
    live: dict[int, int] = {}
    for fragment, rows in zip(succession.runs[::3], succession.runs[2::3], strict=True):
        if fragment >= 0:
            live[fragment] = live.get(fragment, 0) + rows
    classes: dict[int, set[int]] = {}
    for fragment, rows in live.items():
        size, number = rows * sizes[fragment], 0
        while size >= SMALLEST_BYTES * STEP**number:
            number += 1
        if size * STEP <= TASK_BYTES:
            classes.setdefault(number, set()).add(fragment)
    return {fragment for many in classes.values() if len(many) > MOST for fragment in many}


def _addresses(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    parts = [fragment << 32 | np.arange(first, first + rows) for fragment, first, rows in runs]
    return np.concatenate(parts)


def _cut(addresses: NDArray[np.int64], sizes: Mapping[int, float]) -> Iterator[NDArray[np.int64]]:
    """Cut rows into fragments of the usual size."""
    held = np.array([sizes[int(fragment)] for fragment in addresses >> 32]).cumsum()
    ends = np.searchsorted(held, np.arange(TASK_BYTES, held[-1] + TASK_BYTES, TASK_BYTES), "right")
    yield from (part for part in np.split(addresses, ends) if len(part))


def _batches(
    pinned: PinnedTable, addresses: NDArray[np.int64], columns: list[str], sizes: Mapping[int, float]
) -> Iterator[pa.RecordBatch]:
    largest = max(sizes[int(fragment)] for fragment in np.unique(addresses >> 32))
    step = max(1, int(BATCH_BYTES / max(largest, CELL_BYTES * len(columns))))
    for start in range(0, len(addresses), step):
        yield from pinned.take(addresses[start : start + step], columns).to_batches()


def _moved(runs: NDArray[np.int64], joined: set[int], fragments: int, rows: list[int]) -> tuple[int, ...]:
    """The runs, with those of joined fragments in the new ones, which hold their rows in the same order."""
    ends = np.cumsum(rows)
    at, moved = 0, []
    for fragment, first, count in runs.tolist():
        if fragment not in joined:
            moved += [fragment, first, count]
            continue
        while count:
            new = int(np.searchsorted(ends, at, "right"))
            part = min(count, int(ends[new]) - at)
            moved += [-1 - fragments - new, at - int(ends[new]) + rows[new], part]
            at, count = at + part, count - part
    return tuple(moved)


def _all_rows(before: list[int], fragments: set[int]) -> dict[int, NDArray[np.int64]]:
    """The rows of some fragments that counted in the version before."""
    runs = np.array(before, np.int64).reshape(-1, 3)
    return {
        fragment: np.sort(_addresses(runs[runs[:, 0] == fragment]) & 0xFFFFFFFF) for fragment in fragments
    }
