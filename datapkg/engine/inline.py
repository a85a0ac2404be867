"""Run tasks one after the other in the calling process: for debuggers, tests and very small builds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from . import ONE_CPU, Needs, Note, OneMachine, Run


@contextmanager
def session(workers: int | None = None, *, bare: bool = False) -> Iterator[Run]:  # noqa: ARG001 - this process is as it is
    """Give a `Run` that needs nothing started.

    Examples
    --------
    >>> with session() as run:
    ...     list(run(lambda task, note: task + 1, [1, 2], print))
    [2, 3]
    """
    yield Here()


@dataclass(frozen=True, slots=True)
class Here(OneMachine):
    """A `Run` in the calling process."""

    workers: int = 1

    def __call__(
        self,
        function: Callable[[Any, Note], Any],
        tasks: Iterable[Any],
        progress: Note,
        needs: Needs = ONE_CPU,  # noqa: ARG002 - it is this process
    ) -> Iterator[Any]:
        for task in tasks:
            yield function(task, progress)
