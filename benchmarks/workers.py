"""What the workers of an engine cost: how long they take to start, and the most memory that they ever held.

Memory is the peak that the system has counted for each process (``VmHWM``), not what it holds when one looks.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from datapkg import engine
from datapkg.engine import Note

LOOK_S = 0.3
EACH_S = 0.2


class Peak:
    """While this runs: the highest peak of all processes below this one, of some by a word in their command line."""

    def __init__(self, word: str = "") -> None:
        self.bytes, self._word, self._done = 0, word, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._look()
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(LOOK_S):  # a process that has ended says nothing any more
            self._look()

    def _look(self) -> None:
        for pid in _below(os.getpid()):
            try:
                if self._word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    self.bytes = max(self.bytes, _peak(pid))
            except OSError:
                continue


def _below(pid: int) -> Iterator[int]:
    """All processes below one; to look at every process of the machine would take a share of a CPU."""
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = thread.read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            yield child
            yield from _below(child)


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def wakes(task: int, note: Note) -> int:
    """Load what a worker needs for its first file."""
    import lance  # noqa: F401
    import tifffile  # noqa: F401

    from datapkg import ingest  # noqa: F401

    note("awake", 1)
    time.sleep(EACH_S)  # so that each worker gets one
    return task


def started(workers: int) -> float:
    """The seconds until so many local workers are ready."""
    began = time.monotonic()
    with engine.get("local").session(workers, bare=True) as run:
        list(run(wakes, range(workers), _unheard))
        return time.monotonic() - began - EACH_S


def _unheard(path: str, done: int) -> None: ...
