"""Equal images read straight from where they lie in a data file, without the engine.

A build notes where the raw pixels of each page begin (`store.pages`); a reader asks the file for just those bytes: with
plain reads on a disk, which a cut file cannot crash as it would a memory map, and with range requests in a bucket. Rows
whose fragment has no such note are the engine's to read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .places import Place
from .records import FilesList
from .store import Fragment, read_parts

Column = Mapping[str, Any]
"""What a files list says of one column: see `FilesList.pixels`."""
Pages = tuple[str, NDArray[np.int64], NDArray[np.int64]]
"""A data file, and of each of its pages the first row and where it begins."""


def pixels_of(files: FilesList, table: str, runs: Sequence[int]) -> dict[str, Column]:
    """What a list says of a table's columns, for the fragments that still have rows."""
    stay = {str(number) for number in runs[::3]}
    found: dict[str, Column] = {}
    for name, column in files.pixels.get(table, {}).items():
        kept = {number: pages for number, pages in column["fragments"].items() if number in stay}
        if kept:
            found[name] = {**column, "fragments": kept}
    return found


def list_pixels(
    files: FilesList,
    table: str,
    kept: Mapping[str, Column],
    numbers: Sequence[tuple[int, int]],
    fragments: Sequence[Fragment],
) -> None:
    """Add a table's images to a list: those of fragments that stay, and those of new ones with their (number, rows)."""
    columns: dict[str, dict[str, Any]] = {
        name: {**column, "fragments": dict(column["fragments"])} for name, column in kept.items()
    }
    for (number, _), fragment in zip(numbers, fragments, strict=True):
        for name, pages in fragment.pixels.items():
            form = {"dtype": pages.dtype, "shape": list(pages.shape)}
            column = columns.setdefault(name, {**form, "fragments": {}})
            if form.items() <= column.items():
                column["fragments"][str(number)] = [fragment.files[0].path, *pages.places]
    if columns:
        files.pixels[table] = columns


class DirectPixels:
    """The images of one column that lie as raw pixels; `instead` says what else to open, for errors."""

    def __init__(
        self, package: Place, files: FilesList, table: str, stored: str, instead: Callable[[], str] = str
    ) -> None:
        self.package, self.table, self._instead = package, table, instead
        self._column: Column = files.pixels.get(table, {}).get(stored, {"fragments": {}})
        self._files = files.files[table]
        self._known: dict[int, Pages | None] = {}

    def read(self, addresses: NDArray[np.int64]) -> NDArray[np.generic] | None:
        """The images at ascending addresses, as one array (n, ...) of the column's dtype, read-only.

        Returns
        -------
        None where the place of any of them is not known.

        Raises
        ------
        DamageError
            A file is missing, or shorter than it was.
        StoreError
            The package is not there any more.
        """
        fragments = addresses >> 32
        pages: dict[int, Pages] = {}
        for number in np.unique(fragments).tolist():
            if (found := self._pages(number)) is None:
                return None
            pages[number] = found
        if not pages:
            return None
        images = np.empty((len(addresses), *self._column["shape"]), self._column["dtype"])
        into = memoryview(images.reshape(-1).view(np.uint8))  # type: ignore[arg-type]  # numpy's stubs say nothing of buffers
        for number, (path, firsts, begins) in pages.items():
            at = np.flatnonzero(fragments == number)
            rows = addresses[at] & 0xFFFFFFFF
            page = np.searchsorted(firsts, rows, "right") - 1
            offsets = begins[page] + (rows - firsts[page]) * self._image_bytes
            self._fill(path, offsets, into, int(at[0]) * self._image_bytes)
        images.flags.writeable = False
        return images

    def _fill(self, path: str, offsets: NDArray[np.int64], into: memoryview, start: int) -> None:
        """Read images of one file, neighbours together, one behind the other."""
        size = self._image_bytes
        cuts = np.flatnonzero(np.diff(offsets) != size) + 1
        firsts = np.concatenate([[0], cuts])
        counts = np.diff(np.concatenate([firsts, [len(offsets)]]))
        parts = [
            (offset, into[start + first * size : start + (first + count) * size])
            for offset, first, count in zip(
                offsets[firsts].tolist(), firsts.tolist(), counts.tolist(), strict=True
            )
        ]
        read_parts(self.package, self.table, path, parts, self._instead)

    @cached_property
    def _image_bytes(self) -> int:
        return int(prod(self._column["shape"])) * np.dtype(self._column["dtype"]).itemsize

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return {path: int(size) for role, path, size, _ in self._files if role == "data"}

    def _pages(self, number: int) -> Pages | None:
        """Where the images of a fragment lie; looked up when it is first asked for: there may be thousands."""
        if number not in self._known:
            self._known[number] = self._listed(number)
        return self._known[number]

    def _listed(self, number: int) -> Pages | None:
        """What the list says of a fragment; None where it says nothing, or of a page that ends behind its file."""
        path, *places = self._column["fragments"].get(str(number), [""])
        rows, begins = np.array(places, np.int64).reshape(-1, 2).T
        if not len(rows) or int((begins + rows * self._image_bytes).max()) > self._sizes.get(path, -1):
            return None
        return path, rows.cumsum() - rows, begins
