"""What differs in one table: columns, rows, cells. Positions are kept, not keys: those are read when shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ..report import count_of
from .cells import different
from .gathering import Chosen, Positions, blocks
from .identity import Identity, identity
from .matching import Keys, Matched, match_by_key, match_by_source
from .retyped import different_by_value
from .schema import ColumnChanges, column_changes
from .sources import Sources, Span, rows_to_compare

if TYPE_CHECKING:
    from ..table import Table

FILE_COLUMN, FILE_HASH = "image_bytes", "sha256"
EMPTY = np.empty(0, np.int64)
BY_SOURCE = Identity()
NOTHING = Matched(EMPTY, EMPTY, EMPTY, EMPTY)


@dataclass(frozen=True, slots=True)
class ChangedCells:
    """The cells of one column that differ: where they stand, and what they hold."""

    column: str
    old_rows: Positions
    new_rows: Positions
    old: pa.Array
    new: pa.Array


@dataclass(frozen=True)
class TableDiff:
    """What differs between two states of a table; None is a table that is not there.

    `moved` counts the rows that come from another file than before.
    """

    old: Table | None
    new: Table | None
    columns: ColumnChanges
    identity: Identity = BY_SOURCE
    matched: Matched = NOTHING
    cells: tuple[ChangedCells, ...] = ()
    moved: int = 0
    spans: tuple[Sequence[Span], Sequence[Span]] = ((), ())

    @property
    def name(self) -> str:
        """The table's name."""
        return self.newest.name

    @property
    def newest(self) -> Table:
        """The table as it is in the newer version that has it."""
        table = self.old if self.new is None else self.new
        assert table is not None
        return table

    @property
    def state(self) -> str:
        """``equal``, ``changed``, ``added`` or ``removed``."""
        if self.old is None or self.new is None:
            return "added" if self.old is None else "removed"
        return "equal" if self.old.record.content == self.new.record.content else "changed"

    @cached_property
    def changed(self) -> tuple[Positions, Positions]:
        """Old and new positions of the rows with changed cells, by the new position."""
        if not self.cells:
            return EMPTY, EMPTY
        new, first = np.unique(np.concatenate([cells.new_rows for cells in self.cells]), return_index=True)
        return np.concatenate([cells.old_rows for cells in self.cells])[first], new

    @property
    def notes(self) -> Iterator[str]:
        """What a reader should know to judge the numbers."""
        yield from self.identity.notes
        if self.matched.occurrences:
            yield (
                f"some rows have the same {self.identity}: of those, the first is matched with the first, "
                "the second with the second, and so on"
            )
        if self.moved:
            rows = count_of(self.moved, "row comes", "rows come")
            yield f"{rows} from another file than before"
        if self.state == "changed" and self.old is not None and self.new is not None:
            yield from self._form_notes(self.old, self.new)

    def _form_notes(self, old: Table, new: Table) -> Iterator[str]:
        if old.kind != new.kind:
            yield f"the kind of table was {old.kind}, and is {new.kind}"
        elif self.columns.reordered:
            yield "the columns stand in another order"
        elif not (
            self.columns != ColumnChanges()
            or len(self.matched.added)
            or len(self.matched.removed)
            or self.cells
            or self.moved
        ):
            yield "the same rows stand in another order, or are spread over other files"


def table_diff(old: Table | None, new: Table | None, sources: tuple[Sources, Sources]) -> TableDiff:
    """Compare two states of a table; nothing is read where their digests are equal."""
    if old is not None and new is not None and old.record.content == new.record.content:
        return TableDiff(old, new, ColumnChanges())
    before, after = (
        [] if table is None else side.spans(table) for side, table in zip(sources, (old, new), strict=True)
    )
    if old is not None and new is not None and _derived_differ(old, new):
        before, after = ([replace(span, digest="") for span in spans] for spans in (before, after))
    columns = column_changes(*(None if table is None else table.record for table in (old, new)))
    if old is None or new is None:
        alone = TableDiff(old, new, columns, spans=(before, after))
        removed, added = (EMPTY if table is None else np.arange(len(table)) for table in (old, new))
        key = identity(alone.newest, alone.newest)
        return replace(alone, identity=key, matched=Matched(EMPTY, EMPTY, removed, added))
    key = identity(old, new)
    if key.columns:
        compared = rows_to_compare(before, after)
        matched = match_by_key(Keys(old, compared[0], key), Keys(new, compared[1], key))
    else:
        matched = match_by_source(before, after, path_is_column=bool(key.origin))
    cells = list(_changed_cells(old, new, key, matched)) if len(matched.new) else []
    order = {name: i for i, name in enumerate(new.columns)}
    own = sorted((one for one in cells if one.column not in key.origin), key=lambda one: order[one.column])
    moved = sum(len(one.new_rows) for one in cells if one.column in key.origin[:1])
    return TableDiff(old, new, columns, key, matched, tuple(own), moved, (before, after))


def _derived_differ(old: Table, new: Table) -> bool:
    """Whether derived columns differ, which the digests of sources do not tell."""
    before, after = ({c.name: (c.type, c.digest) for c in table.record.derived} for table in (old, new))
    return any(before[name] != after[name] for name in before if name in after)


def _changed_cells(old: Table, new: Table, key: Identity, matched: Matched) -> Iterator[ChangedCells]:
    before, after = ({column.name: column.type for column in table.record.columns} for table in (old, new))
    whole = Chosen(matched.old), Chosen(matched.new)
    for group, rows in blocks((old, new), _compared(old, new, key), len(matched.new)):
        for start in range(0, len(matched.new), rows):
            at = matched.old[start : start + rows], matched.new[start : start + rows]
            chosen = whole if len(at[0]) == len(matched.old) else (Chosen(at[0]), Chosen(at[1]))
            values = chosen[0].read(old, group), chosen[1].read(new, group)
            for name in group:
                one, other = (table.column(name).combine_chunks() for table in values)
                compare = different if before[name] == after[name] else different_by_value
                changed = np.flatnonzero(compare(one, other))
                if len(changed):
                    cells = pa.array(changed)
                    rows_changed = at[0][changed], at[1][changed]
                    yield ChangedCells(name, *rows_changed, one.take(cells), other.take(cells))


def _compared(old: Table, new: Table, key: Identity) -> list[str]:
    """The columns whose cells are compared: images are by their digests, stored files by their hashes."""
    left_out = {column.name for table in (old, new) for column in table.record.columns if column.image}
    left_out |= {*key.columns, *(key.origin[1:] if key.columns else key.origin)}
    shared = [name for name in new.columns if name in old.columns and name not in left_out]
    return [name for name in shared if name != FILE_COLUMN or FILE_HASH not in shared]
