"""How far all transfers of a build are together, from whichever thread they run in."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from ..progress import Progress, Step

DOING = "fetching"


@dataclass
class Tally:
    """Adds up the bytes of several transfers; their sizes become known on the way."""

    files: int
    progress: Progress
    done: int = 0
    bytes: int = 0
    all_bytes: int = 0
    _of: dict[str, tuple[int, int]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def note(self, address: str, there: int, size: int | None) -> None:
        """So many bytes of an address are there, of so many."""
        with self._lock:
            before, size_before = self._of.get(address, (0, 0))
            self._of[address] = there, max(size or 0, there)
            self.bytes += there - before
            self.all_bytes += self._of[address][1] - size_before
            self._say()

    def finish(self) -> None:
        """One address is done."""
        with self._lock:
            self.done += 1
            self._say()

    def _say(self) -> None:
        self.progress(Step(DOING, self.done, self.files, self.bytes, self.all_bytes))
