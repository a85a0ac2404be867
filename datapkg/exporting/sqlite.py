"""A package as one SQLite database: text tables as tables, and each image as bytes that any program decodes.

Columns are declared with types, keys of the manifest are keys of the database. `_datapkg` says what the database is
of, `_datapkg_columns` what each column is in the package, and which are in the database alone: so a build takes it back
exactly (`type: sqlite`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ..errors import ExportError
from ..sqlite_values import TYPES_TABLE, negative_zeros, to_sqlite
from ..table import Table
from .job import Job
from .pictures import each_encoded, lone_files
from .sqlite_schema import NUMBER, SqlTable, quoted, referred, sql_table
from .target import write_errors

ABOUT_TABLE = "_datapkg"
BATCH_BYTES = 8 << 20
TELL_ROWS = 1000
FAILURES = {
    "full": ("the disk is full", "free some space, or choose another disk"),
    "disk I/O": ("the disk cannot be written", "check it, its free space, and limits (ulimit -f)"),
    "too big": ("an image is larger than SQLite can hold", "choose another form, such as --to ome-tiff"),
}


def write(job: Job, path: Path) -> None:
    """Write the tables of a job into a new database."""
    path.touch(exist_ok=False)
    with write_errors(job.dest), closing(sqlite3.connect(path, isolation_level=None)) as database:
        try:
            for pragma in ("journal_mode = off", "synchronous = off", "locking_mode = exclusive"):
                database.execute(f"pragma {pragma}")
            database.execute("begin")
            _write_all(job, database)
            database.execute("commit")
        except (sqlite3.Error, OverflowError) as error:
            raise _refused(error, job) from None


def _write_all(job: Job, database: sqlite3.Connection) -> None:
    tables = {name: sql_table(job, job.package[name]) for name in job.tables}
    for table in tables.values():
        database.execute(table.create)
    _describe(job, database, tables)
    for source in job.each():
        table = tables[source.name]
        marks = ", ".join("?" * len(table.columns))
        database.executemany(f"insert into {quoted(table.name)} values ({marks})", _rows(job, source, table))
        for index in table.indexes:
            database.execute(index)
    for index in referred(job):
        database.execute(index)


def _rows(job: Job, source: Table, table: SqlTable) -> Iterator[tuple[Any, ...]]:
    """The rows of a table, as SQLite takes them, one at a time: nothing else of them is in memory."""
    images = _images(job, source, table)
    names = list(table.plain)
    nans, zeros = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    number = 0
    for batch in source.to_batches(names or source.columns[:1], batch_bytes=BATCH_BYTES):
        values = []
        for name in names:
            column, count = to_sqlite(batch.column(name), f"table {source.name}, column {name}")
            values.append(column)
            nans[name] += count
            zeros[name] += negative_zeros(batch.column(name))
        cells = zip(*values, strict=True) if names else iter([()] * batch.num_rows)
        if images is None:
            yield from cells
        else:
            for row in cells:
                number += 1
                yield (*((number,) * (NUMBER in table.added)), *row, *next(images))
                if number % TELL_ROWS == 0:
                    job.tell(source, number)
    for name, count in nans.items():
        if count:
            job.note(f"{count:,} NaN of {source.name}.{name} are missing values: SQLite has no NaN")
        if zeros[name]:
            job.note(f"{zeros[name]:,} zeros of {source.name}.{name} lose their minus: SQLite keeps none")


def _images(job: Job, source: Table, table: SqlTable) -> Iterator[tuple[Any, ...]] | None:
    """Of each row the image, what its bytes are, their number; then its derived images. None for a table without."""
    if not table.images:
        return None
    first, *derived = table.images
    lone = lone_files(job.package, source)
    if not lone.all():
        kept = " where a file holds several images, or is not kept" if lone.any() else ""
        told = f"table {source.name}: images are stored as PNG or TIFF{kept}; `encoded` says which"
        job.note(told)
    streams = [each_encoded(source, first, lone), *(each_encoded(source, one) for one in derived)]

    def rows() -> Iterator[tuple[Any, ...]]:
        for image, *more in zip(*streams, strict=True):
            size = None if image.content is None else len(image.content)
            yield (image.content, image.form, size, *(one.content for one in more))

    return rows()


def _describe(job: Job, database: sqlite3.Connection, tables: dict[str, SqlTable]) -> None:
    package = job.package
    database.execute(f"create table {ABOUT_TABLE} (key TEXT PRIMARY KEY, value TEXT) without rowid")
    about = {
        "package": package.name,
        "version": str(package.version),
        "release": package.release,
        "digest": package.digest,
        "created": package.record.created,
        "manifest": package.manifest,
    }
    database.executemany(f"insert into {ABOUT_TABLE} values (?, ?)", about.items())
    database.execute(
        f"create table {TYPES_TABLE} (table_name TEXT, column_name TEXT, true_name TEXT, type TEXT, "
        "primary key (table_name, column_name)) without rowid"
    )
    for name, table in tables.items():
        kinds = {one.name: one.type for one in package[name].record.columns}
        said = [
            *(
                (name, own, true, kinds.get(true, "image"))
                for true, own in {**table.plain, **table.images}.items()
            ),
            *((name, own, None, kind) for kind, own in table.added.items()),
        ]
        database.executemany(f"insert into {TYPES_TABLE} values (?, ?, ?, ?)", said)


def _refused(error: Exception, job: Job) -> ExportError:
    said = str(error)
    for words, (what, fix) in FAILURES.items():
        if words in said:
            return ExportError(what, str(job.dest), fix)
    return ExportError(f"SQLite refuses: {said}", str(job.dest), "choose another place, or another form")
