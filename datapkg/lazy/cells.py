"""The cells of lazy columns, and where they come from: a stored column, or values that somebody put in.

A cell is an image (a read-only array of its own dtype and shape), a file's bytes, or a text. Two cells are equal
where their keys are: an image's digest, a file's sha256, the text itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..pixels import DTYPES, image_digest

Kind = Literal["image", "bytes", "text"]
Positions = NDArray[np.int64]

CELL_TYPES: dict[Kind, type] = {"image": np.ndarray, "bytes": bytes, "text": str}
HELD_STEP = 1 << 16


class Origin(Protocol):
    """Where cells come from. Positions are never negative here, and may repeat."""

    @property
    def step(self) -> int:
        """How many cells are loaded together."""

    @property
    def cell_bytes(self) -> float:
        """What a cell adds to the memory in use when it is loaded, on the average, at least."""

    def missing(self, at: Positions) -> NDArray[np.bool_]:
        """Which cells are missing."""

    def load(self, at: Positions) -> Sequence[Any]:
        """The cells; None for a missing one."""

    def labels(self, at: Positions) -> Sequence[str | None]:
        """What is printed for the cells: no pixel is read for it."""

    def keys(self, at: Positions) -> Sequence[Any]:
        """What equal cells have in common, None for a missing one: no pixel is read for it."""

    def kept(self, at: Positions) -> tuple[Origin, Positions]:
        """The part of it that these cells need, and where they stand in it."""


@dataclass(frozen=True, eq=False)
class HeldCells:
    """Cells in memory: those that somebody put into a column."""

    kind: Kind
    cells: tuple[Any, ...]
    step: int = HELD_STEP
    cell_bytes: float = 0.0  # they are in memory already

    def missing(self, at: Positions) -> NDArray[np.bool_]:
        """None is: a missing cell has no place."""
        return np.zeros(len(at), bool)

    def load(self, at: Positions) -> Sequence[Any]:
        """The cells."""
        return [self.cells[one] for one in at.tolist()]

    def labels(self, at: Positions) -> Sequence[str | None]:
        """What is printed for the cells."""
        return [LABELS[self.kind](cell) for cell in self.load(at)]

    def keys(self, at: Positions) -> Sequence[Any]:
        """What equal cells have in common."""
        known = {one: KEYS[self.kind](self.cells[one]) for one in set(at.tolist())}
        return [known[one] for one in at.tolist()]

    def kept(self, at: Positions) -> tuple[Origin, Positions]:
        """Only these cells."""
        wanted, place = np.unique(at, return_inverse=True)
        return HeldCells(self.kind, tuple(self.load(wanted))), place.astype(np.int64)


def kind_of(value: object) -> Kind | None:
    """What cell a value can be; None if it is none."""
    if isinstance(value, np.ndarray):
        return "image" if value.dtype.name in DTYPES else None
    for kind in ("bytes", "text"):
        if isinstance(value, CELL_TYPES[kind]):
            return kind
    return None


def is_missing(value: object) -> bool:
    """Whether a value stands for a missing cell: None, NaN, pandas' NA and NaT."""
    import pandas as pd

    if value is None or isinstance(value, np.ndarray | bytes | str):
        return value is None
    scalar: Any = value if pd.api.types.is_scalar(value) else ""
    return bool(pd.isna(scalar))


def as_cell(value: Any, copy: bool) -> Any:
    """A value as a cell: an image is read-only from now on."""
    if not isinstance(value, np.ndarray):
        return value
    image = value.copy() if copy else value.view()
    image.flags.writeable = False
    return image


def image_label(dtype: str, shape: Sequence[int]) -> str:
    """How an image is printed.

    Examples
    --------
    >>> image_label("uint16", [1024, 1344])
    'uint16 1024x1344'
    """
    return f"{dtype} {'x'.join(map(str, shape))}"


def bytes_label(count: int) -> str:
    """How a file's bytes are printed.

    Examples
    --------
    >>> bytes_label(2770104)
    '2,770,104 bytes'
    """
    return f"{count:,} bytes"


LABELS: dict[Kind, Callable[[Any], str]] = {
    "image": lambda image: image_label(image.dtype.name, image.shape),
    "bytes": lambda file: bytes_label(len(file)),
    "text": lambda text: " ".join(text.split()),
}
KEYS: dict[Kind, Callable[[Any], str]] = {
    "image": image_digest,
    "bytes": lambda file: hashlib.sha256(file).hexdigest(),
    "text": str,
}
