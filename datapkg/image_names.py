"""Compare the file names that text tables hold with the images of the package: what is missing on either side?

A profile whose image was not copied, or an image that no row names, is no error: many data sets are so on purpose.
But who builds a package wants to know. Columns whose name or first value looks like the name of an image file are
compared with `file_name` and `path` of all image tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from .matching import Found, Matcher, matcher
from .plan import Previous
from .records import ALL_TABLES
from .written import Written, WrittenTable

CALLED = re.compile(r"(Image_)?FileName_")
"""How CellProfiler calls such columns."""
SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
NAMES = ("file_name", "path")
ONE_NAME = pa.schema([("k0", pa.string()), ("row_at", pa.int64())])


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of file names: how many there are, those that no image has, and the image tables with any other."""

    table: WrittenTable
    name: str
    names: int
    unmatched: Found
    matching: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.table.name}.{self.name}"


def compare(written: Written, before: Previous | None) -> list[str]:
    """Say what file names match no image, and what images no row names; nothing where all is well."""
    there = (
        [table.name for table in before.record.tables if table.origin is None] if before is not None else []
    )
    same = before is not None and there == list(written.tables)
    if before is not None and same and not any(table.new for table in written.tables.values()):
        return before.record.warnings.get(ALL_TABLES, [])
    images = [table for table in written.tables.values() if _is_image_table(written, table)]
    naming = [
        (table, name)
        for table in (written.tables.values() if images else ())
        if written.resources[table.record.resource].resource.tabular
        for name in _file_name_columns(written, table)
    ]
    if not naming:
        return []
    with matcher(written.room) as matching:
        columns = [_compared(table, name, images, matching) for table, name in naming]
        columns = [column for column in columns if column.names]
        unnamed = [(table, _unnamed(table, columns, matching)) for table in images]
    told = [line for column in columns for line in _about_column(written, column, unnamed)]
    return told + [_about_images(table, found, total) for table, (found, total) in unnamed if found.keys]


def _is_image_table(written: Written, table: WrittenTable) -> bool:
    resource = written.resources[table.record.resource].resource
    return resource.imaging and table.name == table.record.resource and table.record.rows > 0


def _file_name_columns(written: Written, table: WrittenTable) -> list[str]:
    """The text columns that hold names of image files, by what they are called, refer to, or begin with."""
    schema = written.resources[table.record.resource].resource.table_schema
    referring = {
        here
        for key in schema.foreign_keys
        for here, there in zip(key.fields, key.reference.fields, strict=False)
        if there in NAMES
    }
    texts = [name for name, column in table.columns.items() if column.type == "string"]
    sure = {name for name in texts if name in referring or CALLED.match(name)}
    first = _first_values(table, [name for name in texts if name not in sure])
    return [name for name in texts if name in sure or first.get(name, "").lower().endswith(SUFFIXES)]


def _first_values(table: WrittenTable, names: Sequence[str]) -> dict[str, str]:
    """Each column's first value; columns that have none at the beginning are looked through alone."""
    open_names = [name for name in names if table.columns[name].nulls < table.record.rows]
    found: dict[str, tuple[int, str]] = {}
    while open_names:
        for batch in table.read(open_names):
            for name, column in zip(open_names, batch.columns, strict=False):
                if column.null_count < len(column):
                    at = column.is_valid().index(True).as_py()
                    one = batch.column(batch.num_columns - 1)[at].as_py(), column[at].as_py()
                    found[name] = min(found.get(name, one), one)
            if table.ordered and any(name in found for name in open_names):
                break
        open_names = [name for name in open_names if name not in found]
    return {name: value for name, (_, value) in found.items()}


def _compared(table: WrittenTable, name: str, images: Sequence[WrittenTable], matching: Matcher) -> _Column:
    def names() -> pa.RecordBatchReader:
        return table.read([name])

    total = matching.distinct(names, 1)
    unmatched = matching.orphans(names, _image_names(images), [("k0", "k0")], 1)
    matched = []
    for one in images:
        alone = (
            unmatched if len(images) == 1 else matching.orphans(names, _image_names([one]), [("k0", "k0")], 1)
        )
        if alone.keys < total:
            matched.append(one.name)
    return _Column(table, name, total, unmatched, tuple(matched))


def _unnamed(table: WrittenTable, columns: Sequence[_Column], matching: Matcher) -> tuple[Found, int]:
    """The images of a table that no row names, and how many images it has; none where no column is about it."""
    about = [(column.table, column.name) for column in columns if table.name in column.matching]
    if not about:
        return Found(0, 0), 0

    def names() -> pa.RecordBatchReader:
        return _one_column(batch for source, name in about for batch in source.read([name]))

    found = matching.unnamed(lambda: table.read(NAMES), names, 1)
    return found, matching.distinct(lambda: table.read(["path"]), 1)


def _image_names(images: Sequence[WrittenTable]) -> Callable[[], pa.RecordBatchReader]:
    return lambda: _one_column(batch for table in images for name in NAMES for batch in table.read([name]))


def _one_column(batches: Iterable[pa.RecordBatch]) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(ONE_NAME, (batch.cast(ONE_NAME) for batch in batches))


def _about_column(
    written: Written, column: _Column, unnamed: Sequence[tuple[WrittenTable, tuple[Found, int]]]
) -> Iterator[str]:
    lacking, one = column.unmatched, column.names == 1
    if lacking.keys:
        example = lacking.examples[0]
        (place,) = written.places(column.table, [example.position]).values()
        first = f"first {example.key[0]} at {place}"
    if not column.matching:
        names = "its one name matches no" if one else f"none of its {column.names} names matches an"
        yield f"{column}: {names} image of the package, {first}"
        return
    partly_named = {table.name for table, (found, _) in unnamed if found.keys}
    if lacking.keys or partly_named.intersection(column.matching):
        tables = " or ".join(f"`{name}`" for name in column.matching)
        rest = (
            f"; {lacking.keys} {'matches' if lacking.keys == 1 else 'match'} none, {first}"
            if lacking.keys
            else ""
        )
        names = "1 name matches" if one else f"{column.names} names match"
        yield f"{column}: {column.names - lacking.keys} of {names} images in {tables}{rest}"


def _about_images(table: WrittenTable, found: Found, total: int) -> str:
    are = "is" if found.keys == 1 else "are"
    return f"{found.keys} of {total} images in `{table.name}` {are} named by no row, first {found.examples[0].key[1]}"
