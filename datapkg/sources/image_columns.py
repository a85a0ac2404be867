"""The columns of an image table: what describes an image, and what holds it.

Every format that gives images gives the same columns, in one order, so that a reader need not know whether an
image came from a TIFF or from a CellH5 movie. A format says what it knows of an image as `ImageFacts`; here that
becomes columns and Arrow arrays. Columns that say where an image stands (series, page, t ...) are the format's own
and are put between the sizes and the pixel sizes.

`axes` names the dimensions of `shape` in stored order, with OME's letters X, Y, Z, C, T. Samples that are stored
beside each other in a pixel (the red, green and blue of ``YXS``) are ``S``; they count as channels in `size_c`.
Pages whose meaning the file does not tell are ``I`` or ``Q``, and count as no size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..encoding import Layout, encoded
from ..pixels import image_digest
from .base import Column

SIZES = ("size_x", "size_y", "size_z", "size_c", "size_t")
PIXEL_SIZES = ("pixel_size_x_um", "pixel_size_y_um", "pixel_size_z_um")
FACTS = ("dtype", "shape", "axes", *SIZES, *PIXEL_SIZES, "channel_names")
"""The columns that follow from `ImageFacts`, but for the metadata."""
STRINGS = pa.list_(pa.string())


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is known of one image beside its pixels. None is what the file does not say: never a guess."""

    dtype: str
    shape: tuple[int, ...]
    axes: str
    pixel_size_x_um: float | None = None
    pixel_size_y_um: float | None = None
    pixel_size_z_um: float | None = None
    channel_names: tuple[str | None, ...] | None = None
    metadata: str | None = None

    def size(self, axis: str) -> int:
        """The length along X, Y, Z, C or T; 1 where the image has no such axis.

        Examples
        --------
        >>> ImageFacts("uint8", (2, 30, 40, 3), "ZYXS").size("C")
        3
        """
        letters = "CS" if axis == "C" else axis
        return prod(n for letter, n in zip(self.axes, self.shape, strict=True) if letter in letters)


def image_columns(
    layout: Layout,
    keep: Sequence[str],
    *,
    where: Sequence[Column] = (),
    why: str = "",
) -> tuple[Column, ...]:
    """The columns from `image_bytes` to `metadata`, in order.

    Parameters
    ----------
    keep
        What the resource says: of `image_bytes` and `image_array` only what is kept is a column.
    where
        The format's own columns that say where an image stands, such as `series` and `page`.
    why
        How `layout` was decided, for the report.

    Examples
    --------
    >>> from datapkg.encoding import PackedLayout
    >>> [c.name for c in image_columns(PackedLayout(), ["array"])][:3]
    ['image_array', 'image_digest', 'dtype']
    """
    held = []
    if "bytes" in keep:
        held.append(Column("image_bytes", pa.large_binary(), "binary"))
    if "array" in keep:
        held.append(Column("image_array", layout.arrow_type(), "image", layout, why))
    return (
        *held,
        Column("image_digest", pa.string(), "string"),
        Column("dtype", pa.string(), "string"),
        Column("shape", pa.list_(pa.int32()), "list<int32>"),
        Column("axes", pa.string(), "string"),
        *(Column(name, pa.int32(), "int32") for name in SIZES),
        *where,
        *(Column(f"pixel_size_{axis}_um", pa.float64(), "double") for axis in "xyz"),
        Column("channel_names", STRINGS, "list<string>"),
        Column("metadata", pa.string(), "string"),
    )


def image_arrays(
    images: Sequence[tuple[ImageFacts, NDArray[np.generic]]],
    layout: Layout | None,
    keep: Sequence[str],
    metadata: Sequence[str | None] | None = None,
) -> dict[str, pa.Array]:
    """The values of the columns that `image_columns` gives, by name and in order.

    `image_bytes` and the columns that say where an image stands are the format's to add. Where `keep` has no
    ``array``, `layout` is not needed. Many images may have the same facts, and then each its own `metadata`.
    """
    arrays: dict[str, Any] = {}
    if "array" in keep and layout is not None:
        arrays["image_array"] = encoded([image for _, image in images], layout)
    arrays["image_digest"] = pa.array([image_digest(image) for _, image in images], pa.string())
    told = {id(facts): facts for facts, _ in images}
    arrays |= _facts_arrays(list(told.values()))
    if len(told) < len(images):
        numbers = {one: number for number, one in enumerate(told)}
        which = pa.array([numbers[id(facts)] for facts, _ in images], pa.int32())
        arrays |= {name: arrays[name].take(which) for name in FACTS}
    if metadata is None:
        metadata = [facts.metadata for facts, _ in images]
    arrays["metadata"] = pa.array(metadata, pa.string())
    return arrays


def _facts_arrays(facts: Sequence[ImageFacts]) -> dict[str, pa.Array]:
    arrays = {
        "dtype": pa.array([f.dtype for f in facts], pa.string()),
        "shape": pa.array([f.shape for f in facts], pa.list_(pa.int32())),
        "axes": pa.array([f.axes for f in facts], pa.string()),
    }
    for name in SIZES:
        arrays[name] = pa.array([f.size(name[-1].upper()) for f in facts], pa.int32())
    for name in PIXEL_SIZES:
        arrays[name] = pa.array([getattr(f, name) for f in facts], pa.float64())
    arrays["channel_names"] = pa.array([f.channel_names for f in facts], STRINGS)
    return arrays


def file_bytes(content: memoryview | None, rows: int) -> pa.Array:
    """A column of `rows` rows with a file's bytes, not copied, in the first one; None: all are null."""
    if content is None or rows == 0:
        return pa.nulls(rows, pa.large_binary())
    ends = np.full(rows + 1, len(content), np.int64)
    ends[0] = 0
    valid = np.packbits(np.arange(rows) == 0, bitorder="little").tobytes()
    buffers = [pa.py_buffer(valid), pa.py_buffer(ends), pa.py_buffer(content)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), rows, buffers)


def record_batch(schema: pa.Schema, arrays: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """The arrays as one batch, in the schema's order."""
    return pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)
