"""Derived tables: none, one or many rows for each row of another table, each with the key of its origin.

Each source of the table that is read is a source of the derived one too. So its rows have an order, and rows of
sources that are as they were stay, as in every other table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from ..column_sums import ColumnSums
from ..content import Content, table_record
from ..errors import DeriveError
from ..old_tables import OldTable
from ..plan import Previous
from ..source_list import SourceRow, SourceRows, as_json
from ..sources.base import Column, TableSchema
from ..store import Fragment, stored_name
from ..succession import Pieces
from .column import lineage_of
from .coming import Coming, Stretch
from .computing import BATCH_BYTES, Engine, Ingredients, Values
from .hashing import digests, hashed
from .tasks import Kept, WriteTask

FRAGMENT_BYTES = 64 << 20
ORIGIN = (Column("origin_path", pa.string(), "string"), Column("origin_row", pa.int64(), "int64"))
KEYS = {
    "images": ("path", "series", "page", "t", "c", "z"),
    "ch5": (
        "path",
        "plate",
        "well",
        "site",
        "kind",
        "index",
        "name",
        "object_name",
        "object_index",
        "t",
        "z",
    ),
}
"""What names a row of a table of such a resource, as far as the table has it."""


def derive_table(
    coming: Coming,
    made: Ingredients,
    engine: Engine,
    number: int,
    key: Sequence[str],
    before: Previous | None,
) -> Content:
    """Compute a table from another one; rows of sources that are as they were are not computed again.

    `key` names the columns of the table that is read which every row keeps.
    """
    form = _form(coming, made, key)
    schema = form.arrow()
    old = _same_before(coming, made, form, before)
    stay = {
        one.first: one.source.path
        for one in coming.stretches
        if old and one.before is not None and one.source.path in old.at
    }
    fresh = [one for one in coming.stretches if stay.get(one.first) != one.source.path]
    kept = Kept(tuple(key), schema)
    values = engine.computed(coming, made, fresh, f"_values{number}", schema, kept)
    counts = _per_source(fresh, values)
    fragments, pieces = _stored(coming, form, values, counts, engine)
    sums = ColumnSums(digests(form.columns))
    new = {
        one.source.path: (_source_row(form, one, sums.add(found.digest).digest, count, found.held), parts)
        for one, found, count, parts in zip(
            fresh, hashed(values.located, form.columns, schema, counts), counts, pieces, strict=True
        )
    }
    rows: list[SourceRow] = []
    known = [] if old is None else list(old.sources)
    order: list[Pieces] = []
    for one in coming.stretches:
        path = one.source.path
        if path in new:
            rows.append(new[path][0])
            order.append(new[path][1])
        elif old is not None:
            at = old.at[path]
            rows.append(replace(known[at], bytes=one.source.bytes, sha256=one.source.sha256))
            order.append(old.stay(np.array([at])))
    succession = None
    if old is not None:
        staying = {old.at[path] for path in stay.values()}
        sums.join(old.sums_without(np.setdiff1d(np.arange(len(old.sources)), [*staying])))
        succession = old.succession(np.concatenate([np.empty((0, 3), np.int64), *order]))
    lineage = lineage_of(coming, made, list(made.outputs.types))
    sources = SourceRows.of(rows)
    record = table_record(form, sums, form.name, "", sources.values("digest"), sources.total, sources.held())
    return Content(replace(record, lineage=(lineage,)), sources, schema, tuple(fragments), succession)


def _form(coming: Coming, made: Ingredients, key: Sequence[str]) -> TableSchema:
    """The table's columns: where a row is from, what names its origin, what the function gives."""
    assert made.entry.into is not None
    of = coming.columns
    kept = (Column(name, coming.field(name).type, of[name].type) for name in key)
    columns = (*ORIGIN, *kept, *made.outputs.columns())
    seen: set[str] = set()
    for column in columns:
        if column.name.casefold() in seen:
            fix = "rename the column in output, and in what the function gives"
            raise DeriveError(
                f"the table {made.entry.into} would have two columns {column.name!r}", made.where, fix
            )
        seen.add(column.name.casefold())
    return TableSchema(made.entry.into, "derived", columns)


def _same_before(
    coming: Coming, made: Ingredients, form: TableSchema, before: Previous | None
) -> OldTable | None:
    """The table as the version before has it, where it was made in the same way."""
    there = {} if before is None else {table.name: table for table in before.record.tables}
    if before is None or form.name not in there or not before.intact(form.name):
        return None
    origin = there[form.name].origin
    if origin is None or (origin.table, origin.recipe) != (coming.name, made.recipe.recipe):
        return None
    old = OldTable(before, form)
    return None if old.unlike() else old


def _per_source(fresh: Sequence[Stretch], values: Values) -> list[int]:
    """How many rows came of each source."""
    ends = np.cumsum([0, *(one.source.rows for one in fresh)])
    rows = np.append(0, values.counts.cumsum())
    counts: list[int] = np.diff(rows[ends]).tolist()
    return counts


def _stored(
    coming: Coming, form: TableSchema, values: Values, counts: Sequence[int], engine: Engine
) -> tuple[list[Fragment], list[Pieces]]:
    """Write the values as fragments of a table, and say where each source's rows stand in them."""
    total = sum(counts)
    width = max(values.bytes / max(total, 1), 64)
    most = max(1, math.floor(FRAGMENT_BYTES / width))
    columns = [(name, stored_name(name)) for name in form.arrow().names]
    tasks = []
    for start in range(0, total, most):
        stop = min(start + most, total)
        asked = values.located.asked(columns, np.arange(start, stop))
        step = max(1, math.floor(BATCH_BYTES / width))
        tasks.append(
            WriteTask(coming.package, coming.attempt, form.name, form.arrow(), asked, stop - start, step)
        )
    pieces: list[Pieces] = []
    at = 0
    for count in counts:
        own: list[tuple[int, int, int]] = []
        end = at + count
        while at < end:
            part = min(end - at, most - at % most)
            own.append((-1 - at // most, at % most, part))
            at += part
        pieces.append(np.array(own, np.int64).reshape(-1, 3))
    return engine.written(tasks, form.name), pieces


def _source_row(
    form: TableSchema, one: Stretch, digest: str, rows: int, held: Mapping[str, int]
) -> SourceRow:
    """A source of the table that was read, as a source of the derived one."""
    return replace(
        one.source,
        resource=form.name,
        table=form.name,
        group=one.source.path,
        rows=rows,
        digest=digest,
        evidence="null",
        held=as_json(held) if held else "",
        warnings="",
    )
