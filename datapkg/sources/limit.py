"""How large an image may become in memory: one limit for all formats, checked before anything is decoded.

A file of a megabyte can claim, and truly hold, an image of gigabytes. What is too much depends on the machine, so
the limit is an option of the build and goes with each reading; it is not in the manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from ..errors import SourceError

GIB = 1 << 30


def check_size(
    dtype: str, shape: Sequence[int], limit: int, where: str, fix: str = "exclude the file"
) -> None:
    """Make sure that an image fits the limit.

    Parameters
    ----------
    dtype, shape
        What is decoded at once, as the file declares it.
    limit
        The most bytes that it may take.
    where, fix
        The file, and what can be done beside raising the limit.

    Raises
    ------
    SourceError
        It does not.

    Examples
    --------
    >>> check_size("uint16", (1024, 1344), 4 << 30, "a.tif")
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size <= limit:
        return
    lengths = " x ".join(f"{n:,}" for n in shape)
    raise SourceError(
        f"an image of {lengths} pixels of {dtype} takes {in_words(size)}, more than the limit of {in_words(limit)}",
        where,
        f"build with --max-image-bytes {-(-size // GIB)}GiB if this machine has the memory, or {fix}",
    )


def in_words(size: int) -> str:
    """A number of bytes for people.

    Examples
    --------
    >>> in_words(16), in_words(10_000_000_000)
    ('16 bytes', '10.0 GB')
    """
    if size < 1000:
        return f"{size} bytes"
    units = ("kB", "MB", "GB", "TB", "PB", "EB")
    power = min((len(str(size)) - 1) // 3, len(units))
    return f"{size / 1000**power:.1f} {units[power - 1]}"
