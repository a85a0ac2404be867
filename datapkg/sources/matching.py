"""Which files are a resource's own, told from their paths alone."""

from __future__ import annotations

from collections.abc import Callable
from posixpath import normpath

from ..manifest.globs import path_regex
from ..manifest.models import Resource


def matching(resource: Resource) -> Callable[[str], bool]:
    """Whether a path is one of the resource's own files, as `path` and `exclude` say.

    Examples
    --------
    >>> frames = Resource(name="frames", path=("a/*.tif",), type="images", exclude=("**/old*",))
    >>> [matching(frames)(path) for path in ("a/1.tif", "b/1.tif", "a/old.tif", "a/.1.tif")]
    [True, False, False, False]
    """
    wanted = [path_regex(normpath(glob)) for glob in resource.path]
    unwanted = [path_regex(normpath(glob)) for glob in resource.exclude]

    def matches(path: str) -> bool:
        hidden = any(part.startswith(".") for part in path.split("/"))
        globbed = not hidden and any(glob.match(path) for glob in wanted)
        return (globbed or path in resource.path) and not any(glob.match(path) for glob in unwanted)

    return matches
