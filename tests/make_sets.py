"""Multi-file OME-TIFFs, as Bio-Formats and other programs write them: each file's XML names all files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import tifffile
from make_tiff import OME
from numpy.typing import NDArray

Block = tuple[str, int, int, int, int]  # file, page, t, c, z


def uuid(name: str) -> str:
    """A file's UUID in these sets."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, name)}"


def image_xml(
    number: int, image: NDArray[Any], blocks: Sequence[Block], order: str = "XYZCT", inside: str = ""
) -> str:
    """An Image element; `image` is (t, c, z, y, x), with samples behind that if it has six axes."""
    t, c, z, y, x = image.shape[:5]
    samples = image.shape[5] if image.ndim == 6 else 1
    channels = "".join(f'<Channel ID="Channel:{number}:{i}" SamplesPerPixel="{samples}"/>' for i in range(c))
    data = "".join(
        f'<TiffData IFD="{page}" FirstT="{at}" FirstC="{ac}" FirstZ="{az}" PlaneCount="1">'
        f'<UUID FileName="{name}">{uuid(name)}</UUID></TiffData>'
        for name, page, at, ac, az in blocks
    )
    return (
        f'<Image ID="Image:{number}" Name="i{number}"><Pixels ID="Pixels:{number}" DimensionOrder="{order}" '
        f'Type="{image.dtype.name}" SizeX="{x}" SizeY="{y}" SizeZ="{z}" SizeC="{c * samples}" SizeT="{t}" '
        f'PhysicalSizeX="0.5" PhysicalSizeY="0.5">{channels}{data}{inside}</Pixels></Image>'
    )


def xml(name: str, *images: str) -> str:
    """The OME-XML of one file; without a name, that of a companion."""
    own = f' UUID="{uuid(name)}"' if name else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{OME}"{own}>{"".join(images)}</OME>'


def binary_only(name: str, companion: str) -> str:
    """The XML of a file that another describes."""
    return f'<OME xmlns="{OME}"><BinaryOnly MetadataFile="{companion}" UUID="{uuid(name)}"/></OME>'


def write(path: Path, planes: Sequence[NDArray[Any]], description: str, **how: Any) -> Path:
    """Planes as pages, with a description."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as writer:
        for number, plane in enumerate(planes):
            text = description.encode() if number == 0 and description else None
            writer.write(plane, description=text, metadata=None, **how)
    return path


def names_by(axis: str, image: NDArray[Any]) -> Mapping[str, list[Block]]:
    """One file for each t, c or z, with its planes in order."""
    files: dict[str, list[Block]] = {}
    for t, c, z in np.ndindex(*image.shape[:3]):
        name = f"s_{axis}{(t, c, z)['tcz'.index(axis)]}.ome.tif"
        files.setdefault(name, []).append((name, len(files.get(name, [])), t, c, z))
    return files


def pyramids(folder: Path, image: NDArray[Any], axis: str = "t") -> list[Path]:
    """One image spread over files whose pages have a half and a quarter of their size below them."""
    files = names_by(axis, image)
    described = image_xml(0, image, [block for blocks in files.values() for block in blocks])
    for name, blocks in files.items():
        with tifffile.TiffWriter(folder / name) as writer:
            for number, block in enumerate(blocks):
                text, plane = (xml(name, described).encode() if number == 0 else None), image[block[2:]]
                writer.write(plane, description=text, metadata=None, subifds=2)
                writer.write(plane[::2, ::2], subfiletype=1, metadata=None)
                writer.write(plane[::4, ::4], subfiletype=1, metadata=None)
    return [folder / name for name in files]


def spread(
    folder: Path, image: NDArray[Any], axis: str = "t", order: str = "XYZCT", **how: Any
) -> list[Path]:
    """One image spread over files, one for each t, c or z."""
    files = names_by(axis, image)
    described = image_xml(0, image, [block for blocks in files.values() for block in blocks], order)
    return [
        write(folder / name, [image[b[2:]] for b in blocks], xml(name, described), **how)
        for name, blocks in files.items()
    ]
