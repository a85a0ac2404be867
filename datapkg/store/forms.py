"""The forms of images, their dtypes and shapes, gathered while rows are written: a file of images has few of them."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MOST = 1 << 16
"""Of more forms nobody is told: a list of them would be no shorter than the rows that say them."""

Form = tuple[str, tuple[int, ...]]


@dataclass(slots=True)
class Forms:
    """The form of each image of a column, row after row; `known` is False where one is missing."""

    known: bool = True
    _of: dict[Form, int] = field(default_factory=dict)
    _rows: list[NDArray[np.uint16]] = field(default_factory=list)

    def add(self, dtypes: pa.Array, shapes: pa.Array) -> None:
        """Add rows by what they say of their images."""
        if not self.known or not len(dtypes):
            return
        if dtypes.null_count or shapes.null_count or shapes.flatten().null_count:
            self.known = False
            return
        seen, rows = np.unique(_as_numbers(dtypes, shapes), axis=0, return_inverse=True)
        names = dtypes.dictionary_encode().dictionary.to_pylist()
        numbers = []
        for name, rank, *shape in seen.tolist():
            form = names[name], tuple(shape[:rank])
            numbers.append(self._of.setdefault(form, len(self._of)))
        if len(self._of) > MOST:
            self.known = False
            return
        self._rows.append(np.array(numbers, np.uint16)[rows.reshape(-1)])

    @property
    def all(self) -> tuple[Form, ...]:
        """The different ones."""
        return tuple(self._of)

    @property
    def of_rows(self) -> NDArray[np.uint16]:
        """Of each row which one it has."""
        return np.concatenate([*self._rows, np.empty(0, np.uint16)])


def as_text(rows: NDArray[np.uint16]) -> str:
    """The forms of rows as text for a list of files: small where they repeat.

    Examples
    --------
    >>> len(as_text(np.zeros(1000, np.uint16))) < 50
    True
    >>> from_text(as_text(np.array([0, 1, 0], np.uint16))).tolist()
    [0, 1, 0]
    """
    return base64.b64encode(zlib.compress(rows.astype("<u2").tobytes(), 9)).decode("ascii")


def from_text(text: str) -> NDArray[np.int64]:
    """The forms of rows, from such a text. Raises ValueError where it is none."""
    try:
        return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<u2").astype(np.int64)
    except zlib.error as error:
        raise ValueError(str(error)) from None


def _as_numbers(dtypes: pa.Array, shapes: pa.Array) -> NDArray[np.int64]:
    """A row of numbers for each image: its dtype, its rank, and its shape, with zeros behind."""
    import pyarrow.compute as pc  # as long to load as numpy: a reader has no need of it

    ranks = pc.list_value_length(shapes).to_numpy(zero_copy_only=False).astype(np.int64)
    table = np.zeros((len(ranks), 2 + int(ranks.max())), np.int64)
    table[:, 0] = dtypes.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    table[:, 1] = ranks
    column = np.arange(table.shape[1] - 2)
    table[:, 2:][column < ranks[:, None]] = shapes.flatten().to_numpy(zero_copy_only=False)
    return table
