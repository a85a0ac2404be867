"""Where the pixels of equal images lie in a data file, one image after the other, as raw numbers; and where bytes lie.

Lance 2.2 stores a column of fixed-size lists without nulls so: each page is one buffer of rows, nothing between them. The
file's own metadata say so, page by page, and are believed only where they say exactly that. Any other page, an image
missing, or one of a narrower dtype than the column's, and the engine reads the column. A column of bytes of any length,
such as files that are kept, has pages of two buffers: each row's length and bytes, and an index of where rows begin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..companions import ARRAY, companions, places
from ..pixels import DTYPES
from .blobs import LONE, blobs
from .files import Pages
from .forms import Forms
from .kept import Kept
from .layers import numbers_of
from .names import stored_name
from .page_rows import rows_of_pages
from .placed import VALUES, placed

PIXELS = frozenset(DTYPES) - {"bool"}
"""The dtypes of a column of pixels; those of bools are stored as uint8."""
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

    def pages(self, path: Path, written: Any, schema: pa.Schema) -> tuple[dict[str, Pages], dict[str, Any]]:
        """Where pixels and bytes lie in the file that was written; by the columns' stored names.

        Parameters
        ----------
        written
            The engine's description of the file.
        schema
            That of the file: stored names.

        Returns
        -------
        Of columns of equal images, and of bytes; then, as a files list says it, of other images.
        """
        if not self.forms and not self.blobs and not self.packed:
            return {}, {}
        from lance.file import LanceFileReader
        from lance.schema import LanceSchema

        metadata = LanceFileReader(str(path)).metadata()
        described = metadata.columns
        numbers = numbers_of(LanceSchema.from_pyarrow(schema))
        index = dict(zip(written.fields, written.column_indices, strict=True))
        equal: dict[str, Pages] = {}
        others: dict[str, Any] = {}

        def pages_of(name: str, deepest: int) -> tuple[list[Any], list[int]]:
            at = index[numbers[stored_name(name)][deepest]]
            return list(described[at].pages), rows_of_pages(path, at)

        for name, forms in self.forms.items():
            kind = self.schema.field(name).type
            dtype, shape = _form(kind)
            pages, rows = pages_of(name, 0 if shape else -1)
            alike = shape and dtype in PIXELS and forms.known and forms.all == ((dtype, shape),)
            places = _places(pages, dtype, shape) if alike else None
            if places:
                equal[stored_name(name)] = Pages(dtype, shape, places)
            elif other := placed(path, pages, rows, kind, forms):
                others[stored_name(name)] = other
        for name in self.packed:
            if entry := blobs(path, *pages_of(name, 0)):
                others[stored_name(name)] = entry
        for name, kept in self.blobs.items():
            if entry := blobs(path, *pages_of(name, 0), kept.lengths):
                plain = kept.plain and entry["kind"] == VALUES
                told = {"places": kept.text} if kept.known and not plain else {}
                if told or entry["kind"] != VALUES or LONE in entry["pages"][3::4]:
                    others[stored_name(name)] = entry | told
                else:
                    equal[stored_name(name)] = Pages(BLOBS, (), tuple(entry["pages"]))
        return equal, others

    def _places(self, column: str) -> tuple[str, ...]:
        """The columns that say where the images of a column of files stand; none where their pixels are kept too."""
        if column != FILE_COLUMN or ARRAY in self.schema.names:
            return ()
        return places([one.name for one in self.schema if one.type == pa.int32()])


def _places(pages: list[Any], dtype: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Rows and beginning of each page; None where one of them is not raw pixels and nothing else."""
    image_bytes = prod(shape) * np.dtype(dtype).itemsize
    places: list[int] = []
    for page in pages:
        if len(page.buffers) != 1:
            return None
        (buffer,) = page.buffers
        rows, beyond = divmod(buffer.size, image_bytes)
        if beyond or re.sub(r"\s", "", page.encoding) != _raw(dtype, shape, rows):
            return None
        places += [rows, buffer.position]
    return tuple(places)


def _raw(dtype: str, shape: tuple[int, ...], rows: int) -> str:
    """How the engine describes a page of raw pixels."""
    bits = 8 * np.dtype(dtype).itemsize
    values = f"CompressiveEncoding{{compression:Some(Flat(Flat{{bits_per_value:{bits},data:None,}},),),}}"
    for length in reversed(shape):
        values = (
            "CompressiveEncoding{compression:Some(FixedSizeList(FixedSizeList{"
            f"items_per_value:{length},has_validity:false,values:Some({values},),"
            "},),),}"
        )
    return (
        f"PageLayout{{layout:Some(FullZipLayout(FullZipLayout{{bits_rep:0,bits_def:0,num_items:{rows},"
        f"num_visible_items:{rows},value_compression:Some({values},),layers:[RepdefAllValidItem,],"
        f"details:Some(BitsPerValue({bits * prod(shape)},),),}},),),}}"
    )


def _form(kind: pa.DataType) -> tuple[str, tuple[int, ...]]:
    """Dtype and shape of a column of fixed-size lists; no shape for any other."""
    shape: list[int] = []
    while pa.types.is_fixed_size_list(kind):
        shape.append(kind.list_size)
        kind = kind.value_type
    if not shape or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return "", ()
    return np.dtype(kind.to_pandas_dtype()).name, tuple(shape)
