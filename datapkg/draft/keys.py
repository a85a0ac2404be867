"""Which columns of a table are its key, and which name images: found in the cells, not only in the columns' names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from ..manifest import Resource
from ..manifest.pattern import COLUMN_TYPES, PathPattern
from ..reading import SourceFile
from ..sources.text.columns import column_rules
from ..sources.text.read import open_text
from .glance import Glance

BEFORE, BEHIND = r"(?i)(?:Image_)?(?:Metadata_)?(?:", r")(?:_x)?"
PARTS = {
    "Plate": re.compile(BEFORE + "Plate(?:_?(?:ID|Name|Barcode))?|Assay_Plate_Barcode" + BEHIND),
    "Well": re.compile(BEFORE + "Well(?:_?(?:ID|Name|Position))?" + BEHIND),
    "Site": re.compile(BEFORE + "Site|Field|FOV|Position" + BEHIND),
    "Frame": re.compile(BEFORE + "Frame(?:_?Number)?|Time_?point|Time" + BEHIND),
    "Image": re.compile(BEFORE + "Image_?Number" + BEHIND),
    "Object": re.compile(r"(?i)(?:.*_)?Object_?Number"),
}
"""What tells rows apart in a screen, from the largest to the smallest."""
FILE_NAME = re.compile(r"(?i)(?:.*_)?file_?name(?:_.*)?")
BLOCK_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Cells:
    """Of all rows the columns that may be parts of a key, and those that may name files."""

    rows: int
    parts: dict[str, pa.ChunkedArray] = field(default_factory=dict)
    file_names: dict[str, pa.ChunkedArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of a table whose values stand in columns of another."""

    fields: tuple[str, ...]
    table: str
    columns: tuple[str, ...]


def key_columns(files: Sequence[SourceFile], resource: Resource, types: Mapping[str, pa.DataType]) -> Cells:
    """Read the columns that matter from all files of a table whose columns have `types`."""
    parts = _parts(list(types))
    names = [name for name in types if FILE_NAME.fullmatch(name) and pa.types.is_string(types[name])]
    chunks: dict[str, list[pa.Array]] = {name: [] for name in [*parts, *names]}
    rows = 0
    for file in files:
        with Glance(file) as reading:
            table = open_text(reading, resource, BLOCK_BYTES)
            for block in table.blocks():
                if not block.columns:
                    continue
                rows += len(block.lines)
                cells = dict(zip(table.names, block.columns, strict=True))
                for name, found in chunks.items():
                    typed = (
                        column_rules(resource, name).cast(cells[name], types[name]) if name in cells else None
                    )
                    found.append(pa.nulls(len(block.lines), types[name]) if typed is None else typed)
    columns = {name: pa.chunked_array(found, types[name]) for name, found in chunks.items()}
    return Cells(rows, {name: columns[name] for name in parts}, {name: columns[name] for name in names})


def primary_key(cells: Cells) -> tuple[str, ...]:
    """The columns that no two rows agree in, and that have no missing value; none if there are no such."""
    names = [name for name, values in cells.parts.items() if not values.null_count]
    if cells.rows < 2 or not _unique(cells, names):
        return ()
    numbers = [name for name in names if PARTS["Image"].fullmatch(name)]
    without = [name for name in names if name not in numbers]
    named = any(PARTS["Well"].fullmatch(name) for name in without)  # a well says more than a running number
    return tuple(without if numbers and named and _unique(cells, without) else names)


def foreign_keys(cells: Cells, table: str, paths: Sequence[str], pattern: str | None) -> list[ForeignKey]:
    """The columns of file names all of whose values are names of `paths`, the files of an image table."""
    counts = Counter(path.rsplit("/", 1)[-1] for path in paths)
    keys = []
    for name, values in cells.file_names.items():
        named = {value for value in values.unique().to_pylist() if value is not None}
        if not named or not named <= counts.keys():
            continue
        if all(counts[value] == 1 for value in named):
            keys.append(ForeignKey((name,), table, ("file_name",)))
        elif pattern is not None:
            keys += _with_parts(cells, name, table, paths, PathPattern(pattern))
    return keys


def _with_parts(
    cells: Cells, name: str, table: str, paths: Sequence[str], pattern: PathPattern
) -> list[ForeignKey]:
    """A key of more than the file's name, where plates have files of the same names."""
    kinds = {"string": pa.types.is_string, COLUMN_TYPES["d"]: pa.types.is_int64}
    pairs = [
        (part, column)
        for column, kind in pattern.columns.items()
        for part, values in cells.parts.items()
        if column in PARTS and PARTS[column].fullmatch(part) and kinds.get(kind, bool)(values.type)
    ]
    images = Counter(
        (*(found[column] for _, column in pairs), path.rsplit("/", 1)[-1])
        for path in paths
        for found in (pattern.match(path),)
    )
    columns = [*(cells.parts[part] for part, _ in pairs), cells.file_names[name]]
    rows = set(zip(*(values.to_pylist() for values in columns), strict=True))
    if not pairs or any(images[row] != 1 for row in rows if row[-1] is not None):
        return []
    parts, there = zip(*pairs, strict=True)
    return [ForeignKey((*parts, name), table, (*there, "file_name"))]


def _unique(cells: Cells, names: Sequence[str]) -> bool:
    if not names:
        return False
    table = pa.table({str(at): cells.parts[name] for at, name in enumerate(names)})
    return bool(table.group_by(table.column_names).aggregate([]).num_rows == cells.rows)


def _parts(names: Sequence[str]) -> list[str]:
    """The first column for each part of a key, in the order of the parts."""
    found = [next(filter(form.fullmatch, names), None) for form in PARTS.values()]
    return [name for name in found if name is not None]
