"""How the rows of a table follow from those of the version before: some stay, some go, some are written anew.

Rows that stay are not touched: those that go are marked as deleted in their fragments, and what is new stands in
fragments of its own. The order of all rows is kept as runs, so that it is the manifest's whatever lies where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rows import RowOrder

STAY = 0
"""In place of a fragment: rows of the version before."""

Pieces = NDArray[np.int64]
"""Rows of a coming table in order, three numbers a piece: `STAY` and the position of the first in the version before,
or, of the n-th fragment that was just written, -1 - n and its first row; then how many rows."""


def pieces_of(
    fragment: int | NDArray[np.int64], firsts: NDArray[np.int64], rows: NDArray[np.int64]
) -> Pieces:
    """Pieces of one fragment, or of one each."""
    found = np.empty((len(rows), 3), np.int64)
    found[:, 0], found[:, 1], found[:, 2] = fragment, firsts, rows
    return found


@dataclass(frozen=True, slots=True)
class Succession:
    """What to do to a table: rows to delete by fragment, and the runs of all rows.

    New fragments have no number yet: in `runs` the first is -1, the second -2, and so on.
    """

    deleted: Mapping[int, NDArray[np.int64]]
    runs: tuple[int, ...]

    @classmethod
    def of(cls, before: Sequence[int], pieces: Pieces) -> Succession:
        """Work it out from the runs of the version before and the pieces of the coming one, in order.

        Examples
        --------
        >>> made = Succession.of([0, 0, 5], np.array([[STAY, 0, 2], [-1, 0, 3], [STAY, 3, 2]]))
        >>> made.runs, {fragment: rows.tolist() for fragment, rows in made.deleted.items()}
        ((0, 0, 2, -1, 0, 3, 0, 3, 2), {0: [2]})
        """
        order = RowOrder.of(before)
        runs: list[tuple[int, int, int]] = []
        for fragment, first, rows in _joined(pieces).tolist():
            runs += order.runs(first, rows) if fragment == STAY else [(fragment, first, rows)]
        return cls(
            _deleted(order, pieces[pieces[:, 0] == STAY]), tuple(number for run in runs for number in run)
        )

    def numbered(self, fragments: Sequence[int]) -> list[int]:
        """The runs with the numbers that the new fragments were given."""
        flat = list(self.runs)
        for at in range(0, len(flat), 3):
            if flat[at] < 0:
                flat[at] = fragments[-1 - flat[at]]
        return flat

    def gone(self, addresses: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which addresses of the version before are of rows that go."""
        gone = np.zeros(len(addresses), bool)
        fragments = addresses >> 32
        for fragment, rows in self.deleted.items():
            here = fragments == fragment
            if here.any():
                gone[here] = np.isin(addresses[here] & 0xFFFFFFFF, rows)
        return gone


def _joined(pieces: Pieces) -> Pieces:
    """Neighbours that follow on each other as one piece."""
    pieces = pieces[pieces[:, 2] > 0]
    if not len(pieces):
        return pieces
    fragments, firsts, rows = pieces.T
    follows = (fragments[1:] == fragments[:-1]) & (firsts[:-1] + rows[:-1] == firsts[1:])
    begins = np.flatnonzero(np.append(True, ~follows))
    joined = pieces[begins]
    joined[:, 2] = np.add.reduceat(rows, begins)
    return joined


def _deleted(order: RowOrder, stays: Pieces) -> dict[int, NDArray[np.int64]]:
    begin = np.bincount(stays[:, 1], minlength=order.rows + 1)
    end = np.bincount(stays[:, 1] + stays[:, 2], minlength=order.rows + 1)
    positions = np.flatnonzero((begin - end).cumsum()[:-1] == 0)
    if not len(positions):
        return {}
    addresses = np.sort(order.addresses(positions))
    fragments, starts = np.unique(addresses >> 32, return_index=True)
    parts = np.split(addresses & 0xFFFFFFFF, starts[1:])
    return {int(fragment): rows for fragment, rows in zip(fragments, parts, strict=True)}
