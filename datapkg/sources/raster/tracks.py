"""The frames of an animated AVIF: how many its track has, how large they are, and how long each is shown."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import SourceError
from .format import COPY_AGAIN
from .items import Box, boxes

FOLDERS = (b"trak", b"mdia", b"minf", b"stbl")
ENTRY_BYTES = 78
"""What stands in the description of pictures before its boxes."""


@dataclass(frozen=True, slots=True)
class Track:
    """A sequence of pictures: what they are for, their size, how they are coded, and how long each is shown."""

    purpose: bytes
    height: int
    width: int
    coder: bytes
    setting: bytes
    delays_ms: tuple[float, ...]


def picture_tracks(content: memoryview, moov: Box, path: str) -> list[Track]:
    """The tracks of pictures.

    Raises
    ------
    SourceError
        There is none.
    """
    tracks = [box for box in boxes(content, moov.start, moov.end, path) if box.name == b"trak"]
    found = [one for box in tracks for one in _track(content, box, path)]
    if not any(one.purpose == b"pict" for one in found):
        raise SourceError("the file has no image", path, COPY_AGAIN)
    return found


def _track(content: memoryview, box: Box, path: str) -> Iterator[Track]:
    inside = {one.name: one for one in _leaves(content, box, path)}
    if not {b"hdlr", b"stsd", b"stsz", b"stts", b"mdhd"} <= inside.keys():
        return
    (purpose,) = struct.unpack_from(">4s", content, inside[b"hdlr"].start + 8)
    entry = next(boxes(content, inside[b"stsd"].start + 8, inside[b"stsd"].end, path))
    width, height = struct.unpack_from(">HH", content, entry.start + 24)
    settings = {b.name: b for b in boxes(content, entry.start + ENTRY_BYTES, entry.end, path)}
    setting = settings.get(b"av1C", Box(b"", 0, 0))
    (count,) = struct.unpack_from(">I", content, inside[b"stsz"].start + 8)
    delays = _delays(content, inside[b"stts"], inside[b"mdhd"], count)
    data = bytes(content[setting.start : setting.end])
    yield Track(purpose, height, width, entry.name, data, delays)


def _leaves(content: memoryview, box: Box, path: str) -> Iterator[Box]:
    for one in boxes(content, box.start, box.end, path):
        if one.name in FOLDERS:
            yield from _leaves(content, one, path)
        else:
            yield one


def _delays(content: memoryview, times: Box, clock: Box, count: int) -> tuple[float, ...]:
    """How many milliseconds each of `count` frames is shown."""
    (ticks_per_s,) = struct.unpack_from(">I", content, clock.start + (20 if content[clock.start] else 12))
    (runs,) = struct.unpack_from(">I", content, times.start + 4)
    if 8 * runs > times.end - times.start:
        raise ValueError("a list that is longer than its box")
    found: list[float] = []
    for run in range(runs):
        frames, ticks = struct.unpack_from(">II", content, times.start + 8 + 8 * run)
        if len(found) + frames > count:
            break
        found += [1000 * ticks / ticks_per_s] * frames
    if len(found) != count or count > len(content):
        raise ValueError("as many times as frames are due")
    return tuple(found)
