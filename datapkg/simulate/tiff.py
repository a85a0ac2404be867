"""Write one plane as a TIFF with OME-XML that says its pixel size, time, channel and colour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

PIXEL_SIZE_UM = 0.645
FRAME_INTERVAL_S = 900
COLORS = {"H2B": 0xFF0000FF, "Tub": 0x00FF00FF}
"""Red, green, blue, alpha, a byte each."""

OME_XML = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Image ID="Image:0" Name="{name}">
<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="{width}" SizeY="{height}" SizeC="1" SizeZ="1" \
SizeT="1" PhysicalSizeX="{pixel_size}" PhysicalSizeXUnit="µm" PhysicalSizeY="{pixel_size}" PhysicalSizeYUnit="µm" \
TimeIncrement="{interval}" TimeIncrementUnit="s">
<Channel ID="Channel:0:0" Name="{channel}" Color="{color}" SamplesPerPixel="1"/>
<TiffData IFD="0" PlaneCount="1"/>
<Plane TheZ="0" TheC="0" TheT="0" DeltaT="{elapsed}" DeltaTUnit="s"/>
</Pixels>
</Image>
</OME>"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image was taken; `frame` counts from 1, as file names do."""

    plate: str
    well: str
    frame: int

    def file_name(self, channel: str) -> str:
        """The image's file name.

        Examples
        --------
        >>> Place("LT0001_02", "C06", 3).file_name("H2B")
        'C06_003_H2B.tif'
        """
        return f"{self.well}_{self.frame:03}_{channel}.tif"


def write_plane(folder: Path, place: Place, channel: str, plane: NDArray[np.uint16]) -> None:
    """Write one plane to its place under `folder`."""
    color = COLORS[channel]
    description = OME_XML.format(
        name=f"{place.plate} {place.well} frame {place.frame} {channel}",
        height=plane.shape[0],
        width=plane.shape[1],
        pixel_size=PIXEL_SIZE_UM,
        interval=FRAME_INTERVAL_S,
        elapsed=(place.frame - 1) * FRAME_INTERVAL_S,
        channel=channel,
        color=color - (1 << 32) if color >> 31 else color,  # OME's Color is a signed 32-bit number
    )
    path = folder / place.plate / place.file_name(channel)
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        path,
        plane,
        byteorder="<",
        compression="zlib",
        compressionargs={"level": 9},
        photometric="minisblack",
        rowsperstrip=plane.shape[0],
        description=description.encode(),
        software="",
        metadata=None,
    )
