"""The biology: nuclei that wander, push each other, go through mitosis, and die.

A well is a list of cells that changes from frame to frame. In each frame each cell may leave its phenotype for
another one; the chances depend on the gene that was silenced. At anaphase one cell becomes two, each with a
track of its own that remembers the mother's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from numpy.random import PCG64, Generator, SeedSequence

PIXELS_PER_CELL = 900
PHENOTYPES = ("Interphase", "Prometaphase", "Metaphase", "Anaphase", "Binuclear", "Polylobed", "Apoptosis")

Chances = Mapping[tuple[str, str], float]

CHANCES: Chances = {
    ("Interphase", "Prometaphase"): 0.16,
    ("Interphase", "Apoptosis"): 0.005,
    ("Prometaphase", "Metaphase"): 0.75,
    ("Metaphase", "Anaphase"): 0.8,
    ("Anaphase", "Interphase"): 1.0,
    ("Apoptosis", "gone"): 0.15,
}
"""How likely a cell of an untreated well changes its phenotype from one frame to the next, where it has room."""

ARREST: Chances = {
    ("Prometaphase", "Metaphase"): 0.05,
    ("Prometaphase", "Polylobed"): 0.06,
    ("Prometaphase", "Apoptosis"): 0.05,
}
FAILED_CYTOKINESIS: Chances = {("Metaphase", "Anaphase"): 0.25, ("Metaphase", "Binuclear"): 0.6}
MISSEGREGATION: Chances = {("Metaphase", "Anaphase"): 0.2, ("Metaphase", "Polylobed"): 0.6}
DEATH: Chances = {("Interphase", "Apoptosis"): 0.08}


@dataclass(frozen=True, slots=True)
class Treatment:
    """What was put into a well: the gene's symbol and the siRNA's number, empty where there is none."""

    gene: str
    sirna: str
    role: str
    chances: Chances


TREATMENTS = (
    Treatment("", "0000103", "negative control", CHANCES),
    Treatment("KIF11", "0004231", "positive control", {**CHANCES, **ARREST}),
    Treatment("SEPT2", "0011807", "sample", {**CHANCES, **FAILED_CYTOKINESIS}),
    Treatment("", "", "untransfected", CHANCES),
    Treatment("PLK1", "0000647", "positive control", {**CHANCES, **ARREST}),
    Treatment("INCENP", "0026593", "sample", {**CHANCES, **MISSEGREGATION}),
    Treatment("MARCH1", "0129400", "sample", CHANCES),
    Treatment("COPB1", "0028342", "sample", {**CHANCES, **DEATH}),
    Treatment("AURKB", "0000495", "sample", {**CHANCES, **MISSEGREGATION}),
    Treatment("DEC1", "0021076", "sample", CHANCES),
)
"""One a well, over and over. SEPT2, MARCH1 and DEC1 are the symbols that spreadsheets turn into dates."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell in one frame. Lengths are pixels, `axis` is the unit vector (x, y) of the nucleus' long side."""

    track: int
    mother: int | None
    phenotype: str
    age: int
    x: float
    y: float
    velocity: tuple[float, float]
    axis: tuple[float, float]
    radius: float
    expression: float


def generator(seed: int, *place: int) -> Generator:
    """Random numbers for one place, such as (plate, well, frame, purpose), whatever else is simulated.

    Examples
    --------
    >>> generator(1, 0, 3).integers(10, size=3).tolist() == generator(1, 0, 3).integers(10, size=3).tolist()
    True
    """
    return Generator(PCG64(SeedSequence(seed, spawn_key=place)))


def colony(
    treatment: Treatment, size: tuple[int, int], frames: int, place: tuple[int, ...]
) -> Iterator[tuple[Cell, ...]]:
    """The cells of one well, frame after frame; `place` is (seed, plate, well)."""
    rng = generator(*place, 0, 0)
    cells = _seeded(treatment, size, rng)
    tracks = len(cells)
    full = 2 * tracks
    for frame in range(frames):
        yield tuple(cells)
        rng = generator(*place, frame + 1, 0)
        chances = _crowded(treatment.chances, max(0.0, 1.0 - len(cells) / full))
        grown: list[Cell] = []
        for cell in cells:
            after = _later(cell, chances, tracks, rng)
            tracks += len(after) if len(after) > 1 else 0
            grown.extend(after)
        cells = _apart(grown, size)


def _crowded(chances: Chances, room: float) -> Chances:
    """Let fewer cells into mitosis the fuller the field is: contact inhibition, or long movies would overflow."""
    entry = ("Interphase", "Prometaphase")
    return {**chances, entry: room * chances.get(entry, 0.0)}


def _seeded(treatment: Treatment, size: tuple[int, int], rng: Generator) -> list[Cell]:
    cells = []
    chances = _crowded(treatment.chances, 0.5)
    for track in range(max(3, size[0] * size[1] // PIXELS_PER_CELL)):
        x, y = rng.random() * size[1], rng.random() * size[0]
        phenotype = "Interphase"
        age = int(rng.integers(0, 20))
        radius = 8.0 + 2.0 * rng.random()
        cell = Cell(
            track, None, phenotype, age, x, y, (0.0, 0.0), _direction(rng), radius, 0.8 + 0.4 * rng.random()
        )
        # A culture is never in step: let every cell live a few frames before the camera starts.
        for _ in range(4):
            later = _later(cell, chances, track, rng)
            if len(later) == 1:
                cell = replace(later[0], x=x, y=y)
        cells.append(cell)
    for _ in range(8):
        cells = _apart(cells, size)
    return cells


def _later(cell: Cell, chances: Chances, tracks: int, rng: Generator) -> list[Cell]:
    """The cell one frame later: itself, its two daughters, or nothing; `tracks` is the next free track."""
    draw, kick, push, turn = rng.random(), _direction(rng), 1.3 * rng.random(), _direction(rng)
    phenotype = cell.phenotype
    for (before, after), chance in chances.items():
        if before == cell.phenotype:
            if draw < chance:
                phenotype = after
                break
            draw -= chance
    if phenotype == "gone":
        return []
    if phenotype == "Anaphase" and cell.phenotype == "Metaphase":
        return _daughters(cell, tracks)
    vx, vy = (0.6 * old + push * new for old, new in zip(cell.velocity, kick, strict=True))
    x_axis, y_axis = (old + 0.12 * new for old, new in zip(cell.axis, turn, strict=True))
    length = math.sqrt(x_axis * x_axis + y_axis * y_axis)
    target = 8.5 if phenotype == "Apoptosis" else 12.0 if phenotype in ("Binuclear", "Polylobed") else 9.5
    return [
        replace(
            cell,
            phenotype=phenotype,
            age=cell.age + 1 if phenotype == cell.phenotype else 0,
            x=cell.x + vx,
            y=cell.y + vy,
            velocity=(vx, vy),
            axis=(x_axis / length, y_axis / length),
            radius=cell.radius + 0.15 * (target - cell.radius),
        )
    ]


def _daughters(mother: Cell, tracks: int) -> list[Cell]:
    """Two cells that leave the metaphase plate on its two sides."""
    across = (-mother.axis[1], mother.axis[0])
    return [
        replace(
            mother,
            track=tracks + number,
            mother=mother.track,
            phenotype="Anaphase",
            age=0,
            x=mother.x + side * 5.5 * across[0],
            y=mother.y + side * 5.5 * across[1],
            velocity=(side * 3.5 * across[0], side * 3.5 * across[1]),
            radius=0.8 * mother.radius,
        )
        for number, side in enumerate((-1.0, 1.0))
    ]


def _apart(cells: list[Cell], size: tuple[int, int]) -> list[Cell]:
    """Push neighbours off each other, and keep every centre inside the field."""
    places = [(cell.x, cell.y) for cell in cells]
    for first, one in enumerate(cells):
        for second in range(first):
            other = cells[second]
            dx, dy = places[first][0] - places[second][0], places[first][1] - places[second][1]
            sisters = one.mother is not None and one.mother == other.mother and one.phenotype == "Anaphase"
            room = 11.0 if sisters else 1.12 * (one.radius + other.radius)
            distance = math.sqrt(dx * dx + dy * dy)
            if distance < room:
                step = 0.5 * (room - distance) / max(distance, 0.5)
                places[first] = (places[first][0] + step * dx, places[first][1] + step * dy)
                places[second] = (places[second][0] - step * dx, places[second][1] - step * dy)
    height, width = size
    return [
        replace(cell, x=min(max(x, 3.0), width - 4.0), y=min(max(y, 3.0), height - 4.0))
        for cell, (x, y) in zip(cells, places, strict=True)
    ]


def _direction(rng: Generator) -> tuple[float, float]:
    """A random unit vector, without sine and cosine, which differ between machines in the last bit."""
    while True:
        x, y = 2.0 * rng.random() - 1.0, 2.0 * rng.random() - 1.0
        length = math.sqrt(x * x + y * y)
        if 0.1 < length <= 1.0:
            return x / length, y / length
