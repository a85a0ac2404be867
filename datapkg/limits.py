"""A minimum or maximum of a column whose type nobody declared: it can be held only against the type once decided."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pyarrow as pa

from .manifest import Resource
from .manifest.models import FieldModel
from .report import count_of
from .written import Written, WrittenTable

Limit = int | float
LIMITS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
}
"""The limits by Frictionless's names, and by those of the model."""


def broken_limits(written: Written, table: WrittenTable, resource: Resource) -> Iterator[str]:
    """Say which limits the values of undeclared columns break, with counts and first places."""
    for field in limited(resource):
        column = table.columns.get(field.name)
        if column is None or column.nulls == table.record.rows:
            continue
        for name, attribute in LIMITS.items():
            limit = getattr(field.constraints, attribute)
            if limit is None:
                continue
            if column.type not in ("int64", "uint64", "double") or not _is_number(limit):
                yield (
                    f"the {name} {limit!r} of `{field.name}` cannot be held against a column of "
                    f"{column.why or column.type}; declare its type, such as {{name: {field.name}, type: number}}"
                )
                continue
            yield from _beyond(written, table, field.name, name, limit)


def limited(resource: Resource) -> list[FieldModel]:
    """Fields with a limit but without a type."""
    return [
        field
        for field in resource.table_schema.fields
        if field.type in (None, "any")
        and any(getattr(field.constraints, attribute) is not None for attribute in LIMITS.values())
    ]


def _beyond(written: Written, table: WrittenTable, column: str, name: str, limit: Limit) -> Iterator[str]:
    import pyarrow.compute as pc  # as long to load as numpy: few builds need it

    count, first, example = 0, -1, None
    for batch in table.read([column]):
        wrong = _breaks(batch.column(0), name, limit)
        found = pc.sum(wrong).as_py() or 0
        if found:
            row = pc.index(wrong, True).as_py()
            if first < 0 or batch.column(1)[row].as_py() < first:
                example, first = batch.column(0)[row].as_py(), batch.column(1)[row].as_py()
        count += found
    if count:
        (place,) = written.places(table, [first]).values()
        values = count_of(count, "value", "values")
        yield f"{values} in `{column}` against its {name} {limit}, first {example} at {place}"


def _breaks(values: pa.Array, name: str, limit: Limit) -> pa.Array:
    """Which values are beyond the limit, compared exactly: a whole number is never rounded to a double."""
    import pyarrow.compute as pc

    lower, exclusive = name.lower().endswith("minimum"), name.startswith("exclusive")
    if not pa.types.is_integer(values.type):
        bound = pa.scalar(float(limit))
        if exclusive:
            return pc.less_equal(values, bound) if lower else pc.greater_equal(values, bound)
        return pc.less(values, bound) if lower else pc.greater(values, bound)
    if lower:
        whole = math.floor(limit) + 1 if exclusive else math.ceil(limit)
    else:
        whole = math.ceil(limit) - 1 if exclusive else math.floor(limit)
    least, most = (0, 2**64 - 1) if values.type == pa.uint64() else (-(2**63), 2**63 - 1)
    if whole < least or whole > most:
        all_break = (whole > most) if lower else (whole < least)
        return pc.and_(values.is_valid(), pa.scalar(all_break))
    bound = pa.scalar(whole, values.type)
    return pc.less(values, bound) if lower else pc.greater(values, bound)


def _is_number(limit: object) -> bool:
    return isinstance(limit, int | float) and not isinstance(limit, bool) and math.isfinite(limit)
