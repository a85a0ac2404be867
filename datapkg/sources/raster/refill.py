"""Find compressed data that end too early or too late, where the decoder does not tell: it makes up what is missing.

A decoder that has all that it needs does not look at what follows, and needs the very last bytes. So the data are
decoded again, with a few other bytes behind them, and with others in place of the last ones: the first must not
change the image, the second must.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILLING = bytes((37 * i * i + 91 * i + 53) % 251 + 1 for i in range(64))
"""No byte of it is 0 or 255, which mean something to some decoders."""
LAST_BYTES = 8


def decoded_whole(
    decode: Callable[[bytes], NDArray[Any]], content: bytes, filled: bytes, spoiled: bytes | None = None
) -> NDArray[Any]:
    """Decode `content`.

    Parameters
    ----------
    filled
        The same with FILLING wherever compressed data end.
    spoiled
        The same with other bytes in place of the last LAST_BYTES of compressed data.

    Raises
    ------
    ValueError
        The data end too early or too late.
    """
    pixels = decode(content)
    if not np.array_equal(pixels, decode(filled)):
        raise ValueError("its data end too early")
    if spoiled is not None and np.array_equal(pixels, decode(spoiled)):
        raise ValueError("a part of its data is missing or damaged")
    return pixels
