"""Find every mistake of a manifest and of the files that it names, before a build; nothing is written or imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import DatapkgError, ManifestError
from .locate import find
from .manifest import Resource
from .manifest.load import load
from .manifest.mistakes import all_of
from .manifest.pattern import PathPattern
from .overlooked import overlooked
from .reading import SourceFile
from .report import count_of

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Checked:
    """A manifest without mistakes: how many files each resource has, and what a user should know."""

    manifest: str
    files: Mapping[str, int]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        found = count_of(sum(self.files.values()), "file", "files")
        said = [f"warning   {warning}" for warning in self.warnings]
        return "\n".join(
            [*said, f"{self.manifest}: no mistakes; {found} found (a build reads what is in them)"]
        )


def check(
    path: str | Path, root: str | Path | None = None, allow: Mapping[str, str | Path] | None = None
) -> Checked:
    """Load a manifest, find all its files, and match their paths with its patterns; contents are not read.

    Parameters
    ----------
    path, root, allow
        The manifest; where the data are, instead of what it says.

    Returns
    -------
    How many files each resource has, and warnings.

    Raises
    ------
    ManifestError
        With one of `mistakes` for everything that is wrong.
    """
    places = {name: Path(folder) for name, folder in (allow or {}).items()}
    loaded = load(Path(path), None if root is None else Path(root), places)
    mistakes: list[DatapkgError] = []
    warnings = list(loaded.warnings)
    paths: dict[str, Sequence[str]] = {}
    for number, resource in enumerate(loaded.manifest.resources):
        try:
            found = find(loaded, resource)
        except DatapkgError as error:
            mistakes += getattr(error, "mistakes", ()) or (error,)
            continue
        warnings += found.warnings
        paths[resource.name] = found.files.paths
        if resource.pattern is not None:
            where = loaded.place("resources", number, "pattern")
            mistakes += pattern_mistakes(resource, resource.pattern, found.files, where)
    if mistakes:
        raise all_of(str(path), mistakes)
    warnings += overlooked(loaded.root, loaded.manifest.resources, paths)
    return Checked(str(path), {name: len(some) for name, some in paths.items()}, tuple(warnings))


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
