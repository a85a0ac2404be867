"""The microscope: what a two-channel wide-field camera sees of the cells, and where their nuclei truly are.

H2B shows chromatin: textured nuclei with dark nucleoli, bright plates and rings in mitosis, brighter fragments
in dying cells. Tub shows microtubules: a fibrous cytoplasm around a dim nucleus. Both are blurred, lit unevenly,
and counted by a camera whose noise grows with the square root of the light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from skimage.measure import label as connected_components

from .cells import Cell, generator

Floats = NDArray[np.float64]

TILE = 64
MIN_NUCLEUS_PIXELS = 12
DARK_LEVEL = 96
CAMERA_MAX = 4095
BRIGHTNESS = {
    "Interphase": 620.0,
    "Prometaphase": 1500.0,
    "Metaphase": 2000.0,
    "Anaphase": 1850.0,
    "Binuclear": 640.0,
    "Polylobed": 700.0,
    "Apoptosis": 2200.0,
}
ROUNDED = ("Prometaphase", "Metaphase", "Anaphase", "Apoptosis")


@dataclass(frozen=True, slots=True)
class Field:
    """One frame of one well: `pixels` (channel, y, x), `labels` (y, x), and the cell behind each label from 1."""

    pixels: NDArray[np.uint16]
    labels: NDArray[np.uint16]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Lobe:
    """A part of a nucleus: an ellipse in the nucleus' own axes, in units of its radius."""

    u: float
    v: float
    long: float
    short: float


def photograph(cells: tuple[Cell, ...], size: tuple[int, int], place: tuple[int, ...], frame: int) -> Field:
    """Draw one frame; `place` is (seed, plate, well)."""
    chromatin, tubulin, level = np.zeros(size), np.zeros(size), np.zeros(size)
    owner = np.zeros(size, np.int64)
    for number, cell in enumerate(cells, start=1):
        rng = generator(*place, cell.track, 1)
        window, u, v = _window(cell, size)
        boxes = ((3, 3), (5, 5), (11, 11), (1, 9), (9, 1))
        grain, spots, cloud, *fibres = (_sample(_tile(rng, box), u, v) for box in boxes)
        body = _level(_lobes(cell, rng), u / cell.radius, v / cell.radius)
        body = body + 0.14 * cloud * (body > -0.5)  # no nucleus is a perfect ellipse
        inside = np.clip(2.6 * body, 0.0, 1.0)
        light = BRIGHTNESS[cell.phenotype] * cell.expression * inside * (1.0 + 0.28 * grain)
        if cell.phenotype not in ROUNDED:
            light *= 1.0 - 0.5 * np.clip(2.5 * spots - 1.0, 0.0, 1.0)  # nucleoli hold little chromatin
        np.maximum(chromatin[window], light, out=chromatin[window])
        np.maximum(
            tubulin[window], _cytoplasm(cell, inside, cloud, np.maximum(*fibres), u, v), out=tubulin[window]
        )
        closer = body > level[window]
        level[window][closer] = body[closer]
        owner[window][closer] = number
    labels, order = _segment(owner)
    rng = generator(*place, frame, 2)
    fading = 1.0 / (1.0 + 0.01 * frame)
    pixels = np.stack(
        [_camera(chromatin * fading, 60.0, 0.10, rng), _camera(tubulin * fading, 90.0, 0.15, rng)]
    )
    return Field(pixels, labels, tuple(cells[number - 1] for number in order))


def _window(cell: Cell, size: tuple[int, int]) -> tuple[tuple[slice, slice], Floats, Floats]:
    """The part of the image that a cell can touch, and its pixels' places along the cell's two axes."""
    reach = int(2.8 * cell.radius) + 2
    top, left = max(int(cell.y) - reach, 0), max(int(cell.x) - reach, 0)
    window = (slice(top, min(int(cell.y) + reach, size[0])), slice(left, min(int(cell.x) + reach, size[1])))
    dy = np.arange(top, window[0].stop, dtype=np.float64)[:, None] - cell.y
    dx = np.arange(left, window[1].stop, dtype=np.float64)[None, :] - cell.x
    return window, dx * cell.axis[0] + dy * cell.axis[1], dy * cell.axis[0] - dx * cell.axis[1]


def _lobes(cell: Cell, rng: Generator) -> tuple[Lobe, ...]:
    """The shape of a nucleus of this phenotype; `rng` is the cell's own, so that it keeps its looks."""
    spread = [0.5 * number - 0.25 for number in rng.random(12).tolist()]
    slender = 0.3 * (spread[0] + 0.25)
    match cell.phenotype:
        case "Prometaphase":
            parts = zip((-0.35, 0.3, 0.0), (0.1, 0.25, -0.35), spread, strict=False)
            return tuple(Lobe(u + 0.3 * wobble, v, 0.5, 0.42) for u, v, wobble in parts)
        case "Metaphase":
            return (Lobe(0.0, 0.0, 0.95, 0.34),)
        case "Anaphase":
            return (Lobe(0.0, 0.0, 0.95, 0.42),)
        case "Binuclear":
            return (Lobe(-0.5, 0.0, 0.58, 0.62), Lobe(0.5, 0.05, 0.58, 0.6))
        case "Polylobed":
            corners = ((0.5, 0.1), (-0.35, 0.45), (-0.3, -0.45), (0.15, -0.2))
            return tuple(
                Lobe(u + w, v - w, 0.45, 0.5 + w) for (u, v), w in zip(corners, spread, strict=False)
            )
        case "Apoptosis":
            corners = ((0.0, 0.0), (0.42, 0.22), (-0.34, 0.3), (0.02, -0.46))
            return tuple(Lobe(u + 0.4 * w, v, 0.34, 0.3) for (u, v), w in zip(corners, spread, strict=False))
    return (Lobe(0.0, 0.0, 1.05 + slender, 0.88 - 0.5 * slender),)


def _level(lobes: tuple[Lobe, ...], u: Floats, v: Floats) -> Floats:
    """How deep a pixel lies in a nucleus: 1 at a lobe's centre, 0 at its rim, negative outside."""
    level = np.full(u.shape, -9.0)
    for lobe in lobes:
        along, across = (u - lobe.u) / lobe.long, (v - lobe.v) / lobe.short
        np.maximum(level, 1.0 - along * along - across * across, out=level)
    return level


def _cytoplasm(cell: Cell, nucleus: Floats, cloud: Floats, fibres: Floats, u: Floats, v: Floats) -> Floats:
    rounded = cell.phenotype in ROUNDED
    reach = (1.5 if rounded else 2.3) * cell.radius
    flat = 1.0 if rounded else 1.3
    depth = 1.0 - (u * u + flat * flat * v * v) / (reach * reach) + (0.0 if rounded else 0.35) * cloud
    hollow = 1.0 - (0.35 if rounded else 0.55) * nucleus
    light = (900.0 if rounded else 640.0) * cell.expression
    return light * np.clip(depth, 0.0, 1.0) * hollow * (0.85 + 0.5 * fibres)


def _tile(rng: Generator, box: tuple[int, int]) -> Floats:
    """A square of smooth noise between -1 and 1."""
    noise = smoothed(rng.integers(-128, 128, size=(TILE, TILE), dtype=np.int64), box)
    return np.clip(2.5 * noise / float(np.abs(noise).max()), -1.0, 1.0)


def _sample(tile: Floats, u: Floats, v: Floats) -> Floats:
    """The tile as it lies on a cell, turned and moved with it."""
    rows, columns = (np.floor(along).astype(np.int64) + TILE // 2 for along in (v, u))
    return tile[np.clip(rows, 0, TILE - 1), np.clip(columns, 0, TILE - 1)]


def smoothed(image: NDArray[np.int64], box: tuple[int, int], times: int = 2) -> NDArray[np.int64]:
    """Sum `image` over a sliding box of odd height and width, `times` over: a Gaussian in exact integers.

    Examples
    --------
    >>> smoothed(np.array([[0, 0, 1, 0, 0]]), (1, 3))
    array([[1, 2, 3, 2, 1]])
    """
    for axis, length in enumerate(box):
        for _ in range(times if length > 1 else 0):
            edges = [(0, 0), (0, 0)]
            edges[axis] = (length // 2 + 1, length // 2)
            sums = np.moveaxis(np.cumsum(np.pad(image, edges, mode="edge"), axis=axis), axis, 0)
            image = np.moveaxis(sums[length:] - sums[:-length], 0, axis)
    return image


def _segment(owner: NDArray[np.int64]) -> tuple[NDArray[np.uint16], list[int]]:
    """Label each cell's largest connected part from 1 in reading order, and say which cell each label is."""
    parts: NDArray[np.int64] = connected_components(owner, background=0, connectivity=1)  # type: ignore[no-untyped-call]
    pixels = np.bincount(parts.ravel())
    numbers = np.zeros(len(pixels), np.int64)
    numbers[parts.ravel()] = owner.ravel()
    largest: dict[int, int] = {}
    for part in sorted(range(1, len(pixels)), key=lambda part: -int(pixels[part])):
        largest.setdefault(int(numbers[part]), part)
    kept = sorted(part for part in largest.values() if pixels[part] >= MIN_NUCLEUS_PIXELS)
    relabel = np.zeros(len(pixels), np.uint16)
    relabel[kept] = np.arange(1, len(kept) + 1)
    return relabel[parts], [int(numbers[part]) for part in kept]


def _camera(light: Floats, background: float, haze: float, rng: Generator) -> NDArray[np.uint16]:
    """Blur, add haze and background, light unevenly, and count with noise."""
    exact = np.floor(16.0 * light).astype(np.int64)
    sharp, glow = smoothed(exact, (3, 3)) / (16.0 * 81.0), smoothed(exact, (25, 25)) / (16.0 * 390625.0)
    height, width = light.shape
    y = (np.arange(height, dtype=np.float64)[:, None] - 0.42 * height) / height
    x = (np.arange(width, dtype=np.float64)[None, :] - 0.56 * width) / width
    lamp = 1.1 - 0.9 * (y * y + x * x)
    seen = lamp * (background + sharp + haze * glow)
    # The sum of four bytes is nearly normal, with a standard deviation of 147.8 about 510: noise without a logarithm.
    dice = rng.integers(0, 256, size=(4, height, width), dtype=np.int64).sum(axis=0)
    counts = DARK_LEVEL + seen + (dice - 510) / 147.8 * np.sqrt(9.0 + 0.35 * seen)
    counted: Floats = np.clip(np.floor(counts + 0.5), 0, CAMERA_MAX)
    return counted.astype(np.uint16)
