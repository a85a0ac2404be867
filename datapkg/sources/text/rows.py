"""Cut a stream of text into blocks of whole rows, and know the line of every row.

A line end inside of quotes ends no row. Where quotes stand as they should, in pairs around whole cells, a few
NumPy operations find that out; any other block is walked through by the form's pattern.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .dialect import Form

LONGEST_ROW_BYTES = 256 << 20
RETURN, NEWLINE, SPACE = b"\r"[0], b"\n"[0], b" "[0]

Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Whole rows: their bytes, where in these each ends (with its line end), and in which line each begins."""

    data: bytes
    ends: Offsets
    lines: Offsets

    @property
    def starts(self) -> Offsets:
        """Where each row begins."""
        return np.concatenate(([0], self.ends[:-1])) if len(self.ends) else self.ends

    def first(self, count: int) -> RowBlock:
        """The first rows only."""
        end = int(self.ends[count - 1]) if count else 0
        return RowBlock(self.data[:end], self.ends[:count], self.lines[:count])

    def after(self, count: int) -> RowBlock:
        """The rows behind the first `count`."""
        end = int(self.ends[count - 1]) if count else 0
        return RowBlock(self.data[end:], self.ends[count:] - end, self.lines[count:])

    def blank(self, form: Form) -> NDArray[np.bool_]:
        """Which rows have no character, or nothing but spaces (that are no delimiters)."""
        if not len(self.ends):
            return np.zeros(0, bool)
        data, starts = np.frombuffer(self.data, np.uint8), self.starts
        begins = data[starts]
        blank: NDArray[np.bool_] = (begins == NEWLINE) | (begins == RETURN)
        for row in np.flatnonzero(begins == SPACE) if form.delimiter != " " else ():
            blank[row] = not self.data[starts[row] : self.ends[row]].strip(b" \r\n")
        return blank

    def only(self, kept: NDArray[np.bool_]) -> RowBlock:
        """Some of the rows; the others are cut out of the bytes."""
        if kept.all():
            return self
        sizes = self.ends - self.starts
        data = np.frombuffer(self.data, np.uint8)[np.repeat(kept, sizes)].tobytes()
        return RowBlock(data, np.cumsum(sizes[kept]), self.lines[kept])


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where rows and lines end in some bytes, and where a quote was opened that is not closed."""

    rows: Offsets
    lines: Offsets
    open_quote: int | None


def row_blocks(path: str, pieces: Iterator[bytes], form: Form, block_bytes: int) -> Iterator[RowBlock]:
    """Join pieces to blocks of whole rows; a row that is longer than a block makes its block longer.

    Comments are left out. Raises SourceError for a quote that is never closed.
    """
    waiting: list[bytes] = []
    size, wanted, line, ended = 0, block_bytes, 1, False
    while not ended:
        piece = next(pieces, None)
        ended = piece is None
        waiting.append(piece or b"")
        size += len(waiting[-1])
        if size < wanted and not ended:
            continue
        data = b"".join(waiting)
        ends = _find_ends(path, line, data, form, ended)
        if ended and data:
            _refuse_open_quote(path, line, data, ends)
            if not len(ends.rows) or ends.rows[-1] < len(data):
                ends = _Ends(np.append(ends.rows, len(data)), ends.lines, None)
        if len(ends.rows):
            yield _without_comments(_block(data, line, ends), form)
            cut = int(ends.rows[-1])
            line += int(np.searchsorted(ends.lines, cut, "right"))
            data, wanted = data[cut:], block_bytes
        else:
            wanted = 2 * size
            if size > LONGEST_ROW_BYTES:
                _refuse_open_quote(path, line, data, ends)
                raise SourceError(
                    f"a row of more than {LONGEST_ROW_BYTES >> 20} MiB begins here",
                    f"{path}:{line}",
                    "this is no table, or another character ends its rows",
                )
        waiting, size = [data], len(data)


def _block(data: bytes, line: int, ends: _Ends) -> RowBlock:
    cut = int(ends.rows[-1])
    if np.array_equal(ends.rows[: len(ends.lines)], ends.lines):  # no line end is within a row
        lines = np.arange(line, line + len(ends.rows), dtype=np.int64)
    else:
        starts = np.concatenate(([0], ends.rows[:-1]))
        lines = line + np.searchsorted(ends.lines, starts, "right")
    return RowBlock(data[:cut] if cut < len(data) else data, ends.rows, lines)


def _without_comments(block: RowBlock, form: Form) -> RowBlock:
    kept = np.ones(len(block.ends), bool)
    if form.comment:
        mark = form.comment.encode()
        first = np.frombuffer(block.data, np.uint8)[block.starts] == mark[0]
        for row in np.flatnonzero(first):
            kept[row] = not block.data.startswith(mark, block.starts[row])
    if form.comment_rows:
        kept &= ~np.isin(block.lines, list(form.comment_rows))
    return block.only(kept)


def _find_ends(path: str, line: int, data: bytes, form: Form, ended: bool) -> _Ends:
    lines = _line_ends(data, ended)
    quote = form.quote.encode()
    if quote not in data and (not form.escape or form.escape.encode() not in data):
        return _Ends(lines, lines, None)
    if form.simple:
        bytes_ = np.frombuffer(data, np.uint8)
        quotes = np.flatnonzero(bytes_ == quote[0])
        if _in_order(bytes_, quotes, form):
            inside = np.searchsorted(quotes, lines, "left") & 1
            return _Ends(lines[inside == 0], lines, int(quotes[-1]) if len(quotes) & 1 else None)
    return _walk(path, line, data, lines, form)


def _line_ends(data: bytes, ended: bool) -> Offsets:
    """Offsets behind each line end; a carriage return at the very end may still be followed by its newline."""
    bytes_ = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(bytes_ == NEWLINE) + 1
    if b"\r" in data:
        returns = np.flatnonzero(bytes_ == RETURN)
        if not ended and returns[-1] == len(data) - 1:
            returns = returns[:-1]
        last = len(data) - 1
        alone = returns[(returns == last) | (bytes_[np.minimum(returns + 1, last)] != NEWLINE)]
        if len(alone):
            ends = np.sort(np.concatenate((ends, alone + 1)))
    return ends


def _in_order(data: NDArray[np.uint8], quotes: Offsets, form: Form) -> bool:
    """Whether every other quote opens a cell and the next one closes it, so that counting quotes is enough."""
    limits = np.zeros(256, bool)
    limits[[ord(form.delimiter), RETURN, NEWLINE, ord(form.quote)]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    last = len(data) - 1
    if not (limits[data[np.maximum(opening - 1, 0)]] | (opening == 0)).all():
        return False
    if not (limits[data[np.minimum(closing + 1, last)]] | (closing == last)).all():
        return False
    # a quote before an opening one must be a closing one: then both are a doubled quote within a cell
    doubled = (opening > 0) & (data[np.maximum(opening - 1, 0)] == ord(form.quote))
    before = np.concatenate(([-2], closing))[: len(opening)]
    return bool((before[doubled] == opening[doubled] - 1).all())


def _walk(path: str, line: int, data: bytes, lines: Offsets, form: Form) -> _Ends:
    """Step over quoted text one after the other, as the parser does."""
    starts, stops, open_quote = [], [], None
    limits = (form.delimiter + "\r\n").encode()
    for match in form.sheltered.finditer(data):
        groups = match.groupdict()
        if groups["quoted"] is not None:
            if groups["closed"] is None:
                open_quote = match.start()
            elif match.end() < len(data) and data[match.end()] not in limits:
                _refuse_text_behind(path, line, match.start(), match.group(), lines)
        elif form.comment and data.startswith(form.comment.encode(), match.start()):
            continue
        starts.append(match.start())
        stops.append(match.end())
    inside = np.searchsorted(starts, lines - 1, "right") > np.searchsorted(stops, lines - 1, "right")
    return _Ends(lines[~inside], lines, open_quote)


def _refuse_text_behind(path: str, line: int, start: int, quoted: bytes, lines: Offsets) -> None:
    """Text behind a quoted cell of several lines tells that a quote was forgotten and rows were swallowed."""
    if b"\n" in quoted or b"\r" in quoted:
        at = line + int(np.searchsorted(lines, start, "right"))
        raise SourceError(
            "a quote that opens in this line is closed only in a later one, and text follows there: "
            "a quote is missing in between",
            f"{path}:{at}",
            'close the quote, or write a quote within a quoted cell twice: ""',
        )


def _refuse_open_quote(path: str, line: int, data: bytes, ends: _Ends) -> None:
    if ends.open_quote is not None:
        at = line + int(np.searchsorted(ends.lines, ends.open_quote, "right"))
        cell = data[ends.open_quote : ends.open_quote + 30].splitlines()[0].decode("utf-8", "replace")
        raise SourceError(
            f"a quote opens here and is never closed: {cell}",
            f"{path}:{at}",
            "close the quote, or, if quotes mean nothing in this file, name a character that is not in it: "
            "dialect: {quoteChar: '~'}",
        )
