"""Another place that serves the same files: ``DATAPKG_MIRROR=URL-prefix=folder-or-URL``.

A manifest names the origin of its files, and a lock holds their hashes; where the bytes come from changes neither.
Several mirrors stand on lines of their own, or are parted by spaces. The longest prefix that fits is taken.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from ..addresses import SCHEMES, WEB, has_secret, scheme_of, without_secrets
from ..errors import SourceError

VARIABLE = "DATAPKG_MIRROR"
EXAMPLE = f"write {VARIABLE}=https://host/folder/=/mnt/copy, or =https://other/folder/; several on lines of their own"
_NEXT = re.compile(r"\n|[ \t]+(?=[A-Za-z][A-Za-z0-9+.-]+://[^\s=]*=)")


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where what begins with `prefix` is fetched from: a folder of this machine, or an address."""

    prefix: str
    place: str

    def serves(self, address: str) -> str:
        """Where an address is served from; nothing where it does not begin with the prefix, up to a whole part."""
        if not address.startswith(self.prefix):
            return ""
        rest = address.removeprefix(self.prefix)
        if rest and not self.prefix.endswith("/") and rest[0] not in "/?":
            return ""
        if scheme_of(self.place):
            between = "" if self.place.endswith("/") or rest[:1] in ("", "/", "?") else "/"
            return f"{self.place}{between}{rest.lstrip('/') if self.place.endswith('/') else rest}"
        return str(_inside(Path(self.place).expanduser().absolute(), rest, address))


def mirrors() -> list[Mirror]:
    """The mirrors that the environment names, the longest prefix first.

    Raises
    ------
    SourceError
        One of them cannot be understood.

    Examples
    --------
    >>> os.environ["DATAPKG_MIRROR"] = "https://host/=/mnt/copy https://host/b/=http://127.0.0.1:8000/"
    >>> [mirror.prefix for mirror in mirrors()]
    ['https://host/b/', 'https://host/']
    >>> served("https://host/a/1.csv"), served("https://host/b/1.csv"), served("https://other/1.csv")
    ('/mnt/copy/a/1.csv', 'http://127.0.0.1:8000/1.csv', 'https://other/1.csv')
    >>> del os.environ["DATAPKG_MIRROR"]
    """
    return list(_mirrors(os.environ.get(VARIABLE, "")))


def served(address: str) -> str:
    """Where an address is to be fetched from: a path of this machine, or an address."""
    places = (mirror.serves(address) for mirror in _mirrors(os.environ.get(VARIABLE, "")))
    return next((place for place in places if place), address)


@lru_cache(maxsize=4)
def _mirrors(text: str) -> tuple[Mirror, ...]:
    """What a value of the variable means; it is asked for each address."""
    found = [_mirror(part.strip()) for part in _NEXT.split(text) if part.strip()]
    return tuple(sorted(found, key=lambda mirror: len(mirror.prefix), reverse=True))


def _mirror(text: str) -> Mirror:
    prefix, equals, place = text.partition("=")
    shown = f"{VARIABLE}: {without_secrets(prefix)}"
    if not equals or not place or scheme_of(prefix) not in SCHEMES:
        raise SourceError("is no mirror: URL-prefix=folder-or-URL", shown, EXAMPLE)
    if has_secret(prefix) or has_secret(place):
        fix = "take it out: logins of web servers belong in ~/.netrc, keys of buckets in the environment"
        raise SourceError("holds a password, key or signature", shown, fix)
    if scheme_of(place) and scheme_of(place) not in SCHEMES:
        raise SourceError(f"{scheme_of(place)}:// addresses are not opened", shown, EXAMPLE)
    scheme, rest = scheme_of(prefix), prefix.partition("://")[2]
    host, slash, path = rest.partition("/")
    return Mirror(f"{scheme}://{host.lower() if scheme in WEB else host}{slash}{path}", place)


def _inside(folder: Path, rest: str, address: str) -> Path:
    """The file of a folder that stands for the rest of an address; with its query where there is such a file."""
    whole = (folder / unquote(rest).lstrip("/")).resolve()
    plain = (folder / unquote(rest.partition("?")[0]).lstrip("/")).resolve()
    local = whole if whole.is_file() else plain
    if not local.is_relative_to(folder.resolve()):
        raise SourceError("leads out of the folder of its mirror", address, f"correct {VARIABLE}")
    return local
