"""Which row holds the file of an image, and where in the file the image stands, as the list of files says it.

So an image of a file of several is found without a look at any row. Where each row of a fragment has a file of its own,
nothing more need be said than that: its image is the only one of the file, mostly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .blobs import FIELDS
from .fragments import Fragments
from .places import Place
from .records import FilesList
from .rows import RowOrder
from .store import BLOBS, VALUES, damage, places_of

Where = tuple[int, ...] | None
"""Where an image stands in its file; None where it is the only one that the row's own file may have."""


class Held(NamedTuple):
    """Of each row of a fragment, the row that holds its file (-1 where that is in another fragment), and its image's place."""

    files: NDArray[np.int64]
    places: NDArray[np.int64]


OWN = Held(np.empty(0, np.int64), np.empty((0, 0), np.int64))
"""A fragment of which each row has a file of its own."""


class FilePlaces:
    """The images of the files that one column of a table keeps; `numbers` is how many numbers a place has."""

    def __init__(
        self,
        package: Place,
        files: FilesList,
        table: str,
        stored: str,
        order: RowOrder,
        instead: Callable[[], str] = str,
    ) -> None:
        self.package, self.table, self.order, self._instead = package, table, order, instead
        self._placed = files.placed.get(table, {}).get(stored, {})
        column: dict[str, Any] = files.pixels.get(table, {}).get(stored, {})
        self._alone = column["fragments"].keys() if column.get("dtype") == BLOBS else ()
        self._fragments = Fragments(self._held)

    def of(self, at: NDArray[np.int64], numbers: int) -> tuple[NDArray[np.int64], list[Where]] | None:
        """Of the images at positions, the positions of the rows with their files, and their places of so many numbers.

        Returns
        -------
        None where that is not known of one.

        Raises
        ------
        DamageError
            What the list says makes no sense.
        """
        addresses = self.order.addresses(at)
        fragments = self._fragments.of(addresses)
        if fragments is None:
            return None
        if all(held is OWN for held in fragments.values()):
            return at, [None] * len(at)
        files, places = addresses.copy(), np.empty(len(at), object)
        for number, held in fragments.items():
            if held is OWN:
                continue
            those = np.flatnonzero(addresses >> 32 == number)
            rows = addresses[those] & 0xFFFFFFFF
            if int(rows.max()) >= len(held.files) or held.places.shape[1] != numbers:
                return None
            if int(held.files[rows].min()) < 0:
                return None
            files[those] = number << 32 | held.files[rows]
            places[those] = np.array([*map(tuple, held.places[rows].tolist()), None], object)[:-1]
        positions = self.order.positions(files)
        if not np.array_equal(self.order.addresses(positions), files):
            return None
        return positions, places.tolist()

    def _held(self, number: int) -> Held | None:
        """What the list says of a fragment."""
        entry = self._placed.get(str(number))
        if entry is None:
            return OWN if str(number) in self._alone else None
        if "places" not in entry:
            return OWN if entry["kind"] == VALUES else None
        fields = FIELDS.get(entry["kind"])
        if fields is None:
            return None
        try:
            held, places = places_of(entry["places"], sum(entry["pages"][::fields]))
        except ValueError:
            what = "the list of its files is damaged"
            raise damage(what, self.package, self.table, self._instead) from None
        rows = np.arange(len(held))
        return Held(np.maximum.accumulate(np.where(held, rows, -1)), places)
