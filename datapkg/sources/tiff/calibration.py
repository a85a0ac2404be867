"""How large a pixel is, and what the channels are called: what each microscope's software says, and no more.

OME-XML, ImageJ, MetaMorph, LSM, Aperio and Micro-Manager say it in their own words; those are taken, but not for the
thumbnails and labels that stand beside an image, whose pixels are others. The resolution tags of
a plain TIFF mostly tell how to print it: 72 dots an inch make a pixel of 353 um, which is no specimen. They count
only where they have a unit, inch or centimetre, and make a pixel of at most 10 um, finer than any printer's dot.
A ratio of exactly 1/1, which programs write who know nothing, is no size. What does not count stays in `metadata`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from tifffile import TiffPageSeries

from .file import OpenTiff, decoding
from .ome import OmeImage
from .units import length_um, time_s

COARSEST_UM = 10.0
RESOLUTION_UNITS = {2: "inch", 3: "cm"}
MICROMETRES_A_PIXEL = re.compile(r"\|\s*MPP\s*=\s*([0-9.eE+-]+)")


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a file says of an image beside its pixels; None is what it does not say."""

    x_um: float | None = None
    y_um: float | None = None
    z_um: float | None = None
    channel_names: tuple[str | None, ...] | None = None
    acquisition_date: str | None = None
    time_increment_s: float | None = None


def calibration(tiff: OpenTiff, series: TiffPageSeries, image: OmeImage | None) -> Calibration:
    """Read the calibration of one image; `image` is what its OME-XML says."""
    if image is not None:
        return from_ome(image)
    page, file = series.keyframe, tiff.file
    with decoding(tiff.path):
        tags = {code: page.tags.valueof(code) for code in (282, 283, 296) if code in page.tags}
        if file.is_imagej and file.imagej_metadata:
            return from_imagej(file.imagej_metadata, tags, series)
        if file.is_lsm and file.lsm_metadata:
            return (
                Calibration() if page.is_reduced else from_lsm(file.lsm_metadata, series.shape, series.axes)
            )
        if file.is_svs:
            return from_svs(page.description) if series.name == "Baseline" else Calibration()
        if file.is_stk and file.stk_metadata:
            return from_stk(file.stk_metadata)
        if file.is_metaseries and file.metaseries_metadata:
            return from_metaseries(file.metaseries_metadata)
        if file.is_micromanager and isinstance(page.tags.valueof(51123), dict):
            return from_micromanager(page.tags.valueof(51123))
    return from_resolution(tags)


def from_ome(image: OmeImage) -> Calibration:
    """Take an OME image's sizes; its units default to what the schema says."""
    x, y, z = (image.pixel_size_um(axis) for axis in "XYZ")
    return Calibration(x, y, z, image.channel_names, image.acquisition_date, image.time_increment_s)


def from_imagej(meta: Mapping[str, Any], tags: Mapping[int, Any], series: TiffPageSeries) -> Calibration:
    """Take ImageJ's unit with the resolution tags (pixels a unit), `spacing`, `finterval` and `Labels`."""
    unit = str(meta.get("unit", ""))
    found = Calibration(_pixel(tags.get(282), unit), _pixel(tags.get(283), unit))
    if unit.strip().lower() in ("inch", "cm"):  # from a plain TIFF's tags: these may be a printer's
        return replace(_fine_only(found), channel_names=_labels(meta, series))
    spacing = meta.get("spacing")
    depth = abs(spacing) if isinstance(spacing, int | float) else None
    names = _labels(meta, series)
    return replace(
        found,
        z_um=length_um(depth, unit),
        channel_names=names,
        time_increment_s=time_s(meta.get("finterval"), "s"),
    )


def from_lsm(meta: Mapping[str, Any], shape: tuple[int, ...] = (), axes: str = "") -> Calibration:
    """Take the voxel of a Zeiss LSM, which is in metres, and its channels' names."""
    x_um, y_um, z_um = (length_um(meta.get(f"VoxelSize{axis}"), "m") for axis in "XYZ")
    listed = meta.get("ChannelColors", {}).get("ColorNames", ())
    names = tuple(str(name).strip() or None for name in listed)
    named = any(names) and len(names) == dict(zip(axes, shape, strict=True)).get("C", 1)
    increment_s = time_s(meta.get("TimeIntervall"), "s")
    return Calibration(x_um, y_um, z_um, names if named else None, time_increment_s=increment_s)


def from_svs(description: str) -> Calibration:
    """Take the micrometres a pixel of an Aperio slide.

    Examples
    --------
    >>> from_svs("Aperio Image Library v12|AppMag = 20|MPP = 0.4990").x_um
    0.499
    """
    said = MICROMETRES_A_PIXEL.search(description)
    size = length_um(said[1], "um") if said else None
    return Calibration(size, size)


def from_stk(meta: Mapping[str, Any]) -> Calibration:
    """Take the calibration of a MetaMorph stack, where it says that it has one, and when it was taken."""
    moments = meta.get("DatetimeCreated")
    steps_ms = set(np.diff(np.asarray(meta.get("TimeCreated", ()), np.int64)).tolist())
    found = Calibration(
        acquisition_date=None if moments is None or not len(moments) else str(moments[0].astype("M8[ms]")),
        time_increment_s=time_s(steps_ms.pop(), "ms") if len(steps_ms) == 1 else None,
    )
    if not meta.get("SpatialCalibration"):
        return found
    unit = str(meta.get("CalibrationUnits", ""))
    steps = {float(step) for step in np.atleast_1d(meta.get("ZDistance", ()))}
    z_um = length_um(steps.pop(), unit) if len(steps) == 1 else None
    x_um, y_um = (length_um(meta.get(f"{axis}Calibration"), unit) for axis in "XY")
    return replace(found, x_um=x_um, y_um=y_um, z_um=z_um)


def from_metaseries(meta: Mapping[str, Any]) -> Calibration:
    """Take the plane's calibration from MetaMorph's XML (MetaXpress, ImageXpress)."""
    plane = meta.get("PlaneInfo", {})
    date = plane.get("acquisition-time-local")
    found = Calibration(acquisition_date=None if date is None else str(date))
    if not plane.get("spatial-calibration-state"):
        return found
    unit = str(plane.get("spatial-calibration-units", ""))
    x_um, y_um = (length_um(plane.get(f"spatial-calibration-{axis}"), unit) for axis in "xy")
    return replace(found, x_um=x_um, y_um=y_um)


def from_micromanager(meta: Mapping[str, Any]) -> Calibration:
    """Take a Micro-Manager plane's pixel size, which is 0 where it is not calibrated."""
    size = length_um(meta.get("PixelSizeUm"), "um")
    return Calibration(size, size, length_um(meta.get("ZStepUm") or meta.get("z-step_um"), "um"))


def from_resolution(tags: Mapping[int, Any]) -> Calibration:
    """Take resolution tags that are fine enough to be a specimen's.

    Examples
    --------
    >>> from_resolution({282: (40000, 1), 283: (40000, 1), 296: 3}).x_um
    0.25
    >>> from_resolution({282: (300, 1), 283: (300, 1), 296: 2}).x_um is None
    True
    """
    code = tags.get(296, 2)  # TIFF: the unit is inch where there is no tag
    unit = RESOLUTION_UNITS.get(int(code), "") if isinstance(code, int) else ""
    return _fine_only(Calibration(_pixel(tags.get(282), unit), _pixel(tags.get(283), unit)))


def _fine_only(found: Calibration) -> Calibration:
    fine = all(size is not None and size <= COARSEST_UM for size in (found.x_um, found.y_um))
    return found if fine else Calibration()


def _pixel(resolution: Any, unit: str) -> float | None:
    """The size of a pixel from a tag that counts pixels a unit, as (numerator, denominator)."""
    if (
        not isinstance(resolution, tuple)
        or len(resolution) != 2
        or resolution == (1, 1)
        or not all(resolution)
    ):
        return None
    pixels, units = (int(part) for part in resolution)
    one = length_um(1, unit)
    return None if one is None else float(Fraction(units, pixels) * Fraction(repr(one)))


def _labels(meta: Mapping[str, Any], series: TiffPageSeries) -> tuple[str | None, ...] | None:
    """ImageJ labels planes, not channels: they name channels where all planes of one bear one label."""
    labels = meta.get("Labels")
    channels = dict(zip(series.axes, series.shape, strict=True)).get("C", 1)
    if not isinstance(labels, list) or channels < 2 or len(labels) % channels:
        return None
    if str(meta.get("order", "czt")).lower() not in ("czt", "default"):
        return None
    if any(len(set(labels[c::channels])) > 1 for c in range(channels)) or len(set(labels)) != channels:
        return None
    return tuple(str(label).strip() or None for label in labels[:channels])
