"""The same rows for other libraries: each door's own module is loaded when it is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from ..errors import SchemaError

if TYPE_CHECKING:
    import awkward as ak
    import lance
    import polars as pl
    import pyarrow as pa

    from ..table import Table
    from .torch import TorchRows

BATCH_BYTES = 16 << 20


class DoorMethods:
    """Methods of a table that hand its rows to other libraries."""

    def to_batches(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        limit: int | None = None,
        *,
        batch_bytes: int = BATCH_BYTES,
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows as Arrow batches of about `batch_bytes` each, so that a table of any size passes by.

        Other parameters as in `to_arrow`.
        """
        table = cast("Table", self)
        if type(batch_bytes) is not int or batch_bytes < 1:
            fix = "give a whole number from 1"
            raise SchemaError(f"batch_bytes is {batch_bytes!r}", f"table {table.name}", fix)
        wanted = table.wanted(columns)
        asked = list(dict.fromkeys(wanted)) or table.columns[:1]
        read = table.rows.read(asked, where, limit, batch_bytes=batch_bytes)
        return (part.select(wanted) for _, batch in read for part in _parts(batch, batch_bytes))

    def to_polars(
        self, columns: Sequence[str] | None = None, where: str | None = None, limit: int | None = None
    ) -> pl.LazyFrame:
        """The rows as a polars LazyFrame: only what a query needs is read. Images as in `to_arrow`.

        Parameters as in `to_pandas`; polars must be installed (``pip install 'lance-datapkg[polars]'``).
        """
        from .polars import to_polars

        table = cast("Table", self)
        return to_polars(table.rows, table.wanted(columns), where, limit)

    def to_awkward(self, column: str, where: str | None = None, limit: int | None = None) -> ak.Array:
        """One column as an Awkward array of its exact type, without a copy where it comes in one piece.

        Images have the column's dtype and its number of axes; there is an option type only where a value is missing.
        Other parameters as in `to_pandas`.
        """
        from .awkward import column_to_awkward

        return column_to_awkward(cast("Table", self), column, where, limit)

    def to_torch(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        limit: int | None = None,
        *,
        transform: Callable[[dict[str, Any]], Any] | None = None,
    ) -> TorchRows:
        """The rows as a map-style dataset for ``torch.utils.data.DataLoader``; torch itself is not needed.

        An item is a dict of a row's values by column, images as NumPy arrays of their own dtype and shape; `transform`
        makes of it what the model takes. torch's own batches want numbers, text, and images of one shape. Rows of a batch are read together. Workers must be spawned, not forked:
        ``DataLoader(..., num_workers=4, multiprocessing_context="spawn")``. Other parameters as in `to_pandas`.
        """
        from .torch import TorchRows

        table = cast("Table", self)
        rows = None if where is None and limit is None else table.rows.matching(where, limit)
        return TorchRows(table.opened, table.name, table.shown(columns), rows, transform)

    @property
    def lance(self) -> lance.LanceDataset:
        """The pinned Lance dataset, for what is not wrapped here; deleted rows do not appear in it.

        Its columns have the names that Lance can hold: ``Cells.Area`` is ``Cells%2EArea`` there. Its rows lie in the order
        of their fragments, which after a build of changed files is not the manifest's; images are as stored.
        """
        rows = cast("Table", self).rows
        rows.check()
        return rows.pinned.lance


def _parts(batch: pa.RecordBatch, most_bytes: int) -> Iterator[pa.RecordBatch]:
    """A batch in pieces of at most so many bytes, if a row is not more."""
    from ..pixels import part_of

    rows = max(1, batch.num_rows * most_bytes // max(batch.nbytes, 1))
    for start in range(0, batch.num_rows, rows):
        yield part_of(batch, start, rows)
