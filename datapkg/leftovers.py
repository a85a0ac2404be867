"""What lies in a package and belongs to no version: of builds that were stopped, and of other programs.

A build that runs just now owns some of it, so that nothing here may be deleted before it is old. Only places where
builds and the engine put files are looked at: what else somebody put into the folder is nobody's business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from .places import Entry, Place
from .records import FilesList, Record
from .store import TAG, built, manifest_name, pins, tag_path

DESCRIPTOR = "datapackage.json"
HINT = "_versions/latest_version_hint.json"
ENGINE_FOLDERS = ("data/", "_deletions/", "_versions/", "_indices/", "_transactions/", "_refs/tags/")
TRANSACTION = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.txn")
ATTEMPT_FILE = re.compile(
    r"^\.(\d+-[0-9a-f]+\.files\.json|.+\.json-\d+-[0-9a-f]{8}|.+\.json\.claim|building-[0-9a-f]+\.probe)$"
)


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file, or the folder of a stopped build: path in the package, bytes, and when it was last touched."""

    path: str
    bytes: int
    touched: float
    staging: Place | None = None

    @property
    def table(self) -> str:
        """The table whose folder it lies in; empty if in none."""
        first = self.path.partition("/")[0]
        return first.removesuffix(".lance") if first.endswith(".lance") else ""

    @property
    def made_by(self) -> str:
        """The name, from the first ``-``, that the engine gives to the transaction which made a file."""
        return PurePosixPath(self.path).name.partition("-")[2]


def abandoned(package: Place) -> bool:
    """Whether builds were begun here, and none was ever published.

    A package that has lost its records is another thing: a release, a list of files or the descriptor tells of one.
    """
    names = package.names()
    if {"releases", DESCRIPTOR} & set(names):
        return False
    if any(not name.startswith(".") for name in package.names("versions")):
        return False
    if "versions" in names or package.stagings() or any(ATTEMPT_FILE.match(name) for name in names):
        return True
    return any(built(package, folder.removesuffix(".lance")) for folder in tables(package))


def strange(package: Place, table: str) -> bool:
    """Whether a table has states, and no build made any of them."""
    states = [name for name in package.names(f"{table}.lance/_versions") if name.endswith(".manifest")]
    return bool(states) and not built(package, table)


def used_by(record: Record, listed: FilesList) -> set[str]:
    """The files of tables that a version uses, its tags among them."""
    used = {str(path) for files in listed.files.values() for _, path, _, _ in files}
    return used | {tag_path(table.name, table.stored.tag) for table in (*record.tables, record.sources)}


def unused(package: Place, used: Collection[str]) -> list[Leftover]:
    """The files in tables' folders that are not `used`, nor needed by the engine beside what is."""
    found: list[Leftover] = []
    for folder in tables(package):
        own = [name for name in used if name.startswith(f"{folder}/")]
        needed = transactions_of(package, own)
        for entry in package.entries(folder):
            inside = entry.name.partition("/")[2]
            left = _leftover(entry)
            if not inside.startswith(ENGINE_FOLDERS) or left.path in used or left.made_by in needed:
                continue
            if not (own and inside == HINT) and not _is_foreign_tag(inside):
                found.append(left)
    return found


def tables(package: Place) -> list[str]:
    """The folders of a package's tables, also of tables that no version has."""
    return [name for name in package.names() if name.endswith(".lance")]


def foreign_tags(package: Place, table: str) -> list[str]:
    """Tags of a table that no build has set: somebody wants to keep a state of it."""
    found = [PurePosixPath(entry.name) for entry in package.entries(f"{table}.lance/_refs")]
    return sorted(
        path.stem
        for path in found
        if path.suffix == ".json" and not (path.name.startswith(TAG) and path.parent.name == "tags")
    )


def transactions_of(package: Place, used: Iterable[str]) -> set[str]:
    """Names, from the first ``-``, of the transactions that made the states whose manifests are among `used`."""
    named: set[str] = set()
    for path in used:
        if path.endswith(".manifest"):
            with suppress(FileNotFoundError):
                named |= {found.decode() for found in TRANSACTION.findall(package.read(path))}
    return named


def stopped_states(package: Place, table: str, used: Collection[str]) -> set[str]:
    """The states of a table that builds or copies have made and pinned, and no version uses, with their pins."""
    found: set[str] = set()
    for tag in pins(package, table):
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            state = manifest_name(table, int(json.loads(package.read(tag))["version"]))
            if tag not in used and state not in used:
                found |= {tag, state}
    return found


def attempts(package: Place, used: Collection[str]) -> list[Leftover]:
    """Staging folders, unnamed lists of files, claims and temporary files, but for the lists in `used`."""
    found = []
    for staging in package.stagings():
        with suppress(FileNotFoundError):  # builds come and go
            found.append(_staging(package, staging))
    for folder in ("", "versions", "releases"):
        for entry in package.entries(folder, deep=False):
            if ATTEMPT_FILE.match(PurePosixPath(entry.name).name) and entry.name not in used:
                found.append(_leftover(entry))
    return found


def _staging(package: Place, folder: Place) -> Leftover:
    """A stopped build's folder as one thing; the youngest file in it says how long it has been stopped."""
    inside = folder.entries()
    touched = max([folder.touched(""), *(entry.touched for entry in inside)])
    return Leftover(package.name_of(folder.uri), sum(entry.bytes for entry in inside), touched, folder)


def _is_foreign_tag(inside: str) -> bool:
    name = inside.rpartition("/")[2]
    return inside.startswith("_refs/") and name.endswith(".json") and not name.startswith(TAG)


def _leftover(entry: Entry) -> Leftover:
    return Leftover(entry.name, entry.bytes, entry.touched)
