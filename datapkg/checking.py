"""Find every mistake of a manifest and of the files that it names, before a build; nothing is written or imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from .errors import DatapkgError, ManifestError
from .locate import find
from .manifest import Resource
from .manifest.load import LoadedManifest, load
from .manifest.mistakes import all_of
from .manifest.pattern import PathPattern
from .reading import SourceFile

SHOWN = 3


def check(path: Path, root: Path | None = None, allow: Mapping[str, Path] | None = None) -> LoadedManifest:
    """Load a manifest, find all its files, and match their paths with its patterns.

    Parameters
    ----------
    path, root, allow
        As for `datapkg.manifest.load.load`.

    Returns
    -------
    The manifest, with the warnings of all its resources.

    Raises
    ------
    ManifestError
        With one of `mistakes` for everything that is wrong.
    """
    loaded = load(path, root, allow)
    mistakes: list[DatapkgError] = []
    warnings = list(loaded.warnings)
    for number, resource in enumerate(loaded.manifest.resources):
        try:
            found = find(loaded, resource)
        except DatapkgError as error:
            mistakes += getattr(error, "mistakes", ()) or (error,)
            continue
        warnings += found.warnings
        if resource.pattern is not None:
            where = loaded.place("resources", number, "pattern")
            mistakes += pattern_mistakes(resource, resource.pattern, found.files, where)
    if mistakes:
        raise all_of(str(path), mistakes)
    return replace(loaded, warnings=tuple(warnings))


def pattern_mistakes(
    resource: Resource, pattern: str, files: Iterable[SourceFile], where: str
) -> list[ManifestError]:
    """One mistake for all files that a resource's pattern does not fit, with the first of them as examples."""
    compiled = PathPattern(pattern)
    wrong: list[ManifestError] = []
    for file in files:
        try:
            compiled.match(file.path)
        except ManifestError as error:
            wrong.append(error)
    if len(wrong) <= 1:
        return [ManifestError(f"{error.where}: {error.what}", where, error.fix) for error in wrong]
    examples = "".join(f"\n    {error.where}: {error.what}" for error in wrong[:SHOWN])
    more = f"\n    and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    what = f"{len(wrong)} files of {resource.name!r} do not fit its pattern:{examples}{more}"
    return [ManifestError(what, where, wrong[0].fix)]
