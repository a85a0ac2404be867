"""Wide pixels that hold no more than a byte: each is a first value and a multiple of one number, of at most 255 times.

So are images of 8-bit cameras in 16 bits, of which some programs multiply each value by 257, and most labels. As bytes they
are half as many to decode, and differences between neighbours, which take the most bits, are those of 8 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 255
SAMPLED = 1 << 12
"""Of so many pixels the common divisor is found first: of a million it takes as long as to compress them."""


def narrowed(pixels: NDArray[Any]) -> tuple[bytes, NDArray[np.uint8]] | None:
    """Flat pixels as bytes n, where each is ``first + factor * n``, modulo its width; None where they are not of this kind.

    Returns
    -------
    `first` and `factor`, each as a little-endian number of the pixels' width; and the bytes.

    Examples
    --------
    >>> narrowed(np.array([514, 257, 65535], "<u2"))
    (b'\\x01\\x01\\x01\\x01', array([  1,   0, 254], dtype=uint8))
    >>> narrowed(np.array([0, 1, 257], "<u2")) is None
    True
    """
    if pixels.dtype.kind not in "ui" or pixels.itemsize == 1 or not pixels.size:
        return None
    first = pixels.min()
    unsigned = pixels.view(f"<u{pixels.itemsize}")
    lowest = np.array(first, pixels.dtype).view(unsigned.dtype)
    above = unsigned - lowest
    most, factor = int(above.max()), 1
    if most > MOST:
        factor = int(np.gcd.reduce(above[:: max(1, len(above) // SAMPLED)], initial=most))
        if most // factor > MOST:
            return None
    numbers = (above // unsigned.dtype.type(factor)).astype(np.uint8)
    told = lowest.tobytes() + np.array(factor, unsigned.dtype).tobytes()
    return (told, numbers) if factor == 1 or np.array_equal(widened(numbers, told), unsigned) else None


def widened(numbers: NDArray[np.uint8], told: bytes | memoryview) -> NDArray[Any]:
    """Undo `narrowed`; the result is unsigned.

    Examples
    --------
    >>> widened(np.array([1, 0, 254], "u1"), bytes([1, 1, 1, 1])).tolist()
    [514, 257, 65535]
    """
    first, factor = np.frombuffer(told, f"<u{len(told) // 2}")
    pixels: NDArray[Any] = np.multiply(numbers, factor, dtype=first.dtype)
    if first:
        pixels += first
    return pixels
