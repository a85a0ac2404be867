"""Files as rows of ``_sources``, and back: what a look at a file told stands there, so that it need not be looked at again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .digest import SourceDigest
from .looks import Looks, Scanned, Told
from .plan import Previous, ResourcePlan, member_file
from .reading import Seen, SourceFile
from .source_list import ARCHIVE, MATCHED_MEMBER, SourceRow
from .sources.base import Scan

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode  # made once
ANY_PLACE = (0, 0, 0, 0)
"""The identity of a file that was seen by another build: only its content counts."""


def file_rows(resource: ResourcePlan, scanned: Looks) -> list[SourceRow]:
    """One row for each file that was matched, and for each other one that was read with it, in the lead's group."""
    rows = []
    for path, size, sha256, scan, _ in scanned.told():
        row = _file_row(resource, scan.lead or path, path, size, sha256, scan.warnings)
        rows.append(replace(row, evidence=MATCHED_MEMBER) if scan.lead else row)
    with_members = [one for one in scanned.told() if one.members]
    led = {one.path for one in scanned.told() if one.scan.lead} if with_members else ()
    for one in with_members:
        others = [(file, seen) for file, seen in one.members if file.path not in led]
        rows += [_file_row(resource, one.path, file.path, file.bytes, seen.sha256) for file, seen in others]
    return rows


def archive_rows(resource: ResourcePlan) -> list[SourceRow]:
    """One row for each archive that files of the resource were chosen of."""
    return [
        replace(
            _file_row(resource, one.path, one.path, one.bytes, one.sha256),
            evidence=ARCHIVE,
        )
        for one in resource.archives
    ]


def _file_row(
    resource: ResourcePlan, group: str, path: str, size: int, sha256: str, warnings: Sequence[str] = ()
) -> SourceRow:
    """A file's row as it is where the file adds to no table."""
    return SourceRow(
        resource=resource.resource.name,
        table="",
        group=group,
        path=path,
        bytes=size,
        sha256=sha256,
        rows=0,
        digest="",
        evidence="null",
        warnings=as_json(list(warnings)) if warnings else "",
    )


class Texts:
    """Values as ``_sources`` holds them; those that many files share are written once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, str]] = {}

    def of(self, value: Any) -> str:
        """A value as JSON."""
        found = self._known.get(id(value))
        if found is None:
            found = self._known[id(value)] = value, as_json(value)  # held, so that no other gets its number
        return found[1]


def table_row(
    resource: ResourcePlan,
    one: Told,
    table: str,
    source: SourceDigest,
    held: Mapping[str, int],
    texts: Texts,
) -> SourceRow:
    """The row of a file that adds to a table."""
    warnings = one.scan.warnings
    return SourceRow(
        resource.resource.name,
        table,
        one.path,
        one.path,
        one.bytes,
        one.sha256,
        source.rows,
        source.digest,
        texts.of(one.scan.evidence[table]),
        texts.of(held) if held else "",
        as_json(list(warnings)) if warnings else "",
    )


def known_files(resource: ResourcePlan, before: Previous) -> dict[str, Scanned]:
    """The files of a resource that need not be looked at, by path, as if they had been."""
    fresh = np.setdiff1d(np.arange(len(resource.files)), resource.stale)
    wanted = {file.path: file for file in resource.files.take(fresh)}
    own: dict[str, list[SourceRow]] = {}
    groups: dict[str, list[SourceRow]] = {}
    for row in before.sources:
        if row.resource != resource.resource.name:
            continue
        if row.matched and row.path in wanted:
            own.setdefault(row.path, []).append(row)
        if row.path != row.group:
            groups.setdefault(row.group, []).append(row)
    return {
        path: _known(wanted[path], rows, () if rows[0].group != path else groups.get(path, ()))
        for path, rows in own.items()
    }


def held_of(text: str) -> dict[str, int]:
    """The bytes that image columns hold of a file, from `SourceRow.held`."""
    held: dict[str, int] = json.loads(text)
    return held


def as_json(value: Any) -> str:
    """A value as ``_sources`` holds it."""
    return _encode(value)


def _known(file: SourceFile, rows: Sequence[SourceRow], members: Sequence[SourceRow]) -> Scanned:
    first = rows[0]
    evidence = {row.table: json.loads(row.evidence) for row in rows if row.table}
    lead = first.group if first.group != file.path else ""
    warnings = tuple(json.loads(first.warnings)) if first.warnings else ()
    with_it = tuple(_member(row, file.root) for row in members)
    scan = Scan(evidence, warnings, tuple(one for one, _ in with_it), lead)
    return Scanned(file, scan, Seen(ANY_PLACE, first.sha256), with_it)


def _member(row: SourceRow, root: Path) -> tuple[SourceFile, Seen]:
    return member_file(row, root), Seen(ANY_PLACE, row.sha256)
