"""Which files are a resource's own, told from their paths alone."""

from __future__ import annotations

from collections.abc import Callable
from posixpath import normpath

from ..addresses import INSIDE, root_of, scheme_of
from ..manifest.globs import excludes, path_regex
from ..manifest.models import Resource


def matching(resource: Resource) -> Callable[[str], bool]:
    """Whether a path is one of the resource's own files, as `path` and `exclude` say.

    Examples
    --------
    >>> frames = Resource(name="frames", path=("a/*.tif",), type="images", exclude=("**/old*",))
    >>> [matching(frames)(path) for path in ("a/1.tif", "b/1.tif", "a/old.tif", "a/.1.tif")]
    [True, False, False, False]
    """
    wanted = [path_regex(_plain(glob)) for glob in resource.path]
    members = [path_regex(glob) for glob in resource.members]
    left_out = excluding(resource)

    def matches(path: str) -> bool:
        root = root_of(path) if members else ""
        inside, member = root.endswith(INSIDE), path.removeprefix(root)
        archive = root.removesuffix(INSIDE) if inside else path
        hidden = any(part.startswith(".") for part in path.split("/"))
        globbed = not hidden and any(glob.match(archive) for glob in wanted)
        chosen = not members or (inside and any(glob.match(member) for glob in members))
        return chosen and (globbed or archive in resource.path) and not left_out(path)

    return matches


def excluding(resource: Resource) -> Callable[[str], bool]:
    """Whether `exclude` leaves a path out."""
    unwanted = [excludes(glob) for glob in resource.exclude]
    return lambda path: any(out(path) for out in unwanted)


def _plain(glob: str) -> str:
    return glob if scheme_of(glob) else normpath(glob)
