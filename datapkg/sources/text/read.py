"""Read a text file as blocks of text cells: every cell as it stands, only ``""`` is missing.

pyarrow's parser cuts rows into cells; rows, blank lines and line numbers are ours. Types are not decided here.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from ...errors import SourceError
from ...manifest import Resource
from ...reading import Reading
from ..threads import in_order
from .bytes import PIECE_BYTES, UTF8_MARK, Utf8Pieces
from .cells import Mask
from .dialect import Form, find_form, suffix_delimiter
from .rows import NEWLINE, Offsets, RowBlock, row_blocks

INDEX = "index"
FEW_ROWS = 256
AHEAD_BYTES = 16 << 20
"""A thread does not pay for small files."""
HELD_BYTES = 32 << 20
"""Text of blocks that are worked on at the same time: with cells and values it takes four times as much."""
CELL_BYTES = 4096
"""A block has about this many bytes a column, so that wide tables are not cut into slivers."""


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Some rows as columns of text, the line of each, and how many blank lines were left out among them.

    `quoted` tells for each column which cells are text by the way they are written, where that is known.
    """

    columns: tuple[pa.StringArray, ...]
    lines: Offsets
    blank_lines: int
    quoted: tuple[Mask, ...] = ()


Uncut = Callable[[], TextBlock]
"""Some rows that are still to be cut into cells: it does not matter when, nor in which thread."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class TextTable:
    """An open text table. `names` is empty where the file holds nothing at all.

    Its rows are read once, in order, on so many `threads` (0: in the caller's), and so many blocks `ahead`.
    """

    path: str
    form: Form
    names: tuple[str, ...]
    notes: dict[str, Any]
    uncut: Iterator[Uncut]
    threads: int = 0
    ahead: int = 1

    def each(self, work: Callable[[TextBlock], Result]) -> Iterator[Result]:
        """Yield what `work` makes of each block, in order; cutting a block is part of the work on it."""
        return in_order(lambda uncut: work(uncut()), self.uncut, self.threads, self.ahead)

    def blocks(self) -> Iterator[TextBlock]:
        """Yield the blocks."""
        return self.each(lambda block: block)


def open_text(reading: Reading, resource: Resource, block_bytes: int) -> TextTable:
    """Open a file that holds one table, and read its header.

    `notes` may say ``index`` (the first column had no name), ``delimiter`` (another one than the suffix promises),
    ``skipped`` (rows before the header) and ``blank_head`` (blank lines before the header).
    """
    path = reading.file.path
    pieces = iter(Utf8Pieces(reading, resource.encoding))
    head: list[bytes] = []
    for piece in pieces:
        head.append(piece)
        if sum(map(len, head)) >= PIECE_BYTES:
            break
    beginning = b"".join(head)
    form = find_form(path, beginning, len(beginning) < PIECE_BYTES, resource)
    first_row = re.split(rb"[\r\n]", beginning, maxsplit=1)[0]
    block_bytes = max(block_bytes, CELL_BYTES * first_row.count(form.delimiter.encode()))
    blocks = row_blocks(path, chain(head, pieces), form, block_bytes)
    notes: dict[str, Any] = {}
    names, rest = _header(path, blocks, form, notes)
    found = resource.dialect.delimiter is None and resource.data is None and len(names) > 1
    if found and form.delimiter != suffix_delimiter(path):
        notes["delimiter"] = form.delimiter
    names = as_declared(names, resource, bool(form.header_rows))
    uncut = (partial(_cut, path, block, form, len(names)) for block in rest)
    threads = reading.threads if reading.file.bytes > AHEAD_BYTES else 0
    ahead = max(1, min(2 * threads, HELD_BYTES // block_bytes))
    return TextTable(path, form, names, notes, uncut, threads, ahead)


def as_declared(names: tuple[str, ...], resource: Resource, header: bool) -> tuple[str, ...]:
    """The names that the schema gives to columns without a header, or to those it tells apart without their case."""
    declared = tuple(field.name for field in resource.table_schema.fields)
    if not header:
        return declared if len(declared) == len(names) else names
    if resource.dialect.header_case:
        return names
    meant = {name.casefold(): name for name in declared if name not in names}
    return tuple(name if name in declared else meant.pop(name.casefold(), name) for name in names)


def _header(
    path: str, blocks: Iterator[RowBlock], form: Form, notes: dict[str, Any]
) -> tuple[tuple[str, ...], Iterator[RowBlock]]:
    """Take the columns' names off the first rows."""
    for block in blocks:
        blank = block.blank(form)
        if not blank.all():
            break
        notes["blank_head"] = notes.get("blank_head", 0) + len(blank)
    else:
        return (), iter(())
    if not form.header_rows:
        count = len(_cells(path, block.only(~blank).first(1), form))
        return tuple(f"field{i}" for i in range(1, count + 1)), chain([block], blocks)
    if form.header_rows == (1,):
        leading = int(np.argmin(blank))
        if leading:
            notes["blank_head"] = notes.get("blank_head", 0) + leading
        block = block.after(leading)
    last = form.header_rows[-1]
    if len(block.ends) < last:
        raise SourceError(
            f"has {len(block.ends)} rows, but headerRows names row {last}", path, "mend dialect: headerRows"
        )
    skipped = last - len(form.header_rows)
    if skipped:
        notes["skipped"] = skipped
    rows = [block.after(row - 1).first(1) for row in form.header_rows]
    names = _joined(path, [_cells(path, row, form) for row in rows], form, int(rows[0].lines[0]))
    where = f"{path}:{int(rows[0].lines[0])}"
    return checked_names(names, where, notes), chain([block.after(last)], blocks)


def _cells(path: str, row: RowBlock, form: Form) -> list[str]:
    """Cut one row into cells."""
    bare = form.sheltered.sub(b"", row.data).rstrip(b"\r\n")
    count = bare.count(form.delimiter.encode()) + 1
    return [column[0].as_py() or "" for column in _parse(path, row, form, count)]


def _joined(path: str, rows: list[list[str]], form: Form, line: int) -> list[str]:
    if len({len(row) for row in rows}) > 1:
        raise SourceError(
            f"the header rows have different numbers of cells: {', '.join(str(len(row)) for row in rows)}",
            f"{path}:{line}",
            "mend the rows, or dialect: headerRows",
        )
    return [form.header_join.join(part for part in parts if part) for parts in zip(*rows, strict=True)]


def checked_names(names: list[str], where: str, notes: dict[str, Any]) -> tuple[str, ...]:
    """Refuse names that cannot be told apart; a first column without one is a pandas index."""
    nameless = [i for i, name in enumerate(names, 1) if not name]
    if len(nameless) > max(3, len(names) / 2):
        raise SourceError(
            f"{len(nameless)} of {len(names)} cells of the first row are empty, so it is no header: this may be "
            "a sheet of keys and values",
            where,
            "exclude the file; or, if a table begins further down, say where: dialect: {headerRows: [3]}",
        )
    if nameless and nameless != [1]:
        shown = ", ".join(str(i) for i in nameless[:5]) + (", ..." if len(nameless) > 5 else "")
        raise SourceError(
            f"the header gives no name to column{'s' * (len(nameless) > 1)} {shown}",
            where,
            "name every column in the header",
        )
    if nameless:
        notes[INDEX] = True
        names = [INDEX, *names[1:]]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        shown = ", ".join(f"`{name}`" for name in twice[:5]) + (", ..." if len(twice) > 5 else "")
        more = " (an unnamed first column is named `index`)" if nameless and INDEX in twice else ""
        raise SourceError(
            f"the header names columns twice: {shown}{more}",
            where,
            "rename them; if two rows make the header, say dialect: {headerRows: [1, 2]}",
        )
    return tuple(names)


def _cut(path: str, block: RowBlock, form: Form, columns: int) -> TextBlock:
    """Cut the rows of a block into cells. In a table of one column a blank line is a missing value."""
    blanks = 0
    if columns > 1:
        blank = block.blank(form)
        blanks = int(blank.sum())
        block = block.only(~blank)
    return TextBlock(_parse(path, block, form, columns) if len(block.ends) else (), block.lines, blanks)


def _parse(path: str, block: RowBlock, form: Form, columns: int) -> tuple[pa.StringArray, ...]:
    if len(block.lines) <= FEW_ROWS:
        cut = cut_plain(block.data, form, len(block.lines), columns)
        if cut is not None:
            return cut
    data = _without_spaces(block.data, form) if form.skip_space else block.data
    if data.startswith(UTF8_MARK):
        data = UTF8_MARK + data  # pyarrow takes one for a byte order mark, though it stands inside the file
    uneven: list[tuple[int, int]] = []

    def take_note(row: Any) -> str:
        uneven.append((row.number, row.actual_columns))
        return "error"

    try:
        table = arrow_csv.read_csv(pa.BufferReader(data), *_options(data, form, columns, take_note))
    except pa.ArrowInvalid as error:
        if not uneven:
            raise SourceError(f"cannot be cut into cells ({error})", f"{path}:{block.lines[0]}", "") from None
        raise _ragged(path, block, form, columns, *uneven[0]) from None
    if table.num_rows != len(block.lines):
        raise SourceError(
            f"{len(block.lines)} rows were counted, but {table.num_rows} read",
            f"{path}:{block.lines[0]}",
            "look for quotes that open and do not close; export the table again",
        )
    return tuple(
        column.chunk(0) if column.num_chunks == 1 else column.combine_chunks() for column in table.columns
    )


def cut_plain(data: bytes, form: Form, rows: int, columns: int) -> tuple[pa.StringArray, ...] | None:
    """Cut a few rows that have no quotes; None where they have, or have not the right number of cells.

    pyarrow's parser takes 5 microseconds for each column, however few its rows: files of five rows and hundreds of
    columns spend more on that than on all else.
    """
    if form.quote.encode() in data or form.escape or form.skip_space or b"\r" in data:
        return None
    text = np.frombuffer(data if data.endswith(b"\n") else data + b"\n", np.uint8)
    limits = text == ord(form.delimiter)
    limits |= text == NEWLINE
    ends = np.flatnonzero(limits)
    if len(ends) != rows * columns:
        return None
    by_row = text[ends].reshape(rows, columns)
    if not (by_row[:, -1] == NEWLINE).all() or (by_row[:, :-1] == NEWLINE).any():
        return None
    lengths = np.diff(ends, prepend=-1) - 1
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    there = np.packbits(lengths > 0, bitorder="little")
    cells = pa.StringArray.from_buffers(
        len(ends), pa.py_buffer(offsets), pa.py_buffer(text[~limits]), pa.py_buffer(there)
    )
    by_column = cells.take(pa.array(np.arange(len(ends)).reshape(rows, columns).T.ravel()))
    return tuple(by_column.slice(start, rows) for start in range(0, len(ends), rows))


def _options(
    data: bytes, form: Form, columns: int, take_note: Callable[[Any], str]
) -> tuple[arrow_csv.ReadOptions, arrow_csv.ParseOptions, arrow_csv.ConvertOptions]:
    """All of `data` as one block of text columns that are named by their number."""
    names = [str(i) for i in range(columns)]
    read = arrow_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names)
    parse = arrow_csv.ParseOptions(
        delimiter=form.delimiter,
        quote_char=form.quote,
        double_quote=form.double_quote,
        escape_char=form.escape or False,
        newlines_in_values=bool(form.escape) or form.quote.encode() in data,
        ignore_empty_lines=False,
        invalid_row_handler=take_note,
    )
    convert = arrow_csv.ConvertOptions(
        check_utf8=False,  # Utf8Pieces has seen to it, and knows the line
        default_column_type=pa.string(),
        null_values=[""],
        strings_can_be_null=True,
    )
    return read, parse, convert


def _ragged(path: str, block: RowBlock, form: Form, columns: int, row: int, cells: int) -> SourceError:
    where = f"{path}:{block.lines[row - 1]}"
    if columns == 1:
        return SourceError(
            f"the row has {cells} cells, but the first row is one piece of text: this looks like no table",
            where,
            "exclude the file if it is prose; for a table of one column name a character that is not in it, as in "
            f'dialect: {{delimiter: "{"|" if form.delimiter != "|" else ";"}"}}, or put quotes around the text',
        )
    shown = {"\t": "tab", " ": "space"}.get(form.delimiter, form.delimiter)
    return SourceError(
        f"the row has {cells} cells, but the header has {columns}",
        where,
        f"mend the row (a cell that holds a `{shown}` needs quotes); if `{shown}` does not separate the "
        "cells, say what does, as in dialect: {delimiter: ';'}",
    )


def _without_spaces(data: bytes, form: Form) -> bytes:
    """Write rows anew without the spaces behind delimiters, which pyarrow would keep."""
    limit = csv.field_size_limit(max(len(data), 131072))
    try:
        written = io.StringIO()
        rows = csv.reader(
            io.StringIO(data.decode(), newline=""),
            delimiter=form.delimiter,
            quotechar=form.quote,
            doublequote=form.double_quote,
            escapechar=form.escape or None,
            skipinitialspace=True,
        )
        writer = csv.writer(
            written,
            delimiter=form.delimiter,
            quotechar=form.quote,
            doublequote=form.double_quote,
            escapechar=form.escape or None,
            quoting=csv.QUOTE_ALL,
            lineterminator="\n",
        )
        writer.writerows(rows)
    finally:
        csv.field_size_limit(limit)
    return written.getvalue().encode()
