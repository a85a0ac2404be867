"""How long a server may take, and when it is asked again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

CONNECT_S = 15.0
READ_S = 60.0
"""Without a single byte."""
TRANSFERS = 4
"""At a time; more would not be kind to a server."""
ATTEMPTS = 6
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
PROGRESS_BYTES = 1 << 20
"""A try that brought so much does not count: a large file on a bad line comes in many pieces."""


class InterruptedTransferError(Exception):
    """A transfer was cut off, or the server fails for now; `pause_s` is what it asks to wait."""

    def __init__(self, what: str, pause_s: float = 0.0) -> None:
        self.what, self.pause_s = what, pause_s
        super().__init__(what)


@dataclass
class Patience:
    """Counts tries that brought nothing, and waits longer before each."""

    sleep: Callable[[float], object] = time.sleep
    failures: int = field(default=0, init=False)

    def again(self, error: InterruptedTransferError, gained: int) -> bool:
        """Wait before the next try; False where there have been enough."""
        self.failures = 1 if gained >= PROGRESS_BYTES else self.failures + 1
        if self.failures >= ATTEMPTS:
            return False
        pause = FIRST_PAUSE_S * 2 ** (self.failures - 1)
        jitter = random.uniform(0.75, 1.25)  # noqa: S311 - many machines must not come back at once
        self.sleep(min(max(pause * jitter, error.pause_s), LONGEST_PAUSE_S))
        return True
