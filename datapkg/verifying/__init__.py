"""Prove that a package is what was written: every file against the records, the rows and the sources on demand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import leftovers, versions
from ..errors import DamageError, VersionError
from ..faults import Fault, Verification, numbered
from ..places import Place, place
from ..progress import Progress, silent
from ..records import Record
from .files import Listed, all_listed, check_files
from .records import Checked, check_records
from .rows import check_rows

HEX = set("0123456789abcdef")
SHORTEST_DIGEST, FULL_DIGEST = 12, 64


def verify(
    package: str | Path | Place,
    deep: bool = False,
    version: int | str | None = None,
    digest: str | None = None,
    sources: str | Path | None = None,
    *,
    root: str | Path | None = None,
    allow: Mapping[str, str | Path] | None = None,
    progress: Progress = silent,
    storage_options: Mapping[str, Any] | None = None,
) -> Verification:
    """Check that a package is as it was written; damage is what this finds, never an error.

    Parameters
    ----------
    deep
        Compute every digest again from the stored rows, those of images from their pixels.
    version
        Only this version, by number or release name; default all.
    digest
        The digest that `version` (default the newest) must have, such as one printed in a paper, or its first 12
        digits or more. Only with `deep` is it computed again from the rows.
    sources
        A manifest: its files are read again and compared with `version` (default the newest), row by row.
    root, allow
        Where the data of `sources` are, instead of what that manifest says.
    storage_options
        As for `datapkg.open`.

    Returns
    -------
    ``ok``, ``faults`` (a DataFrame: file, table, source, row, what), ``unused`` files.

    Raises
    ------
    StoreError
        There is no package at this place.
    VersionError
        It has no such version, or `digest` is none.
    """
    started = time.monotonic()
    lies = place(package, storage_options)
    wanted = None if digest is None else _hex(digest)
    newest = versions.resolve(lies)
    try:
        only = None if version is None else versions.resolve(lies, version)
    except DamageError as error:
        checked = Checked(faults=[Fault(error.what, lies.name_of(error.where))])
        return _outcome(str(package), checked, [], started, False, False)
    checked = check_records(lies, only)
    listed = all_listed(checked.lists)
    checked.faults += check_files(lies, listed, progress)
    chosen = checked.records.get(newest if only is None else only)
    if wanted is not None:
        checked.faults += _against(wanted, newest if only is None else only, checked.records)
    if deep:
        damaged = {fault.table for fault in checked.faults}
        whole = [(record, checked.lists[n]) for n, record in checked.records.items() if n in checked.lists]
        checked.faults += check_rows(lies, whole, damaged, progress)
    if sources is not None and chosen is not None and chosen.version in checked.lists:
        from .sources import check_sources

        files = checked.lists[chosen.version]
        checked.faults += check_sources(lies, chosen, files, sources, root, allow, checked.notes, progress)
    unused = () if only is not None else _unused(lies, checked)
    return replace(_outcome(str(package), checked, listed, started, deep, sources is not None), unused=unused)


def _outcome(
    package: str, checked: Checked, listed: Sequence[Listed], started: float, deep: bool, sources: bool
) -> Verification:
    how = ["files", *(["rows"] if deep else []), *(["sources"] if sources else [])]
    return Verification(
        package=package,
        versions=tuple(sorted(checked.covered)),
        digest=checked.records[max(checked.records)].digest if checked.records else "",
        found=tuple(checked.faults),
        unused=(),
        notes=tuple(checked.notes),
        files=len(listed),
        bytes=sum(file.bytes for file in listed),
        how=" and ".join([", ".join(how[:-1]), how[-1]] if len(how) > 1 else how),
        seconds=time.monotonic() - started,
    )


def _unused(package: Place, checked: Checked) -> tuple[str, ...]:
    """Files of no version; not known while a list of files is damaged."""
    if set(checked.lists) != set(checked.covered):
        checked.notes.append("files that no version uses are not named while a record is damaged")
        return ()
    used: set[str] = set()
    lists: set[str] = set()
    for number, record in checked.records.items():
        used |= leftovers.used_by(record, checked.lists[number])
        lists.add(versions.own_list(record))
    try:
        hints = package.sizes(f"{table}/{leftovers.HINT}" for table in leftovers.tables(package))
    except OSError as error:
        checked.notes.append(f"files that no version uses are not named: {error.strerror or error}")
        return ()
    if hints:
        first = min(hints)
        checked.notes.append(f"{first} and its like are the engine's own, and say nothing of a version")
    found = [*leftovers.unused(package, used), *leftovers.attempts(package, lists)]
    return tuple(entry.path for entry in found)


def _hex(digest: str) -> str:
    text = digest.strip().lower().removeprefix("blake3:")
    if not SHORTEST_DIGEST <= len(text) <= FULL_DIGEST or not set(text) <= HEX:
        raise VersionError(
            f"{digest!r} is no digest",
            "--digest",
            f"give its {FULL_DIGEST} hexadecimal digits, or at least the first {SHORTEST_DIGEST}",
        )
    return text


def _against(wanted: str, number: int, records: Mapping[int, Record]) -> Iterator[Fault]:
    """Compare a version's digest with the one that it must have."""
    if number not in records:
        yield Fault(f"the digest of version {number} is not known: its record is damaged")
    elif not records[number].digest.startswith(wanted):
        others = [n for n, record in records.items() if record.digest.startswith(wanted)]
        hint = f"; {numbered(others)} has it" if others else ""
        yield Fault(f"version {number} has the digest {records[number].digest}, not {wanted}{hint}")
