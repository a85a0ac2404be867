"""What is in a package or a table, as text and as HTML: names, rows, columns, sizes, version, release, digest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from ..report import aligned, size
from .page import wrapped

if TYPE_CHECKING:
    from ..reader import Package
    from ..table import Table

MOST_COLUMNS = 50
"""A table's HTML lists the first so many."""


def package_text(package: Package) -> str:
    """The text that Python prints for a package."""
    lines = [f"{_named(package)} at {package.uri}", f"  digest {package.digest}", ""]
    sizes = package.opened.stored_bytes
    rows = [("table", "kind", "rows", "columns", "size")]
    for name in package:
        table = package[name]
        told = size(sizes[name]) if sizes else ""
        rows.append((name, table.kind, f"{len(table):,}", f"{len(table.columns):,}", told))
    return "\n".join([*lines, *(f"  {line}" for line in aligned(rows))])


def table_text(table: Table) -> str:
    """The text that Python prints for a table."""
    lines = [
        f"{table.name} ({table.kind}): {_extent(table)}",
        f"  of {_named(table.package)}, digest {table.digest}",
        "",
    ]
    lines += [f"  {c.name}: {c.type}" + (f"  # {c.why}" if c.why else "") for c in table.record.columns]
    return "\n".join(lines)


def package_html(package: Package) -> str:
    """What a notebook shows of a package."""
    sizes = package.opened.stored_bytes
    rows = []
    for name in package:
        table = package[name]
        told = size(sizes[name]) if sizes else ""
        rows.append([name, table.kind, f"{len(table):,}", f"{len(table.columns):,}", told])
    facts = [
        ("created", f"{package.created:%Y-%m-%d %H:%M} UTC"),
        ("place", package.uri),
        ("digest", package.digest),
    ]
    head = ("table", "kind", "rows", "columns", "size")
    return wrapped(f"<b>{escape(_named(package))}</b>{_facts(facts)}{_table(head, rows, (2, 3, 4))}")


def table_html(table: Table) -> str:
    """What a notebook shows of a table."""
    columns = table.record.columns
    rows = [[c.name, c.type, f"{c.nulls:,}" if c.nulls else "", c.why] for c in columns[:MOST_COLUMNS]]
    more = len(columns) - MOST_COLUMNS
    facts = [("in", _named(table.package)), ("holds", _extent(table)), ("digest", table.digest)]
    tail = f"<p>... and {more:,} more columns</p>" if more > 0 else ""
    body = _table(("column", "type", "missing", "why this type"), rows, (2,))
    return wrapped(f"<b>{escape(table.name)}</b> ({escape(table.kind)}){_facts(facts)}{body}{tail}")


def _named(package: Package) -> str:
    release = f" ({package.release})" if package.release else ""
    return f"{package.name} version {package.version}{release}"


def _extent(table: Table) -> str:
    sizes = table.opened.stored_bytes
    stored = f", {size(sizes[table.name])}" if table.name in sizes else ""
    return f"{len(table):,} rows, {len(table.columns):,} columns{stored}"


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = [f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts]
    return f'<table class="datapkg-summary">{"".join(rows)}</table>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int]) -> str:
    kinds = [' class="datapkg-number"' if at in numbers else "" for at in range(len(head))]
    above = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(
        f"<tr>{''.join(f'<td{kind}>{escape(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))}</tr>"
        for row in rows
    )
    return f'<table class="datapkg-summary"><thead><tr>{above}</tr></thead><tbody>{body}</tbody></table>'
