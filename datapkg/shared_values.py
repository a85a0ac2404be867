"""Values that repeat, read from their pages' dictionaries: each is read as a whole, once, and those used last are held.

See `store.repeats`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .store import entries_of, entries_of_rows

HELD_BYTES = 64 << 20
"""What dictionaries may take together; the last one is held whatever it takes."""

Told = tuple[int, str]
"""What a list of files says of a page beside its place: what its dictionary takes unpacked, and as text its rows' entries."""


def told_of(entry: Mapping[str, Any], page: int) -> Told | None:
    """What a list says of a page of values that repeat."""
    said: Sequence[Any] | None = entry.get("shared", {}).get(str(page))
    return None if said is None else (int(said[0]), str(said[1]))


class Dictionary(NamedTuple):
    """The values of a page: which one each row has (-1 for a missing one), where each begins, and the bytes of all."""

    of_rows: NDArray[np.int64]
    begins: NDArray[np.int64]
    values: memoryview

    def lengths(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The bytes of the values of rows, -1 for a missing one."""
        which = self.of_rows[rows]
        return np.where(which < 0, -1, np.diff(self.begins)[which])

    def value(self, row: int) -> memoryview:
        """The value of a row that has one."""
        first, last = self.begins[self.of_rows[row] : self.of_rows[row] + 2].tolist()
        return self.values[first:last]


class Dictionaries:
    """The dictionaries of a column's pages, by their files and where they begin."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, int], Dictionary] = OrderedDict()

    def get(
        self,
        path: str,
        begin: int,
        entries: int,
        rows: int,
        told: Told,
        read: Callable[[], bytes | bytearray],
    ) -> Dictionary:
        """The dictionary of a page; `read` is asked for its bytes where it is not held.

        Raises
        ------
        ValueError
            It is damaged.
        """
        key = path, begin
        found = self._held.pop(key, None)
        if found is None:
            size, text = told
            found = Dictionary(entries_of_rows(text), *entries_of(read(), size, entries))
            if len(found.of_rows) != rows or int(found.of_rows.max(initial=-1)) >= entries:
                raise ValueError("the list of its files is damaged")
        self._held[key] = found
        while len(self._held) > 1 and sum(len(one.values) for one in self._held.values()) > HELD_BYTES:
            self._held.popitem(last=False)
        return found
