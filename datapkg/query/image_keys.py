"""The images that a table's rows refer to: the manifest's foreign keys, followed to tables of images, without a pixel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..access import RowAccess
from ..errors import SchemaError
from ..lazy import LazyArray, lazy_column, lazy_columns
from ..manifest.models import ForeignKey
from ..manifest.normal import parse_recorded
from ..opened import OpenVersion
from ..records import TableRecord
from ..scanning import ScannedTable
from .database import ROW, closed_database

if TYPE_CHECKING:
    import pandas as pd

CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class ImageKey:
    """Columns of a table whose values stand in a table of images, and the column that holds these."""

    fields: tuple[str, ...]
    target: TableRecord
    there: tuple[str, ...]
    column: str


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs of a row's place in a frame and a row of images, in the order of both; `values` split them into columns."""

    places: NDArray[np.int64]
    rows: NDArray[np.int64]
    values: list[str] | None


def image_keys(opened: OpenVersion, table: str) -> list[ImageKey]:
    """The foreign keys of a table that lead to images.

    Raises
    ------
    SchemaError
        There is none.
    """
    record = opened.record
    keys: Sequence[ForeignKey] = ()
    for resource in parse_recorded(record.manifest, record.manifest_digest).resources:
        if resource.name == table and resource.tabular:
            keys = resource.table_schema.foreign_keys
    images = {one.name: column for one in record.tables if (column := _image_column(one))}
    found = [
        ImageKey(key.fields, record.table(target), key.reference.fields, images[target])
        for key in keys
        if (target := key.reference.resource or table) in images
    ]
    if found:
        return found
    if not images:
        fix = "add a resource of images to the manifest"
    elif table in images:
        fix = f"its own images: pkg[{table!r}].to_pandas()"
    else:
        target = next(iter(images))
        example = f"{{fields: [...], reference: {{resource: {target}, fields: [file_name]}}}}"
        fix = f"add foreignKeys: [{example}] to its schema in the manifest, and build again"
    what = "no foreign key of it leads to a table of images"
    raise SchemaError(what, f"table {table}", fix)


def add_images(frame: pd.DataFrame, opened: OpenVersion, table: str, by: str | None) -> pd.DataFrame:
    """Give each row of a frame its images; its index is the rows' positions.

    Raises
    ------
    SchemaError
        No foreign key leads to images, or `by` is no column of theirs.
    """
    keys = image_keys(opened, table)
    at = frame.index.to_numpy().astype(np.int64)
    for key, label in zip(keys, labels(keys), strict=True):
        matches = _matches(key, opened, table, at, by)
        for value, cells in _columns(matches, key, opened, len(at)):
            named = [part for part in (label, value) if part]
            name = "_".join(["image", *named]) if named else key.column
            while name in frame.columns:
                name += "_"
            frame[name] = cells
    return frame


def labels(keys: Sequence[ImageKey]) -> list[str]:
    """What tells keys apart: nothing where there is one; the tables that they lead to; the words in their columns' names.

    Examples
    --------
    >>> target = TableRecord("frames", "images", "frames", 0, "", "", None, {}, ())
    >>> names = ["Image_FileName_DAPI", "Image_FileName_DNA"]
    >>> labels([ImageKey((name,), target, ("file_name",), "image_array") for name in names])
    ['DAPI', 'DNA']
    """
    if len(keys) == 1:
        return [""]
    targets = [key.target.name for key in keys]
    if len(set(targets)) == len(keys):
        return targets
    names = ["_".join(key.fields) for key in keys]
    words = [re.split("[_. ]+", name) for name in names]
    for end in (0, -1):  # words that all begin with, then words that all end with
        while all(len(one) > 1 for one in words) and len({one[end] for one in words}) == 1:
            for one in words:
                del one[end]
    short = ["_".join(one) for one in words]
    return short if len(set(short)) == len(short) else names


def _image_column(record: TableRecord) -> str | None:
    return next((name for name, kind in lazy_columns(record).items() if kind == "image"), None)


def _matches(
    key: ImageKey, opened: OpenVersion, table: str, at: NDArray[np.int64], by: str | None
) -> Matches:
    """Join rows with images; several of one row are split by a column, that of channels where there is one."""
    here, there = opened.rows(table), opened.rows(key.target.name)
    split = by
    if by is None:
        split = next((one.name for one in key.target.columns if one.name.casefold() == CHANNEL), None)
    else:
        there.refuse_unknown([by])
    found = _joined(key, here, there, at, split)
    places, rows = (found.column(name).to_numpy() for name in ("place", "row"))
    several = len(np.unique(places)) < len(places)
    values = found.column("value").to_pylist() if split and (several or by) else None
    return Matches(places, rows, values if values is None else [str(one) for one in values])


def _joined(
    key: ImageKey, here: RowAccess, there: RowAccess, at: NDArray[np.int64], split: str | None
) -> pa.Table:
    stored = {column.name: column.stored for column in key.target.columns}
    wanted = dict.fromkeys([*key.there, *([split] if split else [])])
    names = {f"c{number}": stored[name] for number, name in enumerate(wanted)}
    shown = {name: f"c{number}" for number, name in enumerate(wanted)}
    given = here.pick(at, key.fields).rename_columns([f"k{number}" for number in range(len(key.fields))])
    same = []
    for number, name in enumerate(key.there):
        left, right = f"given.k{number}", f"images.{shown[name]}"
        same.append(f"{left} = {right}")
        if here.schema.field(key.fields[number]).type != there.schema.field(name).type:
            same.append(f"try_cast({left} as hugeint) is not distinct from try_cast({right} as hugeint)")
    value = f"images.{shown[split]}" if split else "null"
    with closed_database() as connection:
        connection.register("given", given.append_column("place", pa.array(np.arange(len(at)))))
        connection.register("images", ScannedTable(there, names, {ROW: (pa.int64(), pa.array)}))
        return connection.sql(
            f'select given.place, images."{ROW}" as row, {value} as value '
            f"from given join images on {' and '.join(same)} order by 1, 2"
        ).to_arrow_table()


def _columns(
    matches: Matches, key: ImageKey, opened: OpenVersion, count: int
) -> Iterator[tuple[str, LazyArray | NDArray[np.object_]]]:
    """The columns of images, each with what it is named after; all hold one cell a row, or all hold several."""
    values = np.array(matches.values or [""] * len(matches.places), object)
    parts = [(value, values == value) for value in sorted(set(values))] or [("", values == "")]
    single = all(len(np.unique(matches.places[part])) == np.count_nonzero(part) for _, part in parts)
    for value, part in parts:
        places, rows = matches.places[part], matches.rows[part]
        if single:
            at = np.full(count, -1, np.int64)
            at[places] = rows
            yield value, lazy_column(opened, key.target.name, key.column, at)
            continue
        every = lazy_column(opened, key.target.name, key.column, rows)
        stops = np.bincount(places, minlength=count).cumsum()
        cells: NDArray[Any] = np.empty(count, object)
        for place, (start, stop) in enumerate(zip(np.append(0, stops), stops, strict=False)):
            cells[place] = every[start:stop]
        yield value, cells
