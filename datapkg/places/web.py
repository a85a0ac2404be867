"""A package that anybody may read over HTTPS: from a public bucket, or from any web server.

Nothing but GET and HEAD is asked, without keys, and no listing: what a package holds is told by its records. A request
to an S3 store that is not signed is a plain request of HTTP, so both libraries that speak with stores speak with web
servers too: the address is cut into an endpoint, a bucket's name and a prefix, whatever the server calls them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from ..cache import cache_folder
from ..errors import StoreError
from ..progress import silent
from .address import AMBIGUOUS, PATIENCE, Address, is_loopback
from .base import VERSIONS, Entry, Place
from .bucket import EMPTY, WHOLE_ANSWER, Bucket

if TYPE_CHECKING:
    from obstore.exceptions import GenericError

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
CLIENT = (
    "connect_timeout",
    "timeout",
    "client_max_retries",
    "client_retry_timeout",
    "proxy_url",
    "user_agent",
)
DESCRIPTOR = "datapackage.json"
RELEASES = "releases"
ASKED_AT_ONCE = 16
LOOKED_AHEAD = 8
"""How many versions are looked for where nothing names one: the first may have been left out, or removed."""
COPY_IT = "copy it with `datapkg pull ADDRESS FOLDER`, and work with the copy"


class Web(Bucket):
    """A prefix of a web server, to be read."""

    nothing = "there is no package at this address that everybody may read"

    def __init__(self, url: str, storage_options: Mapping[str, object] | None = None) -> None:
        endpoint, self.address, self.uri = _cut(url)
        given = {name: str(value) for name, value in (storage_options or {}).items() if name in CLIENT}
        self.options = {
            **PATIENCE,
            **given,
            "aws_endpoint": endpoint,
            "aws_region": "us-east-1",
            "skip_signature": "true",
            "virtual_hosted_style_request": "false",
            "allow_http": "true" if endpoint.startswith("http://") else "false",
        }
        self.single_writer = False
        self._gives_whole, self._apart = False, False
        self._cache, self._progress = cache_folder().absolute(), silent

    def __repr__(self) -> str:
        return f"Web({self.uri!r})"

    def for_engine(self, name: str) -> str:
        """The address that the engine has for something below the place.

        Raises
        ------
        StoreError
            The server gives whole files only.
        """
        self._refuse_whole()
        return f"{self.address}/{name}"

    def read_into(self, name: str, parts: Sequence[tuple[int, memoryview]]) -> None:
        """Fill each part with a file's bytes; StoreError where the server gives whole files only."""
        self._refuse_whole()
        super().read_into(name, parts)

    def exists(self) -> bool:
        """Whether there is anything."""
        return self.latest() is not None

    def latest(self) -> int | None:
        """The newest version: the one that the descriptor names, or the last of those that follow it."""
        newest = self._described() or max(self._there(range(1, LOOKED_AHEAD + 1)), default=0)
        while newest and self._there([newest + 1]):
            newest += 1
        while newest and not self.sizes([_record(newest)]):
            newest -= 1
        return newest or None

    def names(self, folder: str = "") -> list[str]:
        """The names right below a folder, as far as the package itself tells of them."""
        if folder == VERSIONS:
            known = [name for number in range(1, (self.latest() or 0) + 1) for name in _both(number)]
            return sorted(name.rpartition("/")[2] for name in self.sizes(known))
        if folder == RELEASES:
            name = f"{self._descriptor().get('version')}.json"
            return [name] if self.sizes([f"{RELEASES}/{name}"]) else []
        return []

    def entries(self, folder: str = "", *, deep: bool = True) -> list[Entry]:
        """None: a web server lists nothing."""
        return []

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """The bytes of those of some files that are there; each is asked for."""

        def size(name: str) -> tuple[str, int] | None:
            import obstore

            try:
                with self._asking(name):
                    return name, int(obstore.head(self._store, name)["size"])
            except FileNotFoundError:
                return None

        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            return dict(found for found in pool.map(size, names) if found is not None)

    def put(self, name: str, content: bytes, *, lasting: bool = True) -> None:
        """Refused."""
        raise self._refusal()

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Refused."""
        raise self._refusal()

    def write(self, name: str, pieces: Iterable[memoryview | bytes], size: int, attempt: str) -> None:
        """Refused."""
        raise self._refusal()

    def move_in(self, staging: Place, files: Sequence[tuple[str, str]], *, keep: bool = False) -> None:
        """Refused."""
        raise self._refusal()

    def remove(self, names: Sequence[str]) -> None:
        """Refused."""
        raise self._refusal()

    def refuse_read_only(self) -> None:
        """Refused."""
        raise self._refusal()

    def stagings(self) -> list[Place]:
        """There are none."""
        return []

    refuse_careless = refuse_read_only

    def _there(self, numbers: Iterable[int]) -> set[int]:
        """Those of some versions that there is a record of, or a note that they were removed."""
        asked = {name: number for number in numbers for name in _both(number)}
        return {asked[name] for name in self.sizes(asked)}

    def _described(self) -> int | None:
        """The version that the descriptor names, by its number or its release."""
        named = str(self._descriptor().get("version", ""))
        if named.isdecimal():
            return int(named)
        try:
            return int(json.loads(self.read(f"{RELEASES}/{named}.json"))["version"]) if named else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _descriptor(self) -> dict[str, Any]:
        try:
            found = json.loads(self.read(DESCRIPTOR))
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _refusal(self) -> StoreError:
        return StoreError("a web address can only be read", self.uri, COPY_IT)

    def _refuse_whole(self) -> None:
        if self._gives_whole:
            what = "the web server gives whole files, and no parts of them, so that nothing can be looked up"
            raise StoreError(what, self.uri, COPY_IT)

    @property
    def _answers_whole(self) -> bool:
        return self._gives_whole

    def _gives_no_part(self, error: GenericError) -> bool:
        self._gives_whole = self._gives_whole or WHOLE_ANSWER in str(error)
        return WHOLE_ANSWER in str(error) or EMPTY in str(error)

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        """What is not for everybody is not there: many stores do not tell one from the other without keys."""
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        try:
            with super()._asking(name):
                try:
                    yield
                except (PermissionDeniedError, UnauthenticatedError):
                    raise FileNotFoundError from None
        except FileNotFoundError:
            raise FileNotFoundError(self.at(name)) from None


def _cut(url: str) -> tuple[str, Address, str]:
    """An address as an endpoint, what both libraries take for a bucket with a prefix, and as it is shown."""
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.username or parts.password:
        raise StoreError(
            "an address is no place for credentials", shown, "use s3:// with keys in the environment"
        )
    if parts.scheme == "http" and not is_loopback(url):
        raise StoreError("the address is plain http, which anybody on the way can change", shown, "use https")
    steps = [unquote(step) for step in parts.path.strip("/").split("/")]
    if parts.query or parts.fragment or AMBIGUOUS.search("/".join(steps)):
        raise StoreError("the address holds one of % ? # \\", shown, "name the package's folder alone")
    plain = next((at for at, step in enumerate(steps) if PLAIN.fullmatch(step)), None)
    if not parts.hostname or plain is None or {"", ".", ".."} & set(steps):
        what = "is no address of a package: one part of it must be of plain letters, digits and ._-"
        raise StoreError(what, shown, "write it like https://host/folder/package.datapkg")
    host = f"{parts.scheme}://{parts.netloc}"
    endpoint = "/".join([host, *map(quote, steps[:plain])])
    found = Address("s3", steps[plain], "/".join(steps[plain + 1 :]))
    return endpoint, found, "/".join([host, *map(quote, steps)])


def _record(number: int) -> str:
    return f"{VERSIONS}/{number}.json"


def _both(number: int) -> tuple[str, str]:
    """A version's record, or the note that it was removed."""
    return _record(number), f"{VERSIONS}/{number}.removed.json"
