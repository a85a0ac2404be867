"""A comparison as Markdown, for a pull request: a table of what differs, and the details folded below it.

Details are the lines of the terminal, in fences that colour what came and what went. What lies in the data is never
taken for Markdown: cells are escaped, and a fence is longer than any row of backticks within it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..report import count_of
from .text import HEAD, NUMBERS, file_lines, heading, table_lines, table_row

if TYPE_CHECKING:
    from .result import Diff

LIMIT = 60_000
"""Characters of one comparison: what is shown below pull requests may hold 65,536."""
SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&])")


def markdown(diff: Diff, title: str | None = None) -> str:
    """Write a comparison for a pull request, under a title, or under the names of both sides."""
    differing = [table for table in diff.differences if table.state != "equal"]
    parts = [f"### {escaped(title or heading(diff.old, diff.new))}"]
    if differing:
        rows = [table_row(table, diff.pairs(table)) for table in differing]
        parts.append("\n".join(_table(HEAD, rows)))
        equal = len(diff.differences) - len(differing)
        if equal:
            parts.append(count_of(equal, "other table is equal.", "other tables are equal."))
    else:
        parts.append("The content is equal.")
    for table in differing:
        parts += _folded(
            f"{table.name} (rows matched by {table.identity})", list(table_lines(table, diff.pairs(table)))
        )
    if diff.files:
        first, *listed = file_lines(diff.files)
        parts += _folded(first, [line.strip() for line in listed])
    return "\n\n".join(_within(parts)) + "\n"


def escaped(text: str) -> str:
    """Text as Markdown shows it, in one line.

    Examples
    --------
    >>> escaped("well_1 | <b>")
    'well\\\\_1 \\\\| \\\\<b\\\\>'
    """
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def fenced(lines: Iterable[str], language: str = "") -> str:
    """Lines as they are, in a fence that none of them ends."""
    text = "\n".join(lines)
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('--:' if i in NUMBERS else '---' for i in range(len(head)))} |"
    yield from (f"| {' | '.join(map(escaped, row))} |" for row in rows)


def _folded(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    return [f"<details><summary>{html.escape(title)}</summary>\n\n{fenced(lines, 'diff')}\n\n</details>"]


def _within(parts: Sequence[str]) -> Iterator[str]:
    """The first parts that a page has room for; what is left out is said."""
    room = LIMIT
    for number, part in enumerate(parts):
        room -= len(part) + 2
        if room < 0:
            yield f"_{len(parts) - number} more parts are left out here; `datapkg diff` shows them._"
            return
        yield part
