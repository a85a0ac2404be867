"""Files that are kept, seen while rows are written: how long each row's is, and where in its file each row's image stands.

A file stands in the row of its first image, and its other images' rows have none. What a row says of its image's place
(series and page, and of a plane its t, c and z) goes into the list of files, so that a reader finds the file of a row, and
the image in it, before it asks for anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .forms import packed_text, unpacked_text

NUMBER = np.dtype("<i4")


@dataclass(slots=True)
class Kept:
    """A column of bytes, row after row; `beside` names the columns that say where the rows' images stand."""

    beside: tuple[str, ...] = ()
    _complete: bool = True
    _lengths: list[NDArray[np.int64]] = field(default_factory=list)
    _places: list[NDArray[np.int32]] = field(default_factory=list)

    def add(self, values: pa.Array, places: Sequence[pa.Array]) -> None:
        """Add rows."""
        offsets = np.frombuffer(values.buffers()[1] or b"", np.int64)
        ends = offsets[values.offset : values.offset + len(values) + 1]
        lengths = np.diff(ends) if len(ends) else np.zeros(len(values), np.int64)
        if values.null_count:
            lengths = np.where(values.is_valid().to_numpy(zero_copy_only=False), lengths, -1)
        self._lengths.append(lengths)
        self._complete &= not any(one.null_count for one in places)
        if self._complete and places:
            self._places.append(np.array([one.to_numpy(zero_copy_only=False) for one in places], np.int32))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The bytes of each row's value, -1 where it has none."""
        return np.concatenate([*self._lengths, np.empty(0, np.int64)])

    @property
    def known(self) -> bool:
        """Whether rows say where their images stand."""
        return bool(self._places) and self._complete

    @property
    def plain(self) -> bool:
        """Whether each row has a file, and shows its first image: that goes without saying."""
        return bool((self.lengths >= 0).all()) and not any(one.any() for one in self._places)

    @property
    def text(self) -> str:
        """Which rows hold a file, and where each one's image stands, for a list of files."""
        told = np.concatenate(
            [(self.lengths >= 0)[None].astype(NUMBER), np.concatenate(self._places, axis=1)]
        )
        return packed_text(np.diff(told, axis=1, prepend=NUMBER.type(0)).astype(NUMBER).tobytes())


def places_of(text: str, rows: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which rows hold a file, and the places of the images, (rows, numbers), from such a text.

    Raises
    ------
    ValueError
        It is no text of so many rows.

    Examples
    --------
    >>> kept = Kept(("series", "page"))
    >>> kept.add(pa.array([b"ab", None], pa.large_binary()), [pa.array([0, 0]), pa.array([0, 1])])
    >>> held, places = places_of(kept.text, 2)
    >>> held.tolist(), places.tolist()
    ([True, False], [[0, 0], [0, 1]])
    """
    told = np.frombuffer(unpacked_text(text), NUMBER).astype(np.int64)
    if not rows or len(told) % rows or len(told) < 2 * rows:
        raise ValueError("the list of its files is damaged")
    told = told.reshape(-1, rows).cumsum(axis=1)
    return told[0] > 0, told[1:].T
