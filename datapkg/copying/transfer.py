"""Bring files of a package from one place to another, some at a time, each held to its hash on the way.

A file appears at its name when all of it is there and is what was written: so a copy that was stopped goes on where it
was, and nothing that is half-copied or damaged is ever seen under its name.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

from blake3 import blake3

from ..errors import DamageError, StoreError
from ..places import Place, storage_errors
from ..progress import Counter, Progress
from ..store import StoredFile

COPIES = 4
"""Files on their way at once; each takes some pieces of 4 to 8 MB of memory."""

Item = TypeVar("Item")
Done = TypeVar("Done")


def copy_files(
    source: Place, target: Place, files: Sequence[StoredFile], attempt: str, progress: Progress
) -> None:
    """Copy files to the same names, in the place of what may be there.

    Raises
    ------
    DamageError
        A file is missing, or is not what was written.
    StoreError
        One of the places cannot be read or written.
    """
    stop = threading.Event()
    count = Counter("copying", len(files), sum(file.bytes for file in files), progress)

    def copy(file: StoredFile) -> StoredFile:
        target.write(file.path, proven(source, file, stop), file.bytes, attempt)
        return file

    for file in side_by_side(copy, files, stop):
        count(file.path, max(file.bytes, 1))


def proven(
    source: Place, file: StoredFile, stop: threading.Event | None = None
) -> Iterator[bytes | memoryview]:
    """The bytes of a file piece by piece; the last is followed by an error if they are not what was written."""
    found, hasher = 0, blake3()
    pieces = iter(source.chunks(file.path))
    while True:
        with storage_errors(source.uri):
            try:
                piece = next(pieces, None)
            except FileNotFoundError:
                raise _damage(source.at(file.path), "is missing") from None
        if piece is None:
            break
        if stop is not None and stop.is_set():
            raise StoreError(
                "the copy was stopped", source.uri, "run the same again: it goes on where it was"
            )
        hasher.update(piece)
        found += len(piece)
        yield piece
    if (found, hasher.hexdigest()) != (file.bytes, file.blake3):
        raise _damage(source.at(file.path), "is not what was written")


@contextmanager
def attempt_in(target: Place) -> Iterator[str]:
    """Make room for what is copied, and give it a name; whatever happens, leave nothing half-made."""
    attempt = uuid.uuid4().hex
    with storage_errors(target.uri):
        target.begin(attempt)
    try:
        yield attempt
    finally:
        target.end(attempt)


def side_by_side(
    work: Callable[[Item], Done], items: Iterable[Item], stop: threading.Event | None = None
) -> Iterator[Done]:
    """Do something for each item, some at a time, and yield what comes of it as it comes.

    The first error, or Ctrl-C, sets `stop`, and ends the rest.
    """
    with ThreadPoolExecutor(COPIES) as pool:
        running = [pool.submit(work, item) for item in items]
        try:
            for one in as_completed(running):
                yield one.result()
        except BaseException:
            if stop is not None:
                stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _damage(where: str, what: str) -> DamageError:
    return DamageError(what, where, "copy the package again from a whole copy, or build it again")
