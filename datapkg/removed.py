"""What stays of a version that is no more: a note under which nobody opens it, and by which the chain is still checked.

`datapkg gc` renames ``versions/N.json`` to ``versions/N.removed.json``: from then on no reader finds version N. Its
data stay for a day, for those who have it open, and renaming the file back brings it back. When the data go, the
note is shortened to the version's number and the BLAKE3 of its record, which the next version names as `previous`.
A version that was copied out of a package has a note about the one before it, which also stands for all earlier ones.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from .durable import replace, sealed, sync_folder, unsealed

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


def removed_numbers(package: str) -> list[int]:
    """Numbers of the versions that have a note, ascending."""
    try:
        names = os.listdir(Path(package) / "versions")  # noqa: PTH208 - names are all that is wanted
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(found[1]) for name in names if (found := NOTE.match(name)))


def removed(package: str, version: int) -> Removed:
    """Read the note about a version. Raises DamageError if it is not as written."""
    path = note_path(package, version)
    content = path.read_bytes()
    document = unsealed(content, str(path))
    stat = path.stat()
    since = max(stat.st_mtime, stat.st_ctime)
    if "format" in document:
        return Removed(version, str(blake3(content).hexdigest()), True, since)
    return Removed(version, document["record"], False, since, document.get("all_before", False))


def note_path(package: str, version: int) -> Path:
    """Where the note about a version lies."""
    return Path(package) / "versions" / f"{version}.removed.json"


def withdraw(package: str, version: int) -> None:
    """Take a version out of the package; its data stay."""
    record = _record_path(package, version)
    os.utime(record)  # the time of its removal: a day later its data may go
    record.rename(note_path(package, version))
    sync_folder(record.parent)


def bring_back(package: str, version: int) -> None:
    """Undo `withdraw`."""
    note_path(package, version).rename(_record_path(package, version))
    sync_folder(Path(package) / "versions")


def shorten(package: str, version: int) -> None:
    """Keep of a removed version's record nothing but its BLAKE3: its data are gone."""
    note = removed(package, version)
    replace(note_path(package, version), sealed({"version": version, "record": note.record}))


def earlier_versions(version: int, record: str) -> bytes:
    """The note about the version before a copied one, standing for all earlier ones too."""
    return sealed({"version": version, "record": record, "all_before": True})


def _record_path(package: str, version: int) -> Path:
    return Path(package) / "versions" / f"{version}.json"
