"""Read the next rows while a function works on these: it need not wait for a disk, or for a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Found = TypeVar("Found")
Span = tuple[int, int]


def spans(rows: int, step: int) -> list[Span]:
    """So many rows in pieces of `step`, the last one shorter.

    Examples
    --------
    >>> spans(7, 3)
    [(0, 3), (3, 6), (6, 7)]
    """
    return [(start, min(start + step, rows)) for start in range(0, rows, step)]


def read_ahead(read: Callable[[int, int], Found], pieces: Sequence[Span]) -> Iterator[Found]:
    """Give what `read(start, stop)` finds for each piece; while one is worked on, a thread reads the next.

    Examples
    --------
    >>> list(read_ahead(lambda start, stop: list(range(start, stop)), spans(5, 2)))
    [[0, 1], [2, 3], [4]]
    """
    if len(pieces) < 2:
        yield from (read(*piece) for piece in pieces)
        return
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read, *pieces[0])
        for piece in pieces[1:]:
            found = coming.result()
            coming = reader.submit(read, *piece)
            yield found
            del found  # before the one behind it is waited for
        yield coming.result()
