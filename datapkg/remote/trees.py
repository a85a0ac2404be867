"""Fetched files beside each other under their own names, for formats whose files name one another.

Each is another name (a hard link) of a file of the cache, so that nothing is stored twice where the disk can do that.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from blake3 import blake3

from ..errors import SourceError
from ..reading import local_path
from .vault import cache_errors, vault


def beside_each_other(files: Mapping[str, Path]) -> Path:
    """Lay files of the cache out below one folder.

    Parameters
    ----------
    files
        Addresses of one host or bucket, and where the files of the cache lie, whose names are their hashes.

    Returns
    -------
    The folder: `local_path` of it and an address is where that file lies.

    Raises
    ------
    SourceError
        One address is the beginning of another, so that a file and a folder would have one name.
    """
    said = "\n".join(f"{address} {place.name}" for address, place in sorted(files.items()))
    folder = vault() / "trees" / blake3(said.encode()).hexdigest()[:32]
    for address, place in sorted(files.items()):
        named = local_path(folder, address)
        if ".." in named.relative_to(folder).parts:
            raise SourceError("leads out of its host", address, "correct the address")
        with cache_errors():
            if named.is_file() and named.samefile(place):
                continue
            try:
                named.parent.mkdir(parents=True, exist_ok=True)
                _link(place, named)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                what = (
                    "another address goes on behind this one, so that a file and a folder would have one name"
                )
                raise SourceError(what, address, "make a resource for each of the two") from None
    return folder


def _link(place: Path, named: Path) -> None:
    temporary = named.with_name(f".{uuid.uuid4().hex}")
    try:
        os.link(place, temporary)
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(place, temporary)
    try:
        temporary.replace(named)
    finally:
        temporary.unlink(missing_ok=True)
