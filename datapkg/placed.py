"""Images that are not all alike, or packed, read straight from where they lie in a data file, without the engine.

A build notes of each page of a column where it begins, and which dtype and shape each image has (`store.placed`). What
lies before an image in its page follows from these, so that no list's length is read. Pages of chunks and of packed
images have an index, which is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .blobs import DirectBlobs, listed_blobs
from .encoding import decoded
from .fragments import Fragments
from .places import Place
from .records import FilesList
from .rows import RowOrder
from .store import CHUNKS, LINES, VALUES, ChunkForm, damage, forms_from_text, index_of, numbers, read_parts

Image = NDArray[np.generic]
ENTRY_BYTES = 4


class Images(NamedTuple):
    """Of the images of a fragment: their forms, which one each has, and the items before each and behind the last."""

    forms: list[tuple[str, tuple[int, ...]]]
    of_rows: NDArray[np.int64]
    ends: NDArray[np.int64]


class PlacedImages:
    """The images of one column; `instead` says what else to open, for errors."""

    def __init__(
        self, package: Place, files: FilesList, table: str, stored: str, instead: Callable[[], str] = str
    ) -> None:
        self.package, self.table, self._instead = package, table, instead
        self._entries: Mapping[str, Mapping[str, Any]] = files.placed.get(table, {}).get(stored, {})
        self._sizes = files.data_sizes(table)
        self._fragments = Fragments(self._fragment)

    def read(self, addresses: NDArray[np.int64]) -> list[Image] | None:
        """The images at ascending addresses, each in its own dtype and shape, read-only.

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
        found: list[Image] = []
        for number, fragment in fragments.items():
            rows = addresses[of == number] & 0xFFFFFFFF
            if int(rows[-1]) >= fragment.rows:
                return None
            try:
                found += fragment.read(rows)
            except ValueError as error:
                raise damage(str(error), self.package, self.table, self._instead) from None
        for image in found:
            image.flags.writeable = False
        return found or None

    def _fragment(self, number: int) -> Fragment | None:
        """What is known of a fragment; nothing where a page would end behind its file."""
        entry = self._entries.get(str(number))
        kind = KINDS.get(entry["kind"]) if entry else None
        if not entry or not kind:
            return None
        fragment = kind(self, entry)
        inside = fragment.rows and fragment.end <= self._sizes.get(entry["path"], -1)
        return fragment if inside else None

    def fill(self, path: str, parts: Sequence[tuple[int, memoryview]]) -> None:
        """Read parts of a data file."""
        read_parts(self.package, self.table, path, parts, self._instead)


class Fragment:
    """The images of one data file."""

    fields: int

    def __init__(self, column: PlacedImages, entry: Mapping[str, Any]) -> None:
        self.column, self.entry, self.path = column, entry, str(entry["path"])
        self.dtype = np.dtype(entry["dtype"])
        self.item = int(entry["item"])
        self.pages = np.array(entry["pages"], np.int64).reshape(-1, self.fields)
        self.firsts = np.concatenate([[0], self.pages[:, 0].cumsum()])
        self.rows = int(self.firsts[-1])

    @property
    def end(self) -> int:
        """The byte behind all pages."""
        raise NotImplementedError

    @cached_property
    def images(self) -> Images:
        """What the list says of the images. Raises ValueError where it makes no sense."""
        forms = [(str(dtype), tuple(shape)) for dtype, *shape in self.entry["forms"]]
        of_rows = forms_from_text(self.entry["rows"])
        items = np.array([prod(shape) // self.item for _, shape in forms], np.int64)
        if len(of_rows) != self.rows or int(of_rows.max(initial=0)) >= len(forms):
            raise ValueError("the list of its files is damaged")
        return Images(forms, of_rows, np.concatenate([[0], items[of_rows].cumsum()]))

    def read(self, rows: NDArray[np.int64]) -> list[Image]:
        """The images at ascending rows of the file."""
        raise NotImplementedError

    def _spans(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Rows that stand side by side in one page, with the number of the page."""
        page = np.searchsorted(self.firsts, rows, "right") - 1
        cuts = np.flatnonzero((np.diff(rows) != 1) | (np.diff(page) != 0)) + 1
        for span in np.split(rows, cuts):
            yield int(np.searchsorted(self.firsts, span[0], "right") - 1), span

    def _image(self, row: int, values: NDArray[np.generic]) -> Image:
        dtype, shape = self.images.forms[self.images.of_rows[row]]
        return values.reshape(shape).astype(dtype, copy=False)


class Lines(Fragment):
    """Whole rows of pixels, one after the other, each behind a head."""

    fields = 2

    @cached_property
    def _step(self) -> int:
        return int(self.entry["head"]) + self.item * int(self.dtype.itemsize)

    @property
    def end(self) -> int:
        """The byte behind all pages."""
        ends = self.images.ends
        items = ends[self.firsts[1:]] - ends[self.firsts[:-1]]
        return int((self.pages[:, 1] + items * self._step).max())

    def read(self, rows: NDArray[np.int64]) -> list[Image]:
        """The images at ascending rows of the file."""
        ends, found, parts = self.images.ends, [], []
        head = int(self.entry["head"])
        for page, span in self._spans(rows):
            first = int(ends[self.firsts[page]])
            content = bytearray(int(ends[span[-1] + 1] - ends[span[0]]) * self._step)
            parts.append(
                (int(self.pages[page, 1]) + (int(ends[span[0]]) - first) * self._step, memoryview(content))
            )
            for row in span.tolist():
                at = slice(
                    int(ends[row] - ends[span[0]]) * self._step,
                    int(ends[row + 1] - ends[span[0]]) * self._step,
                )
                found.append((row, np.frombuffer(content, np.uint8)[at].reshape(-1, self._step)[:, head:]))
        self.column.fill(self.path, parts)
        return [self._image(row, np.ascontiguousarray(lines).view(self.dtype)) for row, lines in found]


class Chunks(Fragment):
    """Chunks of numbers, behind an index."""

    fields = 5

    def __init__(self, column: PlacedImages, entry: Mapping[str, Any]) -> None:
        super().__init__(column, entry)
        self.form = ChunkForm(self.dtype, self.item, bool(entry["packed"]), bool(entry["lists"]))
        self._indexes: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    @property
    def end(self) -> int:
        """The byte behind all pages."""
        _, index, chunks, begin, size = self.pages.T
        return int(np.maximum(index + chunks * ENTRY_BYTES, begin + size).max())

    def read(self, rows: NDArray[np.int64]) -> list[Image]:
        """The images at ascending rows of the file."""
        ends, parts, spans = self.images.ends, [], []
        self._read_indexes(rows)
        for page, span in self._spans(rows):
            begins, firsts = self._indexes[page]
            before = int(ends[self.firsts[page]])
            start, stop = int(ends[span[0]]) - before, int(ends[span[-1] + 1]) - before
            chunks = slice(
                int(np.searchsorted(firsts, start, "right")) - 1, int(np.searchsorted(firsts, stop))
            )
            content = bytearray(int(begins[chunks.stop] - begins[chunks.start]))
            parts.append((int(self.pages[page, 3] + begins[chunks.start]), memoryview(content)))
            spans.append((page, span, chunks, content))
        self.column.fill(self.path, parts)
        return [image for each in spans for image in self._of_span(*each)]

    def _of_span(
        self, page: int, span: NDArray[np.int64], chunks: slice, content: bytearray
    ) -> Iterator[Image]:
        begins, firsts = self._indexes[page]
        relative = (begins[chunks] - begins[chunks.start]).tolist()
        counts = (firsts[chunks.start + 1 : chunks.stop + 1] - firsts[chunks]).tolist()
        values = numbers(self.form, np.frombuffer(content, np.uint8), relative, counts)
        before = int(self.images.ends[self.firsts[page]] + firsts[chunks.start])
        for row in span.tolist():
            start, stop = ((self.images.ends[row : row + 2] - before) * self.item).tolist()
            yield self._image(row, values[start:stop].copy())

    def _read_indexes(self, rows: NDArray[np.int64]) -> None:
        """Read the indexes of the pages that rows are in, those that were not read before."""
        wanted = np.unique(np.searchsorted(self.firsts, rows, "right") - 1)
        missing = [page for page in wanted.tolist() if page not in self._indexes]
        contents = [bytearray(int(self.pages[page, 2]) * ENTRY_BYTES) for page in missing]
        if missing:
            places = [int(self.pages[page, 1]) for page in missing]
            self.column.fill(
                self.path, [(at, memoryview(one)) for at, one in zip(places, contents, strict=True)]
            )
        ends = self.images.ends
        for page, content in zip(missing, contents, strict=True):
            items = int(ends[self.firsts[page + 1]] - ends[self.firsts[page]])
            begins, firsts = index_of(content, items)
            if begins[-1] != self.pages[page, 4]:
                raise ValueError("the index of a data file is damaged")
            self._indexes[page] = begins, firsts


KINDS: dict[str, type[Fragment]] = {LINES: Lines, CHUNKS: Chunks}


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


def placed_images(
    package: Place, files: FilesList, table: str, stored: str, order: RowOrder, instead: Callable[[], str]
) -> PlacedImages | PackedImages | None:
    """The images of a column that a list of files tells of under `placed`."""
    kinds = {one["kind"] for one in files.placed.get(table, {}).get(stored, {}).values()}
    if not kinds:
        return None
    if VALUES in kinds:
        return PackedImages(package, files, table, stored, order.positions)
    return PlacedImages(package, files, table, stored, instead)
