"""The archives among a resource's matches, and the files that `members` chooses of them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from .. import hashes
from ..addresses import root_of
from ..archives import names_in, unpacked
from ..errors import DatapkgError, ManifestError
from ..files import Files
from ..manifest.globs import chooses
from ..manifest.missing import first_names
from ..reading import MISSING, Seen, SourceFile, check_hash, look
from .tree import path_bytes

ANY_PLACE = (0, 0, 0, 0)

if TYPE_CHECKING:
    from .search import Match, Search


def opened_archives(search: Search) -> dict[str, Match]:
    """The chosen files of all archives that were found; what is wrong with an archive joins the other mistakes."""
    found: dict[str, Match] = {}
    known: list[SourceFile] = []
    for shown in search.matches if search.resource.as_listed else sorted(search.matches, key=path_bytes):
        try:
            archive = search.checked(shown)
            if archive.bytes == MISSING:
                continue
            known.append(archive)
            chosen = _chosen(search, archive)
        except DatapkgError as error:
            search.mistakes.append(error)
            continue
        found |= {file.path: file for file in sorted(chosen, key=lambda one: path_bytes(one.path))}
    if known and not search.mistakes:
        _refuse_idle(search, known, list(found))
    return found


def _chosen(search: Search, archive: SourceFile) -> list[SourceFile]:
    fetcher, resource = search.fetcher, search.resource
    if fetcher is None:
        paths = names_in(archive, resource.members)
        return [SourceFile(path, archive.local, archive.root, MISSING) for path in paths]
    rehash = fetcher.rehash and not fetcher.offline
    if not archive.sha256:
        archive = replace(archive, sha256=_sha256(archive, rehash))
        if resource.hash is not None:
            check_hash(replace(archive, sha256=""), resource.hash, Seen(ANY_PLACE, archive.sha256))
    search.archives.append(archive)
    return unpacked(archive, resource.members, rehash, fetcher.progress)


def _sha256(archive: SourceFile, rehash: bool) -> str:
    """The hash of an archive of this machine, remembered where it is as it was."""
    begun = time.time_ns()
    files = Files.of([archive])
    known = "" if rehash else hashes.recalled(files)[0]
    found = known or look(archive).sha256
    if not known:
        hashes.remember(files, [found], begun)
    return found


def _refuse_idle(search: Search, archives: list[SourceFile], paths: list[str]) -> None:
    """A glob that chooses no file of any archive is a mistake, as a path that matches nothing is."""
    names = [path.removeprefix(root_of(path)) for path in paths]
    for at, glob in enumerate(search.resource.members):
        matches = chooses(glob)
        if any(matches(name) for name in names):
            continue
        what = f"members {glob!r} matches no file of {first_names(one.path for one in archives)}"
        if search.resource.optional:
            search.warnings.append(f"{search.resource.name}: {what}, which is optional")
            continue
        there = [path.removeprefix(root_of(path)) for path in names_in(archives[0], ["**"])]
        fix = f"{archives[0].path} has {first_names(there)}" if there else "the archive is empty"
        search.mistakes.append(ManifestError(what, search.place("members", at), fix))
