"""A column of large equal images in a data file of its own, its pixels written as they come.

The engine stores such pixels as they are too, but counts runs and bits of every value before, and copies them. So the engine
writes a file of one image, and what its end says is said of all, with other places and numbers of rows. The engine then reads the
end of what was made, and has to describe every page as it describes its own. Where an image is missing, or the engine says
anything else, it writes the column itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import StoreError
from ..pixels import as_lists
from ..places import storage_errors
from .engine_file import write_file
from .messages import Value, field_of, fields, number_of, replaced
from .page_rows import FOOTER, MARK, PAGE, PLACE, ROWS
from .raw_pages import PIXELS, form_of, places_of

LEAST_BYTES, MOST_BYTES = 64 << 10, 64 << 20
"""Images of this size: smaller ones cost the engine little, and larger ones the file of one image much."""
PAGE_BYTES = 8 << 20
"""A page ends when it has so many bytes, as the engine's do."""
ALIGNED, FILLER = 64, b"H"
"""Pages begin at multiples of this; the engine has the same byte between them."""
BEGINS, SIZES, FIRST = 1, 2, 5
"""Fields of a page, beside its rows: its buffers' places and sizes, and its first row."""
LAYOUT, LAYOUT_ROWS = (4, 2, 1, 2, 3), (5, 6)
"""Where a page says how it is laid out, and the fields there that count rows."""
SCHEMA_ROWS = 2
"""The field of the message about the file's schema that counts rows."""


@dataclass(frozen=True, slots=True)
class Model:
    """What the engine says of a file of one image: the messages at its end, and its description of a fragment."""

    version: tuple[int, int]
    schema: bytes
    column: bytes
    described: Mapping[str, Any]


@dataclass(slots=True)
class RawColumn:
    """A column while it is written: `kind` is its field in the file, `places` the rows and beginning of each page.

    `parts` are the rows of each batch, and which of them have an image, where some have none.
    """

    kind: pa.Field
    model: Model
    path: Path
    file: BinaryIO
    places: list[int] = field(default_factory=list)
    parts: list[tuple[int, NDArray[np.bool_] | None]] = field(default_factory=list)
    end: int = 0

    def add(self, column: pa.Array) -> None:
        """Write the images of a batch that are there."""
        self.parts.append((len(column), column.is_valid().to_numpy(False) if column.null_count else None))
        pixels = _pixels(column)
        if not self.places or self.end - self.places[-1] >= PAGE_BYTES:
            self._write(FILLER * (-self.end % ALIGNED))
            self.places += [0, self.end]
        self.places[-2] += len(column)
        self._write(pixels.view(np.uint8).data)

    def finish(self, table: str, folder: Path) -> dict[str, Any]:
        """End the file: the engine's description of a fragment of it."""
        if all(there is None for _, there in self.parts):
            self._seal()
            if self._understood():
                (file,) = self.model.described["files"]
                said = {**file, "path": self.path.name, "file_size_bytes": self.end}
                return {**self.model.described, "files": [said], "physical_rows": self._rows}
        self.file.close()
        rows = pa.RecordBatchReader.from_batches(pa.schema([self.kind]), self._batches())
        written = write_file(folder, table, rows)
        self.path.unlink()
        return written

    @property
    def _rows(self) -> int:
        return sum(rows for rows, _ in self.parts)

    def _write(self, content: bytes | memoryview) -> None:
        self.file.write(content)
        self.end += len(content)

    def _seal(self) -> None:
        """Write what says what the file holds."""
        self._write(FILLER * (-self.end % ALIGNED))
        self._write(_end(self.model, self.kind.type, self.places, self.end))
        self.file.close()

    def _understood(self) -> bool:
        """Whether the engine says of the file what is meant."""
        from lance.file import LanceFileReader

        metadata = LanceFileReader(str(self.path)).metadata()
        found = places_of(metadata.columns[0].pages, *form_of(self.kind.type))
        return metadata.num_rows == self._rows and found == tuple(self.places)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """The rows that were written, for the engine."""
        dtype, shape = form_of(self.kind.type)
        pages = iter(zip(self.places[::2], self.places[1::2], strict=True))
        left = at = 0
        for rows, there in self.parts:
            if not left:
                left, at = next(pages)
            left -= rows
            images = np.fromfile(self.path, dtype, prod(shape) * _present(rows, there), offset=at)
            at += images.nbytes
            column = as_lists(images, self.kind.type)
            if there is not None:
                column = column.take(pa.array(there.cumsum() - 1, mask=~there))
            yield pa.record_batch([column], schema=pa.schema([self.kind]))


def _pixels(column: pa.Array) -> NDArray[np.generic]:
    """The pixels of those images that are there, one behind the other, where they lie in memory."""
    values, wanted = column, (len(column) - column.null_count) * prod(form_of(column.type)[1])
    while pa.types.is_fixed_size_list(values.type):
        values = values.flatten()  # of those that are there: Arrow's filter is wrong for parts of a column
    if values.null_count or len(values) != wanted:
        raise StoreError("an image lacks some of its pixels", fix="report this")
    found: NDArray[np.generic] = values.to_numpy(zero_copy_only=True)
    return found


def _present(rows: int, there: NDArray[np.bool_] | None) -> int:
    return rows if there is None else int(there.sum())


def _end(model: Model, kind: pa.DataType, places: Sequence[int], at: int) -> bytes:
    """The end of a file, from `at`: messages of its schema and of its column, their places, and those of these."""
    dtype, shape = form_of(kind)
    image_bytes = prod(shape) * np.dtype(dtype).itemsize
    (page,) = (value for number, value in fields(model.column) if number == PAGE)
    assert isinstance(page, bytes)
    first, pages = 0, []
    for rows, begin in zip(places[::2], places[1::2], strict=True):
        sized: dict[int, Value] = {BEGINS: number_of(begin), SIZES: number_of(rows * image_bytes), ROWS: rows}
        if first:
            sized[FIRST] = first
        counted = _within(page, LAYOUT, dict.fromkeys(LAYOUT_ROWS, rows))
        pages.append(field_of(PAGE, replaced(counted, sized)))
        first += rows
    others = (field_of(number, value) for number, value in fields(model.column) if number != PAGE)
    schema, column = replaced(model.schema, {SCHEMA_ROWS: first}), b"".join([*others, *pages])
    begins = [at, at + len(schema), at + len(schema) + len(column)]
    buffers = PLACE.pack(begins[1], len(column)) + PLACE.pack(begins[0], len(schema))
    footer = FOOTER.pack(begins[1], begins[2], begins[2] + PLACE.size, 1, 1, *model.version, MARK)
    return schema + column + buffers + footer


def _within(message: bytes, path: Sequence[int], changes: Mapping[int, Value]) -> bytes:
    """The message with other values of some fields of a message that stands in it, or in one that does."""
    if not path:
        return replaced(message, changes)
    inner = dict(fields(message))[path[0]]
    assert isinstance(inner, bytes)
    return replaced(message, {path[0]: _within(inner, path[1:], changes)})


@contextmanager
def raw_columns(schema: pa.Schema, folder: Path, table: str) -> Iterator[list[RawColumn]]:
    """Begin a file for each column of a stored schema that is written so; `finish` ends them, and if not, they are gone."""
    found: list[RawColumn] = []
    try:
        for kind in schema:
            if not _fits(kind.type):
                continue
            if model := _model(pa.schema([kind]).serialize().to_pybytes(), folder, table):
                path = folder / "data" / f"{uuid4().hex}.lance"
                with storage_errors(f"table {table}"):
                    path.parent.mkdir(exist_ok=True)
                    found.append(RawColumn(kind, model, path, open(path, "wb")))  # noqa: SIM115 - closed below
        yield found
    except BaseException:
        for column in found:
            with suppress(OSError):  # of a full disk, which was told: what waits is not wanted any more
                column.file.close()
            column.path.unlink(missing_ok=True)
        raise


def _fits(kind: pa.DataType) -> bool:
    """Whether a column is of equal images of the sizes that are worth it."""
    dtype, shape = form_of(kind)
    return dtype in PIXELS and LEAST_BYTES <= prod(shape) * np.dtype(dtype).itemsize <= MOST_BYTES


@lru_cache(maxsize=64)
def _model(serialized: bytes, folder: Path, table: str) -> Model | None:
    """What the engine says of one image; None where its file is not laid out as is known here."""
    from lance.file import LanceFileReader

    schema = pa.ipc.read_schema(pa.py_buffer(serialized))
    kind = schema.field(0).type
    dtype, shape = form_of(kind)
    image = np.resize(np.arange(127, dtype=dtype), prod(shape))  # not all alike: that is stored otherwise
    batch = pa.record_batch([as_lists(image, kind)], schema=schema)
    described = write_file(folder, table, pa.RecordBatchReader.from_batches(schema, [batch]))
    path = folder / "data" / described["files"][0]["path"]
    at = image.nbytes + -image.nbytes % ALIGNED
    try:
        raw = places_of(LanceFileReader(str(path)).metadata().columns[0].pages, dtype, shape) == (1, 0)
        with open(path, "rb") as file:
            file.seek(at)
            end = file.read()
    finally:
        path.unlink()
    try:
        model = Model(*_said(end, at), described)
        known = raw and _end(model, kind, (1, 0), at) == end
    except (ValueError, LookupError, AssertionError, struct.error):
        return None
    return model if known else None


def _said(end: bytes, at: int) -> tuple[tuple[int, int], bytes, bytes]:
    """Of the end of a file, which begins at `at`: the format's version, the messages of the schema and of the column."""
    _, columns, buffers, _, _, major, minor, _ = FOOTER.unpack(end[-FOOTER.size :])
    places = (PLACE.unpack_from(end, place - at) for place in (buffers, columns))
    schema, column = (end[begin - at : begin - at + size] for begin, size in places)
    return (major, minor), schema, column
