"""Run one function over a few items at a time, in threads that a stopped program does not wait for.

A thread that waits for a silent server would hold up Ctrl-C for a minute; `concurrent.futures` joins its threads when
Python ends, these are left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int, stop: Event
) -> list[Result]:
    """Call the function for each item; `stop` is set when this is interrupted, or when one call fails.

    Examples
    --------
    >>> in_threads(lambda number: number * 2, [3, 1, 2], 2, Event())
    [6, 2, 4]
    """
    waiting: SimpleQueue[tuple[int, Item]] = SimpleQueue()
    for one in enumerate(items):
        waiting.put(one)
    results: dict[int, Any] = {}
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                at, item = waiting.get_nowait()
                results[at] = function(item)
        except Empty:
            return
        except BaseException as error:  # noqa: BLE001 - raised again where the results are waited for
            failures.append(error)
            stop.set()

    workers = [Thread(target=work, daemon=True) for _ in range(min(threads, len(items)))]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    except BaseException:
        stop.set()
        raise
    if failures:
        raise failures[0]
    return [results[at] for at in range(len(items))]
