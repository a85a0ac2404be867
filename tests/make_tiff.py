"""Little TIFF files, and tables read from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from datapkg.manifest.models import Resource
from datapkg.pixels import from_arrow
from datapkg.reading import Reading, SourceFile
from datapkg.sources.base import Decision, Scan
from datapkg.sources.tiff.source import TiffSource

Pixels = NDArray[Any]
OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def pixels(shape: tuple[int, ...], dtype: str = "uint16", seed: int = 0) -> Pixels:
    """Random pixels of any dtype."""
    values = np.random.default_rng(seed).integers(0, 200, shape)
    return values.astype(dtype) if dtype != "bool" else values > 100


def tiff(path: Path, image: Pixels, **how: Any) -> Path:
    """One image as `tifffile.imwrite` writes it; planes are pages unless `how` says otherwise."""
    if image.ndim > 2 and image.shape[-1] not in (3, 4):
        how.setdefault("photometric", "minisblack")
    tifffile.imwrite(path, image, **how)
    return path


def ome_xml(pixels_attributes: str, inside: str = "", image: str = "", root: str = "") -> str:
    """OME-XML of one image."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{OME}" {root}><Image ID="Image:0" Name="a">{image}'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" {pixels_attributes}>{inside}</Pixels></Image></OME>'
    )


def with_ome_xml(path: Path, image: Pixels, xml: str) -> Path:
    """The planes of `image` as pages, described by `xml`."""
    with tifffile.TiffWriter(path) as writer:
        for number, plane in enumerate(image.reshape(-1, *image.shape[-2:])):
            writer.write(plane, description=xml.encode() if number == 0 else None, metadata=None)
    return path


def source(path: Path, root: Path | None = None) -> SourceFile:
    """A file as a resource matches it."""
    root = path.parent if root is None else root
    return SourceFile(path.relative_to(root).as_posix(), path, root, path.stat().st_size)


def resource(**options: Any) -> Resource:
    """An image resource."""
    return Resource(name="frames", path=("**/*.tif",), type="images", many=True, **options)


def scan(path: Path, **options: Any) -> Scan:
    """What scanning one file gives."""
    with Reading(source(path)) as reading:
        return TiffSource().scan(reading, resource(**options))


def decide(paths: list[Path], root: Path, **options: Any) -> Decision:
    """The table that files make."""
    of, files = resource(**options), [source(path, root) for path in paths]
    scans = []
    for file in files:
        with Reading(file) as reading:
            scans.append((file, TiffSource().scan(reading, of)))
    return TiffSource().decide(of, scans)


def rows(
    *paths: Path, root: Path | None = None, batch_bytes: int = 1 << 24, **options: Any
) -> list[dict[str, Any]]:
    """The rows that files make; each row's `image_array` is the image itself."""
    root = paths[0].parent if root is None else root
    (table,) = decide(list(paths), root, **options).tables
    found: list[dict[str, Any]] = []
    for path in paths:
        with Reading(source(path, root)) as reading:
            for batch in TiffSource().batches(reading, resource(**options), table, batch_bytes):
                assert batch.schema == table.arrow()
                images: list[Any] = [None] * len(batch)
                if "image_array" in batch.schema.names:
                    stored = batch["image_array"], batch["dtype"].to_pylist(), batch["shape"].to_pylist()
                    images = from_arrow(*stored)
                    batch = batch.drop_columns(["image_array"])
                found += [
                    {**row, "image_array": image}
                    for row, image in zip(batch.to_pylist(), images, strict=True)
                ]
    return found
