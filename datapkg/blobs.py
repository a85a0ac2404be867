"""Bytes of any length read straight from where they lie in a data file, without the engine.

A build notes where each page of a column of bytes begins, and its index, which says where each row begins in it
(`store.pages`). A row is its length, in eight bytes, and its bytes. Rows whose fragment has no such note are the engine's
to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .fragments import Fragments
from .places import Place
from .records import FilesList
from .store import BLOBS, LONE, VALUES, damage, read_parts

PREFIX = 8


class Page(NamedTuple):
    """A page of a data file: its rows, where they and their index begin, and the bytes of an entry of the index.

    A large value stands alone in its page (`LONE`): there `entries` is its length.
    """

    rows: int
    begin: int
    entries: int
    width: int

    @property
    def end(self) -> int:
        """The byte behind all of it."""
        if self.width == LONE:
            return self.begin + self.entries
        return self.entries + (self.rows + 1) * self.width


Pages = tuple[str, list[Page], NDArray[np.int64]]
"""A fragment's file, its pages, and the first row of each."""


def listed_blobs(files: FilesList, table: str, stored: str) -> Mapping[str, Any]:
    """What a list says of a column of bytes."""
    column = files.pixels.get(table, {}).get(stored, {})
    listed = dict(column["fragments"]) if column.get("dtype") == BLOBS else {}
    for number, one in files.placed.get(table, {}).get(stored, {}).items():
        if one["kind"] == VALUES:
            listed[number] = [one["path"], *one["pages"]]
    return listed


class DirectBlobs:
    """The values of one column of bytes; `listed` has by fragment its file, and four numbers of each page."""

    def __init__(self, package: Place, files: FilesList, table: str, listed: Mapping[str, Any]) -> None:
        self.package, self.table, self._listed = package, table, listed
        self._sizes = files.data_sizes(table)
        self._indexes: dict[tuple[str, int], NDArray[np.int64]] = {}
        self._fragments = Fragments(self._pages)

    def __bool__(self) -> bool:
        return bool(self._listed)

    @cached_property
    def large(self) -> bool:
        """Whether some values are so large that each stands alone in its page."""
        return any(LONE in places[4::4] for places in self._listed.values())

    def read(self, addresses: NDArray[np.int64]) -> pa.Array | None:
        """The values at addresses, in their order.

        Returns
        -------
        None where the place of any of them is not known.

        Raises
        ------
        DamageError
            A file is missing, shorter than it was, or its index makes no sense.
        StoreError
            The package is not there any more.
        """
        fragments = addresses >> 32
        pages = self._fragments.of(addresses)
        if pages is None:
            return None
        starts, lengths = np.empty(len(addresses), np.int64), np.empty(len(addresses), np.int64)
        for number, known in pages.items():
            at = np.flatnonzero(fragments == number)
            starts[at], lengths[at] = self._places(known, addresses[at] & 0xFFFFFFFF)
        offsets = np.concatenate([[0], lengths.cumsum()])
        values = bytearray(int(offsets[-1]))
        into = memoryview(values)
        for number, (path, _, _) in pages.items():
            at = np.flatnonzero(fragments == number)
            at = at[np.argsort(starts[at], kind="stable")]
            wanted = zip(starts[at].tolist(), offsets[at].tolist(), offsets[at + 1].tolist(), strict=True)
            parts = [(start, into[first:last]) for start, first, last in wanted if last > first]
            read_parts(self.package, self.table, path, parts)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(values)]
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(addresses), buffers)

    def _places(self, known: Pages, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where rows of a fragment begin in its file, and their lengths."""
        path, pages, firsts = known
        starts, lengths = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        of_page = np.searchsorted(firsts, rows, "right") - 1
        for which in np.unique(of_page).tolist():
            at = np.flatnonzero(of_page == which)
            page = pages[which]
            if page.width == LONE:
                starts[at], lengths[at] = page.begin, page.entries
                continue
            index = self._index(path, page)
            inside = rows[at] - firsts[which]
            starts[at] = page.begin + index[inside] + PREFIX
            lengths[at] = index[inside + 1] - index[inside] - PREFIX
        return starts, lengths

    def _index(self, path: str, page: Page) -> NDArray[np.int64]:
        """Where the rows of a page begin in it, and where the last one ends; read once."""
        if (path, page.entries) not in self._indexes:
            content = bytearray((page.rows + 1) * page.width)
            read_parts(self.package, self.table, path, [(page.entries, memoryview(content))])
            found = np.frombuffer(content, f"<u{page.width}").astype(np.int64)
            if found[0] != 0 or (np.diff(found) < PREFIX).any() or page.begin + found[-1] > page.entries:
                raise damage("the index of a data file is damaged", self.package, self.table)
            self._indexes[path, page.entries] = found
        return self._indexes[path, page.entries]

    def _pages(self, number: int) -> Pages | None:
        """What the list says of a fragment; None where it says nothing, or of a page that ends behind its file."""
        path, *places = self._listed.get(str(number), [""])
        width = len(Page._fields)
        pages = [Page(*places[at : at + width]) for at in range(0, len(places), width)]
        if not pages or max(page.end for page in pages) > self._sizes.get(path, -1):
            return None
        rows = np.array([page.rows for page in pages], np.int64)
        return path, pages, rows.cumsum() - rows
