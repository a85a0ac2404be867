"""The codecs of packed images: by number in a value, by name in `docs/packed.md`.

A codec makes bytes of a flat array of little-endian numbers, and brings exactly these numbers back. The list only
ever grows: a number in it stands in stored packages, so it keeps its meaning for ever. How hard an encoder tries may
change; what a decoder accepts may not.

Decoders raise whatever their library raises on bytes that are not theirs, and never give another number of values
than they were asked for.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Buffer = Any
"""What imagecodecs takes: its stubs say bytes, its code any buffer."""
ZSTD_LEVELS, ZSTD_HARD_LEVEL = (1, 3), 9
"""Level 1 is smaller by 2 to 9 % on noise, where the repeats that higher levels find are not worth their place."""
PCODEC_LEVEL = 8
PCODEC_MAGIC = b"pco!"
PCODEC_COUNT_AT = 6
NEARLY_NOTHING = 1 / 16
"""An image that packs to so little of its size is a mask or nearly constant."""


class Codec(Protocol):
    """One way of compressing numbers."""

    name: str

    def encode(self, values: NDArray[Any]) -> bytes:
        """Compress a flat array."""
        ...

    def decode(self, payload: memoryview, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """Bring `count` values back."""
        ...


class Raw:
    """The numbers as they are, where nothing makes them smaller."""

    name = "raw"

    def encode(self, values: NDArray[Any]) -> bytes:
        """See `Codec`."""
        return values.tobytes()

    def decode(self, payload: memoryview, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """See `Codec`."""
        return _numbers(payload, dtype, count)


class Zstd:
    """One Zstandard frame: for masks and other images of few values, and for differences of 8-bit pixels."""

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, values: NDArray[Any]) -> bytes:
        """See `Codec`."""
        import imagecodecs

        content: Buffer = values
        found = [imagecodecs.zstd_encode(content, level=level) for level in ZSTD_LEVELS]
        if (
            len(found[-1]) < NEARLY_NOTHING * values.nbytes
        ):  # trying hard is cheap where little is left to try
            found.append(imagecodecs.zstd_encode(content, level=ZSTD_HARD_LEVEL))
        return bytes(min(found, key=len))

    def decode(self, payload: memoryview, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """See `Codec`."""
        import imagecodecs

        content: Buffer = payload
        # given a size, it refuses a frame that holds more instead of growing
        return _numbers(imagecodecs.zstd_decode(content, out=count * dtype.itemsize), dtype, count)


class Pcodec:
    """One pcodec standalone file: smallest for 16-bit pixels, and as fast to decode as Zstandard there."""

    name = "pcodec"

    def encode(self, values: NDArray[Any]) -> bytes:
        """See `Codec`."""
        import imagecodecs

        return bytes(imagecodecs.pcodec_encode(values, level=PCODEC_LEVEL))

    def decode(self, payload: memoryview, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """See `Codec`."""
        import imagecodecs

        # pcodec 1.0.1 ends the whole process where a file announces more values than memory holds
        if announced(payload) != count:
            raise ValueError(f"it does not announce {count} values")
        content: Buffer = payload
        found: NDArray[Any] = imagecodecs.pcodec_decode(content, shape=(count,), dtype=dtype)
        return found


RAW, ZSTD, PCODEC, NARROW = 0, 1, 2, 3
CODECS: dict[int, Codec] = {
    RAW: Raw(),
    ZSTD: Zstd("zstd"),
    PCODEC: Pcodec(),
    NARROW: Zstd("narrow"),  # of the bytes that `narrow` makes of wider pixels
}


def announced(payload: memoryview) -> int:
    """The count that a pcodec file announces: 6 bits tell how many bits it has, less one; then the count.

    Examples
    --------
    >>> announced(memoryview(bytes.fromhex("70636f2103070619")))
    100
    """
    if payload[: len(PCODEC_MAGIC)] != PCODEC_MAGIC:
        raise ValueError("it is no pcodec file")
    field = int.from_bytes(payload[PCODEC_COUNT_AT : PCODEC_COUNT_AT + 9], "little")
    bits = (field & 63) + 1
    return (field >> 6) & ((1 << bits) - 1)


def _numbers(content: Any, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    if len(content) != count * dtype.itemsize:
        raise ValueError(f"it holds {len(content)} bytes where {count * dtype.itemsize} are wanted")
    return np.frombuffer(content, dtype)
