"""Images that are not all alike, or packed, read straight from where they lie in a data file, without the engine.

A build notes of each page of a column where it begins, and which dtype and shape each image has (`store.placed`). What
lies before an image in its page follows from these, so that no list's length is read; and which images are missing. Pages
of chunks and of packed images have an index, which is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .blobs import DirectBlobs, listed_blobs
from .direct import DirectPixels
from .encoding import decoded
from .fragments import Fragments
from .pixels import ImageLayout, to_arrow
from .placed_pages import KINDS, Fragment, Image
from .places import Place
from .records import FilesList
from .rows import RowOrder
from .store import GAPPED_VALUES, VALUES, damage, read_parts

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_FRAGMENTS = 64
"""What is known of so many is kept: that of one grows with its images, and all are passed in a scan."""


class PlacedImages:
    """The images of one column; `instead` says what else to open, for errors."""

    def __init__(
        self, package: Place, files: FilesList, table: str, stored: str, instead: Callable[[], str] = str
    ) -> None:
        self.package, self.table, self._instead = package, table, instead
        self._entries: Mapping[str, Mapping[str, Any]] = files.placed.get(table, {}).get(stored, {})
        self._sizes = files.data_sizes(table)
        self._fragments = Fragments(self._fragment, most=KEPT_FRAGMENTS)

    def read(self, addresses: NDArray[np.int64]) -> list[Image | None] | None:
        """The images at ascending addresses, each in its own dtype and shape, read-only; None for a missing one.

        Returns
        -------
        None where the place of any of them is not known.

        Raises
        ------
        DamageError
            A file is missing, shorter than it was, or makes no sense.
        StoreError
            The package is not there any more.
        """
        of = addresses >> 32
        fragments = self._fragments.of(addresses)
        if fragments is None:
            return None
        found: list[Image | None] = []
        for number, fragment in fragments.items():
            rows = addresses[of == number] & 0xFFFFFFFF
            if int(rows[-1]) >= fragment.rows:
                return None
            try:
                found += fragment.present(rows)
            except ValueError as error:
                raise damage(str(error), self.package, self.table, self._instead) from None
        for image in found:
            if image is not None:
                image.flags.writeable = False
        return found or None

    def values(self, addresses: NDArray[np.int64], kind: pa.DataType) -> pa.Array | None:
        """The images at addresses in any order, as `read` gives them, as an Arrow array of type `kind`: nested lists."""
        return _nested(self.read, addresses, kind)

    @property
    def told(self) -> set[int]:
        """The fragments of which a list tells in words that are known here."""
        return {int(number) for number, entry in self._entries.items() if entry["kind"] in KINDS}

    def _fragment(self, number: int) -> Fragment | None:
        """What is known of a fragment; nothing where a page would end behind its file."""
        entry = self._entries.get(str(number))
        kind = KINDS.get(entry["kind"]) if entry else None
        if not entry or not kind:
            return None
        fragment = kind(self._fill, entry)
        inside = fragment.rows and fragment.end <= self._sizes.get(entry["path"], -1)
        return fragment if inside else None

    def _fill(self, path: str, parts: Sequence[tuple[int, memoryview]]) -> None:
        """Read parts of a data file."""
        read_parts(self.package, self.table, path, parts, self._instead)


class PackedImages:
    """Packed images of one column; `positions` gives the rows that stand at addresses, for errors."""

    def __init__(
        self,
        package: Place,
        files: FilesList,
        table: str,
        stored: str,
        positions: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    ) -> None:
        self.table, self._positions = table, positions
        self._blobs = DirectBlobs(package, files, table, listed_blobs(files, table, stored))

    def read(self, addresses: NDArray[np.int64]) -> list[Image | None] | None:
        """The images at ascending addresses, as `PlacedImages.read` gives them."""
        found = self._blobs.read(addresses)
        if found is None:
            return None

        def where(at: int) -> str:
            return f"table {self.table}, row {self._positions(addresses[at : at + 1])[0]}"

        return decoded(found, None, None, where)


class JoinedImages:
    """Images of a column of which some fragments hold equal ones, and others do not, or miss some."""

    def __init__(self, equal: DirectPixels, others: PlacedImages) -> None:
        self.equal, self.others = equal, others

    def read(self, addresses: NDArray[np.int64]) -> list[Image | None] | None:
        """The images at ascending addresses, as `PlacedImages.read` gives them."""
        found: list[Image | None] = []
        for part in np.split(addresses, np.flatnonzero(np.diff(addresses >> 32)) + 1):
            equal = self.equal.read(part)
            images = self.others.read(part) if equal is None else list(equal)
            if images is None:
                return None
            found += images
        return found

    def values(self, addresses: NDArray[np.int64], kind: pa.DataType) -> pa.Array | None:
        """As `PlacedImages.values`."""
        return _nested(self.read, addresses, kind)

    @property
    def told(self) -> set[int]:
        """As `PlacedImages.told`."""
        return self.equal.told | self.others.told


NestedImages = DirectPixels | PlacedImages | JoinedImages


def placed_images(
    package: Place, files: FilesList, table: str, stored: str, order: RowOrder, instead: Callable[[], str]
) -> NestedImages | PackedImages | None:
    """The images of a column that a list of files tells of; None where it tells of none."""
    kinds = {one["kind"] for one in files.placed.get(table, {}).get(stored, {}).values()}
    if kinds & {VALUES, GAPPED_VALUES}:
        return PackedImages(package, files, table, stored, order.positions)
    return nested_images(package, files, table, stored, instead)


def nested_images(
    package: Place, files: FilesList, table: str, stored: str, instead: Callable[[], str]
) -> NestedImages | None:
    """The images of a column that a list of files tells of under `pixels`, `placed` or both; packed ones are none."""
    equal = stored in files.pixels.get(table, {})
    if not files.placed.get(table, {}).get(stored):
        return DirectPixels(package, files, table, stored, instead) if equal else None
    others = PlacedImages(package, files, table, stored, instead)
    return JoinedImages(DirectPixels(package, files, table, stored, instead), others) if equal else others


def _nested(
    read: Callable[[NDArray[np.int64]], Sequence[Image | None] | None],
    addresses: NDArray[np.int64],
    kind: pa.DataType,
) -> pa.Array | None:
    """Images at addresses in any order as nested lists of type `kind`."""
    order = np.argsort(addresses, kind="stable")
    images = read(addresses[order])
    if images is None:
        return None
    places = np.argsort(order, kind="stable").tolist()
    return to_arrow([images[at] for at in places], ImageLayout.of(kind))
