"""What the digests of a stored package cover: every table, and of what was derived either the values or how they were made."""

from __future__ import annotations

from collections.abc import Iterable

from .companions import companions
from .digest import DigestColumn, package_digest
from .records import ColumnRecord, TableRecord


def digest_of(tables: Iterable[TableRecord]) -> str:
    """The digest of a package with these tables."""
    tables = list(tables)
    plain = {table.name: table.digest for table in tables if table.origin is None}
    return package_digest(plain, derived_of(tables))


def derived_of(tables: Iterable[TableRecord]) -> dict[tuple[str, str], tuple[str, str]]:
    """What is proven of each derived column, and of each derived table under an empty column: how, and its digest."""
    found = {}
    for table in tables:
        digests = {column.name: column.digest for column in table.derived}
        for made in table.lineage:
            names = made.columns if made.table == table.name else ("",)
            for name in names:
                value = made.identity if made.proof == "recipe" else digests.get(name, table.digest)
                found[table.name, name] = made.proof, value
    return found


def seen_columns(columns: Iterable[ColumnRecord]) -> list[DigestColumn]:
    """Stored columns as the digest sees them: images through the column of their digests."""
    return [DigestColumn(c.name, c.type, companions(c.name).digest if c.image else None) for c in columns]
