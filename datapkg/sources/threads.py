"""Work on the parts of one file on threads, and take the results in the parts' order.

What is done for a part is to be work outside of Python (parsing, unpacking, arithmetic on arrays), which releases its
lock; finding the parts, and what is done with the results, stays with the thread that asks for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from ..errors import DatapkgError

Part = TypeVar("Part")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Part], Result], parts: Iterable[Part], threads: int, ahead: int
) -> Iterator[Result]:
    """Yield ``work(part)`` for every part, in order.

    Parameters
    ----------
    threads
        How many; 0 works in the caller's own thread.
    ahead
        How many parts may be taken before the first of them is asked for; that bounds the memory.

    Raises
    ------
    DatapkgError
        What the work or the parts raise, in its place: when all results before it have been taken.

    Examples
    --------
    >>> list(in_order(abs, [-1, 2, -3], threads=2, ahead=2))
    [1, 2, 3]
    """
    if not threads:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(threads) as pool:
        coming = _begun(pool, work, parts)
        waiting = deque(islice(coming, ahead))
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(islice(coming, 1))
                yield result
                del result  # what is large is held once
        finally:
            pool.shutdown(cancel_futures=True)


def _begun(
    pool: ThreadPoolExecutor, work: Callable[[Part], Result], parts: Iterable[Part]
) -> Iterator[Future[Result]]:
    """Begin with each part; where there is none because of a mistake in the file, that is the last result."""
    try:
        for part in parts:
            yield pool.submit(work, part)
    except DatapkgError as error:
        failed: Future[Result] = Future()
        failed.set_exception(error)
        yield failed
