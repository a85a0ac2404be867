"""A comparison as a terminal shows it: how much differs, with the first examples of each kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..report import aligned, count_of, size
from .identity import SOURCE
from .images import DIGEST, ImagePair, PixelChange, pixel_changes
from .keys import NEW, OCCURRENCE, OLD, keys
from .sources import SourceChange
from .tables import FILE_HASH, ChangedCells, TableDiff
from .values import cell_values, shown, shown_change

if TYPE_CHECKING:
    from ..reader import Package
    from .result import Diff

EXAMPLES = 3
COLUMNS_SHOWN = 10
FILES_SHOWN = 10
HEAD = ("table", "", "added", "removed", "changed", "cells", "images")
NUMBERS = (2, 3, 4, 5, 6)
"""The columns of `HEAD` that hold numbers."""


def text(diff: Diff, title: str | None = None) -> str:
    """Write a comparison for a person, under a title, or under the names of both sides."""
    return "\n".join(_lines(diff, title or heading(diff.old, diff.new)))


def _lines(diff: Diff, title: str) -> Iterator[str]:
    yield title
    yield ""
    differing = [table for table in diff.differences if table.state != "equal"]
    equal = [table.name for table in diff.differences if table.state == "equal"]
    if differing:
        yield from aligned([HEAD, *(table_row(table, diff.pairs(table)) for table in differing)], NUMBERS)
        if equal:
            yield count_of(len(equal), "other table is equal", "other tables are equal")
    else:
        yield "the content is equal"
    for table in differing:
        lines = list(table_lines(table, diff.pairs(table)))
        if lines:
            yield ""
            yield f"{table.name} (rows matched by {table.identity})"
            yield from (f"  {line}" for line in lines)
    if diff.files:
        yield ""
        yield from file_lines(diff.files)


def heading(old: Package, new: Package) -> str:
    """Name both sides."""
    if old.uri == new.uri:
        return f"{new.uri}: {_version(old)} -> {_version(new)}"
    return f"{old.uri}, {_version(old)} -> {new.uri}, {_version(new)}"


def _version(package: Package) -> str:
    return f"version {package.version}" + (f" (release {package.release})" if package.release else "")


def table_row(table: TableDiff, pairs: Sequence[ImagePair]) -> tuple[str, ...]:
    """How much of a table differs, as `HEAD` heads it."""
    cells = sum(len(one.new_rows) for one in table.cells)
    matched = table.matched
    counts = (len(matched.added), len(matched.removed), len(table.changed[1]), cells, len(pairs))
    return table.name, table.state, *(f"{count:,}" if count else "-" for count in counts)


def table_lines(table: TableDiff, pairs: Sequence[ImagePair]) -> Iterator[str]:
    """What differs in a table, with the first examples of each kind."""
    if table.state == "changed":
        types = {column.name: column.type for column in table.newest.record.columns}
        if table.columns.added:
            yield _listed("+ column", [f"{name} ({types[name]})" for name in table.columns.added])
        if table.columns.removed:
            yield _listed("- column", table.columns.removed)
        for one in table.columns.retyped[:COLUMNS_SHOWN]:
            yield f"~ column  {one.column}: {one.old} -> {one.new}"
        yield from _more(len(table.columns.retyped), COLUMNS_SHOWN, "retyped columns")
    for sign, side, rows in (("+", NEW, table.matched.added), ("-", OLD, table.matched.removed)):
        if len(rows):
            first = [key_text(key) for key in keys(table, side, rows[:EXAMPLES])]
            yield f"{sign} {count_of(len(rows), 'row', 'rows')}  " + _some("; ".join(first), len(rows))
    yield from _columns(table, hide=(DIGEST, FILE_HASH) if pairs else ())
    yield from _images(table, pairs)
    yield from (f"note: {note}" for note in table.notes)


def _columns(table: TableDiff, hide: Sequence[str]) -> Iterator[str]:
    """One line for each column with changed cells; those with the most first."""
    by_name: dict[str, list[ChangedCells]] = {}
    for cells in table.cells:
        if cells.column not in hide:
            by_name.setdefault(cells.column, []).append(cells)
    counts = {name: sum(len(one.new_rows) for one in parts) for name, parts in by_name.items()}
    names = sorted(counts, key=lambda name: -counts[name])
    lines = []
    for name in names[:COLUMNS_SHOWN]:
        first = by_name[name][0]
        (key,) = keys(table, NEW, first.new_rows[:1])
        (old,), (new,) = cell_values(first.old[:1]), cell_values(first.new[:1])
        example = f"{'e.g. ' if counts[name] > 1 else ''}{key_text(key)}: {shown_change(old, new)}"
        lines.append(
            (f"~ {name}", count_of(counts[name], "cell", "cells"), _by_up_to(by_name[name]), example)
        )
    if lines:
        yield from aligned(lines, right=(1,))
    yield from _more(len(names), COLUMNS_SHOWN, "columns with changed cells")


def _by_up_to(parts: Sequence[ChangedCells]) -> str:
    """The largest difference of a column of numbers."""
    largest = 0.0
    for cells in parts:
        for values in (cells.old, cells.new):
            if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
                return ""
        old, new = (
            pc.cast(values, pa.float64(), safe=False).to_numpy(False) for values in (cells.old, cells.new)
        )
        with np.errstate(invalid="ignore", over="ignore"):
            differences = np.abs(new - old)
        numbers = differences[np.isfinite(differences)]
        largest = max(largest, float(numbers.max(initial=0.0)))
    return f"by up to {largest:.4g}" if largest else ""


def _images(table: TableDiff, pairs: Sequence[ImagePair]) -> Iterator[str]:
    pixels = [pair for pair in pairs if not pair.same_pixels]
    described = len(pairs) - len(pixels)
    if pixels:
        yield f"~ {count_of(len(pixels), 'image has', 'images have')} other pixels"
        first = pixels[:EXAMPLES]
        found = keys(table, NEW, np.array([pair.new_row for pair in first]))
        for key, pair, change in zip(found, first, pixel_changes(table, first), strict=True):
            yield f"    {key_text(key)}: {_pixels(pair, change)}"
        yield from _more(len(pixels), EXAMPLES, "such images", indent="    ")
    if described:
        yield f"~ {count_of(described, 'image has', 'images have')} another description and the same pixels"


def _pixels(pair: ImagePair, change: PixelChange) -> str:
    if change.changed is None:
        old, new = pair.form
        return f"no longer {old} but {new}" if old != new else "there is an image on one side only"
    told = f"{change.changed:,} of {pair.pixels:,} pixels"
    if change.max_difference is not None:
        told += f", by up to {change.max_difference:.6g}"
    if change.box is not None:
        y0, x0, y1, x1 = change.box
        told += f", within y {y0}:{y1}, x {x0}:{x1}"
    return told


def file_lines(changes: Sequence[SourceChange]) -> Iterator[str]:
    """The source files that came, went or changed."""
    counts = dict.fromkeys(("added", "removed", "renamed", "changed"), 0)
    for change in changes:
        counts[change.change] += 1
    yield "source files: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)
    rows = [_file(change) for change in changes[:FILES_SHOWN]]
    yield from (f"  {line}" for line in aligned(rows, right=()))
    yield from _more(len(changes), FILES_SHOWN, "files", indent="  ")


def _file(change: SourceChange) -> tuple[str, str]:
    old, new = change.old, change.new
    if old is not None and new is not None:
        if change.was is not None:
            return "~", f"{change.was} -> {change.path}, the same bytes"
        bytes_now = size(new.bytes) if old.bytes == new.bytes else f"{size(old.bytes)} -> {size(new.bytes)}"
        return "~", f"{change.path}, {bytes_now}"
    file = new or old
    assert file is not None
    return "-" if new is None else "+", f"{change.path}, {size(file.bytes)}"


def key_text(key: Mapping[str, Any]) -> str:
    """A row's key on a terminal: its values, in the order of the heading.

    Examples
    --------
    >>> key_text({"Well": "A01", "Site": 3}), key_text({"source_path": "wells.csv", "source_row": 3})
    ('A01, 3', 'wells.csv, row 3')
    """
    if tuple(key) == SOURCE:
        return f"{key['source_path']}, row {key['source_row']}"
    values = [shown(value) for name, value in key.items() if name != OCCURRENCE]
    return ", ".join([*values, f"no. {key[OCCURRENCE] + 1}"] if OCCURRENCE in key else values)


def _listed(head: str, names: Sequence[str]) -> str:
    return f"{head}  " + _some(", ".join(names[:COLUMNS_SHOWN]), len(names), COLUMNS_SHOWN)


def _some(text: str, count: int, shown_count: int = EXAMPLES) -> str:
    return text if count <= shown_count else f"{text} ... and {count - shown_count:,} more"


def _more(count: int, shown_count: int, what: str, indent: str = "") -> Iterator[str]:
    if count > shown_count:
        yield f"{indent}... and {count - shown_count:,} more {what}"
