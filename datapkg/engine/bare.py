"""Keep out of a worker what it has no use for: pandas, and threads of linear algebra.

Pandas takes as long to load as most of what a worker needs. Arrow imports pandas, if it is there, when it is first given a value of Python's, to know pandas' own missing values; so
does the storage engine when it is loaded. Arrow looks once in the life of a process. So this is for workers that never
run a function of a user's, who may well want pandas.

NumPy's linear algebra starts a thread for each CPU when NumPy is loaded, and they spin while they wait: 0.1 s of CPU in a worker's first
half second. Ours multiplies no matrices; a function of a user's may.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

HIDDEN = "pandas"
THREADS = "OPENBLAS_NUM_THREADS"  # heard when NumPy is loaded


class _Nowhere(MetaPathFinder):
    """Says that there is no pandas."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:  # noqa: ARG002
        if name == HIDDEN:
            raise ModuleNotFoundError("is not looked for in a worker", name=name)


def without_pandas() -> None:
    """Have every import of pandas fail in this process, unless it is loaded already."""
    if HIDDEN not in sys.modules:
        sys.meta_path.insert(0, _Nowhere())


def without_threads() -> None:
    """Have NumPy start no threads of its own, unless it is loaded already."""
    os.environ.setdefault(THREADS, "1")
