"""What one image format gives: the seam between the bytes of a file and the rows of an image table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from ..image_columns import ImageFacts
from .members import Members

Rows = Literal["image", "plane"]


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file in memory, and how to read it: a row an image or a plane, and how large one may become."""

    path: str
    content: memoryview
    members: Members
    rows: Rows
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what is known of an image, its pixels, and where it stands: series, page, and for a plane t, c, z."""

    facts: ImageFacts
    pixels: NDArray[Any]
    place: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What a file's headers tell: how many rows of which dtype and shape it gives, and warnings.

    `lead` is the path of the file whose rows this one's planes are in; empty for a file that gives its own.
    """

    images: Counter[tuple[str, tuple[int, ...]]] = field(default_factory=Counter)
    warnings: tuple[str, ...] = ()
    lead: str = ""


class ImageFormat(Protocol):
    """One format. Instances hold no state."""

    def look(self, file: ImageFile) -> Look:
        """Read headers only. Raises SourceError where the pixels cannot all be decoded, or are too many."""
        ...

    def rows(self, file: ImageFile) -> Iterator[Row]:
        """Decode a file's rows, in order, one at a time."""
        ...
