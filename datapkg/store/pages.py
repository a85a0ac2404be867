"""Where the images of a fragment lie in its data files: those of equal images as raw numbers, others as `placed` says; and where bytes lie.

A column of equal images has pages of nothing but pixels (`raw_pages`). The file's own metadata say so, page by page, and
are believed only where they say exactly that. Any other page, an image missing, or one of a narrower dtype than the
column's, and it is one of the others. A column of bytes of any length, such as files that are kept, has pages of two
buffers: each row's length and bytes, and an index of where rows begin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..companions import ARRAY, companions, places
from ..places import Folder
from .blobs import LONE, blobs
from .files import Pages, StoredFile
from .forms import Forms
from .kept import Kept
from .layers import Numbers
from .names import stored_name
from .page_rows import rows_of_pages
from .placed import VALUES, placed
from .raw_pages import PIXELS, form_of, places_of

FILE_COLUMN = "image_bytes"
BLOBS = "blobs"
"""What stands in the place of a dtype for a column of bytes."""


@dataclass(slots=True)
class WrittenColumns:
    """Watches what is written of columns of images, and of bytes; `packed` names those of packed images."""

    schema: pa.Schema
    forms: dict[str, Forms] = field(default_factory=dict)
    """By column of images, under its true name, what its images say of themselves."""
    blobs: dict[str, Kept] = field(default_factory=dict)
    """By column of bytes, such as files that are kept, what is to be known of them."""
    packed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for column in self.schema:
            beside = companions(column.name)
            if column.type == pa.large_binary() and column.metadata:
                self.packed.append(column.name)
            elif column.type == pa.large_binary():
                self.blobs[column.name] = Kept(self._places(column.name))
            elif pa.types.is_nested(column.type) and {beside.dtype, beside.shape} <= set(self.schema.names):
                self.forms[column.name] = Forms()

    def watch(self, batch: pa.RecordBatch) -> None:
        """Look at rows that are about to be written; columns have true names."""
        for name, forms in self.forms.items():
            columns = [self.schema.get_field_index(one) for one in (name, *companions(name).looks)]
            forms.add(*(batch.column(at) for at in columns))
        for name, kept in self.blobs.items():
            kept.add(batch.column(name), [batch.column(one) for one in kept.beside])

    def pages(
        self,
        desk: Folder,
        files: Sequence[StoredFile],
        described: Sequence[Mapping[str, Any]],
        numbers: Numbers,
    ) -> tuple[dict[str, Pages], dict[str, Any]]:
        """Where pixels and bytes lie in the files that were written; by the columns' stored names.

        Parameters
        ----------
        described
            The engine's description of each file.
        numbers
            The engine's numbers of the columns.

        Returns
        -------
        Of columns of equal images, and of bytes; then, as a files list says it, of other images.
        """
        written = _WrittenFiles(desk, files, described, numbers)
        equal: dict[str, Pages] = {}
        others: dict[str, Any] = {}
        for name, forms in self.forms.items():
            kind = self.schema.field(name).type
            dtype, shape = form_of(kind)
            found = written.column(name, 0 if shape else -1)
            alike = shape and dtype in PIXELS and forms.known and forms.all == ((dtype, shape),)
            places = places_of(found.pages, dtype, shape) if alike else None
            if places:
                equal[stored_name(name)] = Pages(found.path, dtype, shape, places)
            elif other := placed(found.local, found.pages, found.rows, kind, forms):
                others[stored_name(name)] = {"path": found.path, **other}
        for name in self.packed:
            found = written.column(name, 0)
            if entry := blobs(found.local, found.pages, found.rows):
                others[stored_name(name)] = {"path": found.path, **entry}
        for name, kept in self.blobs.items():
            found = written.column(name, 0)
            if entry := blobs(found.local, found.pages, found.rows, kept.lengths):
                plain = kept.plain and entry["kind"] == VALUES
                told = {"places": kept.text} if kept.known and not plain else {}
                if told or entry["kind"] != VALUES or LONE in entry["pages"][3::4]:
                    others[stored_name(name)] = {"path": found.path, **entry, **told}
                else:
                    equal[stored_name(name)] = Pages(found.path, BLOBS, (), tuple(entry["pages"]))
        return equal, others

    def _places(self, column: str) -> tuple[str, ...]:
        """The columns that say where the images of a column of files stand; none where their pixels are kept too."""
        if column != FILE_COLUMN or ARRAY in self.schema.names:
            return ()
        return places([one.name for one in self.schema if one.type == pa.int32()])


@dataclass(frozen=True, slots=True)
class _Found:
    """A column in a data file: the file's path in the package and on the disk, the column's pages, the rows of each."""

    path: str
    local: Path
    pages: list[Any]
    rows: list[int]


@dataclass(frozen=True, slots=True)
class _WrittenFiles:
    """What the engine says of the files of a fragment: parameters as of `WrittenColumns.pages`."""

    desk: Folder
    files: Sequence[StoredFile]
    described: Sequence[Mapping[str, Any]]
    numbers: Numbers
    _columns: dict[int, list[Any]] = field(default_factory=dict)

    def column(self, name: str, deepest: int) -> _Found:
        """A column by its true name, or what is nested so deep in it."""
        number = self.numbers[stored_name(name)][deepest]
        file = next(at for at, one in enumerate(self.described) if number in one["fields"])
        described = self.described[file]
        column = described["column_indices"][described["fields"].index(number)]
        path = self.files[file].path
        local = self.desk.local(path)
        if file not in self._columns:
            from lance.file import LanceFileReader

            self._columns[file] = LanceFileReader(str(local)).metadata().columns
        return _Found(path, local, list(self._columns[file][column].pages), rows_of_pages(local, column))
