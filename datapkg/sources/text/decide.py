"""Make one table of many files: join their columns by name, decide each type, and say what a user should know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ...digest import logical
from ...errors import SchemaError, nearest
from ...manifest import Resource
from ...manifest.pattern import PathPattern
from ...report import count_of
from ..base import Column, Decision, Scan, TableSchema
from .columns import ColumnRules, all_rules, broken_promises
from .declared import check_format
from .evidence import Evidence, Finding
from .summary import Summary, Unpacker

SOURCE_PATH, SOURCE_ROW = "source_path", "source_row"
PATTERN_TYPES = {"string": pa.string(), "int64": pa.int64(), "double": pa.float64()}
SHOWN = 5
SHOWN_MISTAKES = 20


@dataclass(frozen=True, slots=True)
class FileEvidence:
    """What one file told: its columns in order, and notes about the whole file."""

    path: str
    columns: tuple[str, ...]
    notes: dict[str, Any]


def decide_table(resource: Resource, scans: Sequence[tuple[str, Scan]]) -> Decision:
    """Decide the one table of a text resource from all of its files."""
    looked = [(path, scan.evidence.get(resource.name)) for path, scan in scans]
    empty = [path for path, told in looked if told is None]
    unpacker = Unpacker()
    files = [FileEvidence(p, unpacker.names(told["columns"]), told["notes"]) for p, told in looked if told]
    headers = dict.fromkeys(file.columns for file in files)
    declared = [field.name for field in resource.table_schema.fields]
    names = list(dict.fromkeys(name for header in headers for name in header))
    _match_fields(resource, files, declared, names)
    names += [name for name in declared if name not in names]
    own = own_columns(resource)
    _refuse_clash(resource, own, files, names)
    summary = Summary(names)
    for path, told in looked:
        if told:
            summary.add(path, *unpacker.unpack(told["columns"]))
    evidence = summary.evidence()
    columns, mistakes, warnings = list(own), [], []
    for name, rules in zip(names, all_rules(resource, names), strict=True):
        mistakes += broken_promises(evidence[name], rules)
        warnings += _about_column(rules, evidence[name])
        kind, why = rules.type(evidence[name])
        columns.append(Column(name, kind, logical(kind), why=why))
    if mistakes:
        raise SchemaError(
            "values that break what the manifest says of them:\n    " + "\n    ".join(_few(mistakes)),
            f"resource {resource.name!r}",
            "mend the values, or the schema: another type, missingValues, or constraint",
        )
    table = TableSchema(resource.name, "table", tuple(columns))
    return Decision((table,), (*_few(warnings), *_about_files(files, empty, names)))


def own_columns(resource: Resource) -> list[Column]:
    """The columns that come from a file's path, not from its cells."""
    columns = []
    if resource.many or resource.source:
        columns.append(Column(SOURCE_PATH, pa.string(), "string", why="text, the file that the row is from"))
        columns.append(Column(SOURCE_ROW, pa.int64(), "int64", why="int64, the row in that file, from 0"))
    if resource.pattern is not None:
        for name, kind in PathPattern(resource.pattern).columns.items():
            columns.append(
                Column(name, PATTERN_TYPES[kind], kind, why=f"{kind}, from the path by the pattern")
            )
    return columns


def _refuse_clash(resource: Resource, own: list[Column], files: list[FileEvidence], names: list[str]) -> None:
    seen: set[str] = set()
    for column in own:
        if column.name in seen:
            raise SchemaError(
                f"the pattern names the column {column.name!r}, which says where rows come from",
                f"resource {resource.name!r}",
                "give it another name in the pattern",
            )
        seen.add(column.name)
        if column.name in names:
            path = next((file.path for file in files if column.name in file.columns), "the schema")
            is_ours = column.name in (SOURCE_PATH, SOURCE_ROW)
            raise SchemaError(
                f"the column {column.name!r} of {path} has the name of a column that is made from the path",
                f"resource {resource.name!r}",
                "rename it in the file" if is_ours else "give it another name in the pattern",
            )


def _match_fields(
    resource: Resource, files: list[FileEvidence], declared: list[str], names: list[str]
) -> None:
    """Hold the files' columns against the declared ones, as `fieldsMatch` says."""
    rule, where = resource.table_schema.fields_match, f"resource {resource.name!r}"
    if rule is None or not declared:
        lost = [name for name in declared if name not in names]
        if lost and files:
            raise SchemaError(
                f"the schema declares the column {lost[0]!r}, but no file has it",
                where,
                nearest(lost[0], names),
            )
        return
    for file in files:
        has, wants = set(file.columns), set(declared)
        fits = {
            "exact": list(file.columns) == declared,
            "equal": has == wants,
            "subset": has >= wants,
            "superset": has <= wants,
            "partial": bool(has & wants),
        }
        if not fits[rule]:
            lacks, extra = sorted(wants - has), sorted(has - wants)
            told = [f"lacks {_listed(lacks)}"] * bool(lacks) + [f"has {_listed(extra)} besides"] * bool(extra)
            raise SchemaError(
                f"fieldsMatch is {rule!r}, but the file {' and '.join(told) or 'has its columns in another order'}",
                file.path,
                "mend the file or the schema's fields, or say another fieldsMatch",
            )


def _about_column(rules: ColumnRules, evidence: Evidence) -> list[str]:
    """What was not kept as it stands in a column's cells, and what of its declaration is not looked at."""
    told = []
    if evidence.count("underflow"):
        told.append(
            _rounded(evidence.found["underflow"], rules.name, "too small for a double, and kept as 0")
        )
    if rules.declared is not None and evidence.count("inexact"):
        told.append(_rounded(evidence.found["inexact"], rules.name, "rounded, as a double cannot hold them"))
    if rules.field is not None:
        told += [text for text in (check_format(rules.field),) if text]
    return told


def _rounded(finding: Finding, name: str, what: str) -> str:
    counted = count_of(finding.count, "value", "values")
    return f"{counted} of the column `{name}`: {what}, {finding.example}"


def _about_files(files: list[FileEvidence], empty: list[str], names: list[str]) -> Iterable[str]:
    if empty:
        yield f"{_files(empty)} empty and left out, first {empty[0]}"
    yield from _few(list(_about_lacking(files, names)))
    for note, text in (
        ("index", "an unnamed first column, which is named `index`"),
        ("blank", "blank lines, which are skipped"),
        ("skipped", "rows before the header, which are skipped"),
        ("delimiter", "another delimiter than the suffix says"),
    ):
        noted = [file for file in files if file.notes.get(note)]
        if noted:
            first = noted[0].notes[note]
            total = "" if isinstance(first, bool | str) else f"{sum(file.notes[note] for file in noted)} "
            shown = f" (`{first}`)".replace("\t", "tab") if isinstance(first, str) else ""
            paths = [file.path for file in noted]
            yield f"{_files(paths, 'has', 'have')} {total}{text}, first {paths[0]}{shown}"


def _about_lacking(files: list[FileEvidence], names: list[str]) -> Iterable[str]:
    """Which files lack what: the columns that the same files lack make one line."""
    headers = {file.columns: frozenset(file.columns) for file in files}
    together: dict[frozenset[tuple[str, ...]], list[str]] = {}
    for name in names:
        lacking = frozenset(header for header, has in headers.items() if name not in has)
        if lacking:
            together.setdefault(lacking, []).append(name)
    for without, lost in together.items():
        paths = [file.path for file in files if file.columns in without]
        columns = f"column {_listed(lost)}" if len(lost) == 1 else f"{len(lost)} columns ({_listed(lost)})"
        yield f"{_files(paths, 'lacks', 'lack')} {columns}, first {paths[0]}; these cells are missing"


def _few(told: list[str]) -> list[str]:
    """The first lines, and how many others there are."""
    more = len(told) - SHOWN_MISTAKES
    return [*told[:SHOWN_MISTAKES], f"and {more} more of this kind"] if more > 0 else told


def _files(paths: Sequence[str], one: str = "is", many: str = "are") -> str:
    return count_of(len(paths), f"file {one}", f"files {many}")


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
