"""Rows of image files as Arrow batches: those of one file, or one row from each of many small files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...addresses import named
from ...encoding import Layout
from ...manifest.pattern import PathPattern
from ..base import TableSchema
from ..image_columns import ImageFacts, file_bytes, image_arrays, record_batch
from .members import FolderMembers
from .tables import PLACE_COLUMNS

if TYPE_CHECKING:
    from ...manifest.models import Resource
    from ...reading import Reading
    from .format import Row


class Waiting(NamedTuple):
    """A row that is decoded, and what is told of its file: size, hash, and bytes if they are kept; `facts` may be of many rows."""

    path: str
    size: int
    sha256: str
    facts: ImageFacts
    metadata: str | None
    pixels: NDArray[Any]
    place: tuple[int, ...]
    content: memoryview | None

    @classmethod
    def of(cls, reading: Reading, row: Row, content: memoryview | None) -> Waiting:
        """A row of the file of a reading that has come to its end."""
        file, facts = reading.file, row.facts
        sha256 = reading.sha256
        return cls(file.path, file.bytes, sha256, facts, facts.metadata, row.pixels, row.place, content)

    @property
    def bytes(self) -> int:
        """What it holds in memory."""
        return int(self.pixels.nbytes) + len(self.content or ())


def rows_batch(
    reading: Reading, rows: Sequence[Row], resource: Resource, table: TableSchema, content: memoryview | None
) -> pa.RecordBatch:
    """Rows of one file; its content stands in the first."""
    waiting = [Waiting.of(reading, row, None) for row in rows]
    return _batch(waiting, file_bytes(content, len(rows)), resource, table)


def joined_batch(waiting: Sequence[Waiting], resource: Resource, table: TableSchema) -> pa.RecordBatch:
    """Rows of as many files."""
    return _batch(waiting, _contents([one.content for one in waiting]), resource, table)


def _batch(
    waiting: Sequence[Waiting], contents: pa.Array, resource: Resource, table: TableSchema
) -> pa.RecordBatch:
    schema = table.arrow()
    paths, sizes, hashes, facts, metadata, pixels, places, _ = zip(*waiting, strict=True)
    arrays: dict[str, pa.Array] = {}
    if resource.pattern is not None:
        pattern = PathPattern(resource.pattern)
        found = [pattern.match(path) for path in paths]
        for name in pattern.columns:
            arrays[name] = pa.array([values[name] for values in found], schema.field(name).type)
    arrays["path"] = pa.array(paths, pa.string())
    arrays["file_name"] = pa.array([named(path).rpartition("/")[2] for path in paths], pa.string())
    arrays["filesize_bytes"] = pa.array(sizes, pa.int64())
    arrays["sha256"] = pa.array(hashes, pa.string())
    arrays["image_bytes"] = contents
    for name, at in zip(PLACE_COLUMNS[resource.rows], zip(*places, strict=True), strict=True):
        arrays[name] = pa.array(at, pa.int32())
    images = list(zip(facts, pixels, strict=True))
    arrays |= image_arrays(images, layout_of(table), resource.keep, metadata)
    return record_batch(schema, arrays)


def _contents(contents: Sequence[memoryview | None]) -> pa.Array:
    """Files' bytes, one after the other; all are null where they are not kept."""
    held = [one for one in contents if one is not None]
    if len(held) < len(contents):
        return pa.nulls(len(contents), pa.large_binary())
    ends = np.zeros(len(held) + 1, np.int64)
    np.cumsum([len(one) for one in held], out=ends[1:])
    valid = np.packbits(np.ones(len(held), bool), bitorder="little").tobytes()
    buffers = [pa.py_buffer(valid), pa.py_buffer(ends), pa.py_buffer(b"".join(held))]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(held), buffers)


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
