"""Run one function over many tasks, keeping their order; one module for each place to run them.

An engine has `session(workers)`, a context that gives a `Run`. The function is called as
``function(task, note)`` and calls ``note(path, bytes_done)`` before it starts on a file (0 bytes) and when it is
done with it, for the progress line, and to know whose file it was when a worker dies. Files that no worker dies of may be told
of when many are done: ``note(last_path, bytes_done, files)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ..errors import ManifestError, WorkerDiedError, nearest


class Note(Protocol):
    """Takes note of a file that was begun or is done, or of many that are."""

    def __call__(self, path: str, done: int, files: int = 1, /) -> None: ...


def unheard(path: str, done: int, files: int = 1, /) -> None:
    """A `Note` where nobody watches."""


ENGINES = {"local": "datapkg.engine.local", "inline": "datapkg.engine.inline", "ray": "datapkg.engine.ray"}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task takes of a cluster's CPUs and GPUs while it runs; on this machine each worker has one CPU."""

    cpus: float = 1
    gpus: float = 0


ONE_CPU = Needs()


class Run(Protocol):
    """Runs a function over tasks, `workers` of them at a time."""

    @property
    def workers(self) -> int:
        """How many tasks are worked on at a time."""
        ...

    @property
    def threads(self) -> int:
        """On how many threads a lonely task may work instead: those of one machine."""
        ...

    @property
    def may_be_here(self) -> bool:
        """Whether short work may be done by the process that asks: nobody said where it is to be done."""
        ...

    def __call__(
        self,
        function: Callable[[Any, Note], Any],
        tasks: Iterable[Any],
        progress: Note,
        needs: Needs = ONE_CPU,
    ) -> Iterator[Any]:
        """Yield the results in the tasks' order. The first failure is raised; what still runs is stopped.

        A task is taken when a worker will be free for it.
        """
        ...

    def wake(self, function: Callable[[Any], object], what: Any) -> None:
        """Many tasks will come: have workers start now, and call `function(what)`, if they are started for tasks alone.

        Nothing is waited for, and nothing comes back: what fails then fails again in a task.
        """
        ...

    def blind(self, folders: Sequence[Path]) -> tuple[str, Path] | None:
        """A machine that workers run on and the first of these folders that it does not see; None if all see all."""
        ...

    def anywhere(self, look: Callable[[Any], Any], what: Any) -> Any:
        """What `look(what)` finds on any machine that workers run on; None if it finds nothing on all of them."""
        ...


class Engine(Protocol):
    """A place to run tasks."""

    def session(self, workers: int | None, *, bare: bool = False) -> AbstractContextManager[Run]:
        """Start what is needed (by default as many workers as fit the place), and stop it at the end.

        In `bare` workers no function of a user's will run: they need load no more than we do.
        """
        ...


class OneMachine:
    """A `Run` whose workers are processes of this machine."""

    workers: int

    @property
    def may_be_here(self) -> bool:
        """No."""
        return False

    @property
    def threads(self) -> int:
        """As many as there are workers."""
        return self.workers

    def wake(self, function: Callable[[Any], object], what: Any) -> None:
        """Nothing: nobody has to be started."""

    def blind(self, folders: Sequence[Path]) -> tuple[str, Path] | None:  # noqa: ARG002 - all see all
        """None."""
        return None

    def anywhere(self, look: Callable[[Any], Any], what: Any) -> Any:
        """What is found here."""
        return look(what)


def get(name: str, address: str | None = None) -> Engine:
    """Find an engine by its name; `address` says where Ray runs.

    Raises
    ------
    ManifestError
        There is no such engine, or it is not installed.
    """
    if name not in ENGINES:
        raise ManifestError(f"there is no engine {name!r}", fix=nearest(name, ENGINES))
    if name == "ray":
        ray: Engine = import_module(ENGINES[name]).Cluster(address or "auto")
        return ray
    if address is not None:
        what = f"the engine {name!r} runs on this machine, and takes no address"
        raise ManifestError(what, f"ray_address {address}", "choose --engine ray, or leave --ray-address out")
    engine: Engine = import_module(ENGINES[name])
    return engine


_working = False


def begin_worker(*, bare: bool = False) -> None:
    """This process is a worker from now on: to end it ends no program of the user's, and its memory is its own."""
    from .bare import without_pandas, without_threads
    from .memory import keep_memory

    global _working  # noqa: PLW0603 - it is a fact about the process
    _working = True
    keep_memory()
    if bare:
        without_pandas()
        without_threads()


def in_worker() -> bool:
    """Whether this process is a worker."""
    return _working


def death(files: Sequence[str]) -> WorkerDiedError:
    """Say that a worker ended without an answer, and what it was at."""
    return WorkerDiedError(
        "a worker process died, perhaps out of memory or by a broken file",
        " or ".join(files) or "the first files",
        "try the file alone in another program; exclude it, or build with fewer --workers",
        tuple(files),
    )
