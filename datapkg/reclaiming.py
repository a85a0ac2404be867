"""Give back the space of what no version needs: `datapkg gc`.

Three things go: what builds that were stopped have left, once nobody has touched it for a while; files of tables that
no version uses, such as another program's commits, after a week; and, if asked, versions without a name. Such a
version is renamed first, so that nobody opens it any more; its data go in a run at least a day later, and only those
files that no other version lists. Which files those are is decided by our own lists, never by the engine's clean-up.
A builder that runs meanwhile stands on the newest version, which always stays, and on files that are young. A table
that no build made stays as it is. Where builds were begun and none was finished there is no version, and all this holds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from . import leftovers, versions
from .durable import unsealed
from .errors import DamageError, VersionError
from .faults import numbered
from .leftovers import Leftover
from .places import Place, Zipped, place
from .places.unpacked import copy_of
from .records import FilesList, Record, record_of
from .removed import bring_back, note_name, removed, removed_numbers, shorten, withdraw
from .report import count_of, size
from .store import storage_errors

UNUSED_FOR = timedelta(days=7)
REMOVED_FOR = timedelta(hours=24)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LENGTH = re.compile(r"(\d{1,6})([smhdw])")


@dataclass(frozen=True, slots=True, repr=False)
class Reclaimed:
    """What was given back, or would be. `removed` versions keep their data for a day; `deleted` ones have lost them."""

    package: str
    dry_run: bool
    removed: tuple[int, ...]
    deleted: tuple[int, ...]
    restored: tuple[int, ...]
    paths: tuple[str, ...]
    bytes: int
    waiting_bytes: int
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        would = "would be " if self.dry_run else ""
        if self.removed:
            yield f"{numbered(self.removed)}: {would}removed; the data go with a `datapkg gc` in a day or later"
        if self.deleted:
            yield f"{numbered(self.deleted)}: removed before; the data {would or 'are '}deleted"
        if self.restored:
            yield f"{numbered(self.restored)}: {would}brought back, because a release names it"
        count = f"{len(self.paths):,} files and folders"
        yield f"{self.package}: {count}, {size(self.bytes)}, {would or 'are '}deleted"
        if self.waiting_bytes:
            yield f"waiting   {size(self.waiting_bytes)} that no version uses: too young, or spared"
        yield from (f"note      {note}" for note in self.notes)
        if self.dry_run:
            yield from (f"  {path}" for path in self.paths)


def gc(
    package: str | Path | Place,
    *,
    dry_run: bool = False,
    keep_last: int | None = None,
    older_than: str | timedelta | None = None,
    grace: str | timedelta = "24h",
    storage_options: Mapping[str, Any] | None = None,
) -> Reclaimed:
    """Reclaim what stopped builds left and what no version uses; with a rule, remove unnamed versions too.

    Parameters
    ----------
    dry_run
        Only say what would be done.
    keep_last
        Remove versions before the last so many; together with `older_than`, only those that both allow.
    older_than
        Remove versions made longer ago than this, such as ``"90d"`` or ``"12h"``.
    grace
        Leave alone what a build may have touched since so long ago.
    storage_options
        As for `datapkg.open`.

    Returns
    -------
    What was done. The newest version and every release always stay.

    Raises
    ------
    DamageError
        A record is damaged, so that it is not known which files are needed: nothing was touched.
    """
    if keep_last is not None and keep_last < 1:
        raise VersionError(f"keep_last is {keep_last}", str(package), "keep at least one version")
    lies = place(package, storage_options)
    if versions.numbers(lies) or not leftovers.abandoned(lies):
        versions.resolve(lies)  # there is a package at all
    if isinstance(lies, Zipped):
        return _unpacked_copy(lies, str(package), dry_run)
    rules = Rules(keep_last, None if older_than is None else length(older_than), length(grace))
    return _gc(lies, str(package), rules, dry_run, time.time())


def length(text: str | timedelta) -> timedelta:
    """Read a length of time.

    Examples
    --------
    >>> length("90d"), length("12h")
    (datetime.timedelta(days=90), datetime.timedelta(seconds=43200))
    """
    if isinstance(text, timedelta):
        return text
    found = LENGTH.fullmatch(text.strip())
    if found is None:
        raise VersionError(f"{text!r} is no length of time", "", "write it like 90d, 12h or 30m")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


@dataclass(frozen=True, slots=True)
class Rules:
    """Which unnamed versions go, and how long unfinished builds are left alone."""

    keep_last: int | None
    older_than: timedelta | None
    grace: timedelta

    def removes(self, record: Record, later: int, now: float) -> bool:
        """Whether a version goes that has so many after it."""
        if self.keep_last is None and self.older_than is None:
            return False
        age = now - datetime.fromisoformat(record.created).timestamp()
        old = self.older_than is None or age > self.older_than.total_seconds()
        return old and (self.keep_last is None or later >= self.keep_last)


@dataclass(slots=True)
class Standing:
    """What a package holds: versions with their files, versions that were removed and still have theirs, releases."""

    live: dict[int, tuple[Record, FilesList]]
    gone: dict[int, tuple[Record, FilesList, float]]
    named: set[int]
    notes: list[str] = field(default_factory=list)

    def used(self, *, without: set[int]) -> set[str]:
        """The files that all versions but some need, those of removed versions that keep their data among them."""
        kept = {**self.live, **{number: (record, files) for number, (record, files, _) in self.gone.items()}}
        return {
            path
            for number, (record, files) in kept.items()
            if number not in without
            for path in leftovers.used_by(record, files)
        }


def _gc(package: Place, shown: str, rules: Rules, dry_run: bool, now: float) -> Reclaimed:
    standing = _standing(package)
    restored = sorted(standing.named & set(standing.gone))
    numbers = sorted(standing.live)
    removing = [
        number
        for later, number in enumerate(reversed(numbers))
        if later and number not in standing.named and rules.removes(standing.live[number][0], later, now)
    ][::-1]
    deleting = sorted(
        number
        for number, (_, _, since) in standing.gone.items()
        if number not in restored and now - since > REMOVED_FOR.total_seconds()
    )
    used = standing.used(without=set(deleting))
    files, waiting = _deletable(package, standing, deleting, used, rules.grace, now)
    files += _stopped(package, standing, rules.grace, now)
    if not dry_run:
        with storage_errors(shown):
            for number in restored:
                bring_back(package, number)
            for record, _ in standing.live.values():
                versions.name_list(package, record)
            removing = [number for number in removing if _withdrawn(package, number)]
            _delete(package, files)
            for number in deleting:
                shorten(package, number)
            _drop_lists(package)
            package.tidy()
    return Reclaimed(
        package=shown,
        dry_run=dry_run,
        removed=tuple(removing),
        deleted=tuple(deleting),
        restored=tuple(restored),
        paths=tuple(entry.path for entry in files),
        bytes=sum(entry.bytes for entry in files),
        waiting_bytes=waiting,
        notes=tuple(standing.notes),
    )


def _unpacked_copy(package: Zipped, shown: str, dry_run: bool) -> Reclaimed:
    """Remove what was unpacked of a zip file, which itself stays as it is."""
    copy = copy_of(package)
    entries = copy.entries()
    if not dry_run:
        copy.clear()
    paths = tuple(copy.at(entry.name) for entry in entries)
    note = "a zip file is only read: all that goes is its unpacked copy, which the next reader makes again"
    size = sum(entry.bytes for entry in entries)
    return Reclaimed(shown, dry_run, (), (), (), paths, size, 0, (note,))


def _standing(package: Place) -> Standing:
    """Read every record and list. Raises DamageError if one is damaged: what it needs would not be known."""
    live = {}
    for record in versions.all_records(package):
        live[record.version] = record, versions.read_files(package, record)
    gone = {}
    for number in removed_numbers(package):
        note = removed(package, number)
        if note.whole:
            record = _removed_record(package, number)
            gone[number] = record, versions.read_files(package, record), note.since
    named = {versions.release(package, name) for name in versions.release_names(package)}
    lost = [
        f"versions/{number}.json" for number in sorted(named) if number not in live and number not in gone
    ]
    if lost:
        raise DamageError("is missing, and a release names it", lost[0], "look with `datapkg verify` first")
    unfinished = [] if live or gone else ["there is no version: no build into it was ever finished"]
    return Standing(live, gone, named, unfinished)


def _removed_record(package: Place, number: int) -> Record:
    name = note_name(number)
    return record_of(unsealed(package.read(name), package.at(name)), package.at(name))


def _deletable(
    package: Place, standing: Standing, deleting: list[int], used: set[str], grace: timedelta, now: float
) -> tuple[list[Leftover], int]:
    """Files of tables that may go now, and the bytes of those that wait for their time.

    States that stopped builds and copies have pinned wait for `grace`, with their pins; all else for `UNUSED_FOR`.
    """
    free = {
        path
        for number in deleting
        for path in leftovers.used_by(*standing.gone[number][:2])
        if path not in used
    }
    made = leftovers.transactions_of(package, free)
    unused = leftovers.unused(package, used)
    stopped = {
        path
        for folder in leftovers.tables(package)
        for path in leftovers.stopped_states(package, folder.removesuffix(".lance"), used)
    }
    begun = leftovers.transactions_of(package, stopped)

    def is_old(entry: Leftover) -> bool:
        own = entry.path in stopped or entry.made_by in begun
        return now - entry.touched > (grace if own else UNUSED_FOR).total_seconds()

    spared = {}
    for table in {entry.table for entry in unused}:
        own = [entry for entry in unused if entry.table == table]
        known = any(path.startswith(f"{table}.lance/") for path in (*used, *free))
        if why := _spared(package, table, [one for one in own if not is_old(one)], free, known):
            spared[table] = f"table {table}: {why}; what no version uses of it stays"
    standing.notes += sorted(spared.values())
    old = [entry for entry in unused if entry.path in free or entry.made_by in made or is_old(entry)]
    files = [entry for entry in old if entry.table not in spared]
    return files, sum(entry.bytes for entry in unused) - sum(entry.bytes for entry in files)


def _spared(package: Place, table: str, young: list[Leftover], free: set[str], known: bool) -> str:
    """Why nothing of a table may go yet: a `young` state that is no version's may stand on files that seem to be nobody's.

    A table that a version has is `known`; any other may be somebody else's altogether.
    """
    if not known and leftovers.strange(package, table):
        return "another program made it, or it is damaged"
    tags = leftovers.foreign_tags(package, table)
    if tags:
        return f"another program has tagged a state of it ({tags[0]})"
    if any(entry.path.endswith(".manifest") and entry.path not in free for entry in young):
        return f"a state of it that is no version is younger than {UNUSED_FOR.days} days"
    return ""


def _stopped(package: Place, standing: Standing, grace: timedelta, now: float) -> list[Leftover]:
    """What stopped builds left beside the tables."""
    lists = {versions.own_list(record) for record, _ in standing.live.values()}
    lists |= {versions.own_list(record) for record, _, _ in standing.gone.values()}
    found = leftovers.attempts(package, lists)
    old = [entry for entry in found if now - entry.touched > grace.total_seconds()]
    young = len(found) - len(old)
    if young:
        left = count_of(young, "leftover of a build is", "leftovers of builds are")
        hours = f"{grace.total_seconds() / 3600:g} hours"
        standing.notes.append(f"{left} younger than {hours}, and left alone: a build may be running")
    return old


def _withdrawn(package: Place, number: int) -> bool:
    """Take a version out; not if somebody has given it a name meanwhile."""
    withdraw(package, number)
    if number in versions.releases(package).values():
        bring_back(package, number)
        return False
    return True


def _drop_lists(package: Place) -> None:
    """Delete the lists of versions that have lost their data; of a run that was killed before, too."""
    done = [number for number in removed_numbers(package) if not removed(package, number).whole]
    package.remove([f"versions/{number}.files.json" for number in done])


def _delete(package: Place, files: list[Leftover]) -> None:
    """Delete, tags and manifests first: the engine never sees a state without its data."""

    def turn(entry: Leftover) -> int:
        return 0 if "/_refs/" in entry.path else 1 if "/_versions/" in entry.path else 2

    package.remove([entry.path for entry in sorted(files, key=turn) if entry.staging is None])
    for entry in files:
        if entry.staging is not None:
            entry.staging.clear()
