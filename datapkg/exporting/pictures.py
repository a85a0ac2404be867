"""Images of a table one by one, decoded or as the files that they are in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..access import FILE_COLUMN
from ..loading import missing_files, request_rows
from ..opened import SOURCES
from ..reader import Package
from ..table import Table

PNG_DTYPES = ("uint8", "uint16")
PNG_SAMPLES = (3, 4)
SOME_ROWS = 1 << 16
"""Of so many rows at a time it is looked up where their images lie."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """An image as a file's bytes, and what they are: ``file`` (the source file, bit for bit), ``png`` or ``tiff``.

    Both are None where there is no image.
    """

    content: bytes | None
    form: str | None


def image_columns(table: Table) -> list[str]:
    """The columns of a table that hold images, or whose images are decoded from files."""
    names = [one.name for one in table.record.columns if one.image]
    return names or (["image_array"] if has_files(table) else [])


def has_files(table: Table) -> bool:
    """Whether files of images are kept in the table."""
    return {FILE_COLUMN, "image_digest"} <= set(table.columns)


def lone_files(package: Package, table: Table) -> NDArray[np.bool_]:
    """Which rows' image is all that is in the file that the row keeps."""
    if not has_files(table):
        return np.zeros(len(table), bool)
    nulls = next(one.nulls for one in table.record.columns if one.name == FILE_COLUMN)
    there = ~missing_files(table.rows, nulls)
    alone: NDArray[np.bool_] = there & np.append(there[1:], True)[: len(there)]
    sources = package[SOURCES].to_arrow(["path", "group"])
    spread = set(sources.filter(pc.field("path") != pc.field("group")).column("group").to_pylist())
    if spread:
        paths = table.to_arrow(["path"]).column("path").to_pylist()
        alone &= ~np.isin(np.array(paths, object), list(spread))
    return alone


def loaded(
    table: Table, column: str, positions: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[Any] | None]]:
    """The images of rows, with their positions, in requests of some megabytes."""
    images = table.opened.images(table.name, column)
    for start in range(0, len(positions), images.step):
        some = positions[start : start + images.step]
        yield from zip(some.tolist(), images.load(some), strict=True)


def each_file(table: Table, positions: NDArray[np.int64]) -> Iterator[tuple[int, bytes]]:
    """The files that rows keep, with the rows' positions, in requests of some megabytes."""
    held = table.record.image_bytes.get(FILE_COLUMN, 0)
    step = request_rows(table.rows, held)
    for at, batch in table.rows.take(positions, [FILE_COLUMN], rows=step):
        yield from zip(at.tolist(), batch.column(FILE_COLUMN).to_pylist(), strict=True)


def each_encoded(table: Table, column: str, lone: NDArray[np.bool_] | None = None) -> Iterator[Encoded]:
    """The image of each row, in order; where `lone` says so, as the file that it is in."""
    as_files = np.zeros(len(table), bool) if lone is None else lone
    told = lone is not None and "axes" in table.columns and not lone.all()
    axes = table.to_arrow(["axes"]).column("axes") if told else None
    for start in range(0, len(table), SOME_ROWS):
        some = as_files[start : start + SOME_ROWS]
        files = each_file(table, start + np.flatnonzero(some))
        images = loaded(table, column, start + np.flatnonzero(~some))
        for at, as_file in enumerate(some.tolist(), start):
            if as_file:
                yield Encoded(next(files)[1], "file")
                continue
            _, image = next(images)
            yield (
                Encoded(None, None)
                if image is None
                else encoded(image, None if axes is None else axes[at].as_py())
            )


def encoded(image: NDArray[Any], axes: str | None) -> Encoded:
    """Encode an image without loss: as PNG where that holds it, as TIFF otherwise.

    Examples
    --------
    >>> encoded(np.zeros((4, 4), "uint8"), "YX").form, encoded(np.zeros((2, 4, 4), "float32"), "CYX").form
    ('png', 'tiff')
    """
    colour = image.ndim == 3 and image.shape[2] in PNG_SAMPLES and (axes or "").endswith("S")
    if image.dtype.name in PNG_DTYPES and image.size and (image.ndim == 2 or colour):
        import imagecodecs

        return Encoded(bytes(imagecodecs.png_encode(np.ascontiguousarray(image), level=6)), "png")
    return Encoded(tiff_bytes(image), "tiff")


def tiff_bytes(image: NDArray[Any]) -> bytes:
    """An image as a TIFF of its own dtype and shape, compressed without loss."""
    import io

    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(file, image, photometric="minisblack", compression="zlib", metadata={})
    return file.getvalue()
