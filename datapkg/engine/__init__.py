"""Run one function over many tasks, keeping their order; one module for each place to run them.

An engine is a module with `session(workers)`, a context that gives a `Run`. The function is called as
``function(task, note)`` and calls ``note(path, bytes_done)`` before it starts on a file (0 bytes) and when it is
done with it, for the progress line, and to know whose file it was when a worker dies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, Protocol

from ..errors import ManifestError, nearest

Note = Callable[[str, int], None]

ENGINES = {"local": "datapkg.engine.local", "inline": "datapkg.engine.inline"}


class Run(Protocol):
    """Runs a function over tasks, `workers` of them at a time."""

    @property
    def workers(self) -> int:
        """How many tasks are worked on at a time: what a lonely task may use in threads instead."""
        ...

    def __call__(
        self, function: Callable[[Any, Note], Any], tasks: Sequence[Any], progress: Note
    ) -> Iterator[Any]:
        """Yield the results in the tasks' order. The first failure is raised; what still runs is stopped."""
        ...


class Engine(Protocol):
    """A place to run tasks."""

    def session(self, workers: int | None) -> AbstractContextManager[Run]:
        """Start what is needed (by default as many workers as fit the place), and stop it at the end."""
        ...


def get(name: str) -> Engine:
    """Find an engine by its name."""
    if name not in ENGINES:
        raise ManifestError(f"there is no engine {name!r}", fix=nearest(name, ENGINES))
    engine: Engine = import_module(ENGINES[name])
    return engine
