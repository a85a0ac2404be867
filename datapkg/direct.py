"""Equal images read straight from where they lie in a data file, without the engine.

A build notes where the raw pixels of each page begin (`store.pages`); a reader asks the file for just those bytes: with
plain reads on a disk, which a cut file cannot crash as it would a memory map, and with range requests in a bucket. Only what
is more than a process should hold twice is mapped. Rows whose fragment has no such note are the engine's to read, or
`placed`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .fragments import Fragments
from .places import Place
from .records import FilesList
from .store import map_file, read_parts

if TYPE_CHECKING:
    import pyarrow as pa

MAPPED_FROM = 64 << 20
"""Images that take less than so many bytes are copied."""

Column = Mapping[str, Any]
"""What a files list says of one column: see `FilesList.pixels`."""
Pages = tuple[str, NDArray[np.int64], NDArray[np.int64]]
"""A data file, and of each of its pages the address of the first row and where it begins."""


class Places(NamedTuple):
    """Where images lie: their files, the number of the first image of each, and where in its file each image begins."""

    paths: list[str]
    firsts: list[int]
    offsets: NDArray[np.int64]


def narrowed(files: FilesList, table: str, columns: Sequence[str], numbers: Sequence[int]) -> FilesList:
    """What a list says of the pixels of some columns in some fragments of a table: little enough to travel with a task."""
    pixels: dict[str, dict[str, Any]] = {}
    for name, column in files.pixels.get(table, {}).items():
        pages = column["fragments"] if name in columns else {}
        if there := {str(number): pages[str(number)] for number in numbers if str(number) in pages}:
            pixels[name] = {**column, "fragments": there}
    paths = {place[0] for column in pixels.values() for place in column["fragments"].values()}
    listed = [file for file in files.files[table] if file[1] in paths] if paths else []
    return FilesList(files.version, {table: listed}, {}, {table: pixels})


class DirectPixels:
    """The images of one column that lie as raw pixels; `instead` says what else to open, for errors."""

    def __init__(
        self, package: Place, files: FilesList, table: str, stored: str, instead: Callable[[], str] = str
    ) -> None:
        self.package, self.table, self._instead = package, table, instead
        self._column: Column = files.pixels.get(table, {}).get(stored, {"fragments": {}})
        self._files = files
        self._fragments = Fragments(self._pages)

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
        places = self._places(addresses)
        if places is None:
            return None
        images = np.empty((len(addresses), *self._column["shape"]), self._column["dtype"])
        into = memoryview(images.reshape(-1).view(np.uint8))  # type: ignore[arg-type]  # numpy's stubs say nothing of buffers
        for path, parts in self._parts(places, into):
            read_parts(self.package, self.table, path, parts, self._instead)
        images.flags.writeable = False
        return images

    def values(self, addresses: NDArray[np.int64], kind: pa.DataType) -> pa.Array | None:
        """The images at addresses in any order, as `read` gives them, in lists of fixed sizes: an Arrow array of type `kind`."""
        from .pixels import ImageLayout, as_lists

        if ImageLayout.of(kind).shape != tuple(self._column.get("shape", ())):
            return None
        order = None if (np.diff(addresses) > 0).all() else np.argsort(addresses, kind="stable")
        images = self.read(addresses if order is None else addresses[order])
        if images is None:
            return None
        if order is not None:
            ordered = np.empty_like(images)
            ordered[order] = images
            images = ordered
        return as_lists(images, kind)

    @property
    def told(self) -> set[int]:
        """The fragments of which the list tells."""
        return {int(number) for number in self._column["fragments"]}

    def one(self, address: int) -> NDArray[np.generic] | None:
        """The image at one address, as `read` gives it, at a tenth of its price."""
        pages = self._fragments.one(address >> 32)
        if pages is None:
            return None
        path, firsts, begins = pages
        page = int(firsts.searchsorted(address, "right")) - 1
        offset = int(begins[page]) + (address - int(firsts[page])) * self._image_bytes
        pixels = bytearray(self._image_bytes)
        read_parts(self.package, self.table, path, [(offset, memoryview(pixels))], self._instead)
        image = np.frombuffer(pixels, self._column["dtype"]).reshape(self._column["shape"])
        image.flags.writeable = False
        return image

    def views(self, addresses: NDArray[np.int64]) -> list[NDArray[np.generic]] | None:
        """The images at ascending addresses, read-only, in the place of their file in memory maps, so that none is copied.

        Returns
        -------
        None where they are too few to be worth it, where the place of any of them is not known, or files cannot be mapped.

        Raises
        ------
        DamageError
            As in `read`. A file that is cut later, while its images are held, ends the process.
        """
        worth = bool(self._column["fragments"]) and len(addresses) * self._image_bytes >= MAPPED_FROM
        places = self._places(addresses) if worth else None
        if places is None:
            return None
        images: list[NDArray[np.generic]] = []
        count = self._image_bytes // np.dtype(self._column["dtype"]).itemsize
        stops = [*places.firsts[1:], len(addresses)]
        for path, first, stop in zip(places.paths, places.firsts, stops, strict=True):
            mapped = map_file(self.package, self.table, path, self._sizes[path], self._instead)
            if mapped is None:
                return None
            for offset in places.offsets[first:stop].tolist():
                flat = np.frombuffer(mapped, self._column["dtype"], count, offset)
                images.append(flat.reshape(self._column["shape"]))
        return images

    def _places(self, addresses: NDArray[np.int64]) -> Places | None:
        """Where images at ascending addresses lie, found for those of all files at once."""
        pages = self._fragments.of(addresses)
        if pages is None:
            return None
        paths, firsts, begins = zip(*pages.values(), strict=True)
        first, begin = np.concatenate(firsts), np.concatenate(begins)
        page = first.searchsorted(addresses, "right") - 1
        offsets = begin[page] + (addresses - first[page]) * self._image_bytes
        fragments = np.fromiter(pages, np.int64, len(pages))
        return Places(list(paths), addresses.searchsorted(fragments << 32).tolist(), offsets)

    def _parts(self, places: Places, into: memoryview) -> Iterator[tuple[str, list[tuple[int, memoryview]]]]:
        """What to read of each file: images, neighbours together, one behind the other."""
        paths, firsts, offsets = places
        size = self._image_bytes
        begins = np.diff(offsets, prepend=offsets[0]) != size
        begins[firsts] = True
        starts = np.flatnonzero(begins)
        stops = np.append(starts[1:], len(offsets)) * size
        spans = zip(offsets[starts].tolist(), (starts * size).tolist(), stops.tolist(), strict=True)
        parts = [(offset, into[start:stop]) for offset, start, stop in spans]
        of_files = [*starts.searchsorted(firsts).tolist(), len(parts)]
        for path, first, stop in zip(paths, of_files, of_files[1:], strict=False):
            yield path, parts[first:stop]

    @cached_property
    def _image_bytes(self) -> int:
        return int(prod(self._column["shape"])) * np.dtype(self._column["dtype"]).itemsize

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return self._files.data_sizes(self.table)

    def _pages(self, number: int) -> Pages | None:
        """What the list says of a fragment; None where it says nothing, or of a page that ends behind its file."""
        path, *places = self._column["fragments"].get(str(number), [""])
        rows, begins = np.array(places, np.int64).reshape(-1, 2).T
        if not len(rows) or int((begins + rows * self._image_bytes).max()) > self._sizes.get(path, -1):
            return None
        return path, (number << 32) + rows.cumsum() - rows, begins
