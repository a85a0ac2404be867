"""The forms of images, their dtypes and shapes, gathered while rows are written: a file of images has few of them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MOST = 1 << 16
"""So many forms are counted with two bytes; more take four, and their list is compressed too."""

Form = tuple[str, tuple[int, ...]]
MISSING: Form = ("", ())
"""The form of an image that is missing."""


@dataclass(slots=True)
class Forms:
    """The form of each image of a column, row after row; `known` is False where rows do not say it of theirs."""

    known: bool = True
    _of: dict[Form, int] = field(default_factory=dict)
    _rows: list[NDArray[np.uint32]] = field(default_factory=list)

    def add(self, images: pa.Array, dtypes: pa.Array, shapes: pa.Array) -> None:
        """Add rows: their images, which are only asked whether they are there, and what is said of these."""
        if not self.known or not len(images):
            return
        there = images.is_valid()
        if dtypes.is_valid() != there or shapes.is_valid() != there or shapes.flatten().null_count:
            self.known = False
            return
        found = np.empty(len(images), np.uint32)
        present = there.to_numpy(zero_copy_only=False)
        if not present.all():
            found[~present] = self._of.setdefault(MISSING, len(self._of))
            dtypes, shapes = dtypes.filter(there), shapes.filter(there)
        if present.any():
            found[present] = self._numbers(dtypes, shapes)
        self._rows.append(found)

    def _numbers(self, dtypes: pa.Array, shapes: pa.Array) -> NDArray[np.uint32]:
        seen, rows = np.unique(_as_numbers(dtypes, shapes), axis=0, return_inverse=True)
        names = dtypes.dictionary_encode().dictionary.to_pylist()
        numbers = []
        for name, rank, *shape in seen.tolist():
            form = names[name], tuple(shape[:rank])
            numbers.append(self._of.setdefault(form, len(self._of)))
        return np.array(numbers, np.uint32)[rows.reshape(-1)]

    @property
    def all(self) -> tuple[Form, ...]:
        """The different ones."""
        return tuple(self._of)

    @property
    def of_rows(self) -> NDArray[np.uint32]:
        """Of each row which one it has."""
        return np.concatenate([*self._rows, np.empty(0, np.uint32)])


def looks(forms: Forms) -> dict[str, Any]:
    """What a list of files says of forms: a few of them plainly, many as text, with `wide` entries for the rows."""
    listed = [[name, *shape] for name, shape in forms.all]
    if len(listed) <= MOST:
        return {"forms": listed, "rows": as_text(forms.of_rows)}
    text = packed_text(json.dumps(listed, separators=(",", ":")).encode())
    return {"forms": text, "rows": as_text(forms.of_rows, "<u4"), "wide": True}


def looks_of(said: Mapping[str, Any]) -> tuple[list[Form], NDArray[np.int64]]:
    """The forms, and of each row which one it has, from what a list says. Raises ValueError where it makes no sense."""
    listed = said["forms"]
    if isinstance(listed, str):
        listed = json.loads(unpacked_text(listed))
    of_rows = from_text(said["rows"], "<u4" if said.get("wide") else "<u2")
    return [(str(dtype), tuple(shape)) for dtype, *shape in listed], of_rows


def as_text(rows: NDArray[np.unsignedinteger[Any]], entry: str = "<u2") -> str:
    """The forms of rows as text for a list of files: small where they repeat.

    Examples
    --------
    >>> len(as_text(np.zeros(1000, np.uint16))) < 50
    True
    >>> from_text(as_text(np.array([0, 1, 0], np.uint16))).tolist()
    [0, 1, 0]
    """
    return packed_text(rows.astype(entry).tobytes())


def from_text(text: str, entry: str = "<u2") -> NDArray[np.int64]:
    """The forms of rows, from such a text. Raises ValueError where it is none."""
    return np.frombuffer(unpacked_text(text), entry).astype(np.int64)


def packed_text(content: bytes) -> str:
    """Bytes as short text."""
    return base64.b64encode(zlib.compress(content, 9)).decode("ascii")


def unpacked_text(text: str) -> bytes:
    """The bytes of such a text. Raises ValueError where it is none."""
    try:
        return zlib.decompress(base64.b64decode(text))
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
