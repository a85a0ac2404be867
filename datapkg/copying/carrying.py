"""Copy versions of a package to another place: what is missing there, and each version's record last.

Nothing of a version is seen before its record is there, and no file that a version of the target stands on is ever
changed. The engine numbers the states of a table: where the target has another state of a number that is needed,
left there by a build or a copy that was stopped, the copy is refused rather than that state overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from .. import versions
from ..descriptor import write_descriptor
from ..errors import StoreError, VersionError
from ..manifest.normal import parse_recorded
from ..places import Folder, Place, storage_errors
from ..plan import refuse_strangers
from ..progress import Progress
from ..removed import note_name, short_note
from ..store import StoredFile, write_pin
from .histories import OTHER_PLACE, History, StoredVersion, refuse_other, to_copy
from .transfer import attempt_in, copy_files, proven, side_by_side

MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class Carried:
    """What was copied: versions and release names that came, files, bytes; `notes` are for the user."""

    versions: tuple[int, ...]
    releases: tuple[str, ...]
    files: int
    bytes: int
    notes: tuple[str, ...] = ()


def carry(source: History, target: Place, progress: Progress) -> Carried:
    """Copy all versions that a history has and the target lacks.

    Raises
    ------
    StoreError
        The target holds something else, or a place cannot be read or written.
    VersionError
        The two histories differ, or a release name means another version there.
    DamageError
        A file of the source is missing, or is not what was written; the target is as whole as it was.
    """
    there = History.of(target)
    if not there.known:
        refuse_strangers(target)
    refuse_other(source, there)
    coming = to_copy(source, there)
    numbers = [number for number in source.numbers if number in (*coming, *there.numbers)]
    found = {
        one.record.version: one
        for one in side_by_side(lambda number: StoredVersion.read(source.package, number), numbers)
    }
    stored = [found[number] for number in numbers]
    releases = _releases(source.package, target, numbers)
    missing = _missing(stored, set(there.numbers), target)
    notes = _ahead(source, there)
    if not (coming or missing or releases):
        return Carried((), (), 0, 0, notes)
    with attempt_in(target) as attempt:
        _copy_tables(source.package, target, stored, coming, missing, attempt, progress)
        _refuse_gaps(stored, target)
        _tell(source, there, target, [found[number] for number in coming], releases)
    total = sum(file.bytes for file in missing)
    return Carried(tuple(coming), tuple(releases), len(missing), total, notes)


def _copy_tables(
    source: Place,
    target: Place,
    stored: Sequence[StoredVersion],
    coming: Sequence[int],
    missing: Sequence[StoredFile],
    attempt: str,
    progress: Progress,
) -> None:
    """Copy rows, then the tags that keep states, then the states themselves: the engine never sees one without its rows."""
    copy_files(source, target, [file for file in missing if file.role != MANIFEST], attempt, progress)
    states = [file for file in missing if file.role == MANIFEST]
    anew = {file.path for file in states}
    sizes = {file.path: file.bytes for one in stored for file in _files(one)}
    tags = {
        (table.name, table.stored.tag): table.stored
        for one in stored
        for table in (*one.record.tables, one.record.sources)
        if one.record.version in coming or table.stored.manifest in anew
    }

    def pin(key: tuple[str, str]) -> None:
        state = tags[key]
        write_pin(target, *key, state.lance_version, sizes[state.manifest])

    def place(state: StoredFile) -> None:
        content = b"".join(map(bytes, proven(source, state)))
        if not target.put_if_absent(state.path, content) and target.read(state.path) != content:
            raise _another_state(target, state.path)

    with storage_errors(target.uri):
        for _ in side_by_side(pin, tags):
            pass
        first, others = _split(states, stored, coming)
        for (
            state
        ) in first:  # of copies of different histories at once, one stops before it has put all of these
            place(state)
        for _ in side_by_side(place, others):
            pass


def _split(
    states: Sequence[StoredFile], stored: Sequence[StoredVersion], coming: Sequence[int]
) -> tuple[list[StoredFile], list[StoredFile]]:
    """The states of the first version that comes, in an order that every copy has, and those of later ones."""
    of_first = {file.path for one in stored if one.record.version in coming[:1] for file in _files(one)}
    ordered = sorted(states, key=lambda state: state.path)
    return [one for one in ordered if one.path in of_first], [
        one for one in ordered if one.path not in of_first
    ]


def _tell(
    source: History,
    there: History,
    target: Place,
    coming: Sequence[StoredVersion],
    releases: Mapping[str, int],
) -> None:
    """Make the versions visible, oldest first; then their names, and the descriptor of the newest."""
    with storage_errors(target.uri):
        for number, note in source.gone.items():
            if number not in there.known and number > there.floor:
                target.put(note_name(number), short_note(note))
    for one in coming:
        if not versions.republish(target, one.record, one.content, one.listed):
            what = f"somebody else made another version {one.record.version} there meanwhile"
            raise VersionError(what, target.uri, OTHER_PLACE)
    for name, number in releases.items():
        if not versions.name_release(target, name, number) and versions.release(target, name) != number:
            raise _taken(target, name, versions.release(target, name))
    newest = versions.read_record(target, versions.numbers(target)[-1])
    names = {number: name for name, number in versions.releases(target).items()}
    manifest = parse_recorded(newest.manifest, newest.manifest_digest)
    write_descriptor(target, manifest, newest, names.get(newest.version))


def _missing(stored: Sequence[StoredVersion], whole: set[int], target: Place) -> list[StoredFile]:
    """The files of versions that the target does not have, or not as they were written.

    What a version of the target stands on is known by its size. Of other files, which a copy that was stopped may have
    left, those are hashed that lie on this machine; an object in a store is there as a whole, and named for its content.
    """
    files = {file.path: file for one in stored for file in _files(one)}
    trusted = {file.path for one in stored if one.record.version in whole for file in _files(one)}
    sizes = target.sizes(files)
    missing = []
    for path, file in files.items():
        if sizes.get(path) == file.bytes:
            looked = path not in trusted and (isinstance(target, Folder) or file.role == MANIFEST)
            if not looked or target.blake3(path) == file.blake3:
                continue
        if path in sizes and path not in trusted and file.role == MANIFEST:
            raise _another_state(target, path)
        missing.append(file)
    return missing


def _files(one: StoredVersion) -> Iterator[StoredFile]:
    return (StoredFile(*entry) for entries in one.files.files.values() for entry in entries)


def _refuse_gaps(stored: Sequence[StoredVersion], target: Place) -> None:
    """Right before records are written all files are there: another program may clean up meanwhile."""
    wanted = {file.path: file.bytes for one in stored for file in _files(one)}
    sizes = target.sizes(wanted)
    lost = [path for path, size in wanted.items() if sizes.get(path) != size]
    if lost:
        fix = "make sure that no other program cleans up the package, and run the same again"
        raise StoreError(f"{lost[0]} is gone right after it was copied", target.uri, fix)


def _releases(source: Place, target: Place, numbers: Sequence[int]) -> dict[str, int]:
    """The release names of versions that the target lacks."""
    ours = {name: number for name, number in versions.releases(source).items() if number in numbers}
    theirs = {name.casefold(): (name, number) for name, number in versions.releases(target).items()}
    for name, number in ours.items():
        if theirs.get(name.casefold(), (name, number)) != (name, number):
            raise _taken(target, *theirs[name.casefold()])
    return {name: number for name, number in ours.items() if name.casefold() not in theirs}


def _ahead(source: History, there: History) -> tuple[str, ...]:
    later = [number for number in there.numbers if number > max(source.known, default=0)]
    if not later:
        return ()
    told = ", ".join(map(str, later))
    return (f"{there.package.uri} has later versions than {source.package.uri}: {told}",)


def _taken(target: Place, name: str, number: int) -> VersionError:
    what = f"the release {name} is version {number} there, and another one here"
    return VersionError(what, target.uri, OTHER_PLACE)


def _another_state(target: Place, path: str) -> StoreError:
    what = f"another build or copy, which is under way or was stopped, has put another state of a table there ({path})"
    fix = (
        "if one is under way, run the same again when it is done; if it was stopped, run that one again, or remove what it "
        f"left with `datapkg gc {quote(target.uri)} --grace 0s`, if nobody else writes there"
    )
    return StoreError(what, target.uri, fix)
