"""What walking an HDF5 file meets: opened files, the objects in them, and links that lead nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

MOST_LINKS = 256
UNKNOWN = np.dtype("V1")


@dataclass(frozen=True, slots=True)
class OpenFile:
    """One opened HDF5 file; `name` is what messages call it."""

    name: str
    local: Path
    h5: Any
    bytes: int


@dataclass(frozen=True, slots=True)
class Node:
    """One HDF5 object: `path` is where it is seen from the movie, `file` where it really lies.

    `foreign` is what lies in a file that the resource itself matches, and gives its rows there.
    """

    item: Any
    path: str
    file: OpenFile
    foreign: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def key(self) -> tuple[str, int]:
        """The same for all links to one object."""
        return str(self.file.local), int(h5py.h5o.get_info(self.item.id).addr)

    @property
    def is_group(self) -> bool:
        """Whether it has members."""
        return isinstance(self.item, h5py.Group)

    @property
    def is_dataset(self) -> bool:
        """Whether it has values."""
        return isinstance(self.item, h5py.Dataset)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of a compound dataset's fields; none for anything else."""
        return self.dtype.names or () if self.is_dataset else ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of a dataset's axes; none for anything else, or for one value."""
        return tuple(self.item.shape or ()) if self.is_dataset else ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its values."""
        return dtype_of(self.item)


def dtype_of(item: Any) -> np.dtype[Any]:
    """The NumPy type of a dataset, an attribute or a named type; `UNKNOWN` where NumPy has none, as for times."""
    try:
        dtype: np.dtype[Any] = item.dtype
    except (TypeError, ValueError):
        return UNKNOWN
    return dtype


class LooseLinkError(Exception):
    """A link that leads nowhere. Always caught: as a warning, or as a SourceError where values are missing."""


class Trail:
    """Counts the links that one look-up follows, so that links in a circle come to an end."""

    def __init__(self) -> None:
        self._left = MOST_LINKS

    def step(self) -> None:
        """Follow one more link."""
        if not self._left:
            raise LooseLinkError("the links go round in a circle")
        self._left -= 1
