"""A column as an Awkward array: its exact type, and no option type where nothing is missing.

Awkward takes over Arrow's buffers as they are. What Arrow only allows to be missing, and is not, loses its option type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..companions import companions
from ..encoding import decoded, is_packed
from ..lazy import lazy_columns
from ..pixels import common_layout, to_arrow

if TYPE_CHECKING:
    from ..table import Table


def to_awkward(column: pa.ChunkedArray) -> Any:
    """Take over a column's values; one chunk without a copy, several are joined first.

    Examples
    --------
    >>> str(to_awkward(pa.chunked_array([[[1, 2], []]], pa.large_list(pa.uint16()))).type)
    '2 * var * uint16'
    """
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if not values.null_count:
        return _without_options(ak.from_arrow(values))
    present = np.asarray(values.is_valid())
    index = np.where(present, present.cumsum() - 1, -1)
    content = ak.to_layout(_without_options(ak.from_arrow(values.drop_null())))
    return ak.Array(ak.contents.IndexedOptionArray.simplified(ak.index.Index64(index), content))


def column_to_awkward(table: Table, column: str, where: str | None, limit: int | None) -> Any:
    """Read a column of a table; images that are packed, or kept as files, are decoded; those of bools come as bools."""
    if lazy_columns(table.record).get(column) != "image":
        return to_awkward(table.to_arrow([column], where, limit).column(column))
    if column not in table.columns:
        return images_to_awkward(
            table.opened.images(table.name, column).load(table.rows.matching(where, limit))
        )
    looks = companions(column).looks
    read = table.to_arrow([column, *looks], where, limit)
    stored = read.column(column)
    dtypes, shapes = (read.column(name).to_pylist() for name in looks)
    if is_packed(stored.type):
        return images_to_awkward(decoded(stored.combine_chunks(), dtypes, shapes))
    array = to_awkward(stored)
    return _as_bools(array) if _only_bools(dtypes) else array


def images_to_awkward(images: Sequence[NDArray[np.generic] | None]) -> Any:
    """Images as one array, in the smallest dtype that holds them all; None is a missing one."""
    layout = common_layout((image.dtype.name, image.shape) for image in images if image is not None)
    array = to_awkward(pa.chunked_array([to_arrow(images, layout)]))
    return (
        _as_bools(array)
        if _only_bools([image.dtype.name for image in images if image is not None])
        else array
    )


def _only_bools(dtypes: Sequence[str | None]) -> bool:
    return {one for one in dtypes if one is not None} == {"bool"}


def _without_options(array: Any) -> Any:
    """The same array without the option types that mark nothing as missing; no buffer is copied."""

    def bare(layout: Any, **_: Any) -> Any:
        if not layout.is_option or np.any(layout.mask_as_bool(valid_when=False)):
            return None
        return ak.transform(bare, layout.project(), highlevel=False)

    return ak.transform(bare, array)


def _as_bools(array: Any) -> Any:
    def viewed(layout: Any, **_: Any) -> Any:
        return ak.contents.NumpyArray(layout.data.view(bool)) if layout.is_numpy else None

    return ak.transform(viewed, array)
