"""The manifest: what a user writes, and what is made of it.

Its models load when they are asked for: workers that read no file need none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models import Manifest, Resource

__all__ = ["Manifest", "Resource"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import models

    return getattr(models, name)
