"""The rows that a query gives: as a DataFrame, as Arrow, in batches, or as a file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import ExportError, SchemaError
from ..pixels import part_of
from . import references
from .database import NUMBER, Database
from .references import WHERE

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

BATCH_ROWS = 1 << 16
WHOLE = pa.decimal128(38, 0)
"""What DuckDB makes of the sum of whole numbers."""


class QueryResult:
    """What a query gives. It is run when rows are asked for, each time anew; the tables that it reads never change.

    Rows come in no special order, unless the query says ``order by``.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.relation() as relation:
            self._carried_schema = _schema(relation)
        for field in self._carried_schema:
            references.refuse_hidden(field.name, field.type)

    @property
    def columns(self) -> list[str]:
        """The columns' names."""
        return list(self._carried_schema.names)

    @property
    def images(self) -> list[str]:
        """The names of the columns that hold images or files."""
        return [
            field.name
            for field in self._carried_schema
            if references.is_reference(field.type) or references.is_list_of_references(field.type)
        ]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema; images as they are stored."""
        fields = [
            pa.field(field.name, self._stored_type(at)) for at, field in enumerate(self._carried_schema)
        ]
        return pa.schema(fields)

    def __repr__(self) -> str:
        tables = ", ".join(table.name for table in self._database.tables) or "no table"
        return f"a query over {tables}: columns {', '.join(self.columns)}"

    def to_pandas(self) -> pd.DataFrame:
        """Read the rows as a DataFrame; dtypes and lazy cells as in `Table.to_pandas`.

        A list of images, as ``list(image_array)`` makes it, is an array of lazy cells.

        Raises
        ------
        SchemaError
            A value cannot be computed.
        DamageError
            A table that the query reads is damaged.
        """
        return self._frame(None)

    def head(self, rows: int = 5) -> pd.DataFrame:
        """Read some rows as a DataFrame, the first that the query gives."""
        return self._frame(rows)

    def to_arrow(self) -> pa.Table:
        """Read the rows as an Arrow table; images as they are stored: nested lists, or packed binaries.

        Raises
        ------
        ExportError
            The images of a column are stored in several types, or not as pixels.
        """
        return pa.Table.from_batches(self.to_batches(), self.schema)

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches, as they are computed; images as in `to_arrow`."""
        carried = [
            at for at, field in enumerate(self._carried_schema) if field.type != self.schema.field(at).type
        ]
        for batch in self._carried():
            rows = references.step(self._database.carried) if carried else max(batch.num_rows, 1)
            for start in range(0, batch.num_rows, rows):
                part = part_of(batch, start, rows)
                arrays = [
                    self._stored(column, self.schema.field(at).type) if at in carried else column
                    for at, column in enumerate(part.columns)
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def to_polars(self) -> pl.DataFrame:
        """Read the rows as a polars DataFrame; images as in `to_arrow`."""
        from ..doors.optional import optional

        return optional("polars").from_arrow(self.to_arrow())  # type: ignore[no-any-return]

    def write(self, path: str | Path) -> int:
        """Write the rows to a new file: ``.parquet``, ``.csv`` or ``.json``, as its suffix says.

        Parquet holds images as they are stored; the other two cannot hold them. In CSV, text stands in quotes, and a
        missing value is empty; lists stand there as JSON. In JSON, numbers that are none are ``"NaN"``, ``"INF"`` and
        ``"-INF"``.

        Returns
        -------
        The number of rows.

        Raises
        ------
        ExportError
            The file is there already, its suffix is unknown, or it cannot hold a column.
        """
        from .writing import write

        return write(self, Path(path))

    def _frame(self, rows: int | None) -> pd.DataFrame:
        from ..frames import frame_of

        table = pa.Table.from_batches(self._carried(rows), self._carried_schema)
        made: dict[str, Any] = {}
        for at, field in enumerate(table.schema):
            column = table.column(at).combine_chunks()
            if references.is_reference(field.type):
                made[str(at)] = references.cells(column, self._database.carried)
            elif references.is_list_of_references(field.type):
                made[str(at)] = references.lists_of_cells(column, self._database.carried)
        names = table.schema.names  # two columns may have one name
        frame = frame_of(table.rename_columns([str(at) for at in range(len(names))]), made)
        return frame.set_axis(_labels(names), axis=1)

    def _carried(self, rows: int | None = None) -> Iterator[pa.RecordBatch]:
        """The rows, with references in the place of images."""
        with self._database.relation() as whole:
            relation = whole if rows is None else whole.limit(rows)
            for batch in relation.to_arrow_reader(BATCH_ROWS):
                arrays = [
                    _whole(column, field)
                    for column, field in zip(batch.columns, self._carried_schema, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=self._carried_schema)

    def _stored_type(self, at: int) -> pa.DataType:
        kind = self._carried_schema.field(at).type
        if references.is_list_of_references(kind):
            return pa.large_list(self._pixels(at))
        return self._pixels(at) if references.is_reference(kind) else kind

    def _pixels(self, at: int) -> pa.DataType:
        """The one type of all cells that a column refers to."""
        columns = self._database.carried
        if len({(one.table, one.column, one.opened) for one in columns}) > 1:
            columns = [columns[number] for number in self._numbers(at)]
        kinds = list({str(kind): kind for kind in map(references.stored_type, columns)}.values())
        if len(kinds) > 1:
            what = f"the images of column {self.columns[at]!r} are stored in {len(kinds)} types"
            raise ExportError(what, WHERE, "select those of each table in a column of its own")
        return kinds[0] if kinds else pa.null()

    def _numbers(self, at: int) -> list[int]:
        """The numbers of the columns that a column of references refers to."""
        names = ", ".join(f"c{number}" for number in range(len(self._carried_schema)))
        one = f"c{at}" if references.is_reference(self._carried_schema.field(at).type) else f"unnest(c{at})"
        inner = f"select {one} as c from (select * from q) t({names})"
        with self._database.relation() as relation:
            asked = f"select distinct c['{NUMBER}'] from ({inner}) where c is not null order by 1"
            return [number for (number,) in relation.query("q", asked).fetchall()]

    def _stored(self, column: pa.Array, kind: pa.DataType) -> pa.Array:
        if references.is_reference(column.type):
            return references.stored(column, self._database.carried, kind)
        values = references.stored(column.flatten(), self._database.carried, kind.value_type)
        lengths = [length or 0 for length in pa.compute.list_value_length(column).to_pylist()]
        offsets = pa.array([0, *lengths], pa.int64())
        return pa.LargeListArray.from_arrays(
            pa.compute.cumulative_sum(offsets), values, mask=column.is_null(), type=kind
        )


def _schema(relation: Any) -> pa.Schema:
    """The Arrow schema of a relation, by asking for none of its rows."""
    kinds = relation.limit(0).to_arrow_table().schema.types  # its names are made distinct
    return pa.schema(
        [
            (name, pa.int64() if kind == WHOLE else kind)
            for name, kind in zip(relation.columns, kinds, strict=True)
        ]
    )


def _whole(column: pa.Array, field: pa.Field) -> pa.Array:
    if column.type != WHOLE or field.type == WHOLE:
        return column
    try:
        return column.cast(field.type)
    except pa.ArrowInvalid:
        what = f"the column {field.name!r} has whole numbers beyond 64 bits"
        fix = "write cast(... as double), or cast(... as varchar), around it"
        raise SchemaError(what, WHERE, fix) from None


def _labels(names: list[str]) -> Any:
    import pandas as pd

    return pd.Index(names, dtype="str")
