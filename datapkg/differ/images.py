"""What differs between two images: how many pixels, by how much, and where."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .gathering import gather
from .tables import TableDiff

if TYPE_CHECKING:
    from ..table import Table

Image = NDArray[Any]
Box = tuple[int, int, int, int]

DIGEST = "image_digest"
METADATA = (
    "axes",
    *(f"size_{axis}" for axis in "xyzct"),
    *(f"pixel_size_{axis}_um" for axis in "xyz"),
    "channel_names",
    "metadata",
)
IMAGES_AT_ONCE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class PixelChange:
    """How many pixels differ, the largest difference, and the box that holds them: y0, x0, y1, x1, half-open.

    All are None where images of another shape or type cannot be laid over each other.
    """

    changed: int | None = None
    max_difference: float | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class ImagePair:
    """An image with other pixels or another description. `form` is its type and shape, old and new.

    `axes` and `pixels`, their number, are the new one's.
    """

    old_row: int
    new_row: int
    same_pixels: bool
    metadata: tuple[str, ...]
    form: tuple[str, str]
    axes: str
    pixels: int


def changed_images(diff: TableDiff) -> list[ImagePair]:
    """The images of a table that differ, by row; no pixel is read."""
    if (
        diff.old is None
        or diff.new is None
        or DIGEST not in diff.old.columns
        or DIGEST not in diff.new.columns
    ):
        return []
    described: dict[int, list[str]] = {}
    partner: dict[int, int] = {}
    for cells in diff.cells:
        if cells.column in (DIGEST, *METADATA):
            for old_row, new_row in zip(cells.old_rows.tolist(), cells.new_rows.tolist(), strict=True):
                partner[new_row] = old_row
                described.setdefault(new_row, []).append(cells.column)
    new_rows = sorted(partner)
    old_rows = [partner[row] for row in new_rows]
    before, after = _forms(diff.old, old_rows), _forms(diff.new, new_rows)
    return [
        ImagePair(
            old_row,
            new_row,
            DIGEST not in described[new_row],
            tuple(name for name in METADATA if name in described[new_row]),
            (one[0], other[0]),
            *other[1:],
        )
        for old_row, new_row, one, other in zip(old_rows, new_rows, before, after, strict=True)
    ]


def read_pairs(
    diff: TableDiff, pairs: Sequence[ImagePair]
) -> Iterator[tuple[ImagePair, Image | None, Image | None]]:
    """Yield the two images of each pair, some at a time; those with equal pixels are not read."""
    if diff.old is None or diff.new is None:  # a table that came or went has no pairs
        return
    wanted = [pair for pair in pairs if not pair.same_pixels]
    step = min(_images_at_once(diff.old), _images_at_once(diff.new))
    for start in range(0, len(wanted), step):
        some = wanted[start : start + step]
        before = diff.old.images([pair.old_row for pair in some])
        after = diff.new.images([pair.new_row for pair in some])
        yield from zip(some, before, after, strict=True)


def pixel_changes(diff: TableDiff, pairs: Sequence[ImagePair]) -> list[PixelChange]:
    """Compare the pixels of pairs, in their order."""
    found = {pair.new_row: compare(old, new, pair.axes) for pair, old, new in read_pairs(diff, pairs)}
    return [PixelChange(0, 0) if pair.same_pixels else found[pair.new_row] for pair in pairs]


def compare(old: Image | None, new: Image | None, axes: str = "") -> PixelChange:
    """Compare two images pixel by pixel, by bits.

    Examples
    --------
    >>> old, new = np.zeros((2, 3), "u1"), np.array([[0, 0, 0], [0, 255, 255]], "u1")
    >>> compare(old, new, "YX")
    PixelChange(changed=2, max_difference=255, box=(1, 1, 2, 3))
    """
    if old is None or new is None or old.dtype != new.dtype or old.shape != new.shape:
        return PixelChange()
    changed = _bits(old) != _bits(new)
    count = int(np.count_nonzero(changed))
    if not count:
        return PixelChange(0, 0)
    return PixelChange(count, _largest(old[changed], new[changed]), _box(changed, axes))


def y_and_x(axes: str, rank: int) -> tuple[int, int]:
    """Which axes of an image are Y and X: the last two where its letters do not tell."""
    if len(axes) == rank and "Y" in axes and "X" in axes:
        return axes.index("Y"), axes.index("X")
    return rank - 2, rank - 1


def _bits(image: Image) -> Image:
    return np.ascontiguousarray(image).view(f"u{image.dtype.itemsize}")


def _largest(old: Image, new: Image) -> float | None:
    """The largest difference, as exact as the type is; None where no changed pixel is a number on both sides."""
    if old.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            differences = np.abs(old.astype(np.float64) - new.astype(np.float64))
        numbers = differences[~np.isnan(differences)]
        return float(numbers.max()) if numbers.size else None
    if old.dtype.kind == "b":
        return 1
    unsigned = np.dtype(f"u{old.dtype.itemsize}")
    high, low = np.maximum(old, new), np.minimum(old, new)
    return int((high.astype(unsigned) - low.astype(unsigned)).max())  # wraps to the true difference


def _box(changed: NDArray[np.bool_], axes: str) -> Box | None:
    if changed.ndim < 2:
        return None
    y, x = y_and_x(axes, changed.ndim)
    others = [axis for axis in range(changed.ndim) if axis not in (y, x)]
    plane: NDArray[np.bool_] = np.logical_or.reduce(changed, axis=tuple(others))
    if y > x:
        plane = plane.T
    ys, xs = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    return int(ys[0]), int(xs[0]), int(ys[-1]) + 1, int(xs[-1]) + 1


def _forms(table: Table, rows: Sequence[int]) -> list[tuple[str, str, int]]:
    found = gather(table, np.array(rows, np.int64), ["dtype", "shape", "axes"]).to_pylist()
    return [
        (f"{row['dtype']} {row['shape']}", row["axes"] or "", math.prod(row["shape"] or (0,)))
        for row in found
    ]


def _images_at_once(table: Table) -> int:
    held = max(table.record.image_bytes.values(), default=0)
    width = held / max(len(table), 1)
    return max(1, math.floor(IMAGES_AT_ONCE_BYTES / max(width, 1.0))) if held else 1
