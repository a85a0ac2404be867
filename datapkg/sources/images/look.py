"""One reading of an image file: its headers, and from the same bytes its rows.

While a file is looked at, its images can be decoded and stored at once, if it was guessed rightly how the column stores
them. Of files that lie in one folder a few headers tell that almost always.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ...encoding import holds
from ...errors import DatapkgError, SourceError
from ...files import Files
from ...manifest.pattern import PathPattern
from ...reading import MAX_IMAGE_BYTES
from ..base import Scan, TableSchema
from ..matching import matching
from .batches import Waiting, batched, layout_of, rows_batch
from .format import ImageFile
from .format import Look as Headers
from .kinds import format_of
from .members import FolderMembers, NoMembers
from .tables import decide, files_table

if TYPE_CHECKING:
    from ...manifest.models import Resource
    from ...reading import Reading, SourceFile

GUESSES, SMALL_BYTES = 4, 4 << 20
"""How many files beside the first are looked at for a guess, and how large they are at most if there are such."""
WAITING_BYTES = 1 << 16
"""What a file and its image take at most, if their row waits for others."""


def guess_table(files: Sequence[SourceFile], resource: Resource) -> TableSchema | None:
    """Guess a resource's table from the headers of the first file and of a few others."""
    sizes = Files.of(files).sizes
    small = np.flatnonzero((sizes > 0) & (sizes <= SMALL_BYTES))
    small = small if len(small) else np.flatnonzero(sizes)[:1]
    some = [
        files[at]
        for at in dict.fromkeys(
            small[i * (len(small) - 1) // GUESSES] for i in range(GUESSES + 1) if len(small)
        )
    ]
    try:
        scans = [(file.path, _headers(file, resource)) for file in some]
        tables = decide(resource, scans).tables if scans else ()
    except (DatapkgError, OSError):  # what is wrong is said when the files are read
        return None
    return tables[0] if len(tables) == 1 else None


def _headers(file: SourceFile, resource: Resource) -> Scan:
    content = memoryview(file.local.read_bytes())
    seen = ImageFile(file.path, content, NoMembers(), resource.rows, MAX_IMAGE_BYTES)
    return Scan({resource.name: _evidence(format_of(content, file.path).look(seen))})


class ImagesLook:
    """A look at one file: headers first, then rows as long as they are asked for and fit."""

    def __init__(
        self, reading: Reading, resource: Resource, table: TableSchema | None, batch_bytes: int
    ) -> None:
        path = reading.file.path
        if resource.pattern is not None:
            PathPattern(resource.pattern).match(path)
        self._file = OpenFile(reading, resource)
        self._resource, self._table, self._batch_bytes = resource, table, batch_bytes
        self._headers = None if self._file.is_skipped else self._file.headers()

    def rows(self) -> Iterator[pa.RecordBatch | None]:
        """Yield the file's rows if all its images fit the table; else None, once."""
        if self._headers is None or self._headers.lead or self._table is None:
            return
        if self._fits(self._table, self._headers):
            yield from self._file.batches(self._table, self._batch_bytes)
        else:
            yield None

    def waiting(self) -> Waiting | None:
        """The file's only row, if file and image are small and the image fits the table."""
        headers, table = self._headers, self._table
        if headers is None or headers.lead or table is None or list(headers.images.values()) != [1]:
            return None
        ((dtype, shape),) = headers.images
        size = max(self._file.bytes, prod(shape) * np.dtype(dtype).itemsize)
        return self._file.waiting() if size <= WAITING_BYTES and self._fits(table, headers) else None

    def finish(self) -> Scan:
        """What the headers told."""
        path, headers = self._file.path, self._headers
        if headers is None:
            return Scan({}, (f"{path}: empty, skipped",))
        warnings = tuple(f"{path}: {text}" for text in headers.warnings)
        if headers.lead:
            return Scan({}, warnings, lead=headers.lead)
        evidence: dict[str, Any] = {self._resource.name: _evidence(headers)}
        members = self._file.members.used
        used = tuple(members[name] for name in sorted(members, key=str.encode))
        if used and "bytes" in self._resource.keep:
            evidence[files_table(self._resource)] = {"files": len(used)}
        return Scan(evidence, warnings, used)

    def _fits(self, table: TableSchema, headers: Headers) -> bool:
        layout = layout_of(table)
        return layout is None or all(holds(layout, *image) for image in headers.images)


class OpenFile:
    """A file that has been read, once, and its rows."""

    def __init__(self, reading: Reading, resource: Resource) -> None:
        self.path, self._reading, self._resource = reading.file.path, reading, resource
        self._content = reading.content()
        self.bytes, self.is_skipped = len(self._content), not self._content
        self.members = FolderMembers(reading, matching(resource))
        if self.is_skipped and resource.empty == "error":
            fix = "copy it again, or exclude it, or write `empty: skip`"
            raise SourceError("the file is empty", self.path, fix)

    def headers(self) -> Headers:
        """What its headers tell."""
        return format_of(self._content, self.path).look(self._image_file())

    def batches(self, table: TableSchema, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        """Decode its images."""
        if self.is_skipped:
            return
        self._reading.close()
        held = self._kept()
        rows = format_of(self._content, self.path).rows(self._image_file())
        for batch in batched(rows, batch_bytes):
            made = rows_batch(self._reading, batch, self._resource, table, held)
            held = None
            batch.clear()  # where pixels are not kept, they are gone before the rows are stored
            yield made
            del made

    def waiting(self) -> Waiting:
        """Decode its only image."""
        self._reading.close()
        (row,) = format_of(self._content, self.path).rows(self._image_file())
        return Waiting.of(self._reading, row, self._kept())

    def _kept(self) -> memoryview | None:
        return self._content if "bytes" in self._resource.keep else None

    def _image_file(self) -> ImageFile:
        limit = self._reading.max_image_bytes
        return ImageFile(self.path, self._content, self.members, self._resource.rows, limit)


def _evidence(headers: Headers) -> dict[str, Any]:
    """How many images of which dtype and shape a file has."""
    return {"images": [[dtype, list(shape), count] for (dtype, shape), count in headers.images.items()]}
