"""Libraries that are installed only where somebody wants them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..errors import ExportError


def optional(module: str) -> Any:
    """Import an optional library, named as its extra.

    Raises
    ------
    ExportError
        It is not installed.
    """
    if find_spec(module) is None:
        fix = f"pip install 'lance-datapkg[{module}]', or pip install {module}"
        raise ExportError(f"{module} is not installed", "this Python", fix)
    return import_module(module)
