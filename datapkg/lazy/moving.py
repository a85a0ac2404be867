"""What stands for a cell while pandas takes cells out of lazy columns only to make lazy columns of them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .array import LazyArray


@dataclass(frozen=True, slots=True, eq=False)
class StandIn:
    """A cell that was not read, as an array of it alone: no sequence itself, or NumPy would look into it."""

    cell: LazyArray
