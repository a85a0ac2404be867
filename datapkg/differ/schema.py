"""What differs in the columns of a table, before any row is read."""

from __future__ import annotations

from dataclasses import dataclass

from ..records import TableRecord


@dataclass(frozen=True, slots=True)
class Retyped:
    """A column whose logical type is another one."""

    column: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ColumnChanges:
    """Columns that came, went, or changed their type; `reordered` where those in both stand in another order."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retyped: tuple[Retyped, ...] = ()
    reordered: bool = False


def column_changes(old: TableRecord | None, new: TableRecord | None) -> ColumnChanges:
    """Compare the columns of two states of a table; None is a table that is not there."""
    before = {column.name: column.type for column in old.columns} if old else {}
    after = {column.name: column.type for column in new.columns} if new else {}
    shared = [name for name in before if name in after]
    return ColumnChanges(
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
        tuple(Retyped(name, before[name], after[name]) for name in shared if before[name] != after[name]),
        shared != [name for name in after if name in before],
    )
