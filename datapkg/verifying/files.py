"""Hash every file that a version lists, each once, and compare it with the list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from ..engine.local import cpus
from ..errors import DamageError
from ..faults import Fault, numbered
from ..places import Place
from ..progress import Counter, Progress
from ..records import FilesList


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as lists have it, and the versions whose lists they are."""

    path: str
    bytes: int
    blake3: str
    table: str
    versions: tuple[int, ...]


def all_listed(lists: Mapping[int, FilesList]) -> list[Listed]:
    """The files of all lists, each once."""
    found: dict[tuple[str, int, str, str], list[int]] = {}
    for version, listed in sorted(lists.items()):
        for table, files in listed.files.items():
            for _, path, size, digest in files:
                found.setdefault((path, size, digest, table), []).append(version)
    return [Listed(*key, tuple(versions)) for key, versions in found.items()]


def check_files(package: Place, listed: Iterable[Listed], progress: Progress) -> Iterator[Fault]:
    """Hash all files in threads, with plain reads, and yield a fault for each that is not as listed."""
    files = list(listed)
    count = Counter("hashing", len(files), sum(file.bytes for file in files), progress)
    with ThreadPoolExecutor(cpus()) as pool:  # hashing leaves Python's lock
        for file, wrong in zip(files, pool.map(partial(wrong_with, package), files), strict=True):
            count(file.path, max(file.bytes, 1))
            if wrong:
                yield Fault(f"{wrong} ({numbered(file.versions)})", file.path, file.table)


def wrong_with(package: Place, file: Listed) -> str:
    """What is wrong with a file; empty if nothing is."""
    try:
        size = package.sizes([file.path]).get(file.path)
        if size is None:
            return "is missing"
        if size != file.bytes:
            return f"has {size:,} bytes where {file.bytes:,} were written"
        if package.blake3(file.path) != file.blake3:
            return "is not what was written"
    except DamageError as error:
        return error.what
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return ""
