"""Lengths and times with units, as microscopes write them, in micrometres and seconds.

Numbers are multiplied as fractions, so that 0.000645 mm is 0.645 um and not 0.6450000000000001.
"""

from __future__ import annotations

import math
from fractions import Fraction

MICROMETRES = {
    "km": Fraction(10**9),
    "m": Fraction(10**6),
    "dm": Fraction(10**5),
    "cm": Fraction(10**4),
    "mm": Fraction(1000),
    "um": Fraction(1),
    "nm": Fraction(1, 1000),
    "pm": Fraction(1, 10**6),
    "fm": Fraction(1, 10**9),
    "å": Fraction(1, 10**4),
    "in": Fraction(25400),
}
LENGTH_WORDS = {
    "micron": "um",
    "microns": "um",
    "micrometer": "um",
    "micrometers": "um",
    "micrometre": "um",
    "micrometres": "um",
    "nanometer": "nm",
    "nanometers": "nm",
    "millimeter": "mm",
    "millimeters": "mm",
    "centimeter": "cm",
    "meter": "m",
    "metre": "m",
    "angstrom": "å",
    "inch": "in",
    "inches": "in",
}
SECONDS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "sec": Fraction(1),
    "min": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}


def length_um(value: object, unit: str) -> float | None:
    """A length in micrometres; None for what is no length above 0, or has a unit that is none.

    Examples
    --------
    >>> length_um("0.000645", "mm"), length_um(65, "\\\\u00B5m"), length_um("1.0", "pixel"), length_um("0", "um")
    (0.645, 65.0, None, None)
    """
    name = _plain(unit)
    return _positive(value, MICROMETRES.get(LENGTH_WORDS.get(name, name)))


def time_s(value: object, unit: str) -> float | None:
    """A time in seconds; None for what is no time above 0.

    Examples
    --------
    >>> time_s("2.5", "min")
    150.0
    """
    return _positive(value, SECONDS.get(_plain(unit)))


def _plain(unit: str) -> str:
    # ImageJ writes the micro sign as six ASCII characters, and Unicode has two of them
    return unit.strip().lower().replace("\\u00b5", "u").replace("\u00b5", "u").replace("\u03bc", "u")


def _positive(value: object, factor: Fraction | None) -> float | None:
    if factor is None or value is None or isinstance(value, bool):
        return None
    try:
        if (
            not 1e-30 < float(str(value)) < 1e30
        ):  # nan and the absurd are no lengths, and would be slow as fractions
            return None
        size = float(Fraction(str(value)) * factor)
    except (ValueError, ZeroDivisionError):
        return None
    return size if math.isfinite(size) and size > 0 else None
