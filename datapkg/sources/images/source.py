"""Image files as rows of an image table: one row an image, or one a plane.

Scanning reads headers only, and refuses files whose pixels are not all there; pixels are decoded once, when rows
are made, from the same bytes that are hashed. Shapes and axes are those that are stored. Which format a file has is
told by its first bytes.

An image that is spread over several files is one source: the first of the files by path leads and gives the rows,
the others are its members and give none. Where files are kept, the members stand in a table of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..base import Decision, Scan, TableSchema
from ..matching import matching
from .at_once import AtOnce
from .batches import Waiting, joined_batch, member_batches
from .format import ImageFile
from .kinds import format_of
from .look import ImagesLook, OpenFile, guess_table
from .members import FolderMembers, StoredMembers
from .tables import decide, files_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...manifest.models import Resource
    from ...reading import Reading, SourceFile
    from .format import Rows

NO_LIMIT = 1 << 62


class ImagesSource:
    """All formats of image files."""

    kind = "images"
    reads = 3
    libraries = ("tifffile", "imagecodecs", "simplejpeg", "pillow", "pi-heif", "openexr")
    guess_bytes = 0

    def scan(self, reading: Reading, resource: Resource) -> Scan:
        """Read a file's headers; evidence is how many images of which dtype and shape it has."""
        return self.look(reading, resource, None, 0).finish()

    def guess(self, files: Sequence[SourceFile], resource: Resource) -> TableSchema | None:
        """Guess the table from the headers of some files."""
        return guess_table(files, resource)

    def look(
        self, reading: Reading, resource: Resource, table: TableSchema | None, batch_bytes: int
    ) -> ImagesLook:
        """Read a file's headers, and decode its images as long as they fit the table."""
        return ImagesLook(reading, resource, table, batch_bytes)

    def at_once(
        self, resource: Resource, table: TableSchema, max_image_bytes: int, note: Callable[[str, int], None]
    ) -> AtOnce:
        """What reads plain TIFFs."""
        return AtOnce(resource, table, max_image_bytes, note)

    def waiting(self, look: ImagesLook) -> Waiting | None:
        """The only image of a small file, decoded."""
        return look.waiting()

    def joined(self, rows: Sequence[Waiting], resource: Resource, table: TableSchema) -> pa.RecordBatch:
        """The rows of small files, one for each."""
        return joined_batch(rows, resource, table)

    def decide(self, resource: Resource, scans: Sequence[tuple[str, Scan]]) -> Decision:
        """Find the one layout that holds every image, and the table's columns."""
        return decide(resource, scans)

    def batches(
        self, reading: Reading, resource: Resource, table: TableSchema, batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Decode a file's images, or yield the files that are its members."""
        if table.name == files_table(resource):
            yield from member_batches(reading, table, FolderMembers(reading, matching(resource)))
        else:
            yield from OpenFile(reading, resource).batches(table, batch_bytes)

    def decode(
        self, content: memoryview, path: str, rows: Rows, member: Callable[[str], memoryview]
    ) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
        """Decode a file that was stored as it is: each image with its place, series and page (for planes t, c, z too)."""
        file = ImageFile(path, content.cast("B"), StoredMembers(member), rows, NO_LIMIT)
        for row in format_of(file.content, path).rows(file):
            yield row.place, row.pixels
