"""Bytes of any length read straight from where they lie in a data file, without the engine.

A build notes where each page of a column of bytes begins, and its index, which says where each row begins in it
(`store.pages`). A row is its length, in eight bytes, and its bytes. Values that repeat stand in a dictionary
(`shared_values`). Rows whose fragment has no such note are the engine's to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .distinct import distinct
from .fragments import Fragments
from .places import Place
from .records import FilesList
from .shared_values import Dictionaries, Dictionary, Told, told_of
from .store import BLOBS, GAPPED_VALUES, LONE, NOTHING, SHARED, SHARED_VALUES, VALUES, damage, read_parts

PREFIX = 8
FIELDS = {VALUES: 4, GAPPED_VALUES: 5, SHARED_VALUES: 5}
"""How many numbers a list says of a page."""


class Page(NamedTuple):
    """A page of a data file: its rows, where they and their index begin, and the bytes of an entry of the index.

    A value that is stored once (`LONE`) has its length in `entries`; of missing ones (`NOTHING`) nothing is stored. `mark`
    are the bytes before each row's length, where some rows are missing. Values that repeat (`SHARED`) have the bytes of their
    dictionary in `entries`, how many these are in `mark`, and `told` beside.
    """

    rows: int
    begin: int
    entries: int
    width: int
    mark: int = 0
    told: Told | None = None

    @property
    def end(self) -> int:
        """The byte behind all of it."""
        if self.width in (LONE, NOTHING, SHARED):
            return self.begin + self.entries
        return self.entries + (self.rows + 1) * self.width


Pages = tuple[str, list[Page], NDArray[np.int64]]
"""A fragment's file, its pages, and the first row of each."""


Places = tuple[NDArray[np.int64], NDArray[np.int64], dict[int, memoryview]]
"""Of rows where they begin in a file, their lengths, and by number those that are read already."""


Listed = Mapping[str, tuple[str, list[Page]]]
"""By fragment, its file and its pages."""


def listed_blobs(files: FilesList, table: str, stored: str) -> Listed:
    """What a list says of a column of bytes."""
    column = files.pixels.get(table, {}).get(stored, {})
    plain = column["fragments"] if column.get("dtype") == BLOBS else {}
    listed = {number: (path, _split(places, 4)) for number, (path, *places) in plain.items()}
    for number, one in files.placed.get(table, {}).get(stored, {}).items():
        if (width := FIELDS.get(one["kind"])) is not None:
            pages = _split(one["pages"], width)
            listed[number] = (
                one["path"],
                [page._replace(told=told_of(one, at)) for at, page in enumerate(pages)],
            )
    return listed


def _split(places: Sequence[Any], width: int) -> list[Page]:
    return [Page(*places[at : at + width]) for at in range(0, len(places), width)]


class DirectBlobs:
    """The values of one column of bytes."""

    def __init__(self, package: Place, files: FilesList, table: str, listed: Listed) -> None:
        self.package, self.table, self._listed = package, table, listed
        self._sizes = files.data_sizes(table)
        self._indexes: dict[tuple[str, int], NDArray[np.int64]] = {}
        self._dictionaries = Dictionaries()
        self._fragments = Fragments(self._pages)

    def __bool__(self) -> bool:
        return bool(self._listed)

    @cached_property
    def large(self) -> bool:
        """Whether some values are so large that each stands alone in its page."""
        return any(
            page.width == LONE and page.rows == 1 for _, pages in self._listed.values() for page in pages
        )

    def read(self, addresses: NDArray[np.int64]) -> pa.Array | None:
        """The values at addresses, in their order; null where one is missing.

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
        held: dict[int, memoryview] = {}
        for number, known in pages.items():
            at = np.flatnonzero(fragments == number)
            starts[at], lengths[at], values = self._places(known, addresses[at] & 0xFFFFFFFF)
            held |= {int(at[one]): value for one, value in values.items()}
        missing = lengths < 0
        offsets = np.concatenate([[0], np.maximum(lengths, 0).cumsum()])
        content = bytearray(int(offsets[-1]))
        into = memoryview(content)
        for one, value in held.items():
            into[offsets[one] : offsets[one + 1]] = value
        for number, (path, _, _) in pages.items():
            at = np.flatnonzero((fragments == number) & (starts >= 0))
            at = at[np.argsort(starts[at], kind="stable")]
            wanted = zip(starts[at].tolist(), offsets[at].tolist(), offsets[at + 1].tolist(), strict=True)
            parts = [(start, into[first:last]) for start, first, last in wanted if last > first]
            if parts:
                read_parts(self.package, self.table, path, parts)
        there = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
        buffers = [there, pa.py_buffer(offsets), pa.py_buffer(content)]
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(addresses), buffers)

    def _places(self, known: Pages, rows: NDArray[np.int64]) -> Places:
        """Where rows of a fragment begin in its file, and their lengths: both -1 for a missing one; and what was read."""
        path, pages, firsts = known
        held: dict[int, memoryview] = {}
        starts, lengths = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        of_page = np.searchsorted(firsts, rows, "right") - 1
        for which in distinct(of_page).tolist():
            at = np.flatnonzero(of_page == which)
            page = pages[which]
            if page.width == LONE:
                starts[at], lengths[at] = page.begin, page.entries
                continue
            if page.width == NOTHING:
                starts[at], lengths[at] = -1, -1
                continue
            inside = rows[at] - firsts[which]
            if page.width == SHARED:
                shared = self._dictionary(path, page)
                starts[at], lengths[at] = -1, shared.lengths(inside)
                there = lengths[at] >= 0
                held |= zip(at[there].tolist(), map(shared.value, inside[there].tolist()), strict=True)
                continue
            index = self._index(path, page)
            before = page.mark + PREFIX
            taken = index[inside + 1] - index[inside]
            starts[at] = page.begin + index[inside] + before
            lengths[at] = np.where(taken == page.mark, -1, taken - before) if page.mark else taken - before
        return starts, lengths, held

    def _dictionary(self, path: str, page: Page) -> Dictionary:
        """The values of a page that repeat."""

        def content() -> bytearray:
            found = bytearray(page.entries)
            read_parts(self.package, self.table, path, [(page.begin, memoryview(found))])
            return found

        try:
            return self._dictionaries.get(
                path, page.begin, page.mark, page.rows, page.told or (0, ""), content
            )
        except ValueError as error:
            raise damage(str(error), self.package, self.table) from None

    def _index(self, path: str, page: Page) -> NDArray[np.int64]:
        """Where the rows of a page begin in it, and where the last one ends; read once."""
        if (path, page.entries) not in self._indexes:
            content = bytearray((page.rows + 1) * page.width)
            read_parts(self.package, self.table, path, [(page.entries, memoryview(content))])
            found = np.frombuffer(content, f"<u{page.width}").astype(np.int64)
            taken = np.diff(found)
            short = (taken < page.mark + PREFIX) & ((taken != page.mark) | (page.mark == 0))
            if found[0] != 0 or short.any() or page.begin + found[-1] > page.entries:
                raise damage("the index of a data file is damaged", self.package, self.table)
            self._indexes[path, page.entries] = found
        return self._indexes[path, page.entries]

    def _pages(self, number: int) -> Pages | None:
        """What the list says of a fragment; None where it says nothing, or of a page that ends behind its file."""
        path, pages = self._listed.get(str(number), ("", []))
        if not pages or max(page.end for page in pages) > self._sizes.get(path, -1):
            return None
        rows = np.array([page.rows for page in pages], np.int64)
        return path, pages, rows.cumsum() - rows
