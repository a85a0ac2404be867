"""What stays of a version that is no more: a note under which nobody opens it, and by which the chain is still checked.

`datapkg gc` renames ``versions/N.json`` to ``versions/N.removed.json``: from then on no reader finds version N. Its
data stay for a day, for those who have it open, and renaming the file back brings it back. When the data go, the
note is shortened to the version's number and the BLAKE3 of its record, which the next version names as `previous`.
A version that was copied out of a package has a note about the one before it, which also stands for all earlier ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from blake3 import blake3

from .durable import sealed, unsealed
from .places import Place

NOTE = re.compile(r"^([1-9]\d*)\.removed\.json$")


@dataclass(frozen=True, slots=True)
class Removed:
    """A version that is no more: the BLAKE3 of its record, and whether the record itself is still there.

    `since` is when it was renamed; `all_before` says that the note stands for all earlier versions too.
    """

    version: int
    record: str
    whole: bool
    since: float
    all_before: bool = False


def removed_numbers(package: Place) -> list[int]:
    """Numbers of the versions that have a note and no record, ascending.

    Where a file cannot be renamed in one step, one that is killed meanwhile leaves both: then the version is there.
    """
    names = set(package.names("versions"))
    noted = [int(found[1]) for name in names if (found := NOTE.match(name))]
    return sorted(number for number in noted if f"{number}.json" not in names)


def removed(package: Place, version: int) -> Removed:
    """Read the note about a version. Raises DamageError if it is not as written."""
    name = note_name(version)
    content = package.read(name)
    document = unsealed(content, package.at(name))
    since = package.touched(name)
    if "format" in document:
        return Removed(version, str(blake3(content).hexdigest()), True, since)
    return Removed(version, document["record"], False, since, document.get("all_before", False))


def note_name(version: int) -> str:
    """Where the note about a version lies."""
    return f"versions/{version}.removed.json"


def withdraw(package: Place, version: int) -> None:
    """Take a version out of the package; its data stay, and may go a day later."""
    package.rename(_record_name(version), note_name(version))


def bring_back(package: Place, version: int) -> None:
    """Undo `withdraw`."""
    package.rename(note_name(version), _record_name(version))


def shorten(package: Place, version: int) -> None:
    """Keep of a removed version's record nothing but its BLAKE3: its data are gone."""
    package.put(note_name(version), short_note(removed(package, version)))


def short_note(gone: Removed) -> bytes:
    """What a note says when the version's data are gone, or were never here."""
    said = {"version": gone.version, "record": gone.record}
    return sealed(said | {"all_before": True} if gone.all_before else said)


def _record_name(version: int) -> str:
    return f"versions/{version}.json"
