"""What an image analyst gets from a frame: each nucleus' place, shape, brightness, outline, and where it came from.

Everything is measured by scikit-image on the very pixels and labels that are written to the files. Values are
rounded to six decimals: they come from linear algebra, whose last bits differ between processors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops

from .cells import Cell
from .render import Field

CHANNELS = ("H2B", "Tub")
DECIMALS = 6

FEATURE_GROUPS: dict[str, str] = {
    f"Nuclei_AreaShape_{name}": "AreaShape"
    for name in (
        "Area",
        "Perimeter",
        "Extent",
        "Eccentricity",
        "Orientation",
        "MajorAxisLength",
        "MinorAxisLength",
    )
} | {
    f"Nuclei_Intensity_{name}_{channel}": "Intensity"
    for channel in CHANNELS
    for name in ("IntegratedIntensity", "MeanIntensity", "StdIntensity", "MinIntensity", "MaxIntensity")
}
"""The features in the order of their columns, each with its CellProfiler group."""


@dataclass(frozen=True, slots=True)
class Nucleus:
    """One object of one frame. The box's right and bottom lie one pixel outside; the outline's points lie inside."""

    label: int
    parent: int | None
    cell: Cell
    left: int
    right: int
    top: int
    bottom: int
    center: tuple[float, float]
    features: Mapping[str, int | float]
    outline: tuple[tuple[int, int], ...]


def measure(field: Field, before: Mapping[int, int]) -> tuple[Nucleus, ...]:
    """Measure every nucleus, by label; `before` holds each track's label in the previous frame."""
    nuclei = []
    regions = regionprops(field.labels, intensity_image=np.moveaxis(field.pixels, 0, -1))  # type: ignore[no-untyped-call]
    for region in regions:
        cell = field.cells[region.label - 1]
        top, left, bottom, right = (int(edge) for edge in region.bbox)
        nuclei.append(
            Nucleus(
                label=int(region.label),
                parent=before.get(cell.track, before.get(-1 if cell.mother is None else cell.mother)),
                cell=cell,
                left=left,
                right=right,
                top=top,
                bottom=bottom,
                center=(_rounded(region.centroid[1]), _rounded(region.centroid[0])),
                features=_features(region),
                outline=tuple((x + left, y + top) for x, y in outline(region.image)),
            )
        )
    return tuple(nuclei)


def _features(region: Any) -> dict[str, int | float]:
    eccentricity = _rounded(region.eccentricity)
    # A round nucleus points nowhere, and -90 degrees is +90: there the last bits would choose the sign.
    angle = 0.0 if eccentricity < 0.001 else _rounded(region.orientation)
    shape = {
        "Area": int(region.area),
        "Perimeter": _rounded(region.perimeter),
        "Extent": _rounded(region.extent),
        "Eccentricity": eccentricity,
        "Orientation": abs(angle) if abs(angle) == _rounded(np.pi / 2) else angle,
        "MajorAxisLength": _rounded(region.axis_major_length),
        "MinorAxisLength": _rounded(region.axis_minor_length),
    }
    features: dict[str, int | float] = {f"Nuclei_AreaShape_{name}": value for name, value in shape.items()}
    for number, channel in enumerate(CHANNELS):
        counts = region.image_intensity[..., number][region.image].astype(np.int64)
        intensity = {
            "IntegratedIntensity": int(counts.sum()),
            "MeanIntensity": _rounded(region.intensity_mean[number]),
            "StdIntensity": _rounded(region.intensity_std[number]),
            "MinIntensity": int(counts.min()),
            "MaxIntensity": int(counts.max()),
        }
        features |= {f"Nuclei_Intensity_{name}_{channel}": value for name, value in intensity.items()}
    return features


def outline(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Walk clockwise around a connected mask and list the pixel (x, y) inside of each pixel edge.

    This is CellCognition's crack contour: a pixel at a corner comes twice or more.

    Examples
    --------
    >>> outline(np.array([[True, True]]))
    [(0, 0), (1, 0), (1, 0), (1, 0), (0, 0), (0, 0)]
    """
    inside = np.pad(mask, 1)
    outward = ((-1, 0), (0, 1), (1, 0), (0, -1))
    y, x = (int(first) for first in np.argwhere(inside)[0])
    start = (y, x, 0)
    side, points = 0, []
    while True:
        points.append((x - 1, y - 1))
        ahead = (y + outward[(side + 1) % 4][0], x + outward[(side + 1) % 4][1])
        beyond = (ahead[0] + outward[side][0], ahead[1] + outward[side][1])
        if not inside[ahead]:
            side = (side + 1) % 4
        elif inside[beyond]:
            (y, x), side = beyond, (side - 1) % 4
        else:
            y, x = ahead
        if (y, x, side) == start:
            return points


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)
