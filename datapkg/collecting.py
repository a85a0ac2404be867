"""Let Python look for dead cycles of objects less often, while very many objects are made that stay.

It looks through all that are alive each time some hundred are made: with 100,000 files that is a third of a build that
has nothing to do.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 200_000


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for dead cycles once so many objects were made; afterwards as before.

    Examples
    --------
    >>> before = gc.get_threshold()
    >>> with rarely_collected():
    ...     gc.get_threshold()[0]
    200000
    >>> gc.get_threshold() == before
    True
    """
    young, *older = gc.get_threshold()
    gc.set_threshold(max(young, OBJECTS) if young else 0, *older)  # 0 is off, and stays so
    try:
        yield
    finally:
        gc.set_threshold(young, *older)
