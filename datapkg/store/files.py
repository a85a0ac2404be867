"""The files of tables: their hashes, and whether they are whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..errors import StoreError
from ..places import Place, storage_errors


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a table: its role, its path relative to the package, size, BLAKE3."""

    role: str
    path: str
    bytes: int
    blake3: str


@dataclass(frozen=True, slots=True)
class Pages:
    """A column of equal images in one data file: its path, dtype, shape, and for each page its rows and where it begins."""

    path: str
    dtype: str
    shape: tuple[int, ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fragment:
    """Rows written, but not yet part of any version: `metadata` is the engine's own description (JSON).

    `pixels` says where equal images lie in its data files, by the columns' stored names; `placed` where others do.
    """

    metadata: str
    rows: int
    files: tuple[StoredFile, ...]
    pixels: Mapping[str, Pages] = field(default_factory=dict)
    placed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def table_uri(package: Place, table: str) -> str:
    """Where a table of a package lies."""
    return package.for_engine(f"{table}.lance")


def intact(package: Place, files: Sequence[Sequence[Any]], every: bool = False) -> bool:
    """Whether each listed file of a table is there with its size, and its manifest, or `every` one, is as written."""
    sizes = package.sizes(path for _, path, _, _ in files)
    return all(sizes.get(path) == size for _, path, size, _ in files) and all(
        package.blake3(path) == digest for role, path, _, digest in files if every or role == "manifest"
    )


def hashed(role: str, where: Place, file: str, name: str) -> StoredFile:
    """Bring a file to the disk, and describe it under the name that it has, or will have, in the package."""
    with storage_errors(name):
        try:
            with ThreadPoolExecutor(1) as disk:  # which may take as long as the hash
                settled = disk.submit(where.settle, file)
                digest = where.blake3(file)
                settled.result()
            size = where.sizes([file]).get(file)
        except FileNotFoundError:
            size = None
        if size is None:
            raise StoreError(
                "was removed by another program right after it was written",
                where.at(file),
                "make sure that no other program cleans up the package, and build again",
            )
        return StoredFile(role, name, size, digest)
