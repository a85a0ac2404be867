"""The run-length coding of BMP: a count and a value, a few values as they are, or a step to another place.

Data that end before the image is done are an error. Pixels that a step passes over keep the value 0, as the format
has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

END_OF_ROW, END_OF_IMAGE, STEP = 0, 1, 2


def unpacked(data: memoryview, height: int, width: int, bits: int) -> NDArray[np.uint8]:
    """Indices in stored order of rows, of data with 8 or 4 bits a value.

    Raises
    ------
    ValueError
        The data end too early, or leave the image.

    Examples
    --------
    >>> unpacked(memoryview(bytes([3, 7, 0, 0, 0, 3, 1, 2, 3, 0, 0, 1])), 2, 3, 8).tolist()
    [[7, 7, 7], [1, 2, 3]]
    """
    image = np.zeros((height, width), np.uint8)
    x = y = at = 0
    while True:
        if at + 2 > len(data):
            raise ValueError("its data end too early")
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            values = _values(bytes([value]) * -(-count * bits // 8), count, bits)
        elif value == END_OF_ROW:
            x, y = 0, y + 1
            continue
        elif value == END_OF_IMAGE:
            return image
        elif value == STEP:
            if at + 2 > len(data):
                raise ValueError("its data end too early")
            x, y, at = x + data[at], y + data[at + 1], at + 2
            continue
        else:
            size = -(-value * bits // 8)
            if at + size > len(data):
                raise ValueError("its data end too early")
            values = _values(bytes(data[at : at + size]), value, bits)
            at += size + size % 2
        if y >= height or x + len(values) > width:
            raise ValueError("its data leave the image")
        image[y, x : x + len(values)] = values
        x += len(values)


def _values(data: bytes, count: int, bits: int) -> NDArray[np.uint8]:
    stored = np.frombuffer(data, np.uint8)
    if bits == 8:
        return stored
    return np.stack([stored >> 4, stored & 15], axis=1).reshape(-1)[:count]
