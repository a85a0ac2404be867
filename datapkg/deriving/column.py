"""Derived columns: compute what is new, keep what is there, and lay all of it beside the table's fragments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from ..column_sums import ColumnSums
from ..errors import DeriveError, nearest
from ..manifest.models import Derivation
from ..records import ColumnRecord, Lineage
from ..sources.base import Column
from ..store import Fragment, Layer, stored_name
from .coming import Coming, Stretch
from .computing import BATCH_BYTES, Engine, Ingredients
from .gathering import Located, opened
from .hashing import Totals, digests, hashed, held_names
from .tasks import WriteTask


def derive_columns(coming: Coming, made: Ingredients, engine: Engine, number: int) -> Lineage:
    """Add an entry's columns to a coming table; the rows of sources that are as they were are not computed again."""
    columns = made.outputs.columns()
    refuse_taken(coming, [column.name for column in columns], made.where)
    schema = made.outputs.schema()
    lineage = lineage_of(coming, made, [column.name for column in columns])
    old = _same_before(coming, lineage, schema)
    kept = [one for one in coming.stretches if old and one.before is not None]
    fresh = [one for one in coming.stretches if not (old and one.before is not None)]
    values = f"_values{number}"
    computed = engine.computed(coming, made, fresh, values, schema)
    located = _joined(coming, old, computed.located)
    totals = _totals_before(coming, columns, schema, kept) if old else Totals.of_nothing(columns)
    for source in hashed(computed.located, columns, schema, [one.source.rows for one in fresh]):
        totals.add(source)
    width = sum(totals.held.values()) / max(coming.content.table.rows, 1)
    files = _files(coming, made, located, schema, old and coming.keeps, width, engine)
    why = f"computed by {made.entry.function} from {', '.join(made.entry.input)}"
    records = [
        ColumnRecord(
            c.name, stored_name(c.name), c.logical, nulls, digest, c.image is not None, why, derived=True
        )
        for c, nulls, digest in zip(columns, totals.sums.nulls, totals.sums.digests(), strict=True)
    ]
    coming.add(records, Layer(schema, files), located, totals.held)
    return lineage


def lineage_of(coming: Coming, made: Ingredients, columns: Sequence[str]) -> Lineage:
    """What the record will say of how an entry's columns came about."""
    entry, code = made.entry, made.recipe.code
    return Lineage(
        table=coming.name,
        columns=tuple(columns),
        function=entry.function,
        code=code.digest,
        packages={**code.own, **code.imported},
        args=dict(entry.args),
        files=dict(made.recipe.files),
        inputs={name: coming.columns[name].digest for name in entry.input},
        output=tuple(made.outputs.types.values()),
        proof=entry.proof,
        recipe=made.recipe.recipe,
        identity=made.recipe.identity,
    )


def refuse_taken(coming: Coming, columns: Sequence[str], where: str) -> None:
    """Raise DeriveError where a table has a column of such a name already."""
    folded = {name.casefold(): name for name in coming.columns}
    for name in columns:
        if name.casefold() in folded:
            raise DeriveError(
                f"the table {coming.name} has a column {folded[name.casefold()]!r} already",
                where,
                "rename the derived column",
            )


def refuse_unknown(coming: Coming, entry: Derivation, where: str) -> None:
    """Raise DeriveError where an input is no column of the table."""
    for name in entry.input:
        if name not in coming.columns:
            raise DeriveError(
                f"the table {coming.name} has no column {name!r}", where, nearest(name, coming.columns)
            )


def _same_before(coming: Coming, lineage: Lineage, schema: pa.Schema) -> bool:
    """Whether the version before made the same columns in the same way, so that its values may stay."""
    if coming.old is None:
        return False
    same = [
        one for one in coming.old.lineage if (one.columns, one.recipe) == (lineage.columns, lineage.recipe)
    ]
    there = opened(coming.old_state).lance.schema if same else ()
    types = {field.name: field.type for field in there}
    return bool(same) and all(types.get(stored_name(field.name)) == field.type for field in schema)


def _joined(coming: Coming, kept: bool, values: Located) -> Located:
    """Where the columns' values stand for all rows of the coming table: in the version before, or just computed.

    `kept` says that the version before has values for the sources that are as they were.
    """
    stores = [*values.stores]
    if kept:
        stores.append(coming.old_state)
    runs: list[tuple[int, int, int, int]] = []
    at = 0
    for one in coming.stretches:
        if kept and one.before is not None:
            old = coming.old_order.runs(one.before, one.source.rows)
            runs += [(len(stores) - 1, fragment, first, rows) for fragment, first, rows in old]
        else:
            new = values.order.runs(at, one.source.rows)
            runs += [(*values.codes[code].tolist(), first, rows) for code, first, rows in new]
            at += one.source.rows
    return Located.of(runs, stores)


def _totals_before(
    coming: Coming, columns: Sequence[Column], schema: pa.Schema, kept: Sequence[Stretch]
) -> Totals:
    """The totals over the sources that stay: those of the version before, without the sources that are gone."""
    assert coming.old is not None
    there = {column.name: column for column in coming.old.derived}
    records = [there[column.name] for column in columns]
    sums = ColumnSums.of(digests(columns), [one.digest for one in records], [one.nulls for one in records])
    known = coming.old.image_bytes
    totals = Totals(sums, {name: known.get(name, 0) for name in held_names(columns)})
    stay = {one.before for one in kept if one.source.rows}
    located = Located.of(
        [
            (0, fragment, first, rows)
            for fragment, first, rows in coming.old_order.runs(0, coming.old_order.rows)
        ],
        [coming.old_state],
    )
    for source, first in coming.old_sources:
        if source.rows and first not in stay:
            for one in hashed(located, columns, schema, [source.rows], first):
                totals.remove(one)
    return totals


def _files(
    coming: Coming,
    made: Ingredients,
    located: Located,
    schema: pa.Schema,
    kept: bool,
    row_bytes: float,
    engine: Engine,
) -> dict[int, Fragment]:
    """The files to lie beside the coming table's fragments; those of the version before stay where `kept`."""
    runs = np.array(coming.runs, np.int64).reshape(-1, 3)
    starts = np.cumsum(np.append(0, runs[:, 2]))
    columns = [(name, stored_name(name)) for name in schema.names]
    step = max(1, math.floor(BATCH_BYTES / max(row_bytes, 64)))
    numbers, tasks = [], []
    for fragment, rows in sorted(coming.physical_rows().items(), reverse=True):
        if kept and fragment >= 0:
            continue
        own = runs[:, 0] == fragment
        parts = [
            (first, at, count) for (_, first, count), at in zip(runs[own], starts[:-1][own], strict=True)
        ]
        physical = np.concatenate([np.arange(first, first + count) for first, _, count in parts])
        positions = np.concatenate([np.arange(at, at + count) for _, at, count in parts])
        order = np.argsort(physical)
        asked = located.asked(columns, positions[order])
        laid = tuple(replace(part, at=physical[order][part.at]) for part in asked.parts)
        numbers.append(fragment)
        tasks.append(
            WriteTask(
                coming.package, coming.attempt, coming.name, schema, replace(asked, parts=laid), rows, step
            )
        )
    label = f"{coming.name}.{', '.join(made.entry.columns)}"
    return dict(zip(numbers, engine.written(tasks, label), strict=True))
