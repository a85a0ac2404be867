"""A table as a polars LazyFrame.

Polars says which columns and rows it needs. A condition is answered from the columns that it names; the others, pixels
among them, are read of the rows that fulfil it. Polars itself compares, so that its rules hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .optional import optional

if TYPE_CHECKING:
    import polars as pl

    from ..access import RowAccess


def to_polars(rows: RowAccess, columns: Sequence[str], where: str | None, limit: int | None) -> pl.LazyFrame:
    """Make a LazyFrame of rows that fulfil a condition, in the table's order.

    Raises
    ------
    ExportError
        polars is not installed.
    """
    polars = optional("polars")
    schema = pa.schema([rows.schema.field(name) for name in columns])

    def source(
        wanted: list[str] | None, predicate: pl.Expr | None, count: int | None, batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        del batch_rows  # batches are bounded by bytes
        names = list(columns) if wanted is None else wanted
        most = min((one for one in (limit, count) if one is not None), default=None)
        asked = predicate.meta.root_names() if predicate is not None else names
        read = rows.read(asked or list(columns[:1]), where, most)
        if predicate is None:
            for _, batch in read:
                yield polars.from_arrow(batch).select(names)
            return
        found = [np.empty(0, np.int64)]
        for at, batch in read:
            fulfilled = polars.from_arrow(batch).select(predicate).to_series().fill_null(False)
            found.append(at[np.broadcast_to(fulfilled.to_numpy(), len(at))])
        for _, batch in rows.take(np.concatenate(found), names or list(columns[:1])):
            yield polars.from_arrow(batch).select(names)

    from polars.io.plugins import register_io_source

    empty: Any = polars.from_arrow(schema.empty_table())
    return register_io_source(source, schema=empty.schema, is_pure=True)
