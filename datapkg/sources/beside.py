"""Files that another source names as its own: where they are looked for, and what to say where they are not there."""

from __future__ import annotations

import unicodedata
from posixpath import dirname, isabs, join, normpath

from ..addresses import in_archive, named, root_of, scheme_of
from ..errors import SourceError

TOGETHER = "put all files of the set into one folder below the root, or exclude them"


def member_path(file: str, name: str) -> str:
    r"""The path of a file that another one names.

    Raises
    ------
    SourceError
        The name leads out of the root.

    Examples
    --------
    >>> member_path("plate/a.ome.tif", "b.ome.tif"), member_path("@nas/a/b.tif", "../c.tif")
    ('plate/b.ome.tif', '@nas/c.tif')
    >>> member_path("https://host/plate/a.ome.tif", "b.ome.tif")
    'https://host/plate/b.ome.tif'
    """
    root = root_of(file)
    beside = unicodedata.normalize("NFC", name)
    path = normpath(join(dirname(named(file).removeprefix(root)), beside))
    windows = "\\" in beside or beside[1:2] == ":"
    if isabs(beside) or windows or path.startswith("../") or path == "..":
        raise outside(file, name)
    return root + path


def bring(path: str) -> str:
    """How a file that is missing comes to lie where it is looked for."""
    if in_archive(path):
        return "let `members` choose it too"
    return f"list {path} in `path` too" if scheme_of(path) else f"copy {path} there too"


def outside(file: str, name: str) -> SourceError:
    """What to say where a name leads out of the root."""
    what = f"it names {name} as one of its files, which lies outside of the data root"
    return SourceError(what, file, TOGETHER)
