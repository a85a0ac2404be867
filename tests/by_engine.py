"""Columns in batches as the engine gives them, beside what comes without it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from datapkg import Table
from datapkg.access import RowAccess


def columns_both_ways(table: Table, column: str) -> None:
    """All rows are in batches what the engine gives, with and without other columns and conditions."""
    opened = table.opened
    key = next(one.name for one in table.record.columns if not one.image and one.type != "binary")
    where = "path > '002'" if key == "path" else f"{key} is not null"
    engine = RowAccess(opened.place, table.record, opened.files)
    asked: list[tuple[list[str], str | None, int | None, int]] = [
        (table.columns, None, None, 1 << 20),
        ([column, key], None, 5, 1),
        ([column], where, None, 1 << 14),
        ([column], None, 0, 1 << 20),
    ]
    for columns, condition, limit, most in asked:
        found, expected = (
            list(rows.read(columns, condition, limit, batch_bytes=most)) for rows in (table.rows, engine)
        )
        assert bool(found) == bool(expected)
        if expected:
            at, other_at = (np.concatenate([positions for positions, _ in one]) for one in (found, expected))
            assert np.array_equal(at, other_at)
            schema = expected[0][1].schema
            whole, other = (
                pa.Table.from_batches([batch for _, batch in one], schema) for one in (found, expected)
            )
            whole.validate(full=True)
            assert whole.combine_chunks().equals(other.combine_chunks())
