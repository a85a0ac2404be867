"""Each image as an OME-TIFF: its pixels, axes, pixel sizes and channel names, compressed without loss.

What a file does not know is not written: no pixel size of 1. Columns that tell the image from others, such as plate and
well, and its digest stand in the OME-XML as a map annotation.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..errors import ExportError
from .described import Described, described, tables_of_images, target
from .job import Job

SUFFIX = ".ome.tif"
NAMESPACE = "datapkg"
MICROMETRE = "\N{MICRO SIGN}m"
COLOURS = (3, 4)
BIG_FROM = 1 << 31
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML holds: with it, no program would read the file."""
OTHER_AXES = str.maketrans({"I": "Q"})
"""OME has one word for pages of which nobody knows what they are."""


def write(job: Job, path: Path) -> None:
    """Write every image of the tables of a job into a file of its own."""
    for table in job.each(tables_of_images(job)):
        for image in described(job, table):
            _write_image(job, image, target(path, table, image.name, SUFFIX))


def _write_image(job: Job, image: Described, file: Path) -> None:
    import tifffile

    if not image.pixels.size:
        raise ExportError("an image without pixels is no TIFF", image.where, "leave its table out")
    try:
        tifffile.imwrite(
            file,
            image.pixels,
            ome=True,
            bigtiff=image.pixels.nbytes > BIG_FROM,
            compression="zlib",
            metadata=_metadata(job, image),
            **_colours(image),
        )
    except tifffile.OmeXmlError as error:
        fix = "name other tables with --tables, or choose another form, such as --to parquet"
        raise ExportError(f"OME-TIFF cannot hold this image: {error}", image.where, fix) from None


def _metadata(job: Job, image: Described) -> dict[str, Any]:
    axes = image.axes.translate(OTHER_AXES)
    if len(set(axes)) < len(axes):
        fix = "name other tables with --tables, or choose another form, such as --to parquet"
        raise ExportError(f"OME-TIFF cannot hold the axes {image.axes!r}", image.where, fix)
    found: dict[str, Any] = {
        "axes": axes,
        "Name": _held(job, image, image.name.rpartition("/")[2]),
        "MapAnnotation": {
            "Namespace": NAMESPACE,
            "Value": {_held(job, image, name): _held(job, image, text) for name, text in image.said.items()},
        },
    }
    for axis, size in image.pixel_sizes_um.items():
        found |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": MICROMETRE}
    channels = image.pixels.shape[axes.index("C")] if "C" in axes else 1
    names = [_held(job, image, name or "") for name in image.channel_names]
    if names and len(names) == channels and any(names):
        found["Channel"] = {"Name": names}
        if not all(names):
            job.note(f"{image.where}: some channels have no name")
    elif names:
        job.note(f"{image.where}: has {len(names)} names for {channels} channels, which are left out")
    return found


def _held(job: Job, image: Described, text: str) -> str:
    """A text as XML holds it."""
    held = NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
    if held != text:
        told = f"{image.where}: {text[:60]!r} has characters that OME-XML cannot hold, and stands as {held[:60]!r}"
        job.note(told)
    return held


def _colours(image: Described) -> dict[str, Any]:
    if "S" not in image.axes:
        return {"photometric": "minisblack"}
    rgb = image.pixels.shape[image.axes.index("S")] in COLOURS
    together = image.axes.endswith("S")
    return {
        "photometric": "rgb" if rgb else "minisblack",
        "planarconfig": "contig" if together else "separate",
    }
