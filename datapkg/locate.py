"""Find the files that a resource means: the same files, in the same order, on every system.

Folders are listed rather than names tried, so that case counts even where the file system ignores it, and names are
compared in Unicode NFC, since macOS may store them in NFD. No link to a folder is followed, so nothing outside of
the root can be reached; a link to a file is taken if its target lies inside of the root or an allowed folder.
"""

from __future__ import annotations

import json
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .errors import DatapkgError, ManifestError, SourceError
from .manifest import Resource
from .manifest.globs import has_glob, name_regex, path_regex
from .manifest.load import LoadedManifest
from .manifest.missing import Failure, explained, first_names
from .manifest.mistakes import all_of
from .reading import SourceFile, Stat

INLINE = re.compile(r"#/resources/\d+/data$")
JUNCTION = 0xA0000003
"""Windows' IO_REPARSE_TAG_MOUNT_POINT."""


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one resource in manifest order, the empty ones that were skipped, and what to tell the user.

    `asked` holds what the system said of every folder that was listed and of every file, as they are named on this
    machine: for as long as it says the same, the same files are found.
    """

    files: tuple[SourceFile, ...]
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    asked: Mapping[str, Stat] = field(default_factory=dict)


def find(loaded: LoadedManifest, resource: Resource) -> Found:
    """Find a resource's files.

    Returns
    -------
    Files ordered by the bytes of their relative path, each once.

    Raises
    ------
    ManifestError
        A path matches nothing, names a folder, or several things are wrong: then `mistakes` holds each.
    SourceError
        A file is empty, not a file, has not the size that the manifest says, or lies outside of the root.
    """
    if resource.data is not None:
        return Found((_inline_file(loaded, resource),))
    search = _Search(loaded, resource)
    found = search.found()
    if len(search.mistakes) == 1:
        raise search.mistakes[0]
    if search.mistakes:
        raise all_of(f"{loaded.path}: the resource {resource.name!r}", search.mistakes)
    return found


def is_inline(path: str) -> bool:
    """Whether a source is no file, but rows that stand in the manifest itself.

    Examples
    --------
    >>> is_inline("datapackage.json#/resources/0/data")
    True
    """
    return INLINE.search(path) is not None


def _inline_file(loaded: LoadedManifest, resource: Resource) -> SourceFile:
    """The rows as a file: as canonical JSON, or the text as it stands; its path is the manifest's with a JSON pointer."""
    data = resource.data
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    content = text.encode()
    at = loaded.manifest.resources.index(resource)
    path = f"{_nfc(loaded.path.name)}#/resources/{at}/data"
    return SourceFile(path, loaded.path, loaded.root, len(content), content)


class _Search:
    """One resource's search; mistakes are gathered, so that a user sees all of them at once."""

    def __init__(self, loaded: LoadedManifest, resource: Resource) -> None:
        self.loaded, self.resource = loaded, resource
        self.mistakes: list[DatapkgError] = []
        self.warnings: list[str] = []
        self.matches: dict[str, tuple[_Entry, Path]] = {}
        self.tree = _Tree([loaded.root, *loaded.allow.values()])

    def found(self) -> Found:
        for at, path in enumerate(self.resource.path):
            try:
                self.look_for(path, self.place("path", at))
            except DatapkgError as error:
                self.mistakes.append(error)
        self.exclude()
        files, skipped = self.checked_files()
        if self.tree.links_to_folders:
            links = first_names(sorted(self.tree.links_to_folders))
            self.warnings.append(f"{self.resource.name}: links to folders are not followed: {links}")
        return Found(files, skipped, tuple(self.warnings), self.tree.asked)

    def place(self, *path: str | int) -> str:
        names = [resource.name for resource in self.loaded.manifest.resources]
        return self.loaded.place("resources", names.index(self.resource.name), *path)

    def look_for(self, path: str, where: str) -> None:
        """Add the files that one path of the manifest matches."""
        shown, folder, parts = self.start(path, where)
        failure = Failure(path)
        count = 0
        found = sorted(
            self.tree.walk(str(folder), shown, parts, failure), key=lambda one: _path_bytes(one[0])
        )
        for name, entry in found:
            self.matches.setdefault(name, (entry, folder))
            count += 1
        if count:
            return
        if self.resource.optional and not failure.folder:
            self.warnings.append(f"{self.resource.name}: nothing matches {path!r}, which is optional")
            return
        raise explained(failure, where)

    def start(self, path: str, where: str) -> tuple[str, Path, list[str]]:
        """How paths are shown, where they begin on this machine, and the parts to match."""
        if not path.startswith("@"):
            return "", self.loaded.root, path.split("/")
        name, _, rest = path[1:].partition("/")
        folder = self.loaded.allow.get(name)
        if folder is None:
            what = f"the manifest does not say where the folder @{name} is"
            raise ManifestError(what, where, f"build with --allow {name}=FOLDER")
        if not folder.is_dir():
            fix = f"mount the drive, or build with --allow {name}=FOLDER"
            raise ManifestError(f"the folder @{name} is not there: {folder}", where, fix)
        return f"@{name}/", folder, rest.split("/")

    def exclude(self) -> None:
        """Drop what `exclude` names, and tell of globs that drop nothing: they are mostly mistyped."""
        before = len(self.matches)
        for glob in self.resource.exclude:
            regex = path_regex(glob)
            dropped = [shown for shown in self.matches if regex.match(shown)]
            for shown in dropped:
                del self.matches[shown]
            if not dropped and before:
                start = "" if glob.startswith(("**/", "@")) else f"; for any folder write '**/{glob}'"
                self.warnings.append(f"{self.resource.name}: exclude {glob!r} leaves out no file{start}")
        if before and not self.matches and not self.resource.optional:
            what = f"exclude leaves out all {before} files that the path matches"
            fix = "correct exclude, or add optional: true"
            self.mistakes.append(ManifestError(what, self.place("exclude"), fix))

    def checked_files(self) -> tuple[tuple[SourceFile, ...], tuple[str, ...]]:
        files: list[SourceFile] = []
        empty: list[str] = []
        for shown in self.matches if self.resource.as_listed else sorted(self.matches, key=_path_bytes):
            entry, folder = self.matches[shown]
            try:
                found = self.looked_at(entry, shown)
            except SourceError as error:
                self.mistakes.append(error)
                continue
            seen = self.tree.asked[entry.local] = _stat(found)
            if found.st_size == 0:
                empty.append(shown)
            else:
                files.append(SourceFile(shown, Path(entry.local), folder, found.st_size, None, seen))
        if empty and self.resource.empty == "skip":
            few = first_names(empty)
            count = "1 empty file was" if len(empty) == 1 else f"{len(empty):,} empty files were"
            self.warnings.append(f"{self.resource.name}: {count} skipped: {few}")
            return tuple(files), tuple(empty)
        for shown in empty[:3]:
            more = f" (and {len(empty) - 3} more are)" if len(empty) > 3 and shown == empty[2] else ""
            fix = "make the file again, or say empty: skip in the resource"
            self.mistakes.append(SourceError(f"the file is empty (0 bytes){more}", shown, fix))
        return tuple(files), ()

    def looked_at(self, entry: _Entry, shown: str) -> os.stat_result:
        """What the system says of the file, after it has been made sure that it may be read."""
        if entry.twins:
            fix = "rename one of them; they differ only in how their accents are encoded"
            raise SourceError(f"the folder has {entry.twins + 1} files with this name", shown, fix)
        try:
            shown.encode()
        except UnicodeEncodeError:
            what = "the file's name is not Unicode"
            raise SourceError(what, ascii(shown), "rename the file, or leave it out with exclude") from None
        try:
            status = os.stat(entry.local)  # noqa: PTH116 - a Path for each of 100,000 files costs a second
        except OSError as error:
            what = "the link points to nothing" if entry.is_link else f"cannot be read ({error.strerror})"
            raise SourceError(what, shown, "mend the link, or leave it out with exclude") from None
        if not stat.S_ISREG(status.st_mode):
            raise SourceError("this is no ordinary file", shown, "leave it out with exclude")
        if entry.is_link and not self.tree.holds(os.path.realpath(entry.local)):
            what = f"the link leaves the data folders: it points to {os.path.realpath(entry.local)}"
            raise SourceError(what, shown, "add the target's folder to allow, or put the file itself here")
        said = self.resource.bytes
        if said is not None and status.st_size != said:
            what = f"the file has {status.st_size} bytes, and the manifest says {said}"
            raise SourceError(what, shown, "get the right file, or correct bytes")
        return status


@dataclass(slots=True)
class _Entry:
    """One name in a folder. `twins` counts other entries with the same name in NFC."""

    name: str
    local: str
    is_folder: bool
    is_link: bool
    twins: int = 0


class _Tree:
    """The folders below the allowed places, each listed at most once."""

    def __init__(self, places: Iterable[Path]) -> None:
        self.places = [os.path.realpath(place).rstrip(os.sep) + os.sep for place in places]
        self.links_to_folders: set[str] = set()
        self.asked: dict[str, Stat] = {}
        self._listed: dict[str, dict[str, _Entry]] = {}

    def holds(self, local: str) -> bool:
        """Whether a path without links lies inside of an allowed place."""
        return any(local.startswith(place) for place in self.places)

    def entries(self, folder: str, shown: str) -> dict[str, _Entry]:
        """A folder's entries by their name in NFC, in its order on disk."""
        if folder not in self._listed:
            entries: dict[str, _Entry] = {}
            try:
                self.asked[folder] = _stat(os.stat(folder))  # noqa: PTH116 - as for files
                with os.scandir(folder) as listing:
                    for item in listing:
                        name = _nfc(item.name)
                        link = item.is_symlink()
                        entry = _Entry(name, item.path, item.is_dir(), link)
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
    ) -> Iterator[tuple[str, _Entry]]:
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

    def names_in(self, folder: _Entry) -> list[str]:
        return (
            []
            if folder.is_link
            else [entry.name for entry in self.entries(folder.local, folder.name).values()]
        )

    def may_enter(self, folder: _Entry, shown: str) -> bool:
        if folder.is_link:
            self.links_to_folders.add(f"{shown}{folder.name}")
        if folder.twins:
            fix = "rename one of them; they differ only in how their accents are encoded"
            raise SourceError("two folders have this name", f"{shown}{folder.name}", fix)
        return not folder.is_link


def _chosen(part: str, entries: dict[str, _Entry]) -> list[_Entry]:
    """The entries that one part of a path matches; a glob takes dotfiles only if it begins with a dot."""
    if not has_glob(part):
        return [entries[part]] if part in entries else []
    matches: Callable[[str], re.Match[str] | None] = name_regex(part).match
    dotted = part.startswith(".")
    return [entry for name, entry in entries.items() if (dotted or name[0] != ".") and matches(name)]


def _nfc(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _stat(status: os.stat_result) -> Stat:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _path_bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _is_junction(item: os.DirEntry[str]) -> bool:
    """Whether a folder is Windows' other kind of link (`os.DirEntry.is_junction` comes with Python 3.12)."""
    return getattr(item.stat(follow_symlinks=False), "st_reparse_tag", 0) == JUNCTION
