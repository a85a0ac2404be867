"""The folders of this machine that files are looked for in, each listed at most once.

Folders are listed rather than names tried, so that case counts even where the file system ignores it, and names are
compared in Unicode NFC, since macOS may store them in NFD. No link to a folder is followed, so nothing outside of
the root can be reached.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import SourceError
from ..manifest.globs import has_glob, name_regex
from ..manifest.missing import Failure
from ..reading import Stat

JUNCTION = 0xA0000003
"""Windows' IO_REPARSE_TAG_MOUNT_POINT."""


@dataclass(slots=True)
class Entry:
    """One name in a folder. `twins` counts other entries with the same name in NFC."""

    name: str
    local: str
    is_folder: bool
    is_link: bool
    twins: int = 0


class Tree:
    """The folders below the allowed places, each listed at most once."""

    def __init__(self, places: Iterable[Path]) -> None:
        self.places = [os.path.realpath(place).rstrip(os.sep) + os.sep for place in places]
        self.links_to_folders: set[str] = set()
        self.asked: dict[str, Stat] = {}
        self._listed: dict[str, dict[str, Entry]] = {}

    def holds(self, local: str) -> bool:
        """Whether a path without links lies inside of an allowed place."""
        return any(local.startswith(place) for place in self.places)

    def entries(self, folder: str, shown: str) -> dict[str, Entry]:
        """A folder's entries by their name in NFC, in its order on disk."""
        if folder not in self._listed:
            entries: dict[str, Entry] = {}
            try:
                self.asked[folder] = stat_of(os.stat(folder))  # noqa: PTH116 - as for files
                with os.scandir(folder) as listing:
                    for item in listing:
                        name = item.name if item.name.isascii() else nfc(item.name)
                        link = item.is_symlink()
                        entry = Entry(name, item.path, item.is_dir(), link)
                        if entry.is_folder and not link:
                            entry.is_link = _is_junction(item)
                        if name in entries:
                            entries[name].twins += 1
                        else:
                            entries[name] = entry
            except OSError as error:
                fix = "check that you may read the folder"
                what = f"the folder cannot be read ({error.strerror})"
                raise SourceError(what, shown or folder, fix) from None
            self._listed[folder] = entries
        return self._listed[folder]

    def walk(
        self, folder: str, shown: str, parts: list[str], failure: Failure
    ) -> Iterator[tuple[str, Entry]]:
        """Yield the files below `folder` that `parts` match; `failure` learns how far it came."""
        entries, part, rest = self.entries(folder, shown), parts[0], parts[1:]
        if part == "**":
            inner = rest or ["*"]
            yield from self.walk(folder, shown, inner, failure)
            for entry in list(entries.values()):
                if entry.is_folder and not entry.name.startswith(".") and self.may_enter(entry, shown):
                    yield from self.walk(entry.local, f"{shown}{entry.name}/", parts, failure)
            return
        chosen = _chosen(part, entries)
        if not chosen:
            failure.ends(shown, part, entries)
        for entry in chosen:
            if rest:
                if not entry.is_folder:
                    failure.ends(shown, part, entries)
                elif self.may_enter(entry, shown):
                    yield from self.walk(entry.local, f"{shown}{entry.name}/", rest, failure)
                else:
                    failure.link = f"{shown}{entry.name}"
            elif entry.is_folder:
                failure.names_folder(f"{shown}{entry.name}", partial(self.names_in, entry))
            else:
                yield f"{shown}{entry.name}", entry

    def names_in(self, folder: Entry) -> list[str]:
        return (
            []
            if folder.is_link
            else [entry.name for entry in self.entries(folder.local, folder.name).values()]
        )

    def may_enter(self, folder: Entry, shown: str) -> bool:
        if folder.is_link:
            self.links_to_folders.add(f"{shown}{folder.name}")
        if folder.twins:
            fix = "rename one of them; they differ only in how their accents are encoded"
            raise SourceError("two folders have this name", f"{shown}{folder.name}", fix)
        return not folder.is_link


def _chosen(part: str, entries: dict[str, Entry]) -> list[Entry]:
    """The entries that one part of a path matches; a glob takes dotfiles only if it begins with a dot."""
    if not has_glob(part):
        return [entries[part]] if part in entries else []
    matches: Callable[[str], re.Match[str] | None] = name_regex(part).match
    dotted = part.startswith(".")
    return [entry for name, entry in entries.items() if (dotted or name[0] != ".") and matches(name)]


def nfc(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def stat_of(status: os.stat_result) -> Stat:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def in_order(paths: Collection[str]) -> list[str]:
    """Paths by their bytes."""
    return sorted(paths, key=None if all(map(str.isascii, paths)) else path_bytes)


def path_bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _is_junction(item: os.DirEntry[str]) -> bool:
    """Whether a folder is Windows' other kind of link (`os.DirEntry.is_junction` comes with Python 3.12)."""
    return getattr(item.stat(follow_symlinks=False), "st_reparse_tag", 0) == JUNCTION
