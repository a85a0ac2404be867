"""Read text tables: ``.csv``, ``.tsv`` and ``.txt``, plain or ``.gz``.

Every cell that was in a file comes back. pyarrow cuts rows into cells, all of them text; types are decided over
the whole column and all files of the resource, by rules that let ``005``, dates and ``yes`` stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial

import pyarrow as pa

from ...errors import SourceError
from ...manifest import Resource
from ...reading import Reading, SourceFile
from ..base import Column, Decision, Scan, TableSchema
from .columns import ColumnRules, all_rules, cast_all
from .decide import decide_table
from .guess import guess_table
from .look import BLOCK_BYTES, FileRows, TextLook, open_table
from .read import TextBlock


class TextSource:
    """The format of text tables."""

    kind = "table"
    reads = 3
    libraries: tuple[str, ...] = ()
    guess_bytes = 1 << 18

    def scan(self, reading: Reading, resource: Resource) -> Scan:
        """Look at every cell of a file."""
        return self.look(reading, resource, None, BLOCK_BYTES).finish()

    def guess(self, files: Sequence[SourceFile], resource: Resource) -> TableSchema | None:
        """Guess the table from samples of some files."""
        return guess_table(files, resource)

    def look(
        self, reading: Reading, resource: Resource, table: TableSchema | None, batch_bytes: int
    ) -> TextLook:
        """Look at every cell of a file, and give its rows as long as they fit the table."""
        return TextLook(reading, resource, table, batch_bytes)

    def decide(self, resource: Resource, scans: Sequence[tuple[str, Scan]]) -> Decision:
        """Decide the resource's one table."""
        return decide_table(resource, scans)

    def batches(
        self, reading: Reading, resource: Resource, table: TableSchema, batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the file's rows under the decided types."""
        text = open_table(reading, resource, min(batch_bytes, BLOCK_BYTES))
        rows = FileRows(text.path, text.names, resource, table, batch_bytes)
        if rows.strangers:
            raise _changed(f"has a column `{rows.strangers[0]}` that was not there before", text.path)
        work = partial(_typed, text.path, rows.columns, all_rules(resource, text.names))
        for cells, count in text.each(work):
            if count:
                yield from rows.take(cells)
        yield from rows.rest()


def lines_of(reading: Reading, resource: Resource, rows: Collection[int]) -> dict[int, int]:
    """Find the lines that rows begin in, without a look at what stands in them."""
    lines: dict[int, int] = {}
    first, wanted = 0, sorted(rows)
    for block in open_table(reading, resource, BLOCK_BYTES).blocks():
        end = first + len(block.lines) * bool(block.columns)
        while wanted and wanted[0] < end:
            row = wanted.pop(0)
            lines[row] = int(block.lines[row - first])
        if not wanted:
            break
        first = end
    return lines


def _typed(
    path: str, columns: Sequence[Column], rules: Sequence[ColumnRules], block: TextBlock
) -> tuple[list[pa.Array], int]:
    """A block's cells as the decided types, and how many rows they are."""
    if not block.columns:
        return [], 0
    typed = cast_all(rules, block.columns, [column.type for column in columns])
    for values, column, rule, cells in zip(typed, columns, rules, block.columns, strict=True):
        if values is None:
            raise _unfit(path, block, column, rule, cells)
    return typed, len(block.lines)


def _unfit(
    path: str, block: TextBlock, column: Column, rules: ColumnRules, cells: pa.StringArray
) -> SourceError:
    low, high = 0, len(cells)  # the first cell that does not fit, found by halving
    while high - low > 1:
        middle = (low + high) // 2
        fits = rules.cast(cells.slice(low, middle - low), column.type) is not None
        low, high = (middle, high) if fits else (low, middle)
    return _changed(
        f"`{cells[low].as_py()}` in the column `{column.name}` does not fit its type {column.logical}",
        f"{path}:{block.lines[low]}",
    )


def _changed(what: str, where: str) -> SourceError:
    return SourceError(f"the file changed since it was looked at: {what}", where, "build again")
