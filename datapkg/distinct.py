"""The different ones among numbers, ascending: as `np.unique` gives them, which imports 8 ms of masked arrays for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each number once, ascending.

    Examples
    --------
    >>> distinct(np.array([7, 3, 7, 5])).tolist()
    [3, 5, 7]
    """
    ascending = np.sort(numbers, axis=None)
    first = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]
