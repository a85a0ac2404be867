"""Where a frame with lazy columns cannot go: refused in a sentence, before a cell is read.

pandas has no hook for most of what writes; the function that asks is looked at by its name (`callers`). Texts go
wherever texts go, their `.str` methods included.
"""

from __future__ import annotations

from abc import abstractmethod
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DatapkgError, ExportError
from .callers import PLACES, Purpose
from .groups import GroupedByKeys

LEAVE_OUT = 'leave it out: frame.drop(columns=["image_array", "image_bytes"], errors="ignore")'
AS_TEXT = "write it as text: frame[column].map(lambda file: base64.b64encode(file).decode())"
TEXT_METHODS = "_str_"
"""How pandas' `.str` calls what it asks of an array."""


class Written(GroupedByKeys):
    """An extension array that says where its cells can be written, and where not."""

    @abstractmethod
    def load(self) -> NDArray[np.object_]:
        """All cells."""

    def __arrow_array__(self, type: Any = None) -> Any:
        what = (
            f"a lazy column of {self._dtype.cell} cannot be written, or made an Arrow column, with its frame"
        )
        fix = LEAVE_OUT if self._dtype.cell != "text" else 'make it text: frame.astype({"metadata": "str"})'
        raise _no_place(what, f"{fix}; or table.to_arrow() gives the same rows as Arrow, images included")

    def __getattr__(self, name: str) -> Any:
        """What `.str` asks of texts is answered by texts in memory."""
        if name.startswith(TEXT_METHODS) and self._dtype.cell == "text":
            return getattr(pd.array(self.load(), dtype="str"), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _values_for_json(self) -> NDArray[Any]:
        """Images as nested numbers, texts as texts; bytes are refused."""
        try:
            if self._dtype.cell == "bytes":
                raise _no_place("JSON cannot hold a column of bytes", f"{LEAVE_OUT}; or {AS_TEXT}")
            return self.load()
        except DatapkgError as error:
            carried = Carried()
            carried.error = error
            return np.array([carried] * len(self), object)

    def _refuse_place(self, wanted_for: Purpose | None) -> None:
        """Refuse to write into what cannot hold the cells. Raises ExportError."""
        holds = {"image": (), "bytes": ("a table of an SQL database",), "text": PLACES}[self._dtype.cell]
        if wanted_for in PLACES and wanted_for not in holds:
            raise _no_place(f"{wanted_for} cannot hold a column of {self._dtype.cell}", LEAVE_OUT)

    def _refuse_dtype(self, dtype: Any) -> NoReturn:
        """Refuse to make numbers, or text, of images and files. Raises TypeError."""
        raise TypeError(
            f"a lazy column of {self._dtype.cell} cannot become {dtype}; pandas.factorize numbers equal cells, "
            "and frame[column].map(function) makes of each cell what the function gives"
        )


class Carried(Decimal):
    """An error on its way through pandas' JSON writer: that ends the program where an error is raised while it asks for a
    column, and hands on what is raised by a number that it writes.
    """

    error: DatapkgError

    def __float__(self) -> float:
        raise self.error

    def __format__(self, how: str, /) -> str:  # type: ignore[override]  # typeshed knows a second parameter
        raise self.error


def _no_place(what: str, fix: str) -> ExportError:
    return ExportError(what, "lazy column", fix)
