"""Tables of packed packages, unpacked into the user's cache: safely, whole or not at all, and only so much of it.

A folder of the cache is named by the list of the package's files with their BLAKE3: of two zip files with the same content
one copy is made. It can be deleted at any time; what was not used for long goes by itself.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from blake3 import blake3

from ..cache import cache_folder
from ..durable import sync_file, sync_folder, unsealed
from ..errors import DamageError
from .base import Place
from .failures import storage_errors
from .folder import Folder

MOST_BYTES = 20_000_000_000
"""How much may stay, unless ``DATAPKG_UNPACKED_BYTES`` says otherwise."""
IN_USE_S = 3600.0
LEFT_S = 24 * 3600.0
"""An unpacking that nobody touched for so long was stopped."""
GROWING = "growing-"
LIST = re.compile(r"\d+\.files\.json")
AGAIN = "copy the file again from a whole one, or export it again"
Listed = tuple[str, int, str]


def unpacked_folder() -> Path:
    """Where unpacked packages lie."""
    return cache_folder() / "unpacked"


def unpacked(package: Place) -> Folder:
    """The folder with the files of a package's tables; they are unpacked if they are not there yet.

    Raises
    ------
    DamageError
        A file is missing, or is not what was written: nothing is left then.
    StoreError
        The cache cannot be written, or the disk is full.
    """
    files = _listed(package)
    place = _place(files)
    with storage_errors(str(place)):
        if not _is_whole(place, files):
            _make_room(sum(size for _, size, _ in files), place)
            _unpack(package, files, place)
        os.utime(place)
    return Folder(place)


def copy_of(package: Place) -> Folder:
    """Where a package's files are unpacked to, whether they are there or not."""
    return Folder(_place(_listed(package)))


def _listed(package: Place) -> list[Listed]:
    """The files of all versions: path, bytes, BLAKE3."""
    found: dict[str, Listed] = {}
    for name in package.names("versions"):
        if LIST.fullmatch(name):
            path = f"versions/{name}"
            document = unsealed(package.read(path), package.at(path))
            for path, size, digest in (file[1:] for files in document["files"].values() for file in files):
                if {"", ".", ".."}.intersection(path.split("/")):
                    raise DamageError("its list names a file outside of it", package.uri, AGAIN)
                found[path] = (path, size, digest)
    return sorted(found.values())


def _place(files: Sequence[Listed]) -> Path:
    name = blake3("".join(f"{path}\0{size}\0{digest}\n" for path, size, digest in files).encode())
    return unpacked_folder() / name.hexdigest()[:32]


def _is_whole(place: Path, files: Sequence[Listed]) -> bool:
    try:
        return all((place / path).stat().st_size == size for path, size, _ in files) and place.is_dir()
    except OSError:
        return False


def _unpack(package: Place, files: Sequence[Listed], place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    growing = place.with_name(f"{GROWING}{os.urandom(8).hex()}")
    try:
        for path, size, digest in files:
            target = growing / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(package, target, path, size, digest)
        try:
            growing.rename(place)
        except OSError:
            if _is_whole(place, files):
                return  # another process was as fast
            shutil.rmtree(place)
            growing.rename(place)
        sync_folder(place.parent)
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def _write(package: Place, target: Path, path: str, size: int, digest: str) -> None:
    hasher, found = blake3(), 0
    try:
        with open(target, "xb") as file:
            for chunk in package.chunks(path):
                hasher.update(chunk)
                found += len(chunk)
                if found > size:
                    break
                file.write(chunk)
    except FileNotFoundError:
        raise DamageError("is missing", package.at(path), AGAIN) from None
    if (found, hasher.hexdigest()) != (size, digest):
        raise DamageError("is not what was written", package.at(path), AGAIN)
    sync_file(target)


def _make_room(needed: int, place: Path) -> None:
    """Remove what was stopped, and what was used longest ago, until so many bytes more may stay."""
    now = time.time()
    kept: list[tuple[float, int, Path]] = []
    for folder in unpacked_folder().glob("*"):
        with suppress(FileNotFoundError):
            used = folder.stat().st_mtime
            if folder.name.startswith(GROWING):
                if now - used > LEFT_S:
                    shutil.rmtree(folder, ignore_errors=True)
            elif folder != place:
                kept.append((used, _bytes(folder), folder))
    most = int(os.environ.get("DATAPKG_UNPACKED_BYTES") or MOST_BYTES)
    total = needed + sum(size for _, size, _ in kept)
    for used, size, folder in sorted(kept):
        if total > most and now - used > IN_USE_S:
            shutil.rmtree(folder, ignore_errors=True)
            total -= size


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
