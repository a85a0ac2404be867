"""One reading of an image file: its headers, and from the same bytes its rows.

While a file is looked at, its images can be decoded and stored at once, if it was guessed rightly how the column stores
them. Of files that lie in one folder a few headers tell that almost always.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...encoding import Layout, holds
from ...errors import DatapkgError, SourceError
from ...manifest.pattern import PathPattern
from ...reading import MAX_IMAGE_BYTES
from ..base import Scan, TableSchema
from ..image_columns import file_bytes, image_arrays, record_batch
from ..matching import matching
from .format import ImageFile
from .format import Look as Headers
from .kinds import format_of
from .members import FolderMembers, NoMembers
from .tables import PLACE_COLUMNS, decide, files_table

if TYPE_CHECKING:
    from ...manifest.models import Resource
    from ...reading import Reading, SourceFile
    from .format import Row

GUESSES, SMALL_BYTES = 4, 4 << 20
"""How many files beside the first are looked at for a guess, and how large they are at most if there are such."""


def guess_table(files: Sequence[SourceFile], resource: Resource) -> TableSchema | None:
    """Guess a resource's table from the headers of the first file and of a few others."""
    there = [file for file in files if file.bytes]
    small = [file for file in there if file.bytes <= SMALL_BYTES] or there[:1]
    some = dict.fromkeys(small[i * (len(small) - 1) // GUESSES] for i in range(GUESSES + 1) if small)
    try:
        scans = [(file, _headers(file, resource)) for file in some]
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
        headers = self._headers
        if headers is None or headers.lead or self._table is None:
            return
        layout = layout_of(self._table)
        if layout is not None and not all(holds(layout, *image) for image in headers.images):
            yield None
            return
        yield from self._file.batches(self._table, self._batch_bytes)

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


class OpenFile:
    """A file that has been read, once, and its rows."""

    def __init__(self, reading: Reading, resource: Resource) -> None:
        self.path, self._reading, self._resource = reading.file.path, reading, resource
        self._content: memoryview | None = reading.content()
        self.members = FolderMembers(reading, matching(resource))
        self.is_skipped = not self._content
        if self.is_skipped and resource.empty == "error":
            fix = "copy it again, or exclude it, or write `empty: skip`"
            raise SourceError("the file is empty", self.path, fix)

    def headers(self) -> Headers:
        """What its headers tell."""
        file = self._image_file()
        return format_of(file.content, self.path).look(file)

    def batches(self, table: TableSchema, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        """Decode its images."""
        if self.is_skipped:
            return
        self._reading.close()
        file = self._image_file()
        held = file.content if "bytes" in self._resource.keep else None
        rows = format_of(file.content, self.path).rows(file)
        for batch in batched(rows, batch_bytes):
            made = self._record_batch(batch, table, held)
            held = None
            batch.clear()  # where pixels are not kept, they are gone before the rows are stored
            yield made
            del made

    def _image_file(self) -> ImageFile:
        assert self._content is not None
        limit = self._reading.max_image_bytes
        return ImageFile(self.path, self._content, self.members, self._resource.rows, limit)

    def _record_batch(
        self, rows: list[Row], table: TableSchema, content: memoryview | None
    ) -> pa.RecordBatch:
        path, count, resource = self.path, len(rows), self._resource
        of_file: dict[str, Any] = (
            {} if resource.pattern is None else dict(PathPattern(resource.pattern).match(path))
        )
        of_file |= {"path": path, "file_name": path.rpartition("/")[2]}
        of_file |= {"filesize_bytes": self._reading.file.bytes, "sha256": self._reading.sha256}
        schema = table.arrow()
        arrays = {name: pa.array([value] * count, schema.field(name).type) for name, value in of_file.items()}
        arrays["image_bytes"] = file_bytes(content, count)
        for i, name in enumerate(PLACE_COLUMNS[resource.rows]):
            arrays[name] = pa.array([row.place[i] for row in rows], pa.int32())
        arrays |= image_arrays([(row.facts, row.pixels) for row in rows], layout_of(table), resource.keep)
        return record_batch(schema, arrays)


def layout_of(table: TableSchema) -> Layout | None:
    """How a table stores its images; None where it does not."""
    return next((column.image for column in table.columns if column.image), None)


def member_batches(reading: Reading, table: TableSchema, members: FolderMembers) -> Iterator[pa.RecordBatch]:
    """The files of a set beside its lead, one a batch, in the order of their paths."""
    for path in sorted(reading.members, key=str.encode):
        content = members.content(path)
        arrays = {
            "path": pa.array([path]),
            "filesize_bytes": pa.array([len(content)], pa.int64()),
            "sha256": pa.array([reading.members[path].sha256]),
            "image_bytes": file_bytes(content, 1),
        }
        yield record_batch(table.arrow(), arrays)


def _evidence(headers: Headers) -> dict[str, Any]:
    """How many images of which dtype and shape a file has."""
    return {"images": [[dtype, list(shape), count] for (dtype, shape), count in headers.images.items()]}


def batched(rows: Iterator[Row], batch_bytes: int) -> Iterator[list[Row]]:
    """Rows in batches of about so many bytes of pixels.

    A full batch is given away before the next row is decoded, and nothing of it is held on to: of large images there
    is one in memory, not two.
    """
    batch: list[Row] = []
    size = 0
    for row in rows:
        if batch and size + row.pixels.nbytes > batch_bytes:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += row.pixels.nbytes
        del row
        if size >= batch_bytes:
            full, batch, size = batch, [], 0
            yield full
            del full
    if batch:
        yield batch
