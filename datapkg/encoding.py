"""The two encodings of an image column: `nested` lists, which any Arrow client reads, or `packed` binaries.

A column's Arrow type tells which it is: packed images are a large_binary. Everything else about a table is the same
in both, its digest included.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import pyarrow as pa
from numpy.typing import NDArray

from . import pixels
from .errors import DatapkgError
from .packing import value
from .pixels import ImageLayout, common_dtype, common_layout

THREADS_FROM_PIXELS = 1 << 15
"""Smaller images are unpacked sooner than handed to a thread."""


@dataclass(frozen=True, slots=True)
class PackedLayout:
    """Each image is one value that says its own dtype and shape: nothing is common to the column."""

    metadata: ClassVar[Mapping[str, str]] = {"datapkg:packed": str(value.FORMAT)}

    def arrow_type(self) -> pa.DataType:
        """The column's type."""
        return pa.large_binary()


Layout = ImageLayout | PackedLayout


def layout_of(array: str, seen: Iterable[tuple[str, tuple[int, ...]]]) -> Layout:
    """Decide how a column's images are stored.

    Parameters
    ----------
    array
        What the manifest says: ``nested`` or ``packed``.
    seen
        (dtype, shape) of each image, or of each different one.

    Raises
    ------
    SchemaError
        A dtype that no column can hold; for nested also where no dtype holds all images exactly.

    Examples
    --------
    >>> layout_of("nested", [("uint8", (4, 6)), ("uint16", (5, 6))])
    ImageLayout(dtype='uint16', shape=(None, 6))
    >>> layout_of("packed", [("uint64", (4, 6)), ("float32", (2, 5, 6))])
    PackedLayout()
    """
    if array != "packed":
        return common_layout(seen)
    for dtype in sorted({dtype for dtype, _ in seen}):
        common_dtype([dtype])
    return PackedLayout()


def holds(layout: Layout, dtype: str, shape: Sequence[int]) -> bool:
    """Whether a column that is stored so holds an image as it is, and would be stored so beside it.

    Examples
    --------
    >>> layout = ImageLayout("uint16", (None, 6))
    >>> holds(layout, "uint8", (4, 6)), holds(layout, "uint16", (4, 7)), holds(layout, "int8", (4, 6))
    (True, False, False)
    """
    if isinstance(layout, PackedLayout):
        return dtype in pixels.DTYPES
    lengths = zip(reversed(layout.shape), reversed(shape), strict=False)
    fits = len(shape) <= len(layout.shape) and all(due is None or due == length for due, length in lengths)
    short = len(shape) < len(layout.shape)  # axes of length one come before its own
    return (
        fits
        and not (short and any(n not in (None, 1) for n in layout.shape[: -len(shape)]))
        and (dtype == layout.dtype or _widened(layout.dtype, dtype))
    )


def _widened(stored: str, dtype: str) -> bool:
    """Whether values of a type are stored as those of another, exactly."""
    try:
        return common_dtype([stored, dtype]) == stored
    except DatapkgError:
        return False


def field_of(name: str, kind: pa.DataType, layout: Layout | None) -> pa.Field:
    """A column's field; that of packed images tells the number of their format."""
    return pa.field(name, kind, metadata=layout.metadata if isinstance(layout, PackedLayout) else None)


def encoded(images: Sequence[NDArray[Any] | None], layout: Layout) -> pa.Array:
    """Make a column's values from images; None is a missing one.

    Examples
    --------
    >>> import numpy as np
    >>> column = encoded([np.eye(2, dtype="u1"), None], PackedLayout())
    >>> [None if image is None else image.tolist() for image in decoded(column, ["uint8", None], [[2, 2], None])]
    [[[1, 0], [0, 1]], None]
    """
    if isinstance(layout, PackedLayout):
        return pa.array([None if image is None else value.pack(image) for image in images], pa.large_binary())
    return pixels.to_arrow(images, layout)


def decoded(
    column: pa.Array,
    dtypes: Sequence[str | None] | None,
    shapes: Sequence[Sequence[int] | None] | None,
    where: Callable[[int], str] = "image {}".format,
) -> list[NDArray[Any] | None]:
    """Bring a column's images back, each in its own dtype and shape, read-only.

    Parameters
    ----------
    dtypes, shapes
        What the rows say of their images; packed ones say it themselves too, so that None will do.
    where
        Names an entry of the column in an error.

    Raises
    ------
    DamageError
        A packed image is not as it was written, or not what its row says.
    """
    if not is_packed(column.type):
        return pixels.from_arrow(column, dtypes or (), shapes or ())
    rows = None if dtypes is None or shapes is None else list(zip(dtypes, shapes, strict=True))

    def one(at: int) -> NDArray[Any] | None:
        packed = column[at]
        row = None if rows is None else (rows[at][0] or "nothing", rows[at][1] or ())
        if not packed.is_valid:
            return None
        try:
            return value.unpack(memoryview(packed.as_buffer()), row)
        except DatapkgError as error:
            raise type(error)(error.what, where(at), error.fix) from None

    threads = min(len(column), os.cpu_count() or 1)
    if threads < 2 or _pixels(column, shapes) < THREADS_FROM_PIXELS * len(column):
        return [one(at) for at in range(len(column))]
    with ThreadPoolExecutor(threads) as pool:  # the decoders leave Python's lock
        return list(pool.map(one, range(len(column))))


def _pixels(column: pa.Array, shapes: Sequence[Sequence[int] | None] | None) -> int:
    """How many pixels there are to unpack, about."""
    return int(column.nbytes) if shapes is None else sum(prod(shape or ()) for shape in shapes)


def is_packed(kind: pa.DataType) -> bool:
    """Tell from a stored image column's type how its images are encoded."""
    return bool(pa.types.is_large_binary(kind))


def unpacked(column: str) -> str:
    """Under which name a record says what the images of a packed column take unpacked."""
    return f"{column}_unpacked"


def pixel_bytes(column: pa.Array) -> int:
    """What the images of a packed column take unpacked."""
    total = 0
    for packed in column:
        if packed.is_valid:
            total += value.head(memoryview(packed.as_buffer())).pixel_bytes
    return total
