"""Which rows of a version are meant by some tables and a condition, so that what is left is a package that holds together.

- A table that has all columns of the condition keeps the rows that fulfil it.
- Where a resource gives several tables, as movies do, rows that the condition cannot tell of (the table lacks a column,
  or the row a value) are kept with their source: a movie's channels stay as long as any of its planes does.
- A table whose foreign keys lead to a table that lost rows keeps the rows whose keys are still there, or are missing.
- A derived table keeps the rows whose origin is still there.
- Any other table is kept whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..access import RowAccess
from ..errors import SchemaError
from ..filters import stored_condition
from ..keys import both_sides
from ..manifest.models import ForeignKey
from ..manifest.normal import parse_recorded
from ..opened import OpenVersion
from ..query.database import closed_database
from ..records import TableRecord
from ..source_list import SourceRow, SourceRows, source_rows

FILES, MEMBERS = "_files", "files"
"""How the table of files that were kept beside images is named, and its kind."""

Rows = NDArray[np.bool_]


@dataclass(slots=True)
class Chosen:
    """The tables that were chosen; of those in `rows` only some of the rows."""

    opened: OpenVersion
    tables: tuple[TableRecord, ...]
    sources: SourceRows
    rows: dict[str, Rows] = field(default_factory=dict)

    @property
    def whole(self) -> list[str]:
        """The tables that keep all of their rows."""
        return [table.name for table in self.tables if table.name not in self.rows]

    def of(self, table: str) -> list[SourceRow]:
        """The sources of a table, in order."""
        return list(self.sources.of_table(table))

    def left(self, table: str) -> dict[str, int]:
        """How many rows of each source of a table are kept, by the source's path."""
        sources = self.of(table)
        counts = [row.rows for row in sources]
        kept = self.rows.get(table, np.ones(sum(counts), bool))
        number = np.repeat(np.arange(len(sources)), counts)
        found = np.bincount(number[kept], minlength=len(sources))
        return {row.path: int(count) for row, count in zip(sources, found, strict=True)}

    def narrow(self, table: TableRecord, kept: Rows) -> bool:
        """Keep of a table's rows none but these; whether any is lost by that."""
        before = self.rows.get(table.name, np.ones(table.rows, bool))
        after = before & kept
        if after.sum() == before.sum():
            return False
        self.rows[table.name] = after
        return True


def choose(opened: OpenVersion, tables: Sequence[str] | None, where: str | None) -> Chosen:
    """Find the rows that are meant.

    Raises
    ------
    VersionError
        There is no such table.
    SchemaError
        The condition makes no sense, names columns that none of the tables has, or no row fulfils it.
    """
    record = opened.record
    chosen = Chosen(opened, _tables(opened, tables), source_rows(opened.place, record, opened.files))
    if where is None:
        return chosen
    _condition(chosen, where)
    keys = _keys(opened)
    while any(_narrowed(chosen, table, keys.get(table.name, ())) for table in chosen.tables):
        pass
    return chosen


def _tables(opened: OpenVersion, names: Sequence[str] | None) -> tuple[TableRecord, ...]:
    """The tables of these names, with the files that stand beside them, in the version's order."""
    record = opened.record
    if names is None:
        return record.tables
    wanted = {record.table(name).name for name in names}
    if not wanted:
        raise SchemaError("no table is named", "tables", "name one at least, or leave tables out")
    return tuple(one for one in record.tables if {one.name, one.name.removesuffix(FILES)} & wanted)


def _condition(chosen: Chosen, where: str) -> None:
    """Keep the rows that fulfil a condition, resource by resource."""
    wanted = {table.name for table in chosen.tables}
    resources: dict[str, list[TableRecord]] = {}
    for table in chosen.opened.record.tables:
        resources.setdefault(table.resource, []).append(table)
    refused: list[SchemaError] = []
    understood = found = False
    for tables in resources.values():
        if wanted.isdisjoint(table.name for table in tables):
            continue
        answers = {table.name: _answer(chosen, table, where, refused) for table in tables}
        if any(answer.known for answer in answers.values()):
            understood, found = True, found or any(answer.true.any() for answer in answers.values())
            _keep(chosen, [table for table in tables if table.name in wanted], answers)
    if not understood:
        raise refused[0]
    if not found:
        fix = "compare it with the values there are, letter by letter: 'a1' is not 'A01'"
        raise SchemaError(f"no row fulfils the condition {where}", chosen.opened.place.uri, fix)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a condition says of a table's rows: those that fulfil it, and those that it cannot tell of.

    `known` is False where the table lacks a column of the condition.
    """

    true: Rows
    untold: Rows
    known: bool


def _answer(chosen: Chosen, table: TableRecord, where: str, refused: list[SchemaError]) -> _Answer:
    nothing = _Answer(np.zeros(table.rows, bool), np.ones(table.rows, bool), False)
    try:
        stored_condition(where, {column.name: column.stored for column in table.columns}, table.name)
    except SchemaError as error:
        refused.append(error)
        return nothing
    if table.kind == MEMBERS:
        return nothing
    rows = chosen.opened.rows(table.name)
    true, untold = np.zeros(table.rows, bool), np.zeros(table.rows, bool)
    true[rows.matching(where)] = True
    untold[rows.matching(f"({where}) is null")] = True
    return _Answer(true, untold, True)


def _keep(chosen: Chosen, tables: Sequence[TableRecord], answers: Mapping[str, _Answer]) -> None:
    """Of a resource that gives several tables, what the condition cannot tell of goes with its source."""
    sources = {name: _source_of(chosen, name) for name in answers}
    kept = {path for name, answer in answers.items() for path in sources[name][answer.true].tolist()}
    for table in tables:
        answer = answers[table.name]
        with_source = np.array([path in kept for path in sources[table.name].tolist()], bool)
        several = len(answers) > 1
        chosen.narrow(table, answer.true | (answer.untold & with_source) if several else answer.true)


def _source_of(chosen: Chosen, table: str) -> NDArray[np.object_]:
    """The path of each row's source."""
    sources = chosen.of(table)
    return np.repeat(np.array([row.path for row in sources], object), [row.rows for row in sources])


def _keys(opened: OpenVersion) -> dict[str, tuple[ForeignKey, ...]]:
    """The foreign keys of text tables."""
    record = opened.record
    return {
        resource.name: resource.table_schema.foreign_keys
        for resource in parse_recorded(record.manifest, record.manifest_digest).resources
        if resource.type == "table"
    }


def _narrowed(chosen: Chosen, table: TableRecord, keys: Sequence[ForeignKey]) -> bool:
    """Take away the rows of a table that would point to rows which are not there any more; whether there were any."""
    records = {one.name: one for one in chosen.tables}
    found = False
    for key in keys:
        target = records.get(key.reference.resource or table.name)
        if target is not None and target.name in chosen.rows:
            found |= chosen.narrow(table, _with_target(chosen, table, target, key))
    if table.origin is not None and table.origin.table in chosen.rows:
        found |= chosen.narrow(table, _with_origin(chosen, table, records[table.origin.table]))
    return found


def _with_target(chosen: Chosen, table: TableRecord, target: TableRecord, key: ForeignKey) -> Rows:
    """The rows whose key is that of a row that is kept, or has a part that is missing."""
    here, there = chosen.opened.rows(table.name), chosen.opened.rows(target.name)
    types = [{column.name: column.type for column in one.columns} for one in (table, target)]
    pairs = list(zip(key.fields, key.reference.fields, strict=True))
    sides = [both_sides(f"k{at}", types[0][one], types[1][other]) for at, (one, other) in enumerate(pairs)]
    written = ", ".join(f"{right} as m{at}" for at, (_, right) in enumerate(sides))
    same = " and ".join(f"there.m{at} = {left}" for at, (left, _) in enumerate(sides))
    missing = " or ".join(f"k{at} is null" for at in range(len(pairs)))
    given = _values(here, np.arange(table.rows), key.fields)
    with closed_database() as connection:
        connection.register("given", given.append_column("place", pa.array(np.arange(table.rows))))
        connection.register(
            "targets", _values(there, np.flatnonzero(chosen.rows[target.name]), key.reference.fields)
        )
        connection.execute(f"create temp table there as select distinct {written} from targets")  # noqa: S608
        found = f"select place from given where {missing} or exists (select 1 from there where {same})"  # noqa: S608
        places = connection.sql(found).to_arrow_table()
    kept = np.zeros(table.rows, bool)
    kept[places.column("place").to_numpy()] = True
    return kept


def _values(rows: RowAccess, at: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
    return rows.pick(at, list(columns)).rename_columns([f"k{number}" for number in range(len(columns))])


def _with_origin(chosen: Chosen, table: TableRecord, origin: TableRecord) -> Rows:
    """The rows of a derived table whose origins are kept."""
    sources = chosen.of(origin.name)
    ends = np.cumsum([row.rows for row in sources])
    first = {row.path: int(end) - row.rows for row, end in zip(sources, ends, strict=True)}
    told = chosen.opened.rows(table.name).pick(np.arange(table.rows), ["origin_path", "origin_row"])
    starts = np.array([first[path] for path in told.column("origin_path").to_pylist()], np.int64)
    kept: Rows = chosen.rows[origin.name][starts + told.column("origin_row").to_numpy()]
    return kept


def kept_sources(chosen: Chosen) -> Mapping[tuple[str, str], bool]:
    """Whether a source of a resource still has a row in any table, by resource and path."""
    found: dict[tuple[str, str], bool] = {}
    for table in chosen.tables:
        left = chosen.left(table.name)
        for row in chosen.of(table.name):
            key = (row.resource, row.group)
            found[key] = found.get(key, False) or left[row.path] > 0 or table.name not in chosen.rows
    return found
