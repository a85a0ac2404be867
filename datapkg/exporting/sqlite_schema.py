"""How a package's tables are declared in SQLite: columns with types, keys, references and indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from ..access import FILE_COLUMN
from ..errors import ExportError
from ..manifest import Resource
from ..manifest.models import ForeignKey
from ..manifest.pattern import PathPattern
from ..manifest.promises import keys_of
from ..query.database import distinct_names
from ..sqlite_values import declared
from ..table import Table
from .job import Job
from .pictures import image_columns

NUMBER, IMAGE, ENCODED, SIZE = "id", "img", "encoded", "size"
"""The columns that a table of images has beside its own: a number, the image's bytes, what they are, and how many."""
MOST_COLUMNS = 2000
LOOKED_FOR = ("path", "file_name")


@dataclass(frozen=True, slots=True)
class SqlTable:
    """One table of the database: how it is made, and the columns of the package that its own come from.

    `plain` are columns as they are, `images` those that are encoded, both by true name with the name in SQLite;
    `added` are those that only the database has. `number` is the column named ``id`` of whole numbers that ascend with the
    rows, where the table has one: it is SQLite's own row number then.
    """

    name: str
    plain: Mapping[str, str]
    images: Mapping[str, str]
    added: Mapping[str, str]
    number: str | None
    create: str
    indexes: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """All columns in the order in which they stand."""
        head = [self.added[NUMBER]] if NUMBER in self.added else []
        if not self.images:
            return [*head, *self.plain.values()]
        first, *rest = self.images.values()
        return [*head, *self.plain.values(), first, self.added[ENCODED], self.added[SIZE], *rest]


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def sql_table(job: Job, table: Table) -> SqlTable:
    """Decide how a table is declared.

    Raises
    ------
    ExportError
        It has more columns than SQLite can hold.
    """
    images = image_columns(table)
    own = _own_number(table)
    plain = _plain(table)
    added = [NUMBER] * (own is None) + [ENCODED, SIZE] if images else []
    names = _names([*plain, *images[1:]], [*added, *([IMAGE] if images else [])])
    if len(names) > MOST_COLUMNS:
        what = f"SQLite holds at most {MOST_COLUMNS:,} columns, and table {table.name} has {len(names):,}"
        raise ExportError(what, str(job.dest), "name other tables with --tables, or export --to parquet")
    found = SqlTable(
        table.name,
        {name: names[name] for name in plain},
        {name: names[name] if at else names[f"+{IMAGE}"] for at, name in enumerate(images)},
        {name: names[f"+{name}"] for name in added},
        own,
        "",
        (),
    )
    renamed = [f"{true} is {name}" for true, name in found.plain.items() if true != name]
    if renamed:
        told = f"table {table.name}: SQLite's names do not differ in case alone, so {', '.join(renamed)}"
        job.note(told)
    resource = job.resource(table)
    lines = [*_declared(table, found, resource), *_keys(job, table, found, resource)]
    create = f"create table {quoted(table.name)} (\n  " + ",\n  ".join(lines) + "\n)"
    return replace(found, create=create, indexes=tuple(_indexes(table, found, resource)))


def _plain(table: Table) -> list[str]:
    """The columns that are in the database as they are."""
    images = image_columns(table)
    return [name for name in table.columns if name not in images and not (images and name == FILE_COLUMN)]


def _own_number(table: Table) -> str | None:
    """The column of whole numbers that can be SQLite's row number: they ascend, so that rows keep their order."""
    key = [column for column in table.columns if column.lower() == NUMBER]
    for name in key[:1]:
        if not pa.types.is_integer(table.schema.field(name).type):
            return None
        last = None
        for batch in table.to_batches([name]):
            numbers = batch.column(0).cast(pa.int64(), safe=False).to_numpy(zero_copy_only=False)
            ascends = not batch.column(0).null_count and bool((numbers[1:] > numbers[:-1]).all())
            if not ascends or (last is not None and len(numbers) and numbers[0] <= last):
                return None
            last = numbers[-1] if len(numbers) else last
        return name
    return None


def _primary_key(resource: Resource | None) -> tuple[str, ...]:
    return resource.table_schema.primary_key if resource is not None and resource.tabular else ()


def _names(true: Sequence[str], added: Sequence[str]) -> dict[str, str]:
    """A name in SQLite for each column; those that are added give way."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for key, name in [*((name, name) for name in true), *((f"+{name}", name) for name in added)]:
        chosen, number = name, 0
        while chosen.lower() in taken:
            number += 1
            chosen = f"{name}_{number}"
        taken.add(chosen.lower())
        found[key] = chosen
    return found


def _declared(table: Table, found: SqlTable, resource: Resource | None) -> Iterator[str]:
    schema = table.schema
    key = _primary_key(resource)
    for name in found.columns:
        true = next((one for one, own in found.plain.items() if own == name), None)
        if name == found.added.get(NUMBER) or (true is not None and true == found.number):
            yield f"{quoted(name)} INTEGER PRIMARY KEY"
        elif true is not None:
            kind = declared(schema.field(true).type)
            if key == (true,) and kind == "INTEGER":
                kind = (
                    "BIGINT"  # an INTEGER PRIMARY KEY would be the row number, and with it the order of rows
                )
            yield f"{quoted(name)} {kind}".rstrip() + (" NOT NULL" if true in key else "")
        else:
            kind = {ENCODED: "TEXT", SIZE: "INTEGER"}.get(_added(found, name), "BLOB")
            yield f"{quoted(name)} {kind}"


def _added(found: SqlTable, name: str) -> str:
    return next((key for key, own in found.added.items() if own == name), "")


def _keys(job: Job, table: Table, found: SqlTable, resource: Resource | None) -> Iterator[str]:
    if resource is None or not resource.tabular:
        return
    for key in keys_of(resource):
        if key.columns == (found.number,):
            continue
        word = "UNIQUE" if found.number or NUMBER in found.added or not key.primary else "PRIMARY KEY"
        yield f"{word} ({_listed(found, key.columns)})"
    for reference in resource.table_schema.foreign_keys:
        target = reference.reference.resource or table.name
        if why := _no_reference(job, reference, target):
            told = f"{table.name}: the reference to {target} is an index, and no foreign key of SQLite: {why}"
            job.note(told)
        else:
            theirs = _listed_of(job.package[target], reference.reference.fields)
            yield f"FOREIGN KEY ({_listed(found, reference.fields)}) REFERENCES {quoted(target)} ({theirs})"


def _no_reference(job: Job, key: ForeignKey, target: str) -> str:
    """Why a reference cannot be one of SQLite, which wants the columns that it leads to to be unique."""
    if target not in job.tables:
        return f"{target} is not exported"
    columns = key.reference.fields
    if _is_key(job, target, columns):
        return ""
    names = {true: name for name, true in distinct_names(job.package[target].columns, "_").items()}
    listed = ", ".join(quoted(names[name]) for name in columns)
    query = (
        f"select count(*) as n from (select 1 from {quoted(target)} group by {listed} having count(*) > 1)"
    )
    repeated = job.package.sql(query).to_arrow().column("n")[0].as_py()
    return f"{repeated:,} values stand there more than once" if repeated else ""


def _is_key(job: Job, target: str, columns: tuple[str, ...]) -> bool:
    resource = job.resource(job.package[target])
    return resource is not None and any(one.columns == columns for one in keys_of(resource))


def _indexes(table: Table, found: SqlTable, resource: Resource | None) -> Iterator[str]:
    """What rows are looked up by: paths and what their pattern says, and the columns that refer to others."""
    wanted: list[tuple[str, ...]] = []
    if found.images:
        wanted += [(name,) for name in found.plain if name.lower() == NUMBER and name != found.number]
        wanted += [(name,) for name in LOOKED_FOR if name in found.plain]
        if resource is not None and resource.pattern is not None:
            wanted += [(name,) for name in PathPattern(resource.pattern).columns]
    if resource is not None and resource.tabular:
        wanted += [key.fields for key in resource.table_schema.foreign_keys]
    for columns in dict.fromkeys(wanted):
        name = quoted(f"{table.name}: {', '.join(columns)}")
        yield f"create index {name} on {quoted(table.name)} ({_listed(found, columns)})"


def referred(job: Job) -> Iterator[str]:
    """The unique indexes that foreign keys need on the columns that they lead to."""
    made = set()
    for name in job.tables:
        resource = job.resource(job.package[name])
        for key in resource.table_schema.foreign_keys if resource is not None and resource.tabular else ():
            target, columns = key.reference.resource or name, key.reference.fields
            if (target, columns) in made or target not in job.tables or _is_key(job, target, columns):
                continue
            if not _no_reference(job, key, target):
                made.add((target, columns))
                index = quoted(f"{target}: {', '.join(columns)}, unique")
                listed = _listed_of(job.package[target], columns)
                yield f"create unique index {index} on {quoted(target)} ({listed})"


def _listed_of(table: Table, columns: Sequence[str]) -> str:
    """Columns of another table, by their names in SQLite."""
    names = _names(_plain(table), [])
    return ", ".join(quoted(names[name]) for name in columns)


def _listed(found: SqlTable, columns: Sequence[str]) -> str:
    return ", ".join(quoted(found.plain[name]) for name in columns)
