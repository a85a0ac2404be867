"""Copy one version out of a package: a package of its own, verified byte for byte while it is copied."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from blake3 import blake3

from . import versions
from .durable import sync_file, sync_folder, write
from .errors import DamageError, StoreError
from .lock import lock_path, write_lock
from .locking import lock_of_version
from .places import Folder, Place, place
from .records import FilesList, Record
from .removed import earlier_versions
from .store import pin_content, storage_errors, tag_path


def checkout(
    package: str | Path | Place,
    version: int | str,
    dest: str | Path,
    *,
    storage_options: Mapping[str, Any] | None = None,
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
    listed = versions.read_files(source, record)
    beside = target.with_name(f"{target.name}.yaml")
    for path in (target, beside, lock_path(beside)):
        if path.exists():
            raise StoreError("is there already", str(path), "choose a folder that does not exist yet")
    growing = Folder(target.with_name(f".{target.name}-{os.urandom(4).hex()}"))
    try:
        with storage_errors(str(target)):
            growing.path.mkdir(parents=True)
        for files in listed.files.values():
            for _, path, size, digest in files:
                _copy(source, growing.local(path), path, size, digest)
        with storage_errors(str(target)):
            for name, content in own_files(source, record, listed).items():
                growing.put(name, content)
        with storage_errors(str(target)):
            for folder in (growing.path, *(path for path in growing.path.rglob("*") if path.is_dir())):
                sync_folder(folder)
            growing.path.rename(target)
            write(beside, record.manifest.encode())
            write_lock(beside, lock_of_version(Folder(target), record))
            sync_folder(target.absolute().parent)
    finally:
        growing.clear()
    return record.digest


def _copy(source: Place, target: Path, name: str, size: int, digest: str) -> None:
    with storage_errors(str(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as writing:
            for chunk in checked_chunks(source, name, size, digest):
                writing.write(chunk)
        sync_file(target)


def checked_chunks(source: Place, name: str, size: int, digest: str) -> Iterator[memoryview | bytes]:
    """A listed file piece by piece; after the last piece it is known to be what was written.

    Raises
    ------
    DamageError
        It is missing, or is not.
    """
    found, hasher = 0, blake3()
    try:
        for chunk in source.chunks(name):
            hasher.update(chunk)
            found += len(chunk)
            yield chunk
    except FileNotFoundError:
        raise _damage(source.at(name), "is missing") from None
    if (found, hasher.hexdigest()) != (size, digest):
        raise _damage(source.at(name), "is not what was written")


def own_files(source: Place, record: Record, listed: FilesList) -> dict[str, bytes]:
    """What a package of one version has beside the files that the version lists: pins, records, release names."""
    contents = {}
    for table in (*record.tables, record.sources):
        pin = table.stored
        size = next(int(size) for _, path, size, _ in listed.files[table.name] if path == pin.manifest)
        made = datetime.fromisoformat(record.created)
        contents[tag_path(table.name, pin.tag)] = pin_content(pin.lance_version, size, made)
    own = f"versions/{record.version}"
    contents |= {
        f"{own}.json": source.read(f"{own}.json"),
        f"{own}.files.json": versions.files_content(source, record),
    }
    if record.previous is not None:
        before = record.version - 1
        contents[f"versions/{before}.removed.json"] = earlier_versions(before, record.previous)
    for name, number in versions.releases(source).items():
        if number == record.version:
            contents[f"releases/{name}.json"] = source.read(f"releases/{name}.json")
    return contents


def _damage(where: str, what: str) -> DamageError:
    return DamageError(what, where, "copy the package again from a whole copy, or build it again")
