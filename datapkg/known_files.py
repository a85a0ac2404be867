"""Files as rows of ``_sources``, and back: what a look at a file told stands there, so that it need not be looked at again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .looks import Looking, Looks, Scanned
from .plan import Previous, ResourcePlan, member_file
from .reading import Seen, SourceFile
from .source_list import ARCHIVE, MATCHED_MEMBER, SourceRow, SourceRows, as_json, places_among
from .sources.base import Scan

ANY_PLACE = (0, 0, 0, 0)
"""The identity of a file that was seen by another build: only its content counts."""


def file_rows(resource: ResourcePlan, scanned: Looks) -> SourceRows:
    """One row for each file that was matched, and for each other one that was read with it, in the lead's group."""
    every = np.arange(len(scanned))
    paths = groups = pa.array(scanned.files.paths, pa.string())
    if len(scanned.which(lambda scan: scan.lead)):
        groups = pa.array([scan.lead or path for path, scan in scanned.told()], pa.string())
    matched = SourceRows.made(
        {
            **_no_table(resource),
            "group": groups,
            "path": paths,
            "bytes": scanned.files.sizes,
            "sha256": scanned.hashes,
            "evidence": scanned.texts(lambda scan: MATCHED_MEMBER if scan.lead else "null", every),
            "warnings": scanned.texts(warnings_of, every),
        }
    )
    with_members = list(scanned.with_members())
    led = {path for path, scan in scanned.told() if scan.lead} if with_members else ()
    others = [
        (one.file.path, file, seen.sha256)
        for one in with_members
        for file, seen in one.members
        if file.path not in led
    ]
    return SourceRows.joined([matched, _other_rows(resource, others, "null")])


def archive_rows(resource: ResourcePlan) -> SourceRows:
    """One row for each archive that files of the resource were chosen of."""
    return _other_rows(resource, [(one.path, one, one.sha256) for one in resource.archives], ARCHIVE)


def _other_rows(
    resource: ResourcePlan, others: Sequence[tuple[str, SourceFile, str]], evidence: str
) -> SourceRows:
    """Rows of files that are no sources, each with its group and sha256."""
    return SourceRows.made(
        {
            **_no_table(resource),
            "group": [group for group, _, _ in others],
            "path": [file.path for _, file, _ in others],
            "bytes": [file.bytes for _, file, _ in others],
            "sha256": [sha256 for _, _, sha256 in others],
            "evidence": evidence,
            "warnings": "",
        }
    )


def _no_table(resource: ResourcePlan) -> dict[str, str | int]:
    """What the rows of files say that add to no table."""
    return {"resource": resource.resource.name, "table": "", "rows": 0, "digest": "", "held": ""}


def table_rows(
    resource: ResourcePlan,
    scanned: Looks,
    at: NDArray[np.int64],
    table: str,
    given: tuple[Sequence[int], Sequence[str], Sequence[str]],
) -> SourceRows:
    """The rows of files that add to a table, by their positions; `given` are their rows, digests and what images hold."""
    files, positions = scanned.files, at.tolist()
    paths = pa.array([files.paths[one] for one in positions], pa.string())
    rows, digests, held = given
    return SourceRows.made(
        {
            "resource": resource.resource.name,
            "table": table,
            "group": paths,
            "path": paths,
            "bytes": files.sizes[at],
            "sha256": [scanned.hashes[one] for one in positions],
            "rows": rows,
            "digest": digests,
            "evidence": scanned.texts(lambda scan: as_json(scan.evidence[table]), at),
            "held": held,
            "warnings": scanned.texts(warnings_of, at),
        }
    )


def warnings_of(scan: Scan) -> str:
    """A scan's warnings as ``_sources`` holds them."""
    return as_json(list(scan.warnings)) if scan.warnings else ""


def known_files(files: NDArray[np.int64], resource: ResourcePlan, before: Previous) -> Looks:
    """Some files of a resource that need not be looked at, by their positions, as if they had been."""
    found = resource.files.take(files)
    rows = before.sources.of_resource(resource.resource.name)
    members: dict[str, list[SourceRow]] = {}
    for one in rows.at(rows.led):
        members.setdefault(one.group, []).append(one)
    rows = rows.at(rows.matched)
    own: list[list[int]] = [[] for _ in found.paths]
    for row, at in enumerate(places_among(rows.column("path"), pa.array(found.paths, pa.string())).tolist()):
        if at >= 0:
            own[at].append(row)
    kinds, hashes, groups = _kinds(rows), rows.values("sha256"), rows.values("group")
    singly = {at for at, _ in found.odd()}
    scans: dict[tuple[int, ...], Scan] = {}
    looking = Looking(found)
    for at, (path, of) in enumerate(zip(found.paths, own, strict=True)):
        kind = tuple(kinds[row] for row in of)
        if at in singly or path in members or groups[of[0]] != path:
            others = members.get(path, ()) if groups[of[0]] == path else ()
            looking.take(_known(found[at], [rows[row] for row in of], others))
        else:
            if kind not in scans:
                scans[kind] = _known(found[at], [rows[row] for row in of], ()).scan
            looking.add(scans[kind], hashes[of[0]])
    return looking.looks()


def _kinds(rows: SourceRows) -> list[int]:
    """A number for each row: the same where a look at the file told the same of the same table."""
    numbers = np.zeros(len(rows), np.int64)
    for name in ("table", "evidence", "warnings"):
        together = numbers * (len(rows.texts(name)) + 1) + rows.numbers(name)
        _, numbers = np.unique(together, return_inverse=True)
    kinds: list[int] = numbers.tolist()
    return kinds


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
