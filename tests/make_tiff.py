"""Little TIFF files, and tables read from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tifffile
from numpy.typing import NDArray

from datapkg.manifest.models import Resource
from datapkg.pixels import from_arrow
from datapkg.reading import MAX_IMAGE_BYTES, Reading, SourceFile
from datapkg.sources.base import Decision, Scan
from datapkg.sources.images.source import ImagesSource

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


def scan(path: Path, max_image_bytes: int = MAX_IMAGE_BYTES, **options: Any) -> Scan:
    """What scanning one file gives."""
    with Reading(source(path), max_image_bytes=max_image_bytes) as reading:
        return ImagesSource().scan(reading, resource(**options))


def scans(paths: list[Path], root: Path, **options: Any) -> list[tuple[Reading, Scan]]:
    """What scanning files gives, each with the reading that was used."""
    found = []
    for path in paths:
        with Reading(source(path, root)) as reading:
            found.append((reading, ImagesSource().scan(reading, resource(**options))))
    return found


def decide(paths: list[Path], root: Path, **options: Any) -> Decision:
    """The tables that files make."""
    found = [(reading.file.path, scan) for reading, scan in scans(paths, root, **options)]
    return ImagesSource().decide(resource(**options), found)


def rows(
    *paths: Path,
    root: Path | None = None,
    batch_bytes: int = 1 << 24,
    table: str = "frames",
    max_image_bytes: int = MAX_IMAGE_BYTES,
    **options: Any,
) -> list[dict[str, Any]]:
    """The rows that files give to a table; each row's `image_array` is the image itself."""
    root = paths[0].parent if root is None else root
    of, scanned = resource(**options), scans(list(paths), root, **options)
    tables = ImagesSource().decide(of, [(reading.file.path, scan) for reading, scan in scanned]).tables
    schema = next(one for one in tables if one.name == table)
    found: list[dict[str, Any]] = []
    for before, scan in scanned:
        if table not in scan.evidence:
            continue
        how = {"members": before.members, "max_image_bytes": max_image_bytes}
        with Reading(before.file, before.seen, **how) as reading:
            for batch in ImagesSource().batches(reading, of, schema, batch_bytes):
                assert batch.schema == schema.arrow()
                found += _rows(batch)
    return found


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    images: list[Any] = [None] * len(batch)
    if "image_array" in batch.schema.names:
        images = from_arrow(batch["image_array"], batch["dtype"].to_pylist(), batch["shape"].to_pylist())
        batch = batch.drop_columns(["image_array"])
    return [{**row, "image_array": image} for row, image in zip(batch.to_pylist(), images, strict=True)]
