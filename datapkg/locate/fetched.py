"""The addresses of a resource: listed where a bucket can be listed, and fetched all together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..addresses import root_of, scheme_of
from ..errors import DatapkgError, SourceError
from ..manifest.addresses import names_many
from ..reading import SourceFile, local_path
from ..remote import Fetched, Wanted, listed
from ..remote.trees import beside_each_other

if TYPE_CHECKING:
    from .search import Match, Search


def listed_addresses(search: Search, path: str) -> list[str] | None:
    """The addresses that one path means; None where a bucket would have to be listed, and nobody is to be asked."""
    if scheme_of(path) == "file":
        _refuse_outside(search, path)
    if not names_many(path):
        return [path]
    if search.fetcher is None or search.fetcher.offline:
        return None
    return listed(path)


def fetched_files(search: Search) -> dict[str, Match]:
    """All matches, with the addresses among them fetched; without a fetcher they stay what they are."""
    addresses = [match for match in search.matches.values() if isinstance(match, str)]
    if search.fetcher is None or not addresses:
        return search.matches
    resource = search.resource
    wanted = [Wanted(address, resource.hash or "") for address in addresses]
    there: dict[str, Fetched] = {}
    for address, found in zip(addresses, search.fetcher.fetch(wanted), strict=True):
        if isinstance(found, DatapkgError):
            search.mistakes.append(found)
        elif found is None:
            search.unfetched.append(address)
        elif resource.bytes not in (None, found.bytes):
            what = f"the file has {found.bytes} bytes, and the manifest says {resource.bytes}"
            search.mistakes.append(SourceError(what, address, "get the right file, or correct bytes"))
        else:
            there[address] = found
    files = _as_files(there, resource.type != "table" and not resource.members)
    matches: dict[str, Match] = {}
    for shown, match in search.matches.items():
        if not isinstance(match, str):
            matches[shown] = match
        elif shown in files:
            matches[shown] = files[shown]
    return matches


def _as_files(fetched: dict[str, Fetched], together: bool) -> dict[str, SourceFile]:
    """Files of the cache; where files name one another they must lie beside each other, those of each host apart."""
    if not together:
        return {
            address: SourceFile(address, one.local, one.local.parent, one.bytes, sha256=one.sha256)
            for address, one in fetched.items()
        }
    hosts: dict[str, dict[str, Path]] = {}
    for address, one in fetched.items():
        hosts.setdefault(root_of(address), {})[address] = one.local
    roots = {host: beside_each_other(files) for host, files in hosts.items()}
    return {
        address: SourceFile(
            address,
            local_path(roots[root_of(address)], address),
            roots[root_of(address)],
            one.bytes,
            sha256=one.sha256,
        )
        for address, one in fetched.items()
    }


def _refuse_outside(search: Search, address: str) -> None:
    """A file address leads to the same folders as all paths do."""
    local = Path(unquote(urlsplit(address).path)).resolve()
    if not search.tree.holds(str(local)):
        fix = "add its folder to allow, or write a path as it is seen from root"
        raise SourceError("the file lies outside of root and the folders of allow", address, fix)
