"""What is known of the fragments that rows lie in: found when one is first asked for, as there may be thousands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from .distinct import distinct

Known = TypeVar("Known")


class Fragments(Generic[Known]):
    """Asks `find` for a fragment when it is first wanted; it gives None for one of which nothing is known."""

    def __init__(self, find: Callable[[int], Known | None], most: int | None = None) -> None:
        """Keep what is known of all fragments, or of the `most` that were asked for last."""
        self._find, self._most = find, most
        self._known: dict[int, Known | None] = {}

    def of(self, addresses: NDArray[np.int64]) -> dict[int, Known] | None:
        """By number, ascending, the fragments of addresses; None where one is not known, or there is no address."""
        found: dict[int, Known] = {}
        for number in distinct(addresses >> 32).tolist():
            if (known := self.one(number)) is None:
                return None
            found[number] = known
        return found or None

    def one(self, number: int) -> Known | None:
        """What is known of the fragment of a number."""
        if number not in self._known:
            if self._most is not None and len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            self._known[number] = self._find(number)
        return self._known[number]
