"""What peers leave on the disk: how large it is, copies of it to try changes on, and a reading that warms the cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

Looks = dict[Path, tuple[int, int, int]]


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(one.stat().st_size for one in _files(path))


def remove(path: Path) -> None:
    """Remove a store."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copied(source: Path, target: Path, in_place: bool) -> None:
    """A fresh copy of a store: of links, where nothing writes into a file that is there."""
    remove(target)
    copy = shutil.copy2 if in_place else os.link
    if source.is_dir():
        shutil.copytree(source, target, copy_function=copy)
    elif source.exists():
        copy(source, target)


def warm(path: Path) -> None:
    """Read all of a store, or of a set's files, so that the disk has no part in what is measured next."""
    piece = bytearray(1 << 20)
    for one in _files(path):
        with one.open("rb", buffering=0) as file:
            while file.readinto(piece):
                pass


def looks(path: Path) -> Looks:
    """Which file each file of a store is, its size, and when it was last written into."""
    return {
        one: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for one in _files(path) for stat in [one.stat()]
    }


def _files(path: Path) -> list[Path]:
    """A file, or all files of a folder."""
    return [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
