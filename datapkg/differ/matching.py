"""Pair the rows of two states of a table.

Keys in the same order, as nearly always, are paired while they are read; from the first that differs on, they are
joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .cells import different, plain
from .gathering import Positions, stream
from .identity import Identity
from .joining import NEW, OLD, KeyJoin, key_join
from .sources import Span, joined

if TYPE_CHECKING:
    from ..table import Table

KEY_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Where keys repeat: for each of the rows at `positions`, how many rows of the same key stand before it."""

    positions: Positions
    counts: NDArray[np.int64]

    def of(self, positions: Positions) -> NDArray[np.int64]:
        """The counts for some of the rows."""
        return self.counts[np.searchsorted(self.positions, positions)]


@dataclass(frozen=True, slots=True)
class Matched:
    """Pairs of positions, and positions without a partner; all ascend, pairs by the new position."""

    old: Positions
    new: Positions
    removed: Positions
    added: Positions
    occurrences: tuple[Occurrences, Occurrences] | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of some rows of a table."""

    table: Table
    positions: Positions
    identity: Identity

    def blocks(self) -> Iterator[pa.Table]:
        """All keys, some rows at a time, in columns k0, k1 ... that can be compared."""
        for block in stream(self.table, self.positions, self.identity.columns, KEY_ROWS):
            keys = []
            for name in self.identity.columns:
                key = block.column(name).combine_chunks()
                as_text = name in self.identity.retyped or pa.types.is_null(key.type)
                keys.append(key.cast(pa.large_string()) if as_text else plain(key))
            yield pa.table(keys, names=[f"k{i}" for i in range(len(keys))])


def match_by_source(old: Sequence[Span], new: Sequence[Span], path_is_column: bool) -> Matched:
    """Pair rows by their source's path and their row in it; sources of equal digest are left out.

    Where the rows do not hold the path, a table's only file may have been renamed.
    """
    alone = len(old) == len(new) == 1 and not path_is_column
    before = {"" if alone else span.path: span for span in old}
    after = {"" if alone else span.path: span for span in new}
    pairs = [(before[path], after[path]) for path in after if path in before]
    pairs = [(one, other) for one, other in pairs if not one.digest or one.digest != other.digest]
    common = [(one, other, min(one.rows, other.rows)) for one, other in pairs]
    removed = [span.positions() for path, span in before.items() if path not in after]
    removed += [one.positions(rows) for one, _, rows in common]
    added = [span.positions() for path, span in after.items() if path not in before]
    added += [other.positions(rows) for _, other, rows in common]
    return Matched(
        joined(one.positions()[:rows] for one, _, rows in common),
        joined(other.positions()[:rows] for _, other, rows in common),
        np.sort(joined(removed)),
        np.sort(joined(added)),
    )


def match_by_key(old: Keys, new: Keys) -> Matched:
    """Pair rows by their keys; a missing value equals a missing one."""
    alike, ascending = _alike(old, new)
    aligned = alike == len(old.positions) == len(new.positions)
    pairs = [np.arange(alike), np.arange(alike)]
    alone = [np.empty(0, np.int64), np.empty(0, np.int64)]
    occurrences = None
    if not (aligned and ascending):
        with key_join(len(new.identity.columns)) as join:
            repeated = _load(join, NEW, new)
            if not aligned:
                repeated = _load(join, OLD, old) or repeated
            if repeated:
                counts = join.count_occurrences(NEW)
                before = counts if aligned else join.count_occurrences(OLD)
                occurrences = Occurrences(old.positions, before), Occurrences(new.positions, counts)
            if not aligned:
                one, other, *alone = join.pairs(alike, repeated)
                pairs = [joined((pairs[0], one)), joined((pairs[1], other))]
    return Matched(
        old.positions[pairs[0]],
        new.positions[pairs[1]],
        old.positions[alone[0]],
        new.positions[alone[1]],
        occurrences,
    )


class Ascent:
    """Watches keys go by: as long as each is greater than the one before, none repeats."""

    def __init__(self) -> None:
        self.strict = True
        self._last: pa.Table | None = None

    def watch(self, blocks: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Hand the blocks on."""
        for block in blocks:
            if self.strict and len(block):
                self.strict = _ascends(block if self._last is None else pa.concat_tables([self._last, block]))
                self._last = block.slice(len(block) - 1)
            yield block


def _alike(old: Keys, new: Keys) -> tuple[int, bool]:
    """How many rows from the first on have equal keys on both sides, and whether all of the new ones ascend."""
    rows, ascent = 0, Ascent()
    for one, other in zip(old.blocks(), ascent.watch(new.blocks()), strict=False):
        both = min(len(one), len(other))
        pairs = zip(one.slice(0, both).columns, other.slice(0, both).columns, strict=True)
        changed = np.logical_or.reduce([different(*map(_whole, pair)) for pair in pairs])
        if changed.any():
            return rows + int(np.argmax(changed)), False
        rows += both
        if len(one) != len(other):
            return rows, False
    return rows, ascent.strict


def _load(join: KeyJoin, side: str, keys: Keys) -> bool:
    """Hand keys over to the join; says whether one repeats, which is counted only where they do not ascend."""
    ascent = Ascent()
    join.load(side, ascent.watch(keys.blocks()))
    return not ascent.strict and join.repeats(side)


def _ascends(keys: pa.Table) -> bool:
    """Whether each key is greater than the one before; a missing value is neither greater nor less."""
    greater = pa.array(np.zeros(len(keys) - 1, bool))
    for column in reversed([_whole(column) for column in keys.columns]):
        low, high = column[:-1], column[1:]
        greater = pc.or_(pc.less(low, high), pc.and_(pc.equal(low, high), greater))
    return bool(pc.all(pc.fill_null(greater, False)).as_py())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()
