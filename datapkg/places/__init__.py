"""Where packages lie: one place for each address."""

from __future__ import annotations

from pathlib import Path

from ..errors import StoreError
from .base import STAGING, Entry, Place
from .folder import CHUNK_BYTES, Folder

__all__ = ["CHUNK_BYTES", "STAGING", "Entry", "Folder", "Place", "place"]


def place(package: str | Path | Place) -> Place:
    """The place that an address means.

    Raises
    ------
    StoreError
        It is no address of a package.

    Examples
    --------
    >>> place("nf1.datapkg")
    Folder('/.../nf1.datapkg')
    """
    if isinstance(package, Place):
        return package
    if "://" in str(package):
        raise StoreError("only packages in folders can be used yet", str(package), "name a local folder")
    return Folder(package)
