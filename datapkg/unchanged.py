"""What a build has looked at, so that the next one, if nothing of it has changed since, has nothing to do but ask.

A build of a hundred thousand files that are as they were must not read a row for each of them. So it leaves in the
user's cache what it looked at: every folder and file with its device, inode, size, mtime and ctime as one hash, the
manifest, the readers, the lock, and the package's newest record. If all of that is as it was, so is the outcome.
As in `hashes`, what was touched less than two seconds before a build began is not trusted, what is kept is what the system said
before anything was read, and the memory is a courtesy.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from . import hashes, sources, store, versions
from .cache import cache_folder
from .content import ResourceContent
from .deriving.recipe import recipes_of
from .durable import replace, sealed, unsealed
from .errors import DamageError, DatapkgError
from .files import AT_A_TIME
from .installed import version_of
from .lock import lock_path
from .manifest import normal
from .manifest.load import LoadedManifest
from .places import Place
from .plan import Plan, member_file
from .reading import Stat
from .report import Report

BETWEEN = "\0"
GONE: Stat = (-1, -1, -1, -1, -1)


@dataclass(frozen=True, slots=True)
class Question:
    """One build as it is asked for: the same question about the same files has the same answer.

    `said` is what the manifest, readers and functions were when the build began: what becomes of them meanwhile is
    another question.
    """

    package: Place
    loaded: LoadedManifest
    said: str

    @classmethod
    def of(cls, package: Place, loaded: LoadedManifest) -> Question:
        """Ask for a build."""
        resources = loaded.manifest.resources
        said = [
            normal.manifest_digest(loaded.manifest),
            [str(loaded.root), {name: str(folder) for name, folder in loaded.allow.items()}],
            [
                version_of("lance-datapkg"),
                {kind: sources.readers(kind) for kind in sorted({one.type for one in resources})},
            ],
            [one.recipe for one in recipes_of(loaded)],
            list(loaded.warnings),
        ]
        return cls(package, loaded, json.dumps(said))

    @property
    def place(self) -> Path:
        """Where the answer is kept."""
        name = blake3(f"{self.package.uri}{BETWEEN}{self.loaded.path}".encode()).hexdigest()
        return cache_folder() / "unchanged" / f"{name}.json"

    def digest(self) -> str:
        """What is asked, and of what: all that counts beside the source files."""
        package, lock = self.package, lock_path(self.loaded.path)
        newest = versions.numbers(package)[-1:]
        tables = sorted(name for name in package.names() if name.endswith(".lance"))
        asked = [
            self.said,
            blake3(lock.read_bytes()).hexdigest() if lock.is_file() else None,
            [versions.record_digest(package, number) for number in newest],
            versions.releases(package),
            [[table, package.names(f"{table}/_versions")] for table in tables],
            "datapackage.json" in package.names(),
        ]
        return str(blake3(json.dumps(asked).encode()).hexdigest())


def recalled(question: Question) -> Report | None:
    """What a build would report, if nothing has changed since the last one; None if it must be found out."""
    with suppress(OSError, DamageError, ValueError, KeyError):
        answer = unsealed(question.place.read_bytes(), "")
        if answer["question"] != question.digest():
            return None
        paths, (first, told) = answer["paths"].split(BETWEEN), answer["first"]
        looked = Looked()
        looked.take_each(map(_stat, paths[:first]))
        if looked.digest() != told:
            return None
        looked.take_each(map(_stat, paths[first:]))
        if looked.digest() != answer["looked"] or not _intact(question.package):
            return None
        return Report.of_json(answer["report"])
    return None


def remember(
    question: Question, planned: Plan, contents: Sequence[ResourceContent], report: Report, begun_ns: int
) -> None:
    """Keep what a build looked at, and what the next one will find if nothing of it changes."""
    with suppress(OSError, UnicodeError, DatapkgError):  # the version is out: nothing here may fail the build
        members = list(_members(planned, contents))
        # as they were when they were found: what has become another since will not be taken for the same
        looked = Looked()
        looked.take_each(planned.asked.values())
        first = (
            len(planned.asked),
            looked.digest(),
        )  # folders: where a file came or went, no other need be asked
        looked.take_each(map(_stat, members))
        paths = [*planned.asked, *members]
        for files in (one.files for one in planned.resources):
            on_disk = files.on_disk
            looked.take(files.stats[on_disk])
            paths += [files.locals[at] for at in on_disk.tolist()]
        if begun_ns - looked.youngest_ns < hashes.YOUNG_NS:
            return
        answer = {
            "question": question.digest(),
            "first": first,
            "looked": looked.digest(),
            "report": _again(report).as_json(),
            "paths": BETWEEN.join(paths),
        }
        if versions.numbers(question.package)[-1] != report.version:
            return  # another build has made one meanwhile
        question.place.parent.mkdir(parents=True, exist_ok=True)
        replace(question.place, sealed(answer))


def _again(report: Report) -> Report:
    """What a build of the same reports."""
    tables = tuple(dataclasses.replace(table, written=False) for table in report.tables)
    files = dataclasses.replace(report.sources, unchanged=report.sources.files)
    return dataclasses.replace(report, created=False, tables=tables, sources=files)


def _members(planned: Plan, contents: Sequence[ResourceContent]) -> Iterator[str]:
    """Every file that was read with one that a resource matched."""
    for one, content in zip(planned.resources, contents, strict=False):  # then come derived tables
        roots: dict[str, Path] = {}
        for row in content.files.at(content.files.led):
            roots = roots or {file.path: file.root for file in one.files}
            if row.path not in roots:
                yield str(member_file(row, roots[row.group]).local)


def _stat(path: str) -> Stat | None:
    try:
        stat = os.stat(path)  # noqa: PTH116 - a hundred thousand times in a build
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


class Looked:
    """What the system said of files and folders, as one hash, and when the youngest of them was touched."""

    def __init__(self) -> None:
        self._hash = blake3()
        self.youngest_ns = 0

    def take(self, stats: NDArray[np.int64]) -> None:
        """Take in what was said of some, a row each."""
        self._hash.update(stats.tobytes())
        self.youngest_ns = max(self.youngest_ns, int(stats[:, 3:].max(initial=0)))

    def take_each(self, stats: Iterable[Stat | None]) -> None:
        """Take in what was said of some, one by one; None is what is not there."""
        told = iter(stats)
        while some := list(islice(told, AT_A_TIME)):
            self.take(np.array([GONE if stat is None else stat for stat in some], np.int64))

    def digest(self) -> str:
        """The hash so far."""
        return str(self._hash.hexdigest())


def _intact(package: Place) -> bool:
    """Whether the newest version's files are all there."""
    record = versions.read_record(package, versions.numbers(package)[-1])
    return all(
        store.intact(package, listed) for listed in versions.read_files(package, record).files.values()
    )
