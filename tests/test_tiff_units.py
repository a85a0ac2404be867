"""Units as microscopes write them."""

from __future__ import annotations

import pytest

from datapkg.sources.tiff.units import length_um, time_s


@pytest.mark.parametrize(
    ("value", "unit", "um"),
    [
        ("0.000645", "mm", 0.645),
        (0.1, "\u00b5m", 0.1),
        (0.1, "\u03bcm", 0.1),
        ("6.5e-7", "m", 0.65),
        ("3250", "\u00c5", 0.325),
        (2, "microns", 2.0),
        ("1", "inch", 25400.0),
        ("1", "reference frame", None),
        ("1", "", None),
        ("-1", "um", None),
        ("1e999999999", "um", None),
        ("one", "um", None),
        (True, "um", None),
        (None, "um", None),
    ],
)
def test_lengths(value: object, unit: str, um: float | None) -> None:
    assert length_um(value, unit) == um


@pytest.mark.parametrize(
    ("value", "unit", "s"), [("250", "ms", 0.25), (2, "h", 7200.0), (0, "s", None), (1, "x", None)]
)
def test_times(value: object, unit: str, s: float | None) -> None:
    assert time_s(value, unit) == s
