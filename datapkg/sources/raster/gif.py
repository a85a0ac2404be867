"""GIF: indices of a palette as they are stored, one image or the frames of an animation.

Indices stay where all frames share one palette and every pixel has one; the colours are in `metadata` as `ColorMap`.
Where frames have palettes of their own, or leave parts of the canvas empty, an index would mean nothing: then the
image is the colours that a viewer shows, red, green, blue, and opacity where something is clear.

Each frame's compressed data are decoded alone, by giflib, which refuses data that end too early.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .canvas import CLEAR, KEEP, RESTORE, Canvas, box
from .format import COPY_AGAIN, Header, RasterFormat, cut_off, trailing

EXTENSION, IMAGE, END = 0x21, 0x2C, 0x3B
CONTROL, COMMENT, APPLICATION = 0xF9, 0xFE, 0xFF
DISPOSAL = {2: CLEAR, 3: RESTORE}
DUMMY_PALETTE = bytes(768)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its place, what becomes of it, which index is clear, its palette, and where its data stand."""

    x: int
    y: int
    width: int
    height: int
    laced: bool
    palette: bytes
    data: tuple[int, int]
    clear: int | None = None
    disposal: str = KEEP
    delay_ms: int = 0


@dataclass(slots=True)
class Parts:
    """What the walk over a file found."""

    size: tuple[int, int]
    palette: bytes
    frames: list[Frame]
    tags: dict[str, Any]
    end: int = 0

    @property
    def palettes(self) -> set[bytes]:
        """The palettes that frames use."""
        return {frame.palette for frame in self.frames}

    def _fills(self, frame: Frame) -> bool:
        return (frame.x, frame.y, frame.width, frame.height) == (0, 0, *self.size)

    @property
    def always_painted(self) -> bool:
        """Whether every pixel has a value in every frame."""
        frames = self.frames
        cleared = any(frame.disposal == CLEAR for frame in frames[:-1]) or frames[0].disposal == RESTORE
        full = all(map(self._fills, frames))
        return full or (self._fills(frames[0]) and (len(frames) == 1 or not cleared))

    @property
    def indexed(self) -> bool:
        """Whether an index means the same colour, or clear, wherever it stands."""
        if len(self.palettes) > 1 or not self.always_painted:
            return False
        cleared = any(frame.disposal == CLEAR for frame in self.frames[:-1])
        clear = {frame.clear for frame in self.frames}
        return len(clear) == 1 or (self.frames[0].clear is None and not cleared)

    @property
    def opaque(self) -> bool:
        """Whether no pixel is ever clear."""
        cleared = any(frame.disposal == CLEAR for frame in self.frames[:-1])
        none_clear = all(frame.clear is None for frame in self.frames)
        return self.always_painted and (none_clear or (self.frames[0].clear is None and not cleared))


class Gif(RasterFormat):
    """The format of GIF files."""

    def headers(self, content: memoryview, path: str) -> tuple[Header, ...]:
        """Walk over all parts of the file."""
        found = parts(content, path)
        width, height = found.size
        shape: tuple[int, ...] = (height, width)
        tags = dict(found.tags)
        first = found.frames[0]
        if found.indexed:
            tags["ColorMap"] = np.frombuffer(first.palette, np.uint8).reshape(-1, 3).T.tolist()
            if first.clear is not None:
                tags["TransparentIndex"] = first.clear
        else:
            shape = (height, width, 3 if found.opaque else 4)
        moving = len(found.frames) > 1
        return (
            Header(
                "uint8",
                shape,
                tags,
                warnings=trailing(content, found.end),
                frames=len(found.frames) if moving else 0,
                frame_tags=tuple({"DelayMs": frame.delay_ms} for frame in found.frames) if moving else (),
            ),
        )

    def frames(self, content: memoryview, header: Header, path: str) -> Iterator[NDArray[Any]]:
        """Decode the frames, each upon those before it."""
        found = parts(content, path)
        canvas = Canvas(header.shape, "uint8")
        for number, frame in enumerate(found.frames):
            indices = _indices(content, frame)
            at = box(frame.x, frame.y, frame.width, frame.height)
            canvas.remember(at)
            seen = None if frame.clear is None else indices != frame.clear
            if len(header.shape) == 2:
                canvas.paint(at, indices, None if seen is None else seen | ~canvas.painted[at])
            else:
                canvas.paint(at, _colours(indices, frame, header.shape[2]), seen)
            yield canvas.pixels.copy()
            canvas.dispose(at, CLEAR if number == 0 and frame.disposal == RESTORE else frame.disposal)


def parts(content: memoryview, path: str) -> Parts:
    """Walk from the header to the end mark.

    Raises
    ------
    SourceError
        The end mark is missing, or a frame makes no sense.
    """
    if len(content) < 14:
        raise cut_off(path, len(content), "GIF")
    width, height, flags, background, aspect = struct.unpack_from("<HHBBB", content, 6)
    palette, at = _palette(content, flags, 13)
    tags = {"Version": bytes(content[3:6]), "BackgroundIndex": background, "AspectRatio": aspect}
    found, control = Parts((width, height), palette, [], tags), b""
    while True:
        if at >= len(content):
            raise cut_off(path, len(content), "GIF")
        if content[at] == END:
            break
        if content[at] == EXTENSION:
            label, start = content[at + 1], at + 2
            at = _behind_blocks(content, start, path)
            if label == CONTROL:
                control = _joined(content, start)
            elif label in (COMMENT, APPLICATION):
                name = "Comment" if label == COMMENT else "Application"
                found.tags.setdefault(name, []).append(_joined(content, start))
        elif content[at] == IMAGE:
            frame = _frame(content, at, palette, control, path)
            if frame.x + frame.width > width or frame.y + frame.height > height or not frame.palette:
                raise SourceError("a frame of the GIF makes no sense", path, COPY_AGAIN)
            found.frames.append(frame)
            at, control = frame.data[1], b""
        else:
            raise SourceError(f"the GIF is damaged at byte {at:,}: no part begins there", path, COPY_AGAIN)
    if not found.frames:
        raise SourceError("the GIF has no image", path, COPY_AGAIN)
    found.end = at + 1
    return found


def _frame(content: memoryview, at: int, palette: bytes, control: bytes, path: str) -> Frame:
    x, y, width, height, flags = struct.unpack_from("<HHHHB", content, at + 1)
    own, start = _palette(content, flags, at + 10)
    place = x, y, width, height, bool(flags & 0x40), own or palette
    data = start, _behind_blocks(content, start + 1, path)
    if not width or not height:
        raise SourceError("a frame of the GIF has no pixels", path, COPY_AGAIN)
    if len(control) < 4:
        return Frame(*place, data)
    packed, delay, clear = struct.unpack_from("<BHB", control)
    disposal = DISPOSAL.get(packed >> 2 & 7, KEEP)
    return Frame(*place, data, clear if packed & 1 else None, disposal, 10 * delay)


def _palette(content: memoryview, flags: int, at: int) -> tuple[bytes, int]:
    size = 3 << ((flags & 7) + 1) if flags & 0x80 else 0
    return bytes(content[at : at + size]), at + size


def _behind_blocks(content: memoryview, at: int, path: str) -> int:
    while at < len(content):
        if content[at] == 0:
            return at + 1
        at += 1 + content[at]
    raise cut_off(path, len(content), "GIF")


def _joined(content: memoryview, at: int) -> bytes:
    blocks = []
    while content[at]:
        blocks.append(bytes(content[at + 1 : at + 1 + content[at]]))
        at += 1 + content[at]
    return b"".join(blocks)


def _indices(content: memoryview, frame: Frame) -> NDArray[Any]:
    """Decode a frame as if it were a whole file; the palette does not matter."""
    from imagecodecs import gif_decode

    size = struct.pack("<HH", frame.width, frame.height)
    head = b"GIF89a" + size + b"\xf7\0\0" + DUMMY_PALETTE + b"\x2c\0\0\0\0" + size
    start, end = frame.data
    data = bytes(content[start:end])
    decoded: NDArray[Any] = gif_decode(head + bytes([0x40 * frame.laced]) + data + b"\x3b", asrgb=False)
    return decoded


def _colours(indices: NDArray[Any], frame: Frame, samples: int) -> NDArray[np.uint8]:
    colours = np.frombuffer(frame.palette, np.uint8).reshape(-1, 3)
    seen = indices if frame.clear is None else indices[indices != frame.clear]
    if seen.size and int(seen.max()) >= len(colours):
        raise ValueError("an index beyond the palette")
    colours = np.pad(colours, ((0, 256 - len(colours)), (0, 0)))
    if samples == 4:
        colours = np.concatenate([colours, np.full((256, 1), 255, np.uint8)], axis=1)
    shown: NDArray[np.uint8] = colours[indices]
    return shown
