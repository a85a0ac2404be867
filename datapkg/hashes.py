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
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import chain, islice

import numpy as np

from .cache import cache_folder
from .files import AT_A_TIME, Files
from .reading import MISSING, SourceFile, Stat

YOUNG_NS = 2_000_000_000
WAIT_S = 5.0
ROW = "(?, ?, ?, ?, ?, ?, ?)"
INSERTED = 4096 if sqlite3.sqlite_version_info >= (3, 32) else 128
"""How many rows are put in by one statement; of its values SQLite takes 32,766, where it is old 999."""
TABLE = """
create table if not exists hashes (
  path text primary key, dev int, ino int, size int, mtime_ns int, ctime_ns int, sha256 text
) without rowid
"""


def recalled(files: Files) -> list[str]:
    """The sha256 of each file that is as it was when it was hashed; empty for the others."""
    found = [""] * len(files)
    with suppress(sqlite3.Error, OSError), _database() as database:
        on_disk = files.on_disk
        if len(on_disk):
            places = {files.locals[at]: at for at in on_disk.tolist()}
            rows = (
                (at, known, sha256)
                for folder in files.folders()
                for local, known, sha256 in _known(database, f"{folder}/", f"{folder}0")  # "0" follows "/"
                if (at := places.get(local)) is not None
            )
            while some := list(islice(rows, AT_A_TIME)):
                at, known, hashes = zip(*some, strict=True)
                same = (files.stats[list(at)] == np.array(known, np.int64)).all(axis=1)
                for number in np.flatnonzero(same).tolist():
                    found[at[number]] = hashes[number]
        for number, file in files.odd():
            if file.content is None and not file.sha256:
                for _, known, sha256 in _known(database, str(file.local), f"{file.local}\0"):
                    with suppress(OSError):
                        found[number] = sha256 if known == (file.stat or _stat(file)) else ""
    return found


def remember(files: Files, hashes: Sequence[str], begun_ns: int) -> None:
    """Remember files with their sha256, but those that were touched after, or just before, their reading begun."""
    at = files.on_disk
    at = at[begun_ns - files.stats[at, 3:].max(axis=1, initial=0) >= YOUNG_NS]
    rows = (
        row
        for some in np.array_split(at, len(at) // AT_A_TIME + 1)
        for row in zip(
            [files.locals[one] for one in some.tolist()],
            *files.stats[some].T.tolist(),
            [hashes[one] for one in some.tolist()],
            strict=True,
        )
    )
    every = chain(rows, _odd(files, hashes, begun_ns))
    if (first := next(every, None)) is None:
        return
    every = chain([first], every)
    with suppress(sqlite3.Error, OSError), _database() as database:
        while some := list(islice(every, INSERTED)):  # a statement for each row takes half as long again
            insert = f"insert or replace into hashes values {', '.join([ROW] * len(some))}"  # noqa: S608 - question marks
            database.execute(insert, [*chain.from_iterable(some)])
        database.commit()


def _odd(files: Files, hashes: Sequence[str], begun_ns: int) -> Iterator[tuple[str | int, ...]]:
    """The rows of files that the search did not find."""
    for at, file in files.odd():
        if file.bytes == MISSING or file.content is not None or file.sha256:
            continue
        with suppress(OSError):
            stat = file.stat or _stat(file)  # if it is another meanwhile, it will not be taken for this one
            if begun_ns - max(stat[3:]) >= YOUNG_NS:
                yield str(file.local), *stat, hashes[at]


def _known(database: sqlite3.Connection, first: str, end: str) -> Iterator[tuple[str, Stat, str]]:
    """What is remembered of all paths from `first` to before `end`."""
    rows = database.execute(
        "select path, dev, ino, size, mtime_ns, ctime_ns, sha256 from hashes where path >= ? and path < ?",
        (first, end),
    )
    for path, dev, ino, size, mtime_ns, ctime_ns, sha256 in rows:
        yield path, (dev, ino, size, mtime_ns, ctime_ns), sha256


def _stat(file: SourceFile) -> Stat:
    stat = os.stat(file.local)  # noqa: PTH116 - a Path would cost more than the question
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "hashes.sqlite", timeout=WAIT_S)) as database:
        database.execute(TABLE)
        yield database
