"""The order of a table's rows: positions as the manifest has them, addresses as the engine has them.

A version's list of files holds each table's rows as runs (fragment, first row, rows) in manifest order. Positions
count through the runs; an address is ``fragment << 32 | row``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring rows: the position of the first, how many, their fragment, and how many of its rows come before."""

    first: int
    rows: int
    fragment: int
    offset: int


@dataclass(frozen=True, slots=True)
class RowOrder:
    """Maps positions to addresses and back."""

    starts: NDArray[np.int64]
    keys: NDArray[np.int64]
    rows: int
    physical: bool
    """Whether the engine's own order is the manifest's, so that a scan needs no sorting."""

    @classmethod
    def of(cls, runs: Sequence[int]) -> RowOrder:
        """Build the map from a version's runs: fragment, first row, rows, one after the other.

        Examples
        --------
        >>> order = RowOrder.of([7, 0, 2, 3, 0, 3])
        >>> order.addresses(np.array([1, 2])).tolist() == [7 << 32 | 1, 3 << 32]
        True
        >>> order.positions(np.array([3 << 32 | 2])).tolist()
        [4]
        """
        if len(runs) == 3:
            fragment, first, count = runs
            return cls(np.zeros(1, np.int64), np.array([fragment << 32 | first]), count, True)
        fragments, firsts, counts = np.array(runs, np.int64).reshape(-1, 3).T
        ends = counts.cumsum()
        keys = fragments << 32 | firsts
        rows = int(ends[-1]) if len(ends) else 0
        return cls(ends - counts, keys, rows, bool((np.diff(keys) > 0).all()))

    def addresses(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Addresses of the rows at `positions`."""
        run = np.searchsorted(self.starts, positions, "right") - 1
        return self.keys[run] + positions - self.starts[run]

    def address(self, position: int) -> int:
        """Address of one row, at a tenth of the price of `addresses`."""
        run = int(self.starts.searchsorted(position, "right")) - 1
        return int(self.keys[run]) + position - int(self.starts[run])

    def runs(self, first: int, rows: int) -> list[tuple[int, int, int]]:
        """The runs (fragment, first row, rows) that hold so many rows from position `first`.

        Examples
        --------
        >>> RowOrder.of([7, 0, 2, 3, 0, 3]).runs(1, 3)
        [(7, 1, 1), (3, 0, 2)]
        """
        found, end = [], first + rows
        run = int(np.searchsorted(self.starts, first, "right")) - 1
        while first < end:
            stop = int(self.starts[run + 1]) if run + 1 < len(self.starts) else self.rows
            key = int(self.keys[run]) + first - int(self.starts[run])
            found.append((key >> 32, key & 0xFFFFFFFF, min(stop, end) - first))
            first, run = stop, run + 1
        return found

    def spans(self, rows: int) -> Iterator[Span]:
        """The runs that hold the first `rows` rows, each with the number of rows before it in its fragment."""
        ends = np.append(self.starts[1:], self.rows)
        counts = ends - self.starts
        order = np.argsort(self.keys)
        before = np.empty(len(counts), np.int64)
        sums = counts[order].cumsum() - counts[order]
        fragments = self.keys[order] >> 32
        firsts = np.flatnonzero(np.diff(fragments, prepend=fragments[:1] - 1))
        before[order] = sums - np.repeat(sums[firsts], np.diff(np.append(firsts, len(sums))))
        for at in np.flatnonzero(counts > 0):
            first = int(self.starts[at])
            if first >= rows:
                return
            fragment, count = int(self.keys[at] >> 32), int(counts[at])
            yield Span(first, min(count, rows - first), fragment, int(before[at]))

    def positions(self, addresses: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions of the rows at `addresses`."""
        order = np.argsort(self.keys)
        run = order[np.searchsorted(self.keys[order], addresses, "right") - 1]
        return self.starts[run] + addresses - self.keys[run]
