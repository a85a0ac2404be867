"""How far a long task is: files and bytes, for whoever wants to show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[["Step"], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a long task; where it is told in something else than files and bytes, `unit` says what `bytes` count."""

    doing: str
    files: int
    all_files: int
    bytes: int
    all_bytes: int
    unit: str = ""


def silent(step: Step) -> None:
    """Show nothing."""


class Counter:
    """Turns the workers' notes into steps."""

    def __init__(
        self, doing: str, all_files: int, all_bytes: int, progress: Progress, unit: str = ""
    ) -> None:
        self._doing, self._all_files, self._all_bytes, self._progress = doing, all_files, all_bytes, progress
        self._unit = unit
        self._done: set[int] = set()
        self._more = 0
        self._bytes = 0

    def __call__(self, path: str, done: int, files: int = 1, /) -> None:
        """Take note of a file that was started (0 bytes) or finished; or of many that were, which are told of once."""
        if done:
            if files == 1:
                self._done.add(hash(path))  # a path for each of 100,000 files would be 10 MB
            else:
                self._more += files
            self._bytes = min(self._bytes + done, self._all_bytes)
        if self._progress is silent:
            return
        counts = len(self._done) + self._more, self._all_files, self._bytes, self._all_bytes
        self._progress(Step(self._doing, *counts, self._unit))
