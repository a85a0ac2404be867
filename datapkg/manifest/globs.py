"""Globs over relative paths: ``*``, ``?``, ``[abc]`` within a name, and ``**`` for any number of folders.

Python's own globs follow the file system's idea of case, take dotfiles with ``**``, and differ between versions;
these mean the same on every system.
"""

from __future__ import annotations

import fnmatch
import re

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
