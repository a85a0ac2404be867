"""Tables that stand in the manifest itself: rows of JSON values, read as the cells of a file are.

A number, true or false is written out and read by the rules for a cell of text, so that a schema means the same
everywhere. What JSON says beyond the spelling is kept: text in quotes stays text where the schema says nothing, and a
number is refused where the schema wants text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from ...errors import ManifestError, SourceError
from ...manifest import Resource
from ...reading import Reading
from .columns import ColumnRules, column_rules
from .declared import FALSE_VALUES, TRUE_VALUES
from .dialect import declared_form
from .read import TextBlock, TextTable, as_declared, checked_names

Cells = list[list[Any]]


def open_inline(reading: Reading, resource: Resource) -> TextTable:
    """Open rows that stand in the manifest, as `open_text` opens a file; a row's number takes the place of a line.

    Rows are lists of cells, of which the first holds the names, or mappings from names to cells.
    """
    rows = json.loads(bytes(reading.content()))
    path, form, notes = reading.file.path, declared_form(resource), dict[str, Any]()
    dialect = resource.dialect
    if dialect.header_rows not in (None, (1,)) or dialect.comment_rows or dialect.comment_char:
        what = f"dialect of {resource.name!r}: rows in the manifest have no header or comment rows beyond the first"
        raise ManifestError(what, fix="remove headerRows, commentRows and commentChar")
    first = 1
    if rows and isinstance(rows[0], dict):
        names, rows = _by_name(rows, resource)
    elif rows and dialect.header:
        header = [
            cell if isinstance(cell, str) else "" if cell is None else json.dumps(cell) for cell in rows[0]
        ]
        names = as_declared(checked_names(header, f"{path}:1", notes), resource, True)
        first, rows = 2, rows[1:]
    else:
        count = len(rows[0]) if rows else len(resource.table_schema.fields)
        names = as_declared(tuple(f"field{i}" for i in range(1, count + 1)), resource, False)
    _refuse_ragged(path, rows, len(names), first)
    rules = [column_rules(resource, name) for name in names]
    return TextTable(path, form, names, notes, iter([partial(_block, rows, rules, first)] if rows else []))


def _by_name(rows: Sequence[dict[str, Any]], resource: Resource) -> tuple[tuple[str, ...], Cells]:
    """Mappings have no order of columns: the schema's comes first, then the one in which names appear."""
    declared = [field.name for field in resource.table_schema.fields]
    names = tuple(dict.fromkeys([*declared, *(name for row in rows for name in row)]))
    return names, [[row.get(name) for name in names] for row in rows]


def _refuse_ragged(path: str, rows: Cells, columns: int, first: int) -> None:
    for number, row in enumerate(rows, first):
        if len(row) != columns:
            what = f"the row has {len(row)} cells, but the first row has {columns}"
            raise SourceError(what, f"{path}:{number}", "mend the row; an empty cell is null")


def _block(rows: Cells, rules: Sequence[ColumnRules], first: int) -> TextBlock:
    columns = list(zip(*rows, strict=True))
    spelled = [[_spelled(cell, rule) for cell in cells] for rule, cells in zip(rules, columns, strict=True)]
    quoted = [np.array([isinstance(cell, str | list | dict) for cell in cells]) for cells in columns]
    return TextBlock(
        tuple(pa.array(cells, pa.string()) for cells in spelled),
        np.arange(first, first + len(rows), dtype=np.int64),
        0,
        tuple(quoted),
    )


def _spelled(cell: Any, rule: ColumnRules) -> str | None:
    """A cell as a text file would have it, under the column's own spelling of numbers and booleans."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, str):
        return cell
    field = rule.field
    if isinstance(cell, bool):
        said = (field.true_values if cell else field.false_values) if field is not None else None
        return (said or (TRUE_VALUES if cell else FALSE_VALUES))[0]
    if isinstance(cell, float) and field is not None and field.type == "integer" and cell.is_integer():
        return str(int(cell))
    text = json.dumps(cell, ensure_ascii=False)
    point = (field.decimal_char if field is not None else None) or rule.decimal
    return text.replace(".", point) if isinstance(cell, float) else text
