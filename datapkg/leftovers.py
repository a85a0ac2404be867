"""What lies in a package and belongs to no version: of builds that were stopped, and of other programs.

A build that runs just now owns some of it, so that nothing here may be deleted before it is old. Only places where
builds and the engine put files are looked at: what else somebody put into the folder is nobody's business.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .records import FilesList, Record
from .store import STAGING, TAG

HINT = "_versions/latest_version_hint.json"
ENGINE_FOLDERS = ("data", "_deletions", "_versions", "_indices", "_transactions", "_refs/tags")
TRANSACTION = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.txn")
ATTEMPT_FILE = re.compile(r"^\.(\d+-[0-9a-f]+\.files\.json|.+\.json-\d+-[0-9a-f]{8}|.+\.json\.claim)$")


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file, or the folder of a stopped build: path in the package, bytes, and when it was last touched."""

    path: str
    bytes: int
    touched: float

    @property
    def table(self) -> str:
        """The table whose folder it lies in; empty if in none."""
        first = self.path.partition("/")[0]
        return first.removesuffix(".lance") if first.endswith(".lance") else ""


def used_by(record: Record, listed: FilesList) -> set[str]:
    """The files of tables that a version uses, its tags among them."""
    used = {str(path) for files in listed.files.values() for _, path, _, _ in files}
    return used | {tag_path(table.name, table.stored.tag) for table in (*record.tables, record.sources)}


def tag_path(table: str, tag: str) -> str:
    """Where the tag lies that keeps a state of a table."""
    return f"{table}.lance/_refs/tags/{tag}.json"


def unused(package: str, used: Collection[str]) -> list[Leftover]:
    """The files in tables' folders that are not `used`, nor needed by the engine beside what is."""
    found: list[Leftover] = []
    for folder in sorted(Path(package).glob("*.lance")):
        own = [name for name in used if name.startswith(f"{folder.name}/")]
        needed = transactions_of(package, own)
        for file in _files(folder):
            path = file.relative_to(package).as_posix()
            inside = path.partition("/")[2]
            if path in used or (own and inside == HINT) or file.name.partition("-")[2] in needed:
                continue
            if not _is_foreign_tag(inside):
                found += _leftover(package, file)
    return found


def foreign_tags(package: str, table: str) -> list[str]:
    """Tags of a table that no build has set: somebody wants to keep a state of it."""
    tags = Path(package) / f"{table}.lance" / "_refs"
    return sorted(
        path.stem
        for path in tags.rglob("*.json")
        if not (path.name.startswith(TAG) and path.parent.name == "tags")
    )


def transactions_of(package: str, used: Iterable[str]) -> set[str]:
    """Names, from the first ``-``, of the transactions that made the states whose manifests are among `used`."""
    named: set[str] = set()
    for path in used:
        if path.endswith(".manifest") and (manifest := Path(package) / path).is_file():
            named |= {found.decode() for found in TRANSACTION.findall(manifest.read_bytes())}
    return named


def attempts(package: str, used: Collection[str]) -> list[Leftover]:
    """Staging folders, unnamed lists of files, claims and temporary files, but for the lists in `used`."""
    found = [entry for path in sorted(Path(package).glob(f"{STAGING}*")) for entry in _staging(package, path)]
    for folder in ("", "versions", "releases"):
        for path in sorted((Path(package) / folder).glob(".*")):
            name = path.relative_to(package).as_posix()
            if ATTEMPT_FILE.match(path.name) and path.is_file() and name not in used:
                found += _leftover(package, path)
    return found


def _staging(package: str, folder: Path) -> Iterator[Leftover]:
    """A stopped build's folder as one thing; the youngest file in it says how long it has been stopped."""
    inside = [entry for path in folder.rglob("*") for entry in _leftover(package, path)]
    for whole in _leftover(package, folder):
        touched = max([whole.touched, *(entry.touched for entry in inside)])
        files = sum(entry.bytes for entry in inside)
        yield Leftover(whole.path, files, touched)


def _files(folder: Path) -> Iterator[Path]:
    for name in ENGINE_FOLDERS:
        yield from sorted(path for path in (folder / name).rglob("*") if path.is_file())


def _is_foreign_tag(inside: str) -> bool:
    name = inside.rpartition("/")[2]
    return inside.startswith("_refs/") and name.endswith(".json") and not name.startswith(TAG)


def _leftover(package: str, path: Path) -> Iterator[Leftover]:
    """Nothing, if it is gone meanwhile: builds come and go."""
    try:
        stat = path.lstat()
    except FileNotFoundError:
        return
    size = 0 if path.is_dir() else stat.st_size
    yield Leftover(path.relative_to(package).as_posix(), size, max(stat.st_mtime, stat.st_ctime))
