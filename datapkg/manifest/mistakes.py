"""Mistakes of one file, gathered so that a person sees all of them at once, in the order of the lines."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic_core import PydanticCustomError

from ..errors import DatapkgError, ManifestError

Place = tuple[int, int]
"""Line and column, both from 1, as editors count them."""
MISTAKE = "datapkg"
"""The type of the errors that checks of single values make: they carry their own words."""


def mistake(what: str, fix: str = "") -> PydanticCustomError:
    """What a check of a value raises, in the words that a user will read."""
    return PydanticCustomError(MISTAKE, "{what}", {"what": what, "fix": fix})


class Mistakes:
    """What is wrong in `file`, found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[Place, str], ManifestError] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def where(self, place: Place) -> str:
        """A place as editors and terminals understand it."""
        return f"{self.file}:{place[0]}:{place[1]}"

    def at(self, place: Place) -> bool:
        """Whether something is wrong at a place already, so that what follows from it need not be said."""
        return any(found == place for found, _ in self._found)

    def add(self, place: Place, what: str, fix: str = "") -> None:
        """Remember one mistake; the same one twice counts once (an alias repeats its anchor's)."""
        self._found.setdefault((place, what), ManifestError(what, self.where(place), fix))

    def meant(self, key: str) -> bool:
        """Whether a misspelt key was taken for `key`, so that its absence need not be said."""
        return any(error.fix == f"did you mean {key!r}?" for error in self._found.values())

    def found(self) -> tuple[ManifestError, ...]:
        """All mistakes in the order of the lines."""
        return tuple(self._found[key] for key in sorted(self._found))

    def raise_any(self) -> None:
        """Raise one ManifestError for all mistakes, if there are any."""
        if self._found:
            raise all_of(self.file, self.found())


def all_of(file: str, mistakes: Iterable[DatapkgError]) -> ManifestError:
    """One error that holds many."""
    held = tuple(mistakes)
    count = "1 mistake" if len(held) == 1 else f"{len(held)} mistakes"
    return ManifestError(f"{file} has {count}:", mistakes=held)
