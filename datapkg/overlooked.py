"""Folders that a manifest may have forgotten: beside those that its files are in, with files of the same kind, and in no resource."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from posixpath import splitext

from .addresses import scheme_of
from .manifest import Resource
from .manifest.globs import excludes
from .report import count_of

SHOWN = 3


def overlooked(root: Path, resources: Sequence[Resource], paths: Mapping[str, Sequence[str]]) -> list[str]:
    """A warning for each resource that has such folders. Only names are looked at, in folders right beside those that are named.

    Parameters
    ----------
    root
        The folder that `paths`, those of each resource's files by its name, are relative to; no other is looked at.
    """
    folders = {name: _folders(some) for name, some in paths.items()}
    named = {str(part) for some in folders.values() for folder in some for part in (folder, *folder.parents)}
    warnings = []
    for resource in resources:
        suffixes = {splitext(path)[1].lower() for path in paths.get(resource.name, ())}
        left_out = [excludes(glob) for glob in resource.exclude]
        beside: dict[str, int] = {}
        for parent in sorted({folder.parent for folder in folders.get(resource.name, ())}):
            for path in _files_below(root, parent, named):
                held = PurePosixPath(path)
                if held.suffix.lower() in suffixes and not any(excluded(path) for excluded in left_out):
                    beside[str(held.parent)] = beside.get(str(held.parent), 0) + 1
        named |= beside.keys()
        if beside:
            warnings.append(_told(resource.name, beside))
    return warnings


def _folders(paths: Sequence[str]) -> set[PurePosixPath]:
    """The folders below the root that paths lead into."""
    inside = {path.rpartition("/")[0] for path in paths if not scheme_of(path) and not path.startswith("@")}
    return {PurePosixPath(folder) for folder in inside if folder and not folder.startswith(("/", ".."))}


def _files_below(root: Path, parent: PurePosixPath, named: set[str]) -> Iterator[str]:
    """The files in the folders right below one, in none of which a resource has any."""
    try:
        with os.scandir(root / parent) as listing:
            folders = sorted(entry.name for entry in listing if entry.is_dir(follow_symlinks=False))
        for name in folders:
            folder = parent / name
            if not name.startswith(".") and str(folder) not in named:
                yield from (f"{folder}/{file}" for file in sorted(os.listdir(root / folder)))  # noqa: PTH208 - only names
    except OSError:
        return


def _told(resource: str, beside: Mapping[str, int]) -> str:
    some = ", ".join(list(beside)[:SHOWN]) + (" ..." if len(beside) > SHOWN else "")
    folders, files = (
        count_of(len(beside), "folder", "folders"),
        count_of(sum(beside.values()), "file", "files"),
    )
    fix = "name them in path, and in exclude too if they are to stay out"
    return f"{resource}: {folders} beside its own, with {files} of its kind, in no resource: {some}; {fix}"
