"""One look at one text file: what its cells show, and on the way its rows, as long as they fit a table.

A block of rows is cut into cells, looked at and typed as one piece of work, on a thread of its own where the file is
large. What the blocks showed is added up in their order, so that neither their size nor the threads can be seen in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ...errors import SourceError
from ...manifest import Resource
from ...manifest.pattern import PathPattern
from ...reading import Reading
from ..base import Column, Scan, TableSchema
from .columns import all_rules, cast_all, look_at_all
from .decide import SOURCE_PATH, SOURCE_ROW, own_columns
from .evidence import Evidence
from .inline import open_inline
from .read import TextBlock, TextTable, open_text
from .summary import packed

BLOCK_BYTES = 3 << 20


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a block showed, and its cells as the table's types, unless one does not fit (or none were wanted)."""

    rows: int
    blank_lines: int
    evidence: list[Evidence]
    cells: list[pa.Array] | None


class TextLook:
    """A look at one file; `rows` or `finish` makes it, once."""

    def __init__(
        self, reading: Reading, resource: Resource, table: TableSchema | None, batch_bytes: int
    ) -> None:
        self._resource = resource
        self._text = open_table(reading, resource, min(batch_bytes, BLOCK_BYTES))
        self._rules = all_rules(resource, self._text.names)
        self._scan: Scan | None = None
        names, path = self._text.names, self._text.path
        rows = None if table is None else FileRows(path, names, resource, table, batch_bytes)
        self._rows = None if rows is None or rows.strangers else rows
        self._misfit = rows is not None and self._rows is None
        self._expected = [] if self._rows is None else [column.type for column in self._rows.columns]

    def rows(self) -> Iterator[pa.RecordBatch | None]:
        """Yield the rows that fit the table; None, once, where one does not. Then go on to the file's end."""
        text = self._text
        if not text.names:
            self._scan = _nothing_in(text, self._resource)
            return
        if self._misfit:
            yield None
        evidence: list[Evidence] = []
        blank = text.notes.pop("blank_head", 0)
        for block in text.each(self._look):
            blank += block.blank_lines
            if not evidence:
                evidence = block.evidence
            else:
                for found, more in zip(evidence, block.evidence, strict=False):
                    found.add(more)
            if self._rows is not None and block.rows:
                if block.cells is None:
                    yield from self._rows.rest()
                    self._rows = None
                    yield None
                else:
                    yield from self._rows.take(block.cells)
            del block
        if self._rows is not None:
            yield from self._rows.rest()
        notes = {**text.notes, **({"blank": blank} if blank else {})}
        evidence = evidence or [Evidence() for _ in self._rules]
        self._scan = Scan({self._resource.name: {"columns": packed(text.names, evidence), "notes": notes}})

    def finish(self) -> Scan:
        """Look at what is left of the file, and say what it showed."""
        if self._scan is None:
            for _ in self.rows():
                pass
        assert self._scan is not None
        return self._scan

    def _look(self, block: TextBlock) -> _Looked:
        if not block.columns:
            return _Looked(0, block.blank_lines, [], None)
        rules, rows = self._rules, self._rows
        evidence = [Evidence() for _ in rules]
        known = look_at_all(rules, evidence, block.columns, block.lines, self._expected)
        for rule, found, column, quoted in zip(rules, evidence, block.columns, block.quoted, strict=False):
            rule.look_at_quotes(found, column, quoted, block.lines)
        cells: list[pa.Array] | None = None
        if rows is not None:
            typed = cast_all(rules, block.columns, [column.type for column in rows.columns], known)
            fitting = [values for values in typed if values is not None]
            cells = fitting if len(fitting) == len(typed) else None
        return _Looked(len(block.lines), block.blank_lines, evidence, cells)


class FileRows:
    """Makes a table's rows of one file's cells, some blocks of them at a time.

    `columns` are the table's for the cells, in the file's order; `strangers` are names that the table lacks: such a
    file makes no row of it.
    """

    def __init__(
        self, path: str, names: Sequence[str], resource: Resource, table: TableSchema, batch_bytes: int
    ) -> None:
        self._path, self._names, self._table, self._batch_bytes = path, names, table, batch_bytes
        self._schema = table.arrow()
        self._made = {column.name for column in own_columns(resource)}
        self._from_path = PathPattern(resource.pattern).match(path) if resource.pattern is not None else {}
        decided = {column.name: column for column in table.columns if column.name not in self._made}
        self.strangers = [name for name in names if name not in decided]
        self.columns = [decided[name] for name in names if name in decided]
        self._row, self._waiting, self._bytes = 0, list[pa.RecordBatch](), 0

    def take(self, cells: Sequence[pa.Array]) -> Iterator[pa.RecordBatch]:
        """Take the cells of the next rows, and what comes from the file's path; yield rows where enough have come."""
        given, rows = dict(zip(self._names, cells, strict=True)), len(cells[0])
        arrays = [
            given[column.name] if column.name in given else self._own(column, rows)
            for column in self._table.columns
        ]
        self._row += rows
        self._waiting.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._bytes += self._waiting[-1].nbytes
        if self._bytes >= self._batch_bytes:
            yield from self.rest()

    def rest(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows that wait."""
        batches, self._waiting, self._bytes = self._waiting, [], 0
        if batches:
            joined = batches[0] if len(batches) == 1 else pa.concat_batches(batches)
            yield from _sized(joined, self._batch_bytes)

    def _own(self, column: Column, rows: int) -> pa.Array:
        """A column that is not in the file."""
        if column.name not in self._made:
            return pa.nulls(rows, column.type)
        if column.name == SOURCE_ROW:
            return pa.array(np.arange(self._row, self._row + rows))
        value = self._path if column.name == SOURCE_PATH else self._from_path[column.name]
        return pa.repeat(pa.scalar(value, column.type), rows)


def open_table(reading: Reading, resource: Resource, block_bytes: int) -> TextTable:
    """Open a file, or the rows that stand in the manifest."""
    if isinstance(resource.data, list):
        return open_inline(reading, resource)
    return open_text(reading, resource, block_bytes)


def _nothing_in(table: TextTable, resource: Resource) -> Scan:
    if resource.empty == "skip":
        return Scan({})
    raise SourceError(
        "is empty: it has no header and no rows",
        table.path,
        "exclude it, or say `empty: skip` for the resource",
    )


def _sized(batch: pa.RecordBatch, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    """Cut a batch that typing made larger than asked for."""
    pieces = max(1, -(-batch.nbytes // (2 * batch_bytes)))
    step = max(1, -(-batch.num_rows // pieces))
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)
