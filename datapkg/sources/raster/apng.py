"""Animated PNG: which parts of the file make which frame, and how frames are put onto each other.

Values stay as they are stored, indices of a palette too. Where a frame lies over others, pixels that are opaque
replace what was there, and those that are clear leave it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .canvas import CLEAR, KEEP, RESTORE, Canvas, blend, box
from .format import CONVERT, COPY_AGAIN

GREY, COLOUR, PALETTE = 0, 2, 3
DISPOSAL = (KEEP, CLEAR, RESTORE)
OVER = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its place on the canvas, how it is shown, and its compressed rows."""

    width: int
    height: int
    x: int
    y: int
    delay_ms: float
    disposal: str
    over: bool
    parts: list[memoryview] = field(default_factory=list)

    def tags(self) -> dict[str, Any]:
        """What the file says of it."""
        return {"DelayMs": self.delay_ms}


def frames_of(chunks: Sequence[tuple[bytes, memoryview]], path: str) -> tuple[tuple[Frame, ...], bool]:
    """The frames of an animated PNG, and whether the file's still image is the first of them.

    Raises
    ------
    SourceError
        Frames are missing, out of order, or outside of the image.
    """
    size = struct.unpack_from(">II", chunks[0][1])
    frames: list[Frame] = []
    said, number, still_is_first, seen_still = 0, 0, False, False
    for name, data in chunks:
        if name == b"acTL":
            (said,) = struct.unpack_from(">I", data)
        elif name == b"IDAT":
            still_is_first, seen_still = bool(frames) if not seen_still else still_is_first, True
            if still_is_first:
                frames[0].parts.append(data)
        elif name in (b"fcTL", b"fdAT"):
            if struct.unpack_from(">I", data)[0] != number:
                raise SourceError("the PNG's frames are not in order", path, COPY_AGAIN)
            number += 1
            if name == b"fcTL":
                frames.append(_frame(data, size, path))
            else:
                frames[-1].parts.append(data[4:])
    whole = still_is_first and (frames[0].width, frames[0].height) != size
    if not said or len(frames) != said or whole or not all(frame.parts for frame in frames):
        what = f"the PNG says that it has {said} frames, but {sum(bool(f.parts) for f in frames)} are whole"
        raise SourceError(what, path, COPY_AGAIN)
    return tuple(frames), still_is_first


def _frame(data: memoryview, size: tuple[int, int], path: str) -> Frame:
    width, height, x, y, part, of, disposal, over = struct.unpack_from(">IIIIHHBB", data, 4)
    if not width or not height or x + width > size[0] or y + height > size[1] or disposal > 2 or over > OVER:
        raise SourceError("a frame of the PNG makes no sense", path, COPY_AGAIN)
    return Frame(width, height, x, y, 1000 * part / (of or 100), DISPOSAL[disposal], over == OVER)


def shown(
    frames: Sequence[Frame],
    decoded: Iterator[NDArray[Any]],
    shape: tuple[int, ...],
    tags: Mapping[str, Any],
    path: str,
) -> Iterator[NDArray[Any]]:
    """The canvas after each frame; `decoded` are the frames' own pixels."""
    colour, opacity = tags["ColorType"], tags.get("tRNS", b"")
    canvas: Canvas | None = None
    for number, (frame, pixels) in enumerate(zip(frames, decoded, strict=True), start=1):
        canvas = canvas or Canvas(shape, pixels.dtype.name)
        at = box(frame.x, frame.y, frame.width, frame.height)
        canvas.remember(at)
        if not frame.over or (colour < 4 and not opacity):
            canvas.paint(at, pixels)
        elif colour >= 4:
            canvas.paint(at, blend(canvas.pixels[at], pixels))
        else:
            canvas.paint(at, pixels, _opaque(pixels, colour, opacity, path) | ~canvas.painted[at])
        if colour < 4 and not canvas.painted.all():
            what = f"frame {number} of the PNG leaves parts empty, for which its values have no word"
            raise SourceError(what, path, CONVERT)
        yield canvas.pixels.copy()
        # the first frame has nothing to go back to, and is cleared
        first_goes = number == 1 and frame.disposal == RESTORE
        canvas.dispose(at, CLEAR if first_goes else frame.disposal)


def _opaque(pixels: NDArray[Any], colour: int, opacity: bytes, path: str) -> NDArray[np.bool_]:
    """Which pixels are seen, where a palette's entries or one colour are clear."""
    if colour == PALETTE:
        levels = np.full(256, 255, np.uint8)
        levels[: len(opacity)] = np.frombuffer(opacity, np.uint8)
        if not np.isin(levels, (0, 255)).all():
            what = (
                "an animated PNG whose palette has half-clear colours, which mix to colours it does not have"
            )
            raise SourceError(what, path, CONVERT)
        seen: NDArray[np.bool_] = levels[pixels.astype(np.uint8)] == 255
        return seen
    clear = np.array(struct.unpack(f">{len(opacity) // 2}H", opacity))
    same = pixels[..., np.newaxis] == clear if colour == GREY else pixels == clear
    other: NDArray[np.bool_] = ~same.all(axis=-1)
    return other
