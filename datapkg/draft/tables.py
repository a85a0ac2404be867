"""Group text tables into resources: those with the same columns, or of one name in many folders, are one table.

CellProfiler writes one table for each kind of object, with equal columns, and names the file after it: so tables of
objects are one only if their names differ in nothing but numbers and wells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .. import sources
from ..errors import SchemaError, SourceError
from ..manifest import Resource
from ..reading import SourceFile
from ..report import size
from ..sources.base import Scan
from ..sources.text.read import open_text
from . import words
from .entry import Entry
from .glance import Glance, refusal, scan
from .globs import common_start, suffix
from .keys import key_columns, primary_key

LOOK = Resource(name="table", path=("**",), type="table", empty="skip")
READ_BYTES = 256 << 20
"""Tables are read wholly, to find what is broken and what is a key, until so much was read."""
HEADER_BYTES = 1 << 20
FEW_COLUMNS = 3
"""Tables of fewer columns may be alike by chance."""
PROSE = re.compile(r"(?i)(.*/)?(readme|licen[cs]e|changelog|changes|notes?|requirements|copying)[^/]*\.txt")


@dataclass(frozen=True, slots=True)
class Headers:
    """What the beginnings of text files told: columns by path, what is broken and why, and texts that are no tables."""

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    prose: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """Files that may be one table; `columns` are those of the first, none if no file has any."""

    columns: tuple[str, ...]
    files: list[SourceFile]
    empty: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    def take(self, other: Group) -> None:
        """Take the files of another group."""
        self.files += other.files
        self.empty += other.empty
        self.broken |= other.broken


def table_entries(files: Sequence[SourceFile]) -> tuple[list[Entry], list[str]]:
    """Make resources of text files.

    Returns
    -------
    The resources, and the files that hold text but no table.
    """
    headers = read_headers(files)
    entries: list[Entry] = []
    to_read = READ_BYTES
    for group in _groups([file for file in files if file.path not in headers.prose], headers):
        total = sum(file.bytes for file in group.files)
        entries += _entries(group, whole=total <= to_read)
        to_read -= min(total, to_read)
    return entries, headers.prose


def read_headers(files: Sequence[SourceFile]) -> Headers:
    """Read the files' first rows."""
    headers = Headers()
    for file in files:
        try:
            with Glance(file) as reading:
                names = open_text(reading, LOOK, HEADER_BYTES).names if file.bytes else ()
        except SourceError as error:
            if PROSE.fullmatch(file.path):
                headers.prose.append(file.path)
            else:
                headers.broken[file.path] = refusal(error)
            continue
        if len(names) == 1 and (PROSE.fullmatch(file.path) or _is_sentence(file.path, names[0])):
            headers.prose.append(file.path)
        else:
            headers.columns[file.path] = names
    return headers


def _is_sentence(path: str, first_line: str) -> bool:
    return path.lower().endswith(".txt") and len(first_line.split()) > 2


def _groups(files: Sequence[SourceFile], headers: Headers) -> list[Group]:
    """Files of one name in folders side by side, then all with the same columns."""
    by_name: dict[tuple[str, int], list[SourceFile]] = {}
    for file in files:
        by_name.setdefault((file.path.rsplit("/", 1)[-1], file.path.count("/")), []).append(file)
    groups: dict[object, Group] = {}
    for same_name in by_name.values():
        for group in _of_one_name(same_name, headers):
            key = _key(group) if group.columns else len(groups)
            if key in groups:
                groups[key].take(group)
            else:
                groups[key] = group
    return list(groups.values())


def _of_one_name(files: Sequence[SourceFile], headers: Headers) -> list[Group]:
    """Files of one name are together unless they share less than half of their columns."""
    groups: list[Group] = []
    left = Group((), [])
    for file in files:
        names = headers.columns.get(file.path)
        if names is None:
            left.broken[file.path] = headers.broken[file.path]
        elif not names:
            left.empty.append(file.path)
        else:
            alike = next((group for group in groups if _alike(group.columns, names)), None)
            if alike is None:
                groups.append(Group(names, [file]))
            else:
                alike.files.append(file)
    if not groups:
        return [left]
    groups[0].take(left)
    return groups


def _key(group: Group) -> object:
    """What groups must share to be one table."""
    path = group.files[0].path
    objects = {"ImageNumber", "ObjectNumber"} <= set(group.columns)
    named = words.shape(_stem(path)) if objects or len(group.columns) < FEW_COLUMNS else ""
    return group.columns, suffix(path).lower(), named


def _alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return 2 * len(set(one) & set(other)) >= max(len(one), len(other))


def _entries(group: Group, whole: bool) -> list[Entry]:
    """A group as one resource; as several if its files cannot be one table after all."""
    scans = _read(group) if whole and group.files else []
    entry = Entry("table", _name(group), group.files, group.empty, group.broken)
    if not scans:
        entry.about = _about(group, None)
        return [entry]
    look = LOOK.model_copy(update={"many": len(entry.paths) > 1})
    try:
        decided = sources.get("table").decide(look, [(file.path, scan) for file, scan in scans]).tables[0]
    except SchemaError:  # a column is named as the one that says which file a row is from
        alone = [Group(group.columns, [file]) for file in group.files]
        left = Group((), [], group.empty, group.broken)
        return [one for each in [*alone, left] for one in _entries(each, whole)]
    own = {"source_path", "source_row"} if look.many else set()
    types = {column.name: column.type for column in decided.columns if column.name not in own}
    entry.cells = key_columns(group.files, LOOK, types)
    entry.primary_key = primary_key(entry.cells)
    entry.about = _about(group, entry.cells.rows, len(types))
    return [entry]


def _read(group: Group) -> list[tuple[SourceFile, Scan]]:
    """Read a group's files to their ends, so that what is broken or empty is known."""
    scans: list[tuple[SourceFile, Scan]] = []
    for file in group.files:
        told = scan(file, LOOK)
        if isinstance(told, str):
            group.broken[file.path] = told
        elif LOOK.name not in told.evidence:
            group.empty.append(file.path)
        else:
            scans.append((file, told))
    group.files = [file for file, _ in scans]
    return scans


def _name(group: Group) -> str:
    paths = [*(file.path for file in group.files), *group.empty, *group.broken]
    if not paths:
        return "table"
    stems = [_stem(path) for path in paths]
    if len(set(stems)) == 1:
        return stems[0]
    folders = [part for part in paths[0].split("/")[:-1] if words.shape(part) == part]
    return common_start(stems).strip("_-. ") or (folders[-1] if folders else "table")


def _about(group: Group, rows: int | None, columns: int = 0) -> str:
    many = len(group.files) > 1
    number = f"{len(group.files):,} files as one table" if many else "1 table"
    if rows is None:
        total = size(sum(file.bytes for file in group.files))
        return f"{number}: {len(group.columns):,} columns, {total}. Only the beginning was looked at; a build reads all."
    return f"{number}: {rows:,} row{'s' * (rows != 1)}, {columns:,} column{'s' * (columns != 1)}."


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].removesuffix(suffix(path))
