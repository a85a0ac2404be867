"""What workers tell of their files while they are at them, through one pipe.

A note is one short write, which the system does whole or not at all, so that workers need no lock, and what a worker wrote
is there when it has died. Whoever started them reads all that has come at once: with 100,000 small files a queue's own
work for each note was a tenth of a build.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection

HELD_BYTES = 1 << 20
"""How much may wait to be read; a worker that finds no room waits."""
READ_BYTES = 1 << 16
PATH_BYTES = 4000
"""Of a longer path the end is told: the system writes 4,096 bytes at once."""
END = b"\0"


class Notes:
    """The pipe, in the process that started the workers."""

    def __init__(self) -> None:
        self._reader, self.writer = get_context("spawn").Pipe(duplex=False)
        os.set_blocking(self._reader.fileno(), False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with suppress(OSError):
                fcntl.fcntl(self._reader.fileno(), fcntl.F_SETPIPE_SZ, HELD_BYTES)
        self._rest = b""

    def read(self) -> Iterator[tuple[int, str, int, int]]:
        """All that has come: the worker's process, a file's path, the bytes done (0: it begins), and of how many files."""
        while got := self._got():
            *notes, self._rest = (self._rest + got).split(END)
            for note in notes:
                process, done, files, path = note.split(b" ", 3)
                yield int(process), path.decode(errors="surrogateescape"), int(done), int(files)

    def _got(self) -> bytes:
        try:
            return os.read(self._reader.fileno(), READ_BYTES)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Close both ends."""
        self._reader.close()
        self.writer.close()


def write(writer: Connection, path: str, done: int, files: int) -> None:
    """Send a note, in a worker."""
    note = b"%d %d %d %s" % (os.getpid(), done, files, path.encode(errors="surrogateescape")[-PATH_BYTES:])
    os.write(writer.fileno(), note + END)
