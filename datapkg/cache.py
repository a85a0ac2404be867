"""Where this user keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder for it: ``DATAPKG_CACHE``, or the system's own."""
    if given := os.environ.get("DATAPKG_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "datapkg"
