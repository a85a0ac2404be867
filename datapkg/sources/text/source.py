"""Read text tables: ``.csv``, ``.tsv`` and ``.txt``, plain or ``.gz``.

Every cell that was in a file comes back. pyarrow cuts rows into cells, all of them text; types are decided over
the whole column and all files of the resource, by rules that let ``005``, dates and ``yes`` stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pyarrow as pa

from ...errors import SourceError
from ...manifest import Resource
from ...manifest.pattern import PathPattern
from ...reading import Reading, SourceFile
from ..base import Column, Decision, Scan, TableSchema
from .columns import ColumnRules, all_rules, cast_all, look_at_all
from .decide import SOURCE_PATH, SOURCE_ROW, decide_table, own_columns
from .evidence import Evidence
from .inline import open_inline
from .read import TextBlock, TextTable, open_text
from .summary import packed

BLOCK_BYTES = 4 << 20


class TextSource:
    """The format of text tables."""

    kind = "table"
    reads = 2
    libraries: tuple[str, ...] = ()

    def scan(self, reading: Reading, resource: Resource) -> Scan:
        """Look at every cell of a file."""
        table = _open(reading, resource, BLOCK_BYTES)
        if not table.names:
            return _nothing_in(table, resource)
        rules = all_rules(resource, table.names)
        evidence = [Evidence() for _ in rules]
        blank = table.notes.pop("blank_head", 0)
        for block in table.blocks:
            blank += block.blank_lines
            if block.columns:
                look_at_all(rules, evidence, block.columns, block.lines)
                for rule, found, column, quoted in zip(
                    rules, evidence, block.columns, block.quoted, strict=False
                ):
                    rule.look_at_quotes(found, column, quoted, block.lines)
        notes = {**table.notes, **({"blank": blank} if blank else {})}
        return Scan({resource.name: {"columns": packed(table.names, evidence), "notes": notes}})

    def decide(self, resource: Resource, scans: Sequence[tuple[SourceFile, Scan]]) -> Decision:
        """Decide the resource's one table."""
        return decide_table(resource, scans)

    def batches(
        self, reading: Reading, resource: Resource, table: TableSchema, batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the file's rows under the decided types."""
        text = _open(reading, resource, min(batch_bytes, BLOCK_BYTES))
        rules = all_rules(resource, text.names)
        made = {column.name for column in own_columns(resource)}
        _refuse_strangers(text, {column.name for column in table.columns} - made)
        from_path = PathPattern(resource.pattern).match(text.path) if resource.pattern is not None else {}
        decided = {column.name: column for column in table.columns}
        wanted = [decided[name] for name in text.names]
        schema, row = table.arrow(), 0
        for block in text.blocks:
            if not block.columns:
                continue
            cells = dict(zip(text.names, _typed(text.path, block, wanted, rules), strict=True))
            rows = len(block.lines)
            arrays = []
            for column in table.columns:
                if column.name in cells:
                    arrays.append(cells[column.name])
                elif column.name == SOURCE_ROW and column.name in made:
                    arrays.append(pa.array(np.arange(row, row + rows)))
                elif column.name in made:
                    value = text.path if column.name == SOURCE_PATH else from_path[column.name]
                    arrays.append(pa.repeat(pa.scalar(value, column.type), rows))
                else:
                    arrays.append(pa.nulls(rows, column.type))
            row += rows
            yield from _sized(pa.RecordBatch.from_arrays(arrays, schema=schema), batch_bytes)


def _open(reading: Reading, resource: Resource, block_bytes: int) -> TextTable:
    if isinstance(resource.data, list):
        return open_inline(reading, resource)
    return open_text(reading, resource, block_bytes)


def lines_of(reading: Reading, resource: Resource, rows: Collection[int]) -> dict[int, int]:
    """Find the lines that rows begin in, without a look at what stands in them."""
    lines: dict[int, int] = {}
    first, wanted = 0, sorted(rows)
    for block in _open(reading, resource, BLOCK_BYTES).blocks:
        end = first + len(block.lines) * bool(block.columns)
        while wanted and wanted[0] < end:
            row = wanted.pop(0)
            lines[row] = int(block.lines[row - first])
        if not wanted:
            break
        first = end
    return lines


def _nothing_in(table: TextTable, resource: Resource) -> Scan:
    if resource.empty == "skip":
        return Scan({})
    raise SourceError(
        "is empty: it has no header and no rows",
        table.path,
        "exclude it, or say `empty: skip` for the resource",
    )


def _refuse_strangers(text: TextTable, decided: set[str]) -> None:
    new = [name for name in text.names if name not in decided]
    if new:
        raise _changed(f"has a column `{new[0]}` that was not there before", text.path)


def _typed(
    path: str, block: TextBlock, columns: Sequence[Column], rules: Sequence[ColumnRules]
) -> list[pa.Array]:
    """A block's cells as the decided types."""
    typed = cast_all(rules, block.columns, [column.type for column in columns])
    for values, column, rule, cells in zip(typed, columns, rules, block.columns, strict=True):
        if values is None:
            raise _unfit(path, block, column, rule, cells)
    return typed


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


def _sized(batch: pa.RecordBatch, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    """Cut a batch that typing made larger than asked for."""
    pieces = max(1, -(-batch.nbytes // (2 * batch_bytes)))
    step = max(1, -(-batch.num_rows // pieces))
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)
