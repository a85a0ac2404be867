"""Keep pandas out of a worker that has no use for it: it takes as long to load as most of what a worker needs.

Arrow imports pandas, if it is there, when it is first given a value of Python's, to know pandas' own missing values; so
does the storage engine when it is loaded. Arrow looks once in the life of a process. So this is for workers that never
run a function of a user's, who may well want pandas.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

HIDDEN = "pandas"


class _Nowhere(MetaPathFinder):
    """Says that there is no pandas."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:  # noqa: ARG002
        if name == HIDDEN:
            raise ModuleNotFoundError("is not looked for in a worker", name=name)


def without_pandas() -> None:
    """Have every import of pandas fail in this process, unless it is loaded already."""
    if HIDDEN not in sys.modules:
        sys.meta_path.insert(0, _Nowhere())
