"""The kinds of pages that hold images which are not all alike: how one image is found in them and decoded.

Lines are rows of pixels, each behind a head; chunks hold numbers, coded in one of several ways. See `store.placed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .distinct import distinct
from .store import (
    CHUNKS,
    CODED,
    GAPPED,
    LINES,
    PACKED,
    PLAIN,
    SAME,
    Coding,
    dictionary,
    index_of,
    looks_of,
    numbers,
    unpacked_text,
)

Image = NDArray[np.generic]
Fill = Callable[[str, Sequence[tuple[int, memoryview]]], None]
"""Reads parts of a data file."""
ENTRY_BYTES = 4


class Images(NamedTuple):
    """Of the images of a fragment: their forms, which one each has, the items before each and behind the last, the missing."""

    forms: list[tuple[str, tuple[int, ...]]]
    of_rows: NDArray[np.int64]
    ends: NDArray[np.int64]
    missing: NDArray[np.bool_]


class Fragment:
    """The images of one data file."""

    fields: int

    def __init__(self, fill: Fill, entry: Mapping[str, Any]) -> None:
        self.fill, self.entry, self.path = fill, entry, str(entry["path"])
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
        forms, of_rows = looks_of(self.entry)
        if len(of_rows) != self.rows or int(of_rows.max(initial=0)) >= len(forms):
            raise ValueError("the list of its files is damaged")
        absent = np.array([not dtype for dtype, _ in forms])
        items = np.array([self.empty if not dtype else prod(shape) // self.item for dtype, shape in forms])
        ends = np.concatenate([[0], items.astype(np.int64)[of_rows].cumsum()])
        return Images(forms, of_rows, ends, absent[of_rows])

    @property
    def empty(self) -> int:
        """The items that a missing image takes: one where equal images stand side by side, none among lists."""
        return int(self.entry.get("empty", 0))

    def present(self, rows: NDArray[np.int64]) -> list[Image | None]:
        """The images at ascending rows of the file; only those that are there are read."""
        missing = self.images.missing[rows]
        found = iter(self.read(rows[~missing]) if not missing.all() else [])
        return [None if gone else next(found) for gone in missing.tolist()]

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

    def __init__(self, fill: Fill, entry: Mapping[str, Any]) -> None:
        super().__init__(fill, entry)
        self.heads = np.full(len(self.pages), entry["head"], np.int64)

    @property
    def end(self) -> int:
        """The byte behind all pages."""
        lasts = np.maximum(self.firsts[1:] - 1, 0)
        return int(max(self._place(page, int(last) + 1) for page, last in enumerate(lasts)))

    def read(self, rows: NDArray[np.int64]) -> list[Image]:
        """The images at ascending rows of the file."""
        found, parts = [], []
        for page, span in self._spans(rows):
            begin, step = self._place(page, int(span[0])), self._step(page)
            content = bytearray(self._place(page, int(span[-1]) + 1) - begin)
            parts.append((begin, memoryview(content)))
            for row in span.tolist():
                at = slice(self._place(page, row) - begin, self._place(page, row + 1) - begin)
                if not self.images.ends[row + 1] - self.images.ends[row]:
                    at = slice(0, 0)
                found.append(
                    (row, np.frombuffer(content, np.uint8)[at].reshape(-1, step)[:, self.heads[page] :])
                )
        self.fill(self.path, [(at, part) for at, part in parts if part])
        return [self._image(row, np.ascontiguousarray(lines).view(self.dtype)) for row, lines in found]

    def _step(self, page: int) -> int:
        return int(self.heads[page]) + self.item * int(self.dtype.itemsize)

    def _place(self, page: int, row: int) -> int:
        """Where a row of the file begins, or the row before it ends, in a page."""
        first = int(self.firsts[page])
        items = int(self.images.ends[row] - self.images.ends[first])
        alone = int(self._alone[row] - self._alone[first])
        return int(self.pages[page, 1]) + items * self._step(page) + alone * int(self.heads[page])

    @cached_property
    def _alone(self) -> NDArray[np.int64]:
        """How many images without items are before each row: of such there is a head."""
        return np.concatenate([[0], (np.diff(self.images.ends) == 0).cumsum()])


class GappedLines(Lines):
    """Rows of pixels of which each page has heads of its own, since images are missing in some."""

    fields = 3

    def __init__(self, fill: Fill, entry: Mapping[str, Any]) -> None:
        super().__init__(fill, {**entry, "head": 0})
        self.heads = self.pages[:, 2]

    @property
    def end(self) -> int:
        """The byte behind all pages of which something is stored."""
        ends = [
            self._place(page, int(self.firsts[page + 1]))
            for page in range(len(self.pages))
            if not self.images.missing[self.firsts[page] : self.firsts[page + 1]].all()
        ]
        return max(ends, default=0)


class Chunks(Fragment):
    """Chunks of numbers, behind an index."""

    fields = 5

    def __init__(self, fill: Fill, entry: Mapping[str, Any]) -> None:
        super().__init__(fill, entry)
        self.codings = self._codings()
        self.of_page = [self.codings[0]] * len(self.pages)
        self._indexes: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._words: dict[int, NDArray[Any]] = {}

    def _codings(self) -> list[Coding]:
        packed, bits = self.entry["packed"], 8 * self.dtype.itemsize
        return [Coding(PACKED if packed else PLAIN, bits, int(self.entry["lists"]))]

    @property
    def end(self) -> int:
        """The byte behind all pages."""
        _, index, chunks, begin, size = self.pages[:, :5].T
        return int(np.maximum(index + chunks * ENTRY_BYTES, begin + size).max())

    def read(self, rows: NDArray[np.int64]) -> list[Image]:
        """The images at ascending rows of the file."""
        ends, parts, spans = self.images.ends, [], []
        self._read_indexes(rows)
        for page, span in self._spans(rows):
            before = int(ends[self.firsts[page]])
            start, stop = int(ends[span[0]]) - before, int(ends[span[-1] + 1]) - before
            if page not in self._indexes or start == stop:
                spans.append((page, span, slice(0, 0), bytearray()))
                continue
            begins, firsts = self._indexes[page]
            chunks = slice(
                int(np.searchsorted(firsts, start, "right")) - 1, int(np.searchsorted(firsts, stop))
            )
            content = bytearray(int(begins[chunks.stop] - begins[chunks.start]))
            parts.append((int(self.pages[page, 3] + begins[chunks.start]), memoryview(content)))
            spans.append((page, span, chunks, content))
        if parts:
            self.fill(self.path, parts)
        return [image for each in spans for image in self._of_span(*each)]

    def _of_span(
        self, page: int, span: NDArray[np.int64], chunks: slice, content: bytearray
    ) -> Iterator[Image]:
        how, ends = self.of_page[page], self.images.ends
        before = int(ends[span[0]])
        if how.how == SAME:
            count = int(ends[span[-1] + 1]) - before
            values = np.repeat(np.frombuffer(bytes.fromhex(how.value), self.dtype), count * self.item)
        elif not content:
            values = np.empty(0, self.dtype)
        else:
            begins, firsts = self._indexes[page]
            relative = (begins[chunks] - begins[chunks.start]).tolist()
            counts = (firsts[chunks.start + 1 : chunks.stop + 1] - firsts[chunks]).tolist()
            form = how.form(self.dtype, self.item)
            values = numbers(form, np.frombuffer(content, np.uint8), relative, counts)
            before = int(ends[self.firsts[page]] + firsts[chunks.start])
        for row in span.tolist():
            start, stop = ((ends[row : row + 2] - before) * self.item).tolist()
            one = values[start:stop].copy()
            yield self._image(row, self._looked_up(page, one) if how.entries else one)

    def _looked_up(self, page: int, entries: NDArray[np.generic]) -> NDArray[Any]:
        """What stands in the dictionary of a page under numbers."""
        words = self._words[page]
        if int(entries.max(initial=0)) >= len(words):
            raise ValueError("a chunk of a data file is damaged")
        found: NDArray[Any] = words[entries]
        return found

    def _read_indexes(self, rows: NDArray[np.int64]) -> None:
        """Read the indexes of the pages that rows are in, or their dictionaries, those that were not read before."""
        wanted = distinct(np.searchsorted(self.firsts, rows, "right") - 1).tolist()
        stored = [page for page in wanted if page not in self._indexes and self.of_page[page].bits]
        places = [self._place(page) for page in stored]
        contents = [bytearray(size) for _, size in places]
        if stored:
            parts = [(at, memoryview(one)) for (at, _), one in zip(places, contents, strict=True)]
            self.fill(self.path, parts)
        for page, content in zip(stored, contents, strict=True):
            if self.of_page[page].entries:
                self._words[page] = dictionary(content, self.of_page[page], self.dtype)
                content = bytearray(unpacked_text(self.entry["indexes"][str(page)]))
            ends = self.images.ends
            begins, firsts = index_of(content, int(ends[self.firsts[page + 1]] - ends[self.firsts[page]]))
            if begins[-1] != self.pages[page, 4]:
                raise ValueError("the index of a data file is damaged")
            self._indexes[page] = begins, firsts

    def _place(self, page: int) -> tuple[int, int]:
        """What is read of a page before its chunks: its dictionary, whose index a list of files has, or its index."""
        if self.of_page[page].entries:
            return int(self.pages[page, 6]), int(self.pages[page, 7])
        return int(self.pages[page, 1]), int(self.pages[page, 2]) * ENTRY_BYTES


class CodedChunks(Chunks):
    """Chunks whose pages are coded in several ways, or have missing images."""

    fields = 8

    def __init__(self, fill: Fill, entry: Mapping[str, Any]) -> None:
        super().__init__(fill, entry)
        self.of_page = [self.codings[coding] for coding in self.pages[:, 5].tolist()]

    def _codings(self) -> list[Coding]:
        return [Coding(*one) for one in self.entry["codings"]]

    @property
    def end(self) -> int:
        """The byte behind all pages, and their dictionaries."""
        return max(super().end, int((self.pages[:, 6] + self.pages[:, 7]).max()))


KINDS: dict[str, type[Fragment]] = {LINES: Lines, GAPPED: GappedLines, CHUNKS: Chunks, CODED: CodedChunks}
