"""One resource's search: files of this machine, files that are fetched, and files of archives, put into one order.

A link to a file is taken if its target lies inside of the root or an allowed folder; so does a ``file:`` address.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ..addresses import in_archive, scheme_of
from ..errors import DatapkgError, ManifestError, SourceError
from ..files import Files, FilesFound
from ..manifest import Resource
from ..manifest.globs import excludes
from ..manifest.load import LoadedManifest
from ..manifest.missing import Failure, explained, first_names
from ..manifest.mistakes import all_of
from ..reading import MISSING, SourceFile, Stat
from ..remote import Fetcher
from ..report import count_of
from .fetched import fetched_files, listed_addresses
from .members import opened_archives
from .tree import Entry, Tree, in_order, nfc, path_bytes, stat_of

MANY = 5000
"""So many files take longer to look at than workers to start."""
INLINE = re.compile(r"#/resources/\d+/data$")


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one resource in manifest order, the empty ones that were skipped, and what to tell the user.

    `asked` holds what the system said of every folder that was listed and of every file that is not among `files`, as
    they are named on this machine: for as long as it says the same of all, the same files are found. `archives` are those
    that files were chosen of. `unfetched` are addresses whose files are not here, where nobody was to be asked.
    """

    files: Files
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    asked: Mapping[str, Stat] = field(default_factory=dict)
    archives: tuple[SourceFile, ...] = ()
    unfetched: tuple[str, ...] = ()


def find(
    loaded: LoadedManifest,
    resource: Resource,
    fetcher: Fetcher | None = None,
    many: Callable[[Resource], object] | None = None,
) -> Found:
    """Find a resource's files.

    Parameters
    ----------
    loaded, resource
        The manifest, and one of its resources.
    fetcher
        Fetches what is not on this machine. Without one only names are found: nothing is fetched or unpacked.
    many
        Told as soon as many files of this machine match one path, before all of them are found.

    Returns
    -------
    Files ordered by the bytes of their relative path, each once.

    Raises
    ------
    ManifestError
        A path matches nothing, names a folder, or several things are wrong: then `mistakes` holds each.
    SourceError
        A file is empty, not a file, has not the size that the manifest says, lies outside of the root, or cannot be
        fetched.
    """
    if resource.data is not None:
        return Found(Files.of([_inline_file(loaded, resource)]))
    search = Search(loaded, resource, fetcher, many)
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
    path = f"{nfc(loaded.path.name)}#/resources/{at}/data"
    return SourceFile(path, loaded.path, loaded.root, len(content), content)


class Search:
    """One resource's search; mistakes are gathered, so that a user sees all of them at once."""

    def __init__(
        self,
        loaded: LoadedManifest,
        resource: Resource,
        fetcher: Fetcher | None,
        many: Callable[[Resource], object] | None = None,
    ) -> None:
        self.loaded, self.resource, self.fetcher, self.many = loaded, resource, fetcher, many
        self.mistakes: list[DatapkgError] = []
        self.warnings: list[str] = []
        self.matches: dict[str, Match] = {}
        self.archives: list[SourceFile] = []
        self.unfetched: list[str] = []
        self.tree = Tree([loaded.root, *loaded.allow.values()])

    def found(self) -> Found:
        for at, path in enumerate(self.resource.path):
            look = self.look_for_address if scheme_of(path) else self.look_for
            try:
                look(path, self.place("path", at))
            except DatapkgError as error:
                self.mistakes.append(error)
        self.matches = fetched_files(self)
        if self.resource.members:
            self.matches = opened_archives(self)
        self.exclude()
        files, skipped = self.checked_files()
        if self.tree.links_to_folders:
            links = first_names(sorted(self.tree.links_to_folders))
            self.warnings.append(f"{self.resource.name}: links to folders are not followed: {links}")
        return Found(
            files,
            skipped,
            tuple(self.warnings),
            self.tree.asked,
            tuple(sorted(self.archives, key=lambda one: path_bytes(one.path))),
            tuple(self.unfetched),
        )

    def place(self, *path: str | int) -> str:
        names = [resource.name for resource in self.loaded.manifest.resources]
        return self.loaded.place("resources", names.index(self.resource.name), *path)

    def look_for_address(self, path: str, where: str) -> None:
        """Add the addresses that one path of the manifest means; they are fetched together."""
        addresses = listed_addresses(self, path)
        for address in addresses or ():
            self.matches.setdefault(address, address)
        if addresses is None:
            self.unfetched.append(path)
        elif not addresses and not self.resource.optional:
            fix = "correct the path, or add optional: true"
            raise ManifestError(f"the path {path!r} matches no object of the bucket", where, fix)
        elif not addresses:
            self.warnings.append(f"{self.resource.name}: nothing matches {path!r}, which is optional")

    def look_for(self, path: str, where: str) -> None:
        """Add the files of this machine that one path of the manifest matches."""
        shown, folder, parts = self.start(path, where)
        failure = Failure(path)
        walk = self.tree.walk(str(folder), shown, parts, failure)
        found = list(islice(walk, MANY))
        if len(found) == MANY and self.many is not None:
            self.many(self.resource)
        found += walk
        entries = dict(reversed(found))  # of twice the same path the first
        for name in in_order(entries):
            self.matches.setdefault(name, (entries[name], folder))
        if found:
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
            leaves_out = excludes(glob)
            dropped = [shown for shown in self.matches if leaves_out(shown)]
            for shown in dropped:
                del self.matches[shown]
            if not dropped and before:
                start = "" if glob.startswith(("**/", "@")) else f"; for any folder write '**/{glob}'"
                self.warnings.append(f"{self.resource.name}: exclude {glob!r} leaves out no file{start}")
        if before and not self.matches and not self.resource.optional:
            what = f"exclude leaves out all {before} files that the path matches"
            fix = "correct exclude, or add optional: true"
            self.mistakes.append(ManifestError(what, self.place("exclude"), fix))

    def checked_files(self) -> tuple[Files, tuple[str, ...]]:
        found = FilesFound()
        empty: list[str] = []
        for shown in self.matches if self.resource.as_listed else in_order(self.matches):
            match = self.matches[shown]
            try:
                if isinstance(match, tuple):
                    entry, folder = match
                    seen = stat_of(self.looked_at(entry, shown))
                    if size := seen[2]:
                        found.add(shown, entry.local, folder, seen)
                    else:
                        self.tree.asked[entry.local] = seen
                else:
                    file = self.checked(shown)
                    if size := file.bytes:
                        found.take(file)
            except SourceError as error:
                self.mistakes.append(error)
                continue
            if not size:
                empty.append(shown)
        if empty and self.resource.empty == "skip":
            few = first_names(empty)
            count = count_of(len(empty), "empty file was", "empty files were")
            self.warnings.append(f"{self.resource.name}: {count} skipped: {few}")
            return found.files(), tuple(empty)
        for shown in empty[:3]:
            more = f" (and {len(empty) - 3} more are)" if len(empty) > 3 and shown == empty[2] else ""
            fix = "make the file again, or say empty: skip in the resource"
            self.mistakes.append(SourceError(f"the file is empty (0 bytes){more}", shown, fix))
        return found.files(), ()

    def checked(self, shown: str) -> SourceFile:
        """A match as a file, after it has been made sure that it may be read; what the system says of it is kept."""
        match = self.matches[shown]
        if isinstance(match, str):
            return SourceFile(shown, Path(), Path(), MISSING)
        if isinstance(match, SourceFile):
            if match.local != Path():
                local = str(match.local)
                self.tree.asked[local] = stat_of(os.stat(local))  # noqa: PTH116 - as below
            return match
        entry, folder = match
        found = self.looked_at(entry, shown)
        seen = self.tree.asked[entry.local] = stat_of(found)
        return SourceFile(shown, Path(entry.local), folder, found.st_size, None, seen)

    def looked_at(self, entry: Entry, shown: str) -> os.stat_result:
        """What the system says of the file, after it has been made sure that it may be read."""
        if in_archive(shown):
            fix = "rename the folder: what stands behind !/ is a file of an archive"
            raise SourceError("a folder's name ends like an archive's and !", shown, fix)
        if entry.twins:
            fix = "rename one of them; they differ only in how their accents are encoded"
            raise SourceError(f"the folder has {entry.twins + 1} files with this name", shown, fix)
        if not shown.isascii():
            _refuse_other_than_unicode(shown)
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


def _refuse_other_than_unicode(shown: str) -> None:
    try:
        shown.encode()
    except UnicodeEncodeError:
        what = "the file's name is not Unicode"
        raise SourceError(what, ascii(shown), "rename the file, or leave it out with exclude") from None


Match = tuple[Entry, Path] | SourceFile | str
"""A file of this machine and its root; a file of the cache; an address that is not fetched."""
