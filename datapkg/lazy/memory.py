"""What a column takes in memory when all of it is read.

pandas turns a whole frame into objects for `iterrows`, `apply(axis=1)`, `T` and the like. Where images take more than the
machine has, the system would end the program, and a notebook with all that is in it; so they are refused before.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..errors import SchemaError
from ..report import size
from .cells import Origin, Positions

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where a container says how much memory it has."""
FIX = (
    "read fewer rows: frame.head(100), frame[mask]; frame[column].map(function) and frame.itertuples() hold a batch "
    "at a time; leave the column out of what needs all rows: frame.drop(columns=[column])"
)


def refuse_too_much(cells: Sequence[tuple[Origin, Positions]]) -> None:
    """Refuse to read cells that take more memory than the machine has. Raises SchemaError."""
    have = memory_bytes()
    if sum(origin.cell_bytes * len(at) for origin, at in cells) < have:
        return
    needed = sum(origin.cell_bytes * len(np.unique(at)) for origin, at in cells)  # each is read once
    if needed > have:
        count = sum(len(at) for _, at in cells)
        what = f"its {count:,} cells take about {size(int(needed))}, and there are {size(have)} of memory"
        raise SchemaError(what, "lazy column", FIX)


def memory_bytes() -> int:
    """The memory of the machine, or of the container."""
    have = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in LIMITS:
        with suppress(OSError, ValueError):  # there is none, or it says `max`
            have = min(have, int(Path(limit).read_text("ascii")))
    return have
