"""Draft a manifest from a folder of files: a start that builds, with comments for what only a person can know.

The draft says what was seen and how it was grouped, and lists what it left out. Every resource is looked at with the
readers of a build, so that what a build would refuse is excluded, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import SourceError, StoreError
from .entry import Entry, name_apart
from .folder import look_through
from .globs import cover
from .images import image_entries
from .keys import ForeignKey, foreign_keys
from .movies import movie_entries
from .tables import table_entries
from .writing import LeftOut, written

__all__ = ["draft", "place"]


def draft(folder: Path, manifest: Path) -> str:
    """Look through a folder, and write a manifest of its files.

    Parameters
    ----------
    folder
        Where the files are; those of kinds that are not read are listed in a comment.
    manifest
        Where the manifest is going to be: its `root` leads from there to the folder. Nothing is written.

    Returns
    -------
    The manifest's text: it passes `datapkg check`, and builds.

    Raises
    ------
    SourceError
        The folder is not there, or holds nothing that can be read.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp()) / "plate1"; folder.mkdir()
    >>> _ = (folder / "wells.csv").write_text("Well,Gene\\nA01,KIF11\\nA02,PLK1\\n")
    >>> text = draft(folder, folder.parent / "plate1.yaml")
    >>> [line.strip() for line in text.splitlines() if "name:" in line or "path:" in line][-2:]
    ['- name: wells', 'path: wells.csv']
    """
    found = look_through(folder)
    tables, prose = table_entries(found.tables)
    images = image_entries(found.images)
    every = [*tables, *images, *movie_entries(found.movies)]
    entries = [one for one in every if one.files]
    if not entries:
        raise _nothing_sound(every, prose, folder)
    name_apart(entries)
    for one in entries:
        covered = cover(one.paths, found.paths)
        one.path, one.strangers = covered.path, covered.exclude
        if one.cells is not None:
            one.foreign_keys = tuple(key for other in images if other.files for key in _to(one, other))
    useless = [one for one in every if not one.files]
    left_out = LeftOut(
        found,
        prose,
        [path for one in useless for path in one.empty],
        {**found.refused, **{path: why for one in useless for path, why in one.broken.items()}},
    )
    return written(found.root.name, _root(found.root, manifest), entries, left_out)


def place(path: Path, text: str) -> None:
    """Write a manifest where no file is; one that is there is never overwritten, and none is half-written.

    Raises
    ------
    StoreError
        A file has the name already, or the folder cannot be written to.
    """
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise StoreError("is there already", str(path), "name another file, with --output") from None
    except OSError as error:
        what = f"cannot be written ({error.strerror or error})"
        fix = "name a file, with --output, in a folder that is there and that you may write to"
        raise StoreError(what, str(path), fix) from None


def _to(table: Entry, images: Entry) -> list[ForeignKey]:
    """Keys of a table that lead to images."""
    assert table.cells is not None
    pattern = images.guess.pattern if images.guess else None
    return foreign_keys(table.cells, images.name, [file.path for file in images.files], pattern)


def _root(folder: Path, manifest: Path) -> str:
    """The folder as it is seen from the manifest."""
    beside = manifest.absolute().parent.resolve()
    try:
        return Path(os.path.relpath(folder, beside)).as_posix()
    except ValueError:  # another drive of Windows
        return folder.as_posix()


def _nothing_sound(entries: Sequence[Entry], prose: Sequence[str], folder: Path) -> SourceError:
    broken = [(path, why) for one in entries for path, why in one.broken.items()]
    fix = "name a folder with files that can be read"
    if broken:
        path, why = broken[0]
        return SourceError(f"none of its files can be read; the first is {path}: {why}", str(folder), fix)
    held = "text, but no table" if prose else "nothing"
    return SourceError(f"its files hold {held}", str(folder), fix)
