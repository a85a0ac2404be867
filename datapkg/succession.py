"""How the rows of a table follow from those of the version before: some stay, some go, some are written anew.

Rows that stay are not touched: those that go are marked as deleted in their fragments, and what is new stands in
fragments of its own. The order of all rows is kept as runs, so that it is the manifest's whatever lies where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rows import RowOrder


@dataclass(frozen=True, slots=True)
class Stay:
    """Rows of the version before, by their positions in it."""

    first: int
    rows: int


@dataclass(frozen=True, slots=True)
class Come:
    """Rows of a fragment that was just written; `fragment` counts those from 0."""

    fragment: int
    first: int
    rows: int


Piece = Stay | Come


@dataclass(frozen=True, slots=True)
class Succession:
    """What to do to a table: rows to delete by fragment, and the runs of all rows.

    New fragments have no number yet: in `runs` the first is -1, the second -2, and so on.
    """

    deleted: Mapping[int, NDArray[np.int64]]
    runs: tuple[int, ...]

    @classmethod
    def of(cls, before: Sequence[int], pieces: Sequence[Piece]) -> Succession:
        """Work it out from the runs of the version before and the pieces of the coming one, in order.

        Examples
        --------
        >>> made = Succession.of([0, 0, 5], [Stay(0, 2), Come(0, 0, 3), Stay(3, 2)])
        >>> made.runs, {fragment: rows.tolist() for fragment, rows in made.deleted.items()}
        ((0, 0, 2, -1, 0, 3, 0, 3, 2), {0: [2]})
        """
        order = RowOrder.of(before)
        runs: list[tuple[int, int, int]] = []
        for piece in _joined(pieces):
            if isinstance(piece, Come):
                runs.append((-1 - piece.fragment, piece.first, piece.rows))
            else:
                runs += order.runs(piece.first, piece.rows)
        stays = [piece for piece in pieces if isinstance(piece, Stay)]
        return cls(_deleted(order, stays), tuple(number for run in runs for number in run))

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


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Neighbours that follow on each other as one piece."""
    last: Piece | None = None
    for piece in pieces:
        if not piece.rows:
            continue
        if isinstance(last, Stay) and isinstance(piece, Stay) and last.first + last.rows == piece.first:
            last = Stay(last.first, last.rows + piece.rows)
            continue
        if (
            isinstance(last, Come)
            and isinstance(piece, Come)
            and (last.fragment, last.first + last.rows) == (piece.fragment, piece.first)
        ):
            last = Come(last.fragment, last.first, last.rows + piece.rows)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def _deleted(order: RowOrder, stays: Sequence[Stay]) -> dict[int, NDArray[np.int64]]:
    stays = sorted(stays, key=lambda piece: piece.first)
    gone, at = [], 0
    for piece in stays:
        gone.append(np.arange(at, piece.first))
        at = max(at, piece.first + piece.rows)
    gone.append(np.arange(at, order.rows))
    positions = np.concatenate(gone)
    if not len(positions):
        return {}
    addresses = np.sort(order.addresses(positions))
    fragments, starts = np.unique(addresses >> 32, return_index=True)
    parts = np.split(addresses & 0xFFFFFFFF, starts[1:])
    return {int(fragment): rows for fragment, rows in zip(fragments, parts, strict=True)}
