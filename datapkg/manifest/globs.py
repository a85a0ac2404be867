"""Globs over relative paths: ``*``, ``?``, ``[abc]`` within a name, and ``**`` for any number of folders.

Python's own globs follow the file system's idea of case, take dotfiles with ``**``, and differ between versions;
these mean the same on every system.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from posixpath import normpath

from ..addresses import scheme_of

_MAGIC = re.compile(r"[*?]|\[!?.[^\]]*\]", re.DOTALL)


def has_glob(path: str) -> bool:
    """Whether `path` holds glob characters, so that it can name many files.

    Examples
    --------
    >>> has_glob("profiles/*.csv"), has_glob("profiles/p1.csv"), has_glob("odd[name.csv")
    (True, False, False)
    """
    return bool(_MAGIC.search(path))


def name_regex(glob: str) -> re.Pattern[str]:
    """The regular expression for one part of a path; case counts."""
    return re.compile(fnmatch.translate(glob))


def path_regex(glob: str) -> re.Pattern[str]:
    """The regular expression for a whole relative path, as `exclude` uses it; dotfiles are matched too.

    Examples
    --------
    >>> old = path_regex("**/old/**")
    >>> [bool(old.match(path)) for path in ("old/a.tif", "x/y/old/z/a.tif", "x/older/a.tif")]
    [True, True, False]
    """
    parts = glob.split("/")
    pieces = []
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            pieces.append("[^/]+(?:/[^/]+)*" if last else "(?:[^/]+/)*")
        else:
            pieces.append(_within_name(part) + ("" if last else "/"))
    return re.compile("".join(pieces) + r"\Z")


def chooses(glob: str) -> Callable[[str], bool]:
    """Whether one glob names a path where there is no folder to list; dotfiles must be named with their dot.

    Examples
    --------
    >>> [chooses("**/*.csv")(path) for path in ("a/b.csv", "a/.b.csv", ".a/b.csv", "b.CSV")]
    [True, False, False, False]
    """
    regex = path_regex(glob)
    dotted = any(part.startswith(".") for part in glob.split("/"))

    def matches(path: str) -> bool:
        hidden = not dotted and any(part.startswith(".") for part in path.split("/"))
        return not hidden and regex.match(path) is not None

    return matches


def excludes(glob: str) -> Callable[[str], bool]:
    """Whether one glob of `exclude` leaves a path out; of an address it means what follows the scheme.

    Examples
    --------
    >>> excludes("**/old/**")("s3://bucket/old/a.csv"), excludes("s3://bucket/o*/**")("s3://bucket/old/a.csv")
    (True, True)
    """
    regex = path_regex(glob if scheme_of(glob) else normpath(glob))
    if scheme_of(glob):
        return lambda path: bool(regex.match(path))
    return lambda path: bool(regex.match(path.partition("://")[2] if scheme_of(path) else path))


def _within_name(part: str) -> str:
    """One part's regular expression, which never matches a slash."""
    pieces = []
    for piece in re.split(r"(\*+|\?|\[!?.[^\]]*\])", part):
        if piece.startswith("*"):
            pieces.append("[^/]*")
        elif piece == "?":
            pieces.append("[^/]")
        elif _MAGIC.fullmatch(piece):
            pieces.append("(?!/)" + fnmatch.translate(piece).removeprefix("(?s:").removesuffix(r")\Z"))
        else:
            pieces.append(re.escape(piece))
    return "".join(pieces)
