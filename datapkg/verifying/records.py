"""Check what stands above the tables: records, their chain, lists of files, releases, and the tags that keep states.

A record carries its own hash, and the hash of the record before it. So a changed record is noticed at once, and one
that was replaced or lost by its successor; the newest has none, and is missed where something else names it: a
release, the package's descriptor, or the list of its files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .. import versions
from ..errors import DamageError, DatapkgError
from ..faults import Fault, numbered
from ..places import Place
from ..proofs import digest_of
from ..records import FilesList, Record
from ..removed import Removed, note_name, removed, removed_numbers
from ..store import tag_path

LIST = re.compile(r"^([1-9]\d*)\.files\.json$")


@dataclass(slots=True)
class Checked:
    """The records and lists that are as written, the releases, and what is wrong with the others."""

    covered: list[int] = field(default_factory=list)
    records: dict[int, Record] = field(default_factory=dict)
    lists: dict[int, FilesList] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_records(package: Place, only: int | None) -> Checked:
    """Check every version's record, or that of one version; whatever is wrong becomes a fault."""
    there = versions.numbers(package)
    checked = Checked(there if only is None else [only])
    gone = _removed(package, checked)
    for number in checked.covered:
        _check_record(package, number, there, gone, checked)
    checked.faults += _releases(package, gone, only)
    if only is None:
        checked.faults += _missing(package, there, gone)
        checked.faults += _named_by_descriptor(package, gone, checked.notes)
    checked.faults += _tags(package, checked.records)
    return checked


def _check_record(
    package: Place, number: int, there: Sequence[int], gone: Mapping[int, Removed], checked: Checked
) -> None:
    file = f"versions/{number}.json"
    try:
        record = versions.read_record(package, number)
        if record.version != number:
            raise DamageError(f"is the record of version {record.version}")
        checked.records[number] = record
    except DatapkgError as error:
        if number not in removed_numbers(package):  # `gc` may have taken it out meanwhile
            checked.faults.append(Fault(error.what, file))
        return
    except (KeyError, TypeError, ValueError, AttributeError):
        checked.faults.append(Fault("is no record of a version", file))
        return
    try:
        checked.lists[number] = versions.read_files(package, record)
    except DatapkgError as error:
        checked.faults.append(Fault(error.what, f"versions/{number}.files.json"))
    checked.faults += [Fault(what, file) for what in _inside(record)]
    checked.faults += [Fault(what, file) for what in _chain(package, record, there, gone, checked.records)]


def _inside(record: Record) -> Iterator[str]:
    if digest_of(record.tables) != record.digest:
        yield "its digest is not that of its tables"


def _chain(
    package: Place,
    record: Record,
    there: Sequence[int],
    gone: Mapping[int, Removed],
    records: Mapping[int, Record],
) -> Iterator[str]:
    """Whether the record follows the one before it."""
    before = record.version - 1
    if before in there:
        known = versions.record_digest(package, before)
    elif before in gone:
        known = gone[before].record
    elif before == 0 and record.previous is not None:
        yield "names a version before the first"
        return
    else:
        return  # that it is missing is a fault of its own
    if record.previous != known:
        yield f"was made after another version {before} than the one that is there"
    elif before in records and record.created <= records[before].created:
        yield f"is not younger than version {before}"


def _removed(package: Place, checked: Checked) -> dict[int, Removed]:
    notes = {}
    for number in removed_numbers(package):
        try:
            notes[number] = removed(package, number)
        except DamageError as error:
            checked.faults.append(Fault(error.what, note_name(number)))
    return notes


def _missing(package: Place, there: Sequence[int], gone: Mapping[int, Removed]) -> Iterator[Fault]:
    """Gaps below the newest version, and versions of which only the list of files is left."""
    known = sorted({*there, *removed_numbers(package)})
    whole = max([number for number, note in gone.items() if note.all_before], default=1)
    for before, number in zip([0, *known], known, strict=False):
        if number > max(before + 1, whole):
            lost = range(max(before + 1, whole), number)
            yield _lost(lost[0] if len(lost) == 1 else lost)
    listed = {int(found[1]) for name in package.names("versions") if (found := LIST.match(name))}
    newest = versions.numbers(package)[-1]  # a build may have published meanwhile
    yield from (_lost(number) for number in sorted(listed) if number > max(known[-1], newest))


def _lost(number: int | range) -> Fault:
    if isinstance(number, range):
        return Fault(f"the records of {numbered(number)} are missing", f"versions/{number[0]}.json")
    return Fault(f"the record of version {number} is missing", f"versions/{number}.json")


def _releases(package: Place, gone: Mapping[int, Removed], only: int | None) -> Iterator[Fault]:
    for name in versions.release_names(package):
        file = f"releases/{name}.json"
        try:
            number = versions.release(package, name)
        except DatapkgError as error:
            yield Fault(error.what, file)
            continue
        except (KeyError, TypeError, ValueError):
            yield Fault("names no version", file)
            continue
        if number not in versions.numbers(package) and only in (None, number):
            state = "was removed" if number in gone else "is missing"
            yield Fault(f"names version {number}, whose record {state}", file)


def _named_by_descriptor(package: Place, gone: Mapping[int, Removed], notes: list[str]) -> Iterator[Fault]:
    """Nothing of ours reads the descriptor; but it may know of a version that is missing."""
    try:
        named = json.loads(package.read("datapackage.json"))["version"]
    except FileNotFoundError:
        notes.append("datapackage.json is not there; the next build makes it again")
        return
    except (OSError, ValueError, KeyError, TypeError):
        notes.append("datapackage.json cannot be read; the next build makes it again")
        return
    numbers = {str(number) for number in (*versions.numbers(package), *gone)}
    if isinstance(named, str) and named.isdecimal() and named not in numbers:
        yield Fault(f"names version {named}, whose record is missing", "datapackage.json")


def _tags(package: Place, records: Mapping[int, Record]) -> Iterator[Fault]:
    """The tags that keep the engine's clean-up from deleting a version's states."""
    wanted = {
        (table.name, table.stored.tag): table.stored.lance_version
        for record in records.values()
        for table in (*record.tables, record.sources)
    }
    for (table, tag), state in wanted.items():
        path = tag_path(table, tag)
        try:
            kept = json.loads(package.read(path))["version"]
        except (OSError, ValueError, KeyError, TypeError):
            kept = None
        if kept != state:
            yield Fault("the tag that keeps a state from being cleaned up is missing or damaged", path, table)
