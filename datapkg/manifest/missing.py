"""Why a path matches nothing, and what was probably meant: the names that are there."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice

from ..errors import ManifestError
from .globs import has_glob

MOST_NAMES = 2000
"""Comparing a name with very many others takes seconds."""


@dataclass(slots=True)
class Failure:
    """How far the search for one path came."""

    path: str
    folder: str = ""
    names_in_folder: Callable[[], list[str]] = list
    link: str = ""
    dead_ends: list[tuple[str, str, Collection[str]]] = field(default_factory=list)

    def ends(self, shown: str, part: str, names: Collection[str]) -> None:
        """In the folder `shown`, which holds `names`, nothing matched `part`."""
        self.dead_ends.append((shown, part, names))

    def names_folder(self, shown: str, names: Callable[[], list[str]]) -> None:
        """The whole path matched, but a folder; `names` tells what is in it."""
        self.folder, self.names_in_folder = (
            self.folder or shown,
            names if not self.folder else self.names_in_folder,
        )


def explained(failure: Failure, where: str) -> ManifestError:
    """The error for a path that matches no file, with the nearest name that there is."""
    path = failure.path
    if failure.link:
        what = f"{failure.link!r} is a link to a folder, and such links are not followed"
        return ManifestError(
            what, where, "name the folder that it points to; if it lies elsewhere, add it to allow"
        )
    if failure.folder:
        return _names_folder(failure, where)
    what = f"the path {path!r} matches no file"
    if re.search(r"\{[^{}]*,[^{}]*\}", path):
        return ManifestError(what, where, "braces are no glob: write a list of paths, [a.tif, a.tiff]")
    if not failure.dead_ends:
        return ManifestError(what, where, "correct the path, or add optional: true")
    shown, part, names = max(failure.dead_ends, key=lambda end: end[0].count("/"))
    if part == "*" or (has_glob(part) and part not in names):
        told = _told(failure, part)
    else:
        told = _nearest(shown, part, names)
    return ManifestError(what, where, told or "correct the path, or add optional: true")


def first_names(names: Iterable[str], most: int = 3) -> str:
    """The first of many names, for a message.

    Examples
    --------
    >>> first_names(["a.tif", "b.tif", "c.tif", "d.tif", "e.tif"])
    'a.tif, b.tif, c.tif and 2 more'
    """
    every = list(names)
    rest = len(every) - most
    return ", ".join(every[:most]) + (f" and {rest} more" if rest > 0 else "")


def _names_folder(failure: Failure, where: str) -> ManifestError:
    names = [name for name in failure.names_in_folder() if not name.startswith(".")]
    suffixes = _suffixes(names)
    suffix = suffixes.most_common(1)[0][0] if suffixes else ".tif"
    middle = "" if suffixes or not names else "**/"
    start = failure.path if not has_glob(failure.path) else failure.folder
    fix = f"say which files in it: {start}/{middle}*{suffix}"
    return ManifestError(f"the path {failure.path!r} names a folder", where, fix)


def _nearest(shown: str, part: str, names: Collection[str]) -> str:
    """What to write instead of a name that is not there."""
    if part in names:
        return f"[ and ] stand for one of several characters; write {shown + glob.escape(part)!r}"
    visible = [name for name in islice(names, MOST_NAMES) if not name.startswith(".")]
    folded = [name for name in names if name.casefold() == part.casefold()]
    if folded:
        return f"the name is {shown + folded[0]!r}: upper and lower case count"
    close = get_close_matches(part, visible, n=1, cutoff=0.6)
    if close:
        return f"did you mean {shown + close[0]!r}?"
    place = shown or "the root folder"
    return f"{place} has {first_names(sorted(visible), 5)}" if visible else f"{place} is empty"


def _told(failure: Failure, part: str) -> str:
    """What kinds of files lie where a glob found none."""
    names = [name for _, at, inside in failure.dead_ends if at == part for name in inside if name[0] != "."]
    loose = re.compile(_loose(part), re.IGNORECASE)
    other_case = next((name for name in names if loose.fullmatch(name)), None)
    if other_case is not None:
        return f"there is {other_case!r}: upper and lower case count"
    suffixes = _suffixes(names)
    places = sorted({shown for shown, at, _ in failure.dead_ends if at == part})
    place = (places[0] or "the root folder") if len(places) == 1 else f"these {len(places)} folders"
    if suffixes:
        counted = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(4))
        return f"{place} {'has' if len(places) == 1 else 'have'} {counted} files"
    return f"{place} has {first_names(sorted(names), 5)}" if names else f"{place} is empty"


def _loose(part: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in part)


def _suffixes(names: Iterable[str]) -> Counter[str]:
    found = (re.search(r"(\.[A-Za-z][A-Za-z0-9]{0,7})(\.gz)?$", name) for name in names)
    return Counter(match[0] for match in found if match)
