"""Colours of channels: those that the files record, and how several make one picture."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Rgb = NDArray[np.uint8]

CHOSEN: tuple[Colour, ...] = (
    *((0, 255, 0), (255, 0, 255), (0, 160, 255), (255, 200, 0)),
    *((255, 60, 60), (0, 255, 220), (160, 110, 255), (230, 230, 230)),
)
"""For channels without a colour of their own: they can be told apart, also by most who do not see red and green."""
HEX = re.compile(r"^#([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})$")


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel's name and colour, None where the file does not say."""

    name: str | None = None
    colour: Colour | None = None


def channel_colours(channels: Sequence[Channel], count: int) -> tuple[list[Colour], bool]:
    """A colour for each of `count` channels, and whether the files record them.

    What is recorded counts where every channel has one and no two are alike: many microscopes record white for all.
    """
    recorded = [channel.colour for channel in channels[:count] if channel.colour is not None]
    if len(recorded) == count and len(set(recorded)) == count:
        return recorded, True
    return [CHOSEN[at % len(CHOSEN)] for at in range(count)], False


def composite(planes: Sequence[NDArray[np.uint8]], colours: Sequence[Colour]) -> Rgb:
    """Add channels, each in its colour; what gets too bright stays at the brightest.

    Examples
    --------
    >>> two = [np.array([[255, 0]], np.uint8), np.array([[255, 100]], np.uint8)]
    >>> composite(two, [(255, 0, 0), (0, 255, 0)]).tolist()
    [[[255, 255, 0], [0, 100, 0]]]
    """
    total = np.zeros((*planes[0].shape, 3), np.uint16)
    for plane, colour in zip(planes, colours, strict=True):
        total += plane[..., None].astype(np.uint16) * np.array(colour, np.uint16) // 255
    mixed: Rgb = np.minimum(total, 255).astype(np.uint8)
    return mixed


def label_colours(labels: NDArray[Any]) -> Rgb:
    """Each object's label as a colour of its own; 0, where no object is, as black."""
    number = labels.astype(np.int64).astype(np.uint64)
    mixed = (number * np.uint64(0x9E3779B97F4A7C15))[..., None] >> np.array([8, 24, 40], np.uint64)
    colours: Rgb = (80 + (mixed % np.uint64(176))).astype(np.uint8)
    colours[labels == 0] = 0
    return colours


def recorded_channels(metadata: str | None, names: Sequence[str | None]) -> tuple[Channel, ...]:
    """Channels by what an image's metadata say: OME-XML, or the definition of a CellH5 file.

    Examples
    --------
    >>> recorded_channels('{"ome": {"Channels": [{"Name": "GFP", "Color": "16711935"}]}}', ["GFP"])
    (Channel(name='GFP', colour=(0, 255, 0)),)
    """
    try:
        found = json.loads(metadata or "{}")
    except ValueError:
        found = {}
    if not isinstance(found, Mapping):
        return tuple(Channel(name) for name in names)
    ome = found.get("ome")
    listed = ome.get("Channels") if isinstance(ome, Mapping) else None
    if isinstance(listed, list):
        colours = [_ome_colour(one.get("Color")) if isinstance(one, Mapping) else None for one in listed]
    else:
        colours = [hex_colour(found.get("color"))]
    names = [*names, *[None] * (len(colours) - len(names))]
    colours += [None] * (len(names) - len(colours))
    return tuple(Channel(name, colour) for name, colour in zip(names, colours, strict=True))


def hex_colour(text: object) -> Colour | None:
    """A colour such as ``#FF8000``; None for anything else."""
    found = HEX.match(text) if isinstance(text, str) else None
    return None if found is None else (int(found[1], 16), int(found[2], 16), int(found[3], 16))


def as_hex(colour: Colour) -> str:
    """A colour as HTML writes it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _ome_colour(text: object) -> Colour | None:
    """OME writes red, green, blue and opacity as one signed number of 32 bits."""
    if not isinstance(text, str) or not re.fullmatch(r"-?\d{1,10}", text):
        return None
    number = int(text) & 0xFFFFFFFF
    return number >> 24, (number >> 16) & 255, (number >> 8) & 255
