"""Digests of columns over many sources: a sum, so that a source can come or go without the others being read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from struct import pack
from typing import Any

from blake3 import blake3

from .digest import DigestColumn, SourceDigest, sized

MOST_KEPT = 4096


class ColumnSums:
    """The digests of a table's columns, to say which column differs where two tables do.

    A column's digest is the sum, modulo 2**256, of one number for each source that has a value in it: so a source
    can come or go without the others being read again. That two tables are equal is proven by the table's digest.
    """

    def __init__(self, columns: Sequence[DigestColumn]) -> None:
        head = sized(b"datapkg-column-1")
        self._heads = [head + sized(c.name.encode()) + sized(c.logical.encode()) for c in columns]
        self._sums = [0] * len(columns)
        self._kept: list[dict[bytes, int]] = [{} for _ in columns]
        self.nulls = [0] * len(columns)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_kept": [{} for _ in self._kept]}

    @classmethod
    def of(cls, columns: Sequence[DigestColumn], digests: Sequence[str], nulls: Sequence[int]) -> ColumnSums:
        """The sums that gave these hex digests."""
        sums = cls(columns)
        sums._sums = [int.from_bytes(bytes.fromhex(digest), "little") for digest in digests]
        sums.nulls = list(nulls)
        return sums

    def add(self, source: SourceDigest) -> SourceDigest:
        """Take in one source, and give it back without what is in the sums now."""
        self._count(source, 1)
        return replace(source, nulls=(), levels=())

    def add_rows(self, column: int, levels: Sequence[bytes], nulls: int) -> None:
        """Take in sources of one row each, by one of their columns; a level is empty where a row has no value in it."""
        self.nulls[column] += nulls
        if levels and levels[0] and levels.count(levels[0]) == len(levels):
            self._sums[column] += len(levels) * self._term(column, levels[0])
            return
        head = self._heads[column] + pack("<Q", 32)
        for level in levels:
            if level:
                self._sums[column] += int.from_bytes(blake3(head + level).digest(), "little")

    def remove(self, source: SourceDigest) -> None:
        """Take out a source that is in the sums."""
        self._count(source, -1)

    def _count(self, source: SourceDigest, times: int) -> None:
        for i, level in enumerate(source.levels):
            if level:
                self._sums[i] += times * self._term(i, level)
        self.nulls = [one + times * more for one, more in zip(self.nulls, source.nulls, strict=True)]

    def _term(self, column: int, level: bytes) -> int:
        """What a source adds to a column's sum; many sources add the same."""
        kept = self._kept[column]
        if level not in kept:
            if len(kept) == MOST_KEPT:
                kept.clear()
            kept[level] = int.from_bytes(blake3(self._heads[column] + sized(level)).digest(), "little")
        return kept[level]

    def join(self, other: ColumnSums, times: int = 1) -> None:
        """Take in the sources that `other` has taken in, or so many times as many that are like them."""
        self._sums = [one + times * more for one, more in zip(self._sums, other._sums, strict=True)]
        self.nulls = [one + times * more for one, more in zip(self.nulls, other.nulls, strict=True)]

    def digests(self) -> list[str]:
        """Hex digests, in the columns' order."""
        return [(total % 2**256).to_bytes(32, "little").hex() for total in self._sums]
