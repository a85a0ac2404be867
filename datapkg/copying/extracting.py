"""Copy one version out of a package: a package of its own, verified byte for byte while it is copied."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import versions
from ..durable import sync_folder, write
from ..errors import StoreError
from ..lock import lock_path, write_lock
from ..locking import lock_of_version
from ..places import Folder, Place, place, storage_errors
from ..progress import Progress, silent
from .carrying import carry
from .histories import History


def checkout(
    package: str | Path | Place,
    version: int | str,
    dest: str | Path,
    *,
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> str:
    """Copy one version of a package to `dest`, under its own number, release name and digest.

    The manifest that made it and its lock are written beside `dest`, as ``<dest>.yaml`` and ``<dest>.lock``: with
    them, and the files, anybody can build it again and prove it equal. The places of data are blank in it.

    Parameters
    ----------
    version
        A number or a release name.
    dest
        A folder that does not exist yet. It appears when it is whole.
    storage_options
        As for `datapkg.open`.
    progress
        Told of what is copied.

    Returns
    -------
    The digest of what was copied.

    Raises
    ------
    StoreError
        `dest`, or a file beside it, exists, or cannot be written.
    DamageError
        A file of the version is missing, or is not what was written.
    """
    source, target = place(package, storage_options), Path(dest)
    record = versions.read_record(source, versions.resolve(source, version))
    beside = target.with_name(f"{target.name}.yaml")
    for path in (target, beside, lock_path(beside)):
        if path.exists():
            raise StoreError("is there already", str(path), "choose a folder that does not exist yet")
    growing = Folder(target.with_name(f".{target.name}-{os.urandom(4).hex()}"))
    try:
        carry(History.of_version(source, record), growing, progress)
        with storage_errors(str(target)):
            sync_folder(growing.path)
            growing.path.rename(target)
            write(beside, record.manifest.encode())
            write_lock(beside, lock_of_version(Folder(target), record))
            sync_folder(target.absolute().parent)
    except StoreError as error:  # it is of the place that grows: say what the user named
        raise StoreError(error.what, error.where.replace(str(growing.path), str(target)), error.fix) from None
    finally:
        growing.clear()
    return record.digest
