"""Little text tables, ways to read them through the source, and a slow second opinion about them."""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from datapkg.manifest import Resource
from datapkg.reading import Reading, SourceFile
from datapkg.sources.base import Decision, Scan
from datapkg.sources.text.source import TextSource

MISSING = ("NA", "NaN", "nan", "NULL", "null", "N/A", "#N/A")
BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
DECIMAL = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
ENDLESS = re.compile(r"-?(inf|Inf|INF|Infinity)")
CODE = re.compile(r"\d+[eE]\d+", re.ASCII)


def file(folder: Path, name: str, content: bytes | str) -> SourceFile:
    """Write one file."""
    data = content.encode() if isinstance(content, str) else content
    local = folder / name
    local.parent.mkdir(parents=True, exist_ok=True)
    local.write_bytes(
        gzip.compress(data, mtime=0) if name.endswith(".gz") and data[:2] != b"\x1f\x8b" else data
    )
    return at(local, folder)


def at(local: Path, root: Path) -> SourceFile:
    """A file that is there already."""
    return SourceFile(local.relative_to(root).as_posix(), local, root, local.stat().st_size)


def resource(**given: Any) -> Resource:
    """A manifest's entry, in the manifest's words."""
    return Resource.model_validate({"name": "t", "path": ("*",), "type": "table", **given})


def scan(source: SourceFile, entry: Resource) -> Scan:
    """Look at one file."""
    with Reading(source) as reading:
        return TextSource().scan(reading, entry)


def decide(entry: Resource, *sources: SourceFile) -> Decision:
    """Look at all files, and decide their table."""
    return TextSource().decide(entry, [(source.path, scan(source, entry)) for source in sources])


def rows(source: SourceFile, entry: Resource, decision: Decision, batch_bytes: int = 1 << 20) -> pa.Table:
    """One file's rows."""
    table = decision.tables[0]
    with Reading(source) as reading:
        batches = list(TextSource().batches(reading, entry, table, batch_bytes))
    return pa.Table.from_batches(batches, table.arrow())


def read(entry: Resource, *sources: SourceFile) -> pa.Table:
    """All files as one table."""
    decision = decide(entry, *sources)
    return pa.concat_tables([rows(source, entry, decision) for source in sources])


def read_text(folder: Path, content: bytes | str, name: str = "t.csv", **given: Any) -> pa.Table:
    """Write one file and read it back."""
    return read(resource(**given), file(folder, name, content))


def types(table: pa.Table) -> dict[str, str]:
    """Column names to types, as words."""
    return {field.name: str(field.type) for field in table.schema}


def csv_rows(content: bytes, delimiter: str = ",", encoding: str = "utf-8-sig") -> list[list[str]]:
    """What Python's own reader makes of a file, blank lines left out unless there is one column."""
    csv.field_size_limit(sys.maxsize)
    found = list(csv.reader(io.StringIO(content.decode(encoding), newline=""), delimiter=delimiter))
    width = len(found[0]) if found else 0
    return [row or [""] for row in found if width == 1 or (row and (len(row) > 1 or row[0].strip(" ")))]


def naive_type(cells: Iterable[str]) -> str:
    """The contract's rules, cell by cell."""
    values = [cell for cell in cells if cell != ""]
    others = [value for value in values if value not in MISSING]
    if not values:
        return "null"
    if not others:
        return "string"
    if all(value in BOOLS for value in others):
        return "bool"
    if not all(is_number(value) for value in others) or all(CODE.fullmatch(value) for value in others):
        return "string"
    whole = [int(value) for value in others if is_whole(value)]
    if any(not -(2**63) <= number < 2**64 for number in whole):
        return "string"
    if len(whole) == len(others):
        if all(-(2**63) <= number < 2**63 for number in whole):
            return "int64"
        return "uint64" if min(whole) >= 0 else "string"
    if any(int(float(number)) != number for number in whole):
        return "string"
    finite = [value for value in others if not ENDLESS.fullmatch(value)]
    return "string" if any(abs(float(value)) == float("inf") for value in finite) else "double"


def is_whole(value: str) -> bool:
    """Written as a whole number."""
    return bool(WHOLE.fullmatch(value)) and value != "-0"


def is_number(value: str) -> bool:
    """Written as a number, without leading zeros."""
    leading_zeros = re.match(r"-?0\d", value, re.ASCII)
    return bool(ENDLESS.fullmatch(value) or (DECIMAL.fullmatch(value) and not leading_zeros))


def naive_values(cells: Sequence[str], kind: str) -> list[Any]:
    """The values that cells have under a type."""
    read_as = {"int64": int, "uint64": int, "double": float, "bool": BOOLS.__getitem__, "string": str}
    gone = ("",) if kind == "string" else ("", *MISSING)
    return [None if cell in gone or kind == "null" else read_as[kind](cell) for cell in cells]
