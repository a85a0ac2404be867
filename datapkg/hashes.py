"""What was hashed is remembered, so that a build in which nothing changed only asks the file system.

The memory is a small database in the user's cache folder (``DATAPKG_CACHE`` overrides), never in a package. A file is
taken for the one that was hashed if its path, device, inode, size, mtime and ctime are the same; one that was touched
less than two seconds before it was hashed is not remembered, since a later write could leave all of these as they are.
What is remembered of a file is what the system said when it was found, before it was read: the clock of the disk may be another. Rows that stand in a manifest
are no file, and cost nothing to hash; what was fetched is known by its hash.
The memory is a courtesy: where it cannot be read or written, files are read.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from .cache import cache_folder
from .reading import MISSING, SourceFile, Stat

YOUNG_NS = 2_000_000_000
WAIT_S = 5.0
TABLE = """
create table if not exists hashes (
  path text primary key, dev int, ino int, size int, mtime_ns int, ctime_ns int, sha256 text
) without rowid
"""


def recalled(files: Sequence[SourceFile]) -> dict[str, str]:
    """The sha256 of those files that are as they were when they were hashed, by their shown paths."""
    found: dict[str, str] = {}
    files = [file for file in files if file.content is None and not file.sha256]
    with suppress(sqlite3.Error, OSError), _database() as database:
        for folder in {file.root for file in files}:
            inside = [file for file in files if file.root == folder]
            known = _known(database, str(folder))
            for file in inside:
                seen = known.get(str(file.local))
                if seen is not None and seen[:5] == (file.stat or _stat(file)):
                    found[file.path] = str(seen[5])
    return found


def remember(hashed: Iterable[tuple[SourceFile, str]], begun_ns: int) -> None:
    """Remember files with their sha256, but those that were touched after, or just before, their reading begun."""
    rows = []
    for file, sha256 in hashed:
        if file.bytes == MISSING or file.content is not None or file.sha256:
            continue
        with suppress(OSError):
            stat = file.stat or _stat(
                file
            )  # if the file is another meanwhile, it will not be taken for this one
            if begun_ns - max(stat[3:]) >= YOUNG_NS:
                rows.append((str(file.local), *stat, sha256))
    if not rows:
        return
    with suppress(sqlite3.Error, OSError), _database() as database:
        database.executemany("insert or replace into hashes values (?, ?, ?, ?, ?, ?, ?)", rows)
        database.commit()


def _known(database: sqlite3.Connection, folder: str) -> dict[str, tuple[object, ...]]:
    rows = database.execute(
        "select path, dev, ino, size, mtime_ns, ctime_ns, sha256 from hashes where path >= ? and path < ?",
        (f"{folder}/", f"{folder}0"),  # "0" follows "/"
    )
    return {path: tuple(rest) for path, *rest in rows}


def _stat(file: SourceFile) -> Stat:
    stat = os.stat(file.local)  # noqa: PTH116 - a hundred thousand times in a build
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "hashes.sqlite", timeout=WAIT_S)) as database:
        database.execute(TABLE)
        yield database
