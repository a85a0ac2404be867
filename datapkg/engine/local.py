"""Run tasks in spawned processes on this machine.

Processes, because a decoder that crashes on a hostile file must not take the build with it; spawned, because Lance
does not survive a fork. Workers ignore Ctrl-C: the process that started them stops them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from threading import Lock, Thread
from types import ModuleType
from typing import Any

from . import ONE_CPU, Needs, Note, OneMachine, Run, begin_worker, death
from .notes import Notes, write

POLL_S = 0.2
AHEAD = 2  # tasks waiting for each worker: enough to keep it busy, few enough that results do not pile up
STOP_S = 5.0
LOOK_S = 0.01

_main_lock = Lock()
_home: Connection | None = None  # in a worker: the way to the process that started it


@contextlib.contextmanager
def session(workers: int | None = None, *, bare: bool = False) -> Iterator[Run]:
    """Give a `Run` over at most `workers` processes (default: one for each CPU), started when first needed.

    In `bare` ones no function of a user's will run.

    A worker that dies ends the run with a SourceError that names the files that were being read.
    """
    count = workers or cpus()
    context = get_context("spawn")
    notes = Notes()
    pool = ProcessPoolExecutor(count, context, initializer=_start, initargs=(notes.writer, bare))
    try:
        yield _Pool(pool, count, notes, workers is None)
    finally:
        _stop(pool)
        notes.close()


class _Pool(OneMachine):
    def __init__(self, pool: ProcessPoolExecutor, count: int, notes: Notes, may_be_here: bool) -> None:
        self._pool, self.workers, self._notes = pool, count, notes
        self._may_be_here = may_be_here
        self._reading: dict[int, str] = {}
        self._processes: dict[int, Any] = {}

    def __call__(
        self,
        function: Callable[[Any, Note], Any],
        tasks: Iterable[Any],
        progress: Note,
        needs: Needs = ONE_CPU,  # noqa: ARG002 - the user said how many workers there are
    ) -> Iterator[Any]:
        waiting: deque[Future[Any]] = deque()
        rest = iter(tasks)
        try:
            while True:
                while len(waiting) < self.workers * AHEAD and (task := next(rest, None)) is not None:
                    waiting.append(self._submit(_call, function, task))
                if not waiting:
                    break
                while not waiting[0].done():
                    wait([waiting[0]], timeout=POLL_S)
                    self._drain(progress)
                yield waiting.popleft().result()
            self._drain(progress)
        except BrokenProcessPool:
            self._drain(progress)
            raise death(self._places()) from None

    def wake(self, function: Callable[[Any], object], what: Any) -> None:
        """Start all workers."""
        for _ in range(self.workers):
            self._submit(function, what)

    def _submit(self, function: Callable[..., Any], *what: Any) -> Future[Any]:
        with _without_main():
            given = self._pool.submit(function, *what)
        self._processes |= self._pool._processes or {}
        return given

    @property
    def may_be_here(self) -> bool:
        """Whether the user did not ask for so many workers."""
        return self._may_be_here

    def _places(self) -> list[str]:
        """What the process was at that died first; the others were ended because of it."""
        _wait_for_ends(list(self._processes.values()))
        ended = {pid: process.exitcode for pid, process in self._processes.items()}
        first = [pid for pid, code in ended.items() if code not in (None, 0, -signal.SIGTERM)]
        there = {pid: place for pid, place in self._reading.items() if pid in first} or self._reading
        return sorted(set(there.values()))

    def _drain(self, progress: Note) -> None:
        for pid, path, done, files in self._notes.read():
            if done:
                self._reading.pop(pid, None)
            else:
                self._reading[pid] = path
            progress(path, done, files)


def _wait_for_ends(processes: Sequence[Any]) -> None:
    """Until all processes of a broken pool have ended: the pool ends them itself, after it has told that it is broken.

    Their ends are polled, since it waits for them too, and of two that wait for a process one learns nothing.
    """
    until = time.monotonic() + STOP_S
    while time.monotonic() < until and any(process.exitcode is None for process in processes):
        time.sleep(LOOK_S)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide the user's script while a process is spawned.

    A spawned process imports the script that started it, to find functions in it. Ours are never there, and a plain
    script that calls `datapkg.build` at its top would start itself again and again.
    """
    with _main_lock:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _start(home: Connection, bare: bool) -> None:
    global _home  # noqa: PLW0603 - a process has one way home, and a pool's initializer is the place to set it
    _home = home
    begin_worker(bare=bare)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose build was killed would wait for its next task for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _call(function: Callable[[Any, Note], Any], task: Any) -> Any:
    return function(task, _note)


def _note(path: str, done: int, files: int = 1, /) -> None:
    if _home is not None:
        write(_home, path, done, files)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers, and the thread that listens to them.

    A worker that is ended in the middle of its answer leaves half of it in the pipe: the thread would wait for the
    rest for ever, and Python for the thread. It sees an end only when our own side of the pipe is closed too.
    """
    processes = list((pool._processes or {}).values())
    answers: Any = pool._result_queue
    listener: Any = pool._executor_manager_thread
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(STOP_S)
        if process.is_alive():
            process.kill()
            process.join()
    if processes and listener is not None:
        answers._writer.close()
        listener.join(STOP_S)
