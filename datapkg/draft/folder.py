"""What is in a folder: the files that datapkg reads, by kind, and everything else, so that nothing is left out silently."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import normalize

from ..errors import SourceError, nearest
from ..manifest.kinds import SUFFIXES, suffix_of
from ..reading import SourceFile

STORES = (".datapkg", ".lance", ".zarr")
"""Folders that are one thing made by a program, of very many files."""
NOT_DATA = ("thumbs.db", "ehthumbs.db", "desktop.ini")
"""What Windows leaves in folders that somebody looked at."""
OPEN_IN_OFFICE = "~$"
"""How a file's name begins that an office program keeps beside one that is open in it."""


@dataclass(slots=True)
class Folder:
    """The files below `root` in manifest order.

    `others` are files of kinds that are not read, `refused` are readable kinds that cannot be used, with the reason,
    `links` and `stores` are folders that were not entered.
    """

    root: Path
    tables: list[SourceFile] = field(default_factory=list)
    images: list[SourceFile] = field(default_factory=list)
    movies: list[SourceFile] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)

    @property
    def readable(self) -> list[SourceFile]:
        """The files of all kinds that are read."""
        return [*self.tables, *self.images, *self.movies]

    @property
    def paths(self) -> list[str]:
        """Everything that a glob could match."""
        return [*(file.path for file in self.readable), *self.others, *self.refused]


def look_through(folder: Path) -> Folder:
    """List a folder and all below it; no file is opened. Dotfiles are passed over, as globs do.

    Raises
    ------
    SourceError
        The folder is not there, is none, cannot be listed, or holds nothing that is read.
    """
    _refuse_no_folder(folder)
    found = Folder(folder.resolve())
    for entry, path in sorted(_entries(found, str(found.root), ""), key=lambda pair: _path_bytes(pair[1])):
        _sort_in(found, entry, path)
    if not found.readable:
        raise _nothing_to_read(found, folder)
    return found


def kind_of(path: str) -> str | None:
    """`table`, `images` or `ch5` for a file that can be read, by its suffix.

    Examples
    --------
    >>> kind_of("a.CSV.gz"), kind_of("a.TIF"), kind_of("a.png"), kind_of("a.tif.gz")
    ('table', 'images', 'images', None)
    """
    suffix = suffix_of(path)
    kind = SUFFIXES.get(suffix)
    if kind == "sqlite":
        return (
            None  # which of its tables are wanted, and which columns hold images, nobody but its owner knows
        )
    zipped = path.lower().endswith(".gz")
    return None if kind != "table" and zipped else kind


def _refuse_no_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    if folder.exists():
        raise SourceError("this is a file, not a folder", str(folder), f"name its folder: {folder.parent}")
    try:
        beside = [path.name for path in folder.absolute().parent.iterdir() if path.is_dir()]
    except OSError:
        beside = []
    close = nearest(folder.name, beside)
    fix = close if close.startswith("did") else "name the folder that your files lie in"
    raise SourceError("there is no such folder", str(folder), fix)


def _entries(found: Folder, folder: str, shown: str) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Walk the tree; a link to a folder is not followed, since a build does not follow it."""
    try:
        with os.scandir(folder) as listing:
            entries = list(listing)
    except OSError as error:
        if not shown:
            fix = "check that you may read the folder"
            raise SourceError(f"the folder cannot be read ({error.strerror})", folder, fix) from None
        found.refused[shown.rstrip("/")] = f"the folder cannot be read ({error.strerror})"
        return
    for entry in entries:
        path = shown + normalize("NFC", entry.name)
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            yield entry, path
        elif entry.is_symlink():
            found.links.append(path)
        elif entry.name.lower().endswith(STORES):
            found.stores.append(path)
        else:
            yield from _entries(found, entry.path, f"{path}/")


def _sort_in(found: Folder, entry: os.DirEntry[str], path: str) -> None:
    kind = kind_of(path)
    if kind is None:
        if not entry.name.startswith(OPEN_IN_OFFICE) and entry.name.lower() not in NOT_DATA:
            found.others.append(path)
        return
    why, size = _usable(found.root, entry)
    if why:
        found.refused[path] = why
        return
    files = {"table": found.tables, "images": found.images, "ch5": found.movies}[kind]
    files.append(SourceFile(path, Path(entry.path), found.root, size))


def _usable(root: Path, entry: os.DirEntry[str]) -> tuple[str, int]:
    """Why a file cannot be a source, or an empty text, and its bytes."""
    try:
        entry.name.encode()
        status = entry.stat()
    except UnicodeEncodeError:
        return "the file's name is not Unicode", 0
    except OSError as error:
        return "the link points to nothing" if entry.is_symlink() else f"cannot be read ({error.strerror})", 0
    if not stat.S_ISREG(status.st_mode):
        return "this is no ordinary file", 0
    if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
        return "the link leads out of the folder", 0
    return "", status.st_size


def _nothing_to_read(found: Folder, folder: Path) -> SourceError:
    names = [*found.others, *found.refused, *found.links, *found.stores]
    kinds = ".csv, .tsv, .txt (plain or .gz), .tif, .tiff, .png, .jpg and .ch5"
    if not names:
        return SourceError("the folder is empty", str(folder), f"name the folder with your files: {kinds}")
    what = f"none of the {len(names):,} files is of a kind that datapkg reads; the first is {names[0]}"
    return SourceError(what, str(folder), f"name a folder that holds {kinds}")


def _path_bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
