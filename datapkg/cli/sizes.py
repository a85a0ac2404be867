"""Sizes as people type them: ``8GiB``, ``500 MB``, ``1073741824``."""

from __future__ import annotations

import re
from fractions import Fraction

import typer

UNITS = {
    "": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgtp", start=1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgtp", start=1)},
    **{letter: 1024**power for power, letter in enumerate("kmgtp", start=1)},
    "b": 1,
}


def byte_count(text: str | int) -> int:
    """A number of bytes.

    Examples
    --------
    >>> byte_count("8GiB"), byte_count("1.5 gb"), byte_count("4096")
    (8589934592, 1500000000, 4096)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(text).strip().lower())
    if found is None or found[2] not in UNITS:
        raise typer.BadParameter(f"{text!r} is no size: write it as in 8GiB, 500MB or 1073741824")
    count = int(Fraction(found[1]) * UNITS[found[2]])
    if count < 1:
        raise typer.BadParameter("a size must be at least one byte")
    return count
