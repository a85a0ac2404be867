"""Find compressed data that end too early, where the decoder does not tell: it makes up what is missing.

A decoder that has all that it needs does not look at what follows. So the data are decoded twice, the second time
with a few other bytes behind them: if the two images differ, bytes were missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILLING = bytes((37 * i * i + 91 * i + 53) % 251 + 1 for i in range(64))
"""No byte of it is 0 or 255, which mean something to some decoders."""


def decoded_whole(decode: Callable[[bytes], NDArray[Any]], content: bytes, filled: bytes) -> NDArray[Any]:
    """Decode `content`.

    Parameters
    ----------
    filled
        The same with FILLING wherever compressed data end.

    Raises
    ------
    ValueError
        The data end too early.
    """
    pixels = decode(content)
    if not np.array_equal(pixels, decode(filled)):
        raise ValueError("its data end too early")
    return pixels
