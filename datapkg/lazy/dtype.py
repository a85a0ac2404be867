"""The dtypes of lazy columns: ``datapkg[image]``, ``datapkg[bytes]`` and ``datapkg[text]``."""

from __future__ import annotations

import re
from typing import Any

from pandas.api.extensions import ExtensionDtype, register_extension_dtype

from .cells import CELL_TYPES, Kind

NAME = re.compile(r"^datapkg\[(\w+)\]$")


@register_extension_dtype
class LazyDtype(ExtensionDtype):
    """Cells that are read when they are touched.

    Parameters
    ----------
    cell
        ``image``: cells are read-only arrays; ``bytes``: files; ``text``: metadata.

    Examples
    --------
    >>> LazyDtype("image") == "datapkg[image]"
    True
    """

    _metadata = ("cell",)
    na_value = None

    def __init__(self, cell: Kind) -> None:
        if cell not in CELL_TYPES:
            raise TypeError(f"{cell!r} is none of {', '.join(CELL_TYPES)}")
        self.cell: Kind = cell

    @property
    def type(self) -> Any:  # type: ignore[override]
        """What a cell is."""
        return CELL_TYPES[self.cell]

    @property
    def name(self) -> str:  # type: ignore[override]
        """How pandas writes it."""
        return f"datapkg[{self.cell}]"

    @classmethod
    def construct_from_string(cls, string: str) -> LazyDtype:
        """Understand a name. Raises TypeError for other ones."""
        if not isinstance(string, str):
            raise TypeError(f"'construct_from_string' expects a string, got {type(string)}")
        found = NAME.match(string)
        if found is None or found[1] not in CELL_TYPES:
            raise TypeError(f"Cannot construct a '{cls.__name__}' from '{string}'")
        return cls(found[1])

    @classmethod
    def construct_array_type(cls) -> Any:
        """The array that has such cells."""
        from .array import LazyArray

        return LazyArray

    def __repr__(self) -> str:
        return self.name
