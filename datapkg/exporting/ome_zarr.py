"""Each image as an OME-Zarr (NGFF 0.5), written by the `ngff-zarr` library: full resolution, exact pixels.

NGFF orders axes as time, channel, z, y, x; colours of a pixel are channels there. A scale is demanded for each axis: it
has a unit where the pixel size is known, and is 1 without a unit where it is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..doors.optional import optional
from ..errors import ExportError
from .described import Described, described, tables_of_images, target
from .job import Job

SUFFIX = ".ome.zarr"
VERSION = "0.5"
ORDER = "TCZYX"
CHUNK = 1024


def write(job: Job, path: Path) -> None:
    """Write every image of the tables of a job into a Zarr group of its own."""
    library = optional("ngff_zarr")
    for table in job.each(tables_of_images(job)):
        for image in described(job, table):
            _write_image(library, job, image, target(path, table, image.name, SUFFIX))


def ordered(image: Described) -> tuple[NDArray[Any], str]:
    """An image in NGFF's order of axes.

    Raises
    ------
    ExportError
        It has axes that NGFF does not know.
    """
    axes = image.axes if "C" in image.axes else image.axes.replace("S", "C")
    if set(axes) - set(ORDER) or len(set(axes)) < len(axes):
        fix = "name other tables with --tables, or choose another form, such as --to ome-tiff"
        raise ExportError(f"OME-Zarr cannot hold the axes {image.axes!r}", image.where, fix)
    wanted = "".join(axis for axis in ORDER if axis in axes)
    return image.pixels.transpose([axes.index(axis) for axis in wanted]), wanted


def _write_image(library: Any, job: Job, image: Described, folder: Path) -> None:
    pixels, axes = ordered(image)
    if not pixels.size:
        raise ExportError("an image without pixels is no OME-Zarr", image.where, "leave its table out")
    dims = [axis.lower() for axis in axes]
    known = {axis.lower(): size for axis, size in image.pixel_sizes_um.items() if axis in axes}
    found = library.to_ngff_image(
        np.ascontiguousarray(pixels),
        dims=dims,
        scale={axis: known.get(axis, 1.0) for axis in dims},
        axes_units=dict.fromkeys(known, "micrometer"),
        name=image.name.rpartition("/")[2],
    )
    chunks = {axis: CHUNK if axis in "yx" else 1 for axis in dims}
    made = library.to_multiscales(found, scale_factors=[], chunks=chunks, axis_order="preserve")
    made.metadata.type = made.metadata.metadata = made.method = None  # nothing was made smaller
    made.metadata.name = found.name
    said: dict[str, Any] = dict(image.said)
    if names := _channel_names(image, pixels, axes):
        made.metadata.omero = library.compute_omero_from_ngff_image(found, labels=names)
    elif any(image.channel_names):
        said["channel_names"] = list(image.channel_names)
        job.note("channel names of images without an axis C stand in the attribute datapkg")
    made.root_attributes = {"datapkg": said}
    library.to_ngff_zarr(str(folder), made, version=VERSION, overwrite=False)


def _channel_names(image: Described, pixels: NDArray[Any], axes: str) -> list[str]:
    """What NGFF calls the channels: nothing where none has a name, or where there is not one for each along C."""
    names = [name or "" for name in image.channel_names]
    channels = pixels.shape[axes.index("C")] if "C" in axes and "S" not in image.axes else 0
    return names if any(names) and len(names) == channels else []
