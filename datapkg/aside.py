"""What a build does beside its main work: on a thread of its own, and done when the build is.

It is for calls that leave Python's lock to others for most of their time: loading libraries while workers work, and the database of
hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

Aside = Callable[..., None]
"""Has a function called with arguments, after those that came before."""


@contextmanager
def aside() -> Iterator[Aside]:
    """Give an `Aside`; at the end all that it was given is done, and what failed there is raised, unless something else was.

    Examples
    --------
    >>> found = []
    >>> with aside() as beside:
    ...     beside(found.append, 1)
    >>> found
    [1]
    """
    given: list[Future[Any]] = []
    with ThreadPoolExecutor(1) as pool:
        yield lambda function, *what: given.append(pool.submit(function, *what))
    for one in given:
        one.result()
