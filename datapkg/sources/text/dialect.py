"""How a text table is written: which character separates cells, which quotes them, what a row's end is.

What the manifest's `dialect` does not say is found by looking at the first rows. Only the delimiter is ever
guessed; whether there is a header is not, as no rule tells a plate's name from a column's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from ...addresses import named
from ...errors import ManifestError
from ...manifest import Resource

DELIMITERS = (",", "\t", ";", "|")
BY_SUFFIX = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
NO_QUOTE = "\0"
"""Where the manifest says that nothing is quoted: a character that no text file may hold."""
LOOKED_AT = 50
"""Rows that decide the delimiter; later ones that do not fit it are errors."""


@dataclass(frozen=True)
class Form:
    """One file's way of writing a table."""

    delimiter: str = ","
    quote: str = '"'
    double_quote: bool = True
    escape: str = ""
    comment: str = ""
    comment_rows: frozenset[int] = frozenset()
    skip_space: bool = False
    header_rows: tuple[int, ...] = (1,)
    header_join: str = " "

    @cached_property
    def sheltered(self) -> re.Pattern[bytes]:
        """What the search for ends of cells and rows must step over: quoted text, escaped characters, comments.

        A quote opens only at the beginning of a cell: the one in ``5" tube`` is a character like any other.
        """
        quote, escape = re.escape(self.quote).encode(), re.escape(self.escape).encode()
        before = b"[^" + re.escape(self.delimiter).encode() + rb"\r\n]"
        choices = []
        if self.comment:
            choices.append(rb"(?<![^\r\n])" + re.escape(self.comment).encode() + rb"[^\r\n]*")
        inside = b"[^" + quote + escape + b"]"
        if self.escape:
            inside = b"(?:" + inside + b"|" + escape + b"[\\s\\S])"
        again = b"(?:" + quote + quote + inside + b"*+)*+" if self.double_quote else b""
        # to begin with the quote itself lets the search leap from quote to quote
        opening = quote + b"(?<!" + before + quote + b")"
        if self.skip_space:
            opening = b"(?<!" + before + b") *" + quote
        choices.append(b"(?P<quoted>" + opening + inside + b"*+" + again + b"(?P<closed>" + quote + b")?)")
        if self.escape:
            choices.append(escape + b"[\\s\\S]")
        return re.compile(b"|".join(choices))

    @property
    def simple(self) -> bool:
        """Whether nothing but doubled quotes can hide the end of a row."""
        return self.double_quote and not (self.escape or self.comment or self.skip_space)


def declared_form(resource: Resource) -> Form:
    """What the manifest's dialect says, with Frictionless's defaults for the rest."""
    dialect = resource.dialect
    for key in ("delimiter", "quote_char", "escape_char", "decimal_char"):
        character = getattr(dialect, key)
        if character and not character.isascii():
            raise _refused(resource, f"{character!r} is no plain character", "use one such as ; or |")
    if dialect.line_terminator not in (None, "\n", "\r\n", "\r"):
        raise _refused(
            resource,
            f"lineTerminator {dialect.line_terminator!r} is not supported",
            r"leave it out: \n, \r\n and \r are all recognised",
        )
    rows = () if not dialect.header else tuple(sorted(dialect.header_rows or (1,)))
    if any(row < 1 for row in rows):
        raise _refused(resource, "headerRows counts rows from 1", "such as headerRows: [1, 2]")
    return Form(
        delimiter=dialect.delimiter or "",
        quote=NO_QUOTE if dialect.quote_char == "" else dialect.quote_char or '"',
        double_quote=dialect.double_quote is not False,
        escape=dialect.escape_char or "",
        comment=dialect.comment_char or "",
        comment_rows=frozenset(dialect.comment_rows or ()),
        skip_space=dialect.skip_initial_space is True,
        header_rows=rows,
        header_join=" " if dialect.header_join is None else dialect.header_join,
    )


def find_form(path: str, head: bytes, whole: bool, resource: Resource) -> Form:
    """Complete the declared form with the delimiter that the file's beginning shows.

    Parameters
    ----------
    path
        The file's path: its suffix is a hint, and errors name it.
    head
        The text's first bytes, as UTF-8; `whole` says that there are no others.
    resource
        The manifest's entry.
    """
    form = declared_form(resource)
    return form if form.delimiter else replace(form, delimiter=_delimiter(path, head, whole, form))


def suffix_delimiter(path: str) -> str:
    """The delimiter that a file's name promises.

    Examples
    --------
    >>> suffix_delimiter("plates/wells.TSV.gz")
    '\\t'
    """
    name = named(path).lower().removesuffix(".gz")
    return BY_SUFFIX.get(PurePosixPath(name).suffix, ",")


def _delimiter(path: str, head: bytes, whole: bool, form: Form) -> str:
    """Choose the delimiter that cuts all rows into equally many cells, the one of the suffix first."""
    hint = suffix_delimiter(path)
    counts = {d: _cells_per_row(head, whole, replace(form, delimiter=d)) for d in DELIMITERS}
    fitting = [d for d, cells in counts.items() if cells and cells[0] > 1 and len(set(cells)) == 1]
    if fitting:
        return hint if hint in fitting else max(fitting, key=lambda d: counts[d][0])
    if all(set(cells) <= {1} for cells in counts.values()):
        return hint
    in_header = [d for d in DELIMITERS if counts[d][0] > 1]
    if not in_header:  # one column; or prose, and then the reader names the row that does not fit
        return (
            hint
            if _says_delimiter(path) or max(counts[hint]) > 1
            else next(d for d in DELIMITERS if max(counts[d]) > 1)
        )
    best = max(in_header, key=lambda d: (counts[d].count(counts[d][0]), d == hint))
    return best if counts[best].count(counts[best][0]) > 1 or hint not in in_header else hint


def _says_delimiter(path: str) -> bool:
    return not named(path).lower().removesuffix(".gz").endswith(".txt")


def _cells_per_row(head: bytes, whole: bool, form: Form) -> list[int]:
    bare = form.sheltered.sub(b"", head)
    rows = bare.splitlines()
    if not whole and len(rows) > 1:
        rows.pop()
    first = max(form.header_rows[0] - 1 if form.header_rows else 0, 0)
    chosen = [
        row for n, row in enumerate(rows, 1) if n > first and n not in form.comment_rows and row.strip(b" ")
    ]
    return [row.count(form.delimiter.encode()) + 1 for row in chosen[:LOOKED_AT]]


def _refused(resource: Resource, what: str, fix: str) -> ManifestError:
    return ManifestError(f"dialect of {resource.name!r}: {what}", fix=fix)
