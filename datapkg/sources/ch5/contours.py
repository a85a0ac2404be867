"""Outlines of objects: base64 of zlib of ``x0,y0,x1,y1,...``, as CellCognition writes them."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MOST_BYTES = 16 << 20
"""An outline of a million points; packed text that grows beyond is no outline."""


class ContourError(ValueError):
    """A contour that is none; `row` says which."""

    def __init__(self, row: int, why: str) -> None:
        super().__init__(row, why)
        self.row, self.why = row, why


def contours(packed: Sequence[bytes | str]) -> pa.Array:
    """Decode contours into lists of points; an empty text is no contour.

    Raises
    ------
    ContourError
        One cannot be decoded.

    Examples
    --------
    >>> contours([base64.b64encode(zlib.compress(b"1,2,3,4")), b""]).to_pylist()
    [[{'x': 1, 'y': 2}, {'x': 3, 'y': 4}], None]
    """
    parts: list[NDArray[np.int32]] = []
    for row, text in enumerate(packed):
        parts.append(_points(row, text) if text else np.empty((0, 2), np.int32))
    lengths = [len(part) for part in parts]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = np.concatenate(parts) if parts else np.empty((0, 2), np.int32)
    points = pa.StructArray.from_arrays([pa.array(flat[:, 0]), pa.array(flat[:, 1])], names=["x", "y"])
    missing = pa.array([not text for text in packed], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets), points, mask=missing)


def _points(row: int, text: bytes | str) -> NDArray[np.int32]:
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(base64.b64decode(text, validate=True), MOST_BYTES)
    except (binascii.Error, zlib.error, ValueError):
        raise ContourError(row, "it is not base64 of zlib-compressed text") from None
    if unpacker.unconsumed_tail:
        raise ContourError(row, "it unpacks to more than a million points")
    if not unpacker.eof:
        raise ContourError(row, "its compressed text is cut short")
    try:
        words = plain.strip(b" ,\0")
        numbers = np.array(words.split(b",") if words else [], dtype=np.bytes_).astype(np.int32)
    except (ValueError, OverflowError):
        raise ContourError(row, "its text is not x0,y0,x1,y1,... in whole numbers") from None
    if len(numbers) % 2:
        raise ContourError(row, "it has an x without a y")
    return numbers.reshape(-1, 2)
