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

from ...addresses import named
from ...errors import SourceError
from ...manifest.pattern import PathPattern
from ..base import Decision, Scan, TableSchema
from ..image_columns import file_bytes, image_arrays, record_batch
from ..matching import matching
from .format import ImageFile
from .kinds import format_of
from .members import FolderMembers, StoredMembers
from .tables import PLACE_COLUMNS, decide, files_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...encoding import Layout
    from ...manifest.models import Resource
    from ...reading import Reading, SourceFile
    from .format import Row, Rows

NO_LIMIT = 1 << 62


class ImagesSource:
    """All formats of image files."""

    kind = "images"
    reads = 3
    libraries = ("tifffile", "imagecodecs", "simplejpeg", "pillow")

    def scan(self, reading: Reading, resource: Resource) -> Scan:
        """Read a file's headers; evidence is how many images of which dtype and shape it has."""
        path = reading.file.path
        if resource.pattern is not None:
            PathPattern(resource.pattern).match(path)
        content = reading.content()
        if _skipped(content, path, resource):
            return Scan({}, (f"{path}: empty, skipped",))
        members = FolderMembers(reading, matching(resource))
        look = format_of(content, path).look(_image_file(reading, content, resource, members))
        warnings = tuple(f"{path}: {text}" for text in look.warnings)
        if look.lead:
            return Scan({}, warnings, lead=look.lead)
        images = [[dtype, list(shape), count] for (dtype, shape), count in look.images.items()]
        evidence: dict[str, Any] = {resource.name: {"images": images}}
        used = tuple(members.used[name] for name in sorted(members.used, key=str.encode))
        if used and "bytes" in resource.keep:
            evidence[files_table(resource)] = {"files": len(used)}
        return Scan(evidence, warnings, used)

    def decide(self, resource: Resource, scans: Sequence[tuple[SourceFile, Scan]]) -> Decision:
        """Find the one layout that holds every image, and the table's columns."""
        return decide(resource, scans)

    def batches(
        self, reading: Reading, resource: Resource, table: TableSchema, batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Decode a file's images, or yield the files that are its members."""
        members = FolderMembers(reading, matching(resource))
        if table.name == files_table(resource):
            yield from _member_batches(reading, table, members)
            return
        path, content = reading.file.path, reading.content()
        reading.close()
        if _skipped(content, path, resource):
            return
        layout = next((c.image for c in table.columns if c.image), None)
        held = content if "bytes" in resource.keep else None
        rows = format_of(content, path).rows(_image_file(reading, content, resource, members))
        for batch in batched(rows, batch_bytes):
            made = _record_batch(batch, reading, resource, table, layout, held)
            held = None
            batch.clear()  # where pixels are not kept, they are gone before the rows are stored
            yield made
            del made

    def decode(
        self, content: memoryview, path: str, rows: Rows, member: Callable[[str], memoryview]
    ) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
        """Decode a file that was stored as it is: each image with its place, series and page (for planes t, c, z too)."""
        file = ImageFile(path, content.cast("B"), StoredMembers(member), rows, NO_LIMIT)
        for row in format_of(file.content, path).rows(file):
            yield row.place, row.pixels


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


def _image_file(
    reading: Reading, content: memoryview, resource: Resource, members: FolderMembers
) -> ImageFile:
    return ImageFile(reading.file.path, content, members, resource.rows, reading.max_image_bytes)


def _skipped(content: memoryview, path: str, resource: Resource) -> bool:
    if len(content):
        return False
    if resource.empty == "error":
        raise SourceError("the file is empty", path, "copy it again, or exclude it, or write `empty: skip`")
    return True


def _record_batch(
    rows: list[Row],
    reading: Reading,
    resource: Resource,
    table: TableSchema,
    layout: Layout | None,
    content: memoryview | None,
) -> pa.RecordBatch:
    path, count = reading.file.path, len(rows)
    of_file: dict[str, Any] = (
        {} if resource.pattern is None else dict(PathPattern(resource.pattern).match(path))
    )
    of_file |= {"path": path, "file_name": named(path).rpartition("/")[2]}
    of_file |= {"filesize_bytes": reading.file.bytes, "sha256": reading.sha256}
    schema = table.arrow()
    arrays = {name: pa.array([value] * count, schema.field(name).type) for name, value in of_file.items()}
    arrays["image_bytes"] = file_bytes(content, count)
    for i, name in enumerate(PLACE_COLUMNS[resource.rows]):
        arrays[name] = pa.array([row.place[i] for row in rows], pa.int32())
    arrays |= image_arrays([(row.facts, row.pixels) for row in rows], layout, resource.keep)
    return record_batch(schema, arrays)


def _member_batches(reading: Reading, table: TableSchema, members: FolderMembers) -> Iterator[pa.RecordBatch]:
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
