"""Pages of equal images as raw pixels, and nothing else: how the engine describes them.

Lance 2.2 stores a column of fixed-size lists without nulls so: each page is one buffer of rows, nothing between them. A
description is compared as a whole, so that an engine that words it otherwise is not believed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa

from ..pixels import DTYPES

PIXELS = frozenset(DTYPES) - {"bool"}
"""The dtypes of a column of pixels; those of bools are stored as uint8."""


def form_of(kind: pa.DataType) -> tuple[str, tuple[int, ...]]:
    """Dtype and shape of a column of fixed-size lists of pixels; no shape for any other."""
    shape: list[int] = []
    while pa.types.is_fixed_size_list(kind):
        shape.append(kind.list_size)
        kind = kind.value_type
    if not shape or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return "", ()
    return np.dtype(kind.to_pandas_dtype()).name, tuple(shape)


def places_of(pages: Sequence[Any], dtype: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
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
