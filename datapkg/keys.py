"""What a manifest promises about all rows of a table together: keys, references, and limits of undecided columns.

A promise is checked over every row of every file, before the version that would hold the rows is published. What is
broken is told with a count and the first places; nothing is published then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import SchemaError, nearest
from .limits import broken_limits, limited
from .manifest import Resource
from .manifest.models import ForeignKey
from .manifest.promises import Key, keys_of, reference_name
from .matching import Example, Found, Matcher, matcher, whole_number
from .records import ColumnRecord
from .written import Written, WrittenTable

SHOWN = 3
SHOWN_CHARACTERS = 40
WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
REAL = ("float16", "float32", "double")
PLAIN = (*WHOLE, *REAL, "string", "bool", "null")
MOMENTS = ("date32", "time64", "timestamp")


def check(written: Written) -> None:
    """Check all promises about tables that were read anew, and references to such tables.

    Raises
    ------
    SchemaError
        With one line for each promise that is broken.
    """
    promising = [
        (table, resource)
        for table in written.tables.values()
        if (resource := written.resources[table.record.resource].resource).tabular
        and (keys_of(resource) or resource.table_schema.foreign_keys or limited(resource))
    ]
    if not promising:
        return
    with matcher(written.room) as matching:
        broken = {
            resource.name: lines
            for table, resource in promising
            if (lines := list(_Check(written, table, resource, matching).broken()))
        }
    if broken:
        several = len(broken) > 1
        lines = [f"{name}: {line}" if several else line for name in broken for line in broken[name]]
        raise SchemaError(
            "rows break what the manifest promises of them:\n    " + "\n    ".join(lines),
            f"resource{'s' * several} {', '.join(map(repr, broken))}",
            "mend the rows, or take back the promise in the schema",
        )


@dataclass(frozen=True, slots=True)
class _Check:
    """The check of one table."""

    written: Written
    table: WrittenTable
    resource: Resource
    matching: Matcher

    def broken(self) -> Iterator[str]:
        if self.table.new:
            yield from broken_limits(self.written, self.table, self.resource)
        for key in keys_of(self.resource) if self.table.new else ():
            yield from self._key(key)
        for reference in self.resource.table_schema.foreign_keys:
            name = reference.reference.resource or self.table.name
            target = self.written.tables.get(name)
            told = reference_name(reference, self.resource)
            if target is None:
                yield f"{told}: there is no table {name!r}; {nearest(name, self.written.tables)}"
            elif self.table.new or target.new:
                yield from self._reference(reference, told, target)

    def _key(self, key: Key) -> Iterator[str]:
        lacking = _lacking(self.table, key.columns)
        if lacking:
            yield f"{key.name}: {lacking}"
            return
        if key.primary:
            yield from self._nulls(key)
        found = self.matching.repeated(lambda: self.table.read(key.columns), len(key.columns), SHOWN)
        if found.rows:
            places = self._places(found)
            told = [
                f"{_shown(example.key)} at {places[example.again]}, which stands at {places[example.position]} too"
                for example in found.examples
            ]
            yield f"{key.name}: {found.rows} rows have keys that another row has, first {'; '.join(told)}"

    def _nulls(self, key: Key) -> Iterator[str]:
        for name in key.columns:
            count = self.table.columns[name].nulls
            if count:
                position = _first_null(self.table, name)
                (place,) = self.written.places(self.table, [position]).values()
                rows = "1 row has" if count == 1 else f"{count} rows have"
                yield f"{key.name}: {rows} no value in `{name}`, first at {place}"

    def _reference(self, key: ForeignKey, told: str, target: WrittenTable) -> Iterator[str]:
        lacking = _lacking(self.table, key.fields) or _lacking(target, key.reference.fields)
        if lacking:
            yield f"{told}: {lacking}"
            return
        pairs = [
            (self.table.columns[here], target.columns[there])
            for here, there in zip(key.fields, key.reference.fields, strict=True)
        ]
        apart = [pair for pair in pairs if not _comparable(pair[0].type, pair[1].type)]
        for here, there in apart:
            yield f"{told}: {_said(self.table, here)} cannot be compared with {_said(target, there)}; {_fix(here, there)}"
        if apart:
            return
        matched = [both_sides(f"k{i}", here.type, there.type) for i, (here, there) in enumerate(pairs)]
        found = self.matching.orphans(
            lambda: self.table.read(key.fields),
            lambda: target.read(key.reference.fields),
            matched,
            SHOWN,
        )
        if found.rows:
            places = self._places(found)
            first = "; ".join(f"{_shown(e.key)} at {places[e.position]}" for e in found.examples)
            rows = "1 row has" if found.rows == 1 else f"{found.rows} rows have"
            values = "a value" if found.keys == 1 else f"{found.keys} values"
            yield f"{told}: {rows} {values} that no row of {target.name} has, first {first}"

    def _places(self, found: Found) -> dict[int, str]:
        positions = {at for example in found.examples for at in _positions(example)}
        return self.written.places(self.table, positions)


def _positions(example: Example) -> tuple[int, ...]:
    return (example.position,) if example.again < 0 else (example.position, example.again)


def _lacking(table: WrittenTable, names: Sequence[str]) -> str:
    """What to say where a table lacks one of the columns."""
    for name in names:
        if name not in table.columns:
            return f"{table.name} has no column {name!r}; {nearest(name, table.columns)}"
    return ""


def _first_null(table: WrittenTable, name: str) -> int:
    import pyarrow.compute as pc  # as long to load as numpy: few builds need it

    found = []
    for batch in table.read([name]):
        column = batch.column(0)
        if column.null_count:
            found.append(pc.min(batch.column(1).filter(column.is_null())).as_py())
            if table.ordered:
                break
    return int(min(found))


def _comparable(here: str, there: str) -> bool:
    if "null" in (here, there):
        return True
    numbers = (*WHOLE, *REAL)
    if here in numbers and there in numbers:
        return True
    return here == there and (here in PLAIN or here.startswith(MOMENTS))


def both_sides(name: str, here: str, there: str) -> tuple[str, str]:
    """How a column of either side is written to be compared with the other: a double is no match for 2**53 + 1."""
    if "null" in (here, there):
        return f"cast({name} as varchar)", f"cast({name} as varchar)"
    if here == there or (here in REAL and there in REAL):
        return name, name
    left = whole_number(name) if here in REAL else f"cast({name} as hugeint)"
    right = whole_number(name) if there in REAL else f"cast({name} as hugeint)"
    return left, right


def _said(table: WrittenTable, column: ColumnRecord) -> str:
    return f"{table.name}.{column.name} ({column.why or column.type})"


def _fix(here: ColumnRecord, there: ColumnRecord) -> str:
    words = {**dict.fromkeys(WHOLE, "integer"), **dict.fromkeys(REAL, "number"), "bool": "boolean"}
    text, other = (here, there) if here.type == "string" else (there, here)
    if text.type != "string" or other.type not in words:
        return "refer to columns of one type"
    return f"declare one type for both, such as {{name: {other.name}, type: string}}"


def _shown(key: Sequence[Any]) -> str:
    return ", ".join(_shortened(str(value)) for value in key)


def _shortened(text: str) -> str:
    shown = " ".join(text[:SHOWN_CHARACTERS].splitlines())
    return shown + "…" * (len(text) > SHOWN_CHARACTERS)
