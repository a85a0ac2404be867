"""Which part of a movie a resource takes: positions, channels, regions and frames.

An option that is not given takes all. What one entry of an option finds in a file is evidence, like rows and types:
an entry that finds nothing in one file is a warning, one that finds nothing in any file a mistake in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from re import Pattern
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ManifestError, nearest
from ...manifest.globs import name_regex
from ...manifest.models import Resource
from ...manifest.values import frame_span

Entry = str | int
OPTIONS = {"positions": "position", "channels": "channel", "regions": "region", "frames": "frame"}
MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Selection:
    """What the options of a resource take; an empty one takes all.

    Examples
    --------
    >>> some = Selection(positions=("*/C06/*",), channels=("H2B", 2), frames=("0-1", 4))
    >>> some.takes("LT0001_02", "C06", "1"), some.planes("channel", ["Tub", "H2B", None]), some.planes("region", ["r"])
    (True, [1, 2], [0])
    >>> some.in_frames(np.arange(6)).tolist()
    [True, True, False, False, True, False]
    """

    positions: tuple[str, ...] = ()
    channels: tuple[Entry, ...] = ()
    regions: tuple[Entry, ...] = ()
    frames: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, resource: Resource) -> Selection:
        """What a resource says."""
        return cls(resource.positions, resource.channels, resource.regions, resource.frames)

    def __bool__(self) -> bool:
        return any(self.entries(option) for option in OPTIONS)

    def entries(self, option: str) -> tuple[Entry, ...]:
        """What one option names."""
        entries: tuple[Entry, ...] = getattr(self, option)
        return entries

    def takes(self, plate: str, well: str, site: str) -> bool:
        """Whether a position is taken."""
        return not self.positions or any(_fits(glob, (plate, well, site)) for glob in self.positions)

    def planes(self, kind: str, names: Sequence[str | None]) -> list[int]:
        """The numbers of the channels or regions that are taken, out of all by name."""
        wanted = self.entries(f"{kind}s")
        return [i for i, name in enumerate(names) if not wanted or i in wanted or name in wanted]

    def in_frames(self, t: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of some frames are taken."""
        taken = np.full(t.shape, not self.frames)
        for first, last in map(frame_span, self.frames):
            taken |= (t >= first) & (t <= last)
        return taken


@dataclass(slots=True)
class Finds:
    """What each entry of a selection found in one file (`found`), and what there was to find (`there`)."""

    selection: Selection
    found: dict[str, set[Entry]] = field(default_factory=lambda: {option: set() for option in OPTIONS})
    there: dict[str, dict[str, None]] = field(default_factory=lambda: {option: {} for option in OPTIONS})

    def see_position(self, plate: str, well: str, site: str) -> None:
        """Note a position."""
        fitting = [glob for glob in self.selection.positions if _fits(glob, (plate, well, site))]
        self._see("positions", fitting, [f"{plate}/{well}/{site}"])

    def see_planes(self, kind: str, names: Sequence[str | None]) -> None:
        """Note the channels or regions of a position that is taken."""
        known = {*range(len(names)), *names}
        fitting = [entry for entry in self.selection.entries(f"{kind}s") if entry in known]
        self._see(f"{kind}s", fitting, [name or str(number) for number, name in enumerate(names)])

    def see_frames(self, count: int) -> None:
        """Note the frames of a position that is taken."""
        fitting = [entry for entry in self.selection.frames if frame_span(entry)[0] < count]
        self._see("frames", fitting, [f"0-{count - 1}"] if count else [])

    def _see(self, option: str, fitting: Iterable[Entry], there: Iterable[str]) -> None:
        self.found[option].update(fitting)
        for name in there:
            if len(self.there[option]) < MOST_SHOWN:
                self.there[option].setdefault(name)

    def warnings(self, path: str) -> Iterator[str]:
        """What finds nothing in this file."""
        if self.selection.positions and self.there["positions"] and not self.found["positions"]:
            yield f"{path}: `positions` takes none of its positions"
        for option, one in OPTIONS.items():
            if option != "positions" and self.there[option]:
                for entry in self._lost(option):
                    yield f"{path}: has no {one} {entry!r}, which `{option}` names"

    def _lost(self, option: str) -> list[Entry]:
        return [entry for entry in self.selection.entries(option) if entry not in self.found[option]]

    def to_json(self) -> dict[str, Any]:
        """As JSON, to be kept until all files were looked at."""
        return {
            option: {"lost": self._lost(option), "there": list(self.there[option])}
            for option in OPTIONS
            if self.selection.entries(option)
        }


def refuse_lost(resource: Resource, finds: Sequence[Mapping[str, Any]]) -> None:
    """Raise ManifestError for entries that find nothing in any file; `finds` is what `to_json` gave for each."""
    selection = Selection.of(resource)
    for option, one in OPTIONS.items():
        entries = selection.entries(option)
        lost = [entry for entry in entries if finds and all(entry in file[option]["lost"] for file in finds)]
        if lost:
            there = list(dict.fromkeys(name for file in finds for name in file[option]["there"]))
            named = ", ".join(repr(entry) for entry in lost)
            what = f"`{option}` names {named}, but no file has such a {one}"
            raise ManifestError(what, f"resource {resource.name}", _fix(option, lost[0], there))


def _fix(option: str, entry: Entry, there: list[str]) -> str:
    if not there:
        return f"there is none at all: remove {option}"
    if option == "frames":
        return f"frames that are there: {there[-1]}"
    if isinstance(entry, int):
        return "numbers count from 0: " + ", ".join(
            f"{number} is {name}" for number, name in enumerate(there)
        )
    return nearest(entry, there)


def _fits(glob: str, position: tuple[str, str, str]) -> bool:
    return all(part.match(name) for part, name in zip(_parts(glob), position, strict=True))


@cache
def _parts(glob: str) -> tuple[Pattern[str], ...]:
    return tuple(name_regex(part) for part in glob.split("/"))
