"""Fetch what a build needs: what the cache has is not asked for, the rest comes in a few transfers at a time.

What a file must be is said by the manifest (`hash`) or learned from the lock; where neither does, the server is asked
whether the file that is remembered is still the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from urllib.parse import unquote, urlsplit

from ..addresses import BUCKETS, scheme_of, without_secrets
from ..errors import DatapkgError, SourceError, StoreError
from ..places.objects import Objects
from ..progress import Progress, silent
from .answers import Server, UnmodifiedError
from .bucket_file import BucketFile
from .local_file import LocalFile
from .mirror import served
from .patience import TRANSFERS, Patience
from .tally import Tally
from .threads import in_threads
from .transfer import Expected, transfer
from .vault import Memory, Part, claimed, held, recalled, remember
from .web import Connections, WebFile


@dataclass(frozen=True, slots=True)
class Wanted:
    """An address, and the hash that the manifest gives of it, if any."""

    address: str
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file of the cache, and the address that it was fetched from."""

    address: str
    local: Path
    sha256: str
    bytes: int


@dataclass
class Fetcher:
    """Fetches the files of one build.

    Parameters
    ----------
    learned
        The sha256 of addresses as the lock has them.
    lock
        Where the lock is, for messages.
    offline
        Ask nobody: what the cache does not have is not there.
    rehash
        Ask for every file, also for those whose hash is known and that the cache has, and read what the cache has.
    progress
        Told how far the transfers are.
    """

    learned: Mapping[str, str] = field(default_factory=dict)
    lock: str = ""
    offline: bool = False
    rehash: bool = False
    progress: Progress = silent
    _done: dict[Wanted, Fetched] = field(default_factory=dict, init=False)
    _objects: dict[str, Objects] = field(default_factory=dict, init=False)
    _connections: Connections = field(default_factory=Connections, init=False)
    _making: Lock = field(default_factory=Lock, init=False)

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connections.close()

    def fetch(self, wanted: Sequence[Wanted]) -> list[Fetched | DatapkgError | None]:
        """Fetch files; for one that cannot be had there is the reason, or nothing where nobody may be asked."""
        there = {one: found for one in wanted if (found := self._at_hand(one)) is not None}
        missing = [] if self.offline else [one for one in dict.fromkeys(wanted) if one not in there]
        stop, tally = Event(), Tally(len(missing), self.progress)
        patience = Stoppable(stop)

        def one_after_another(one: Wanted) -> Fetched | DatapkgError:
            try:
                found = self._transferred(one, tally, patience)
            except (SourceError, StoreError) as error:
                return error
            tally.finish()
            return found

        came = dict(zip(missing, in_threads(one_after_another, missing, TRANSFERS, stop), strict=True))
        self._done |= {one: found for one, found in came.items() if isinstance(found, Fetched)}
        return [there.get(one) or came.get(one) for one in wanted]

    def known(self, address: str, hash: str = "") -> str:
        """The sha256 that an address must have, as the manifest's hash or the lock says it; nothing where none does."""
        return self._sha256(Wanted(address, hash))

    def _at_hand(self, wanted: Wanted) -> Fetched | None:
        """The file, if it is known which one it is, and the cache has it."""
        if wanted in self._done:
            return self._done[wanted]
        if self.rehash and not self.offline:
            self._drop_damaged(wanted)
            return None
        kind, _, digits = self._expected(wanted).hash.partition(":")
        if kind == "sha256":
            return _held(wanted.address, digits)
        memory = recalled(wanted.address)
        if kind and memory and memory.said == wanted.hash:
            return _held(wanted.address, memory.sha256)
        known = [self.learned.get(wanted.address, ""), memory.sha256 if memory else ""]
        files = [found for sha256 in known if sha256 and (found := _held(wanted.address, sha256))]
        if kind:
            return next((found for found in files if _hash(found.local, kind) == digits), None)
        return next(iter(files), None) if self.offline else None

    def _drop_damaged(self, wanted: Wanted) -> None:
        """Read what the cache has of an address, and throw it away if it is not what its name says."""
        memory = recalled(wanted.address)
        for sha256 in {self._sha256(wanted), memory.sha256 if memory else ""} - {""}:
            place = held(sha256)
            if place.is_file() and _hash(place, "sha256") != sha256:
                place.unlink()

    def _transferred(self, wanted: Wanted, tally: Tally, patience: Stoppable) -> Fetched:
        address = wanted.address
        expected, sha256 = self._expected(wanted), self._sha256(wanted)
        with claimed(address):
            if not self.rehash and sha256 and (found := _held(address, sha256)):
                return found  # another process has fetched it meanwhile
            place, memory = served(address), recalled(address)
            shown = address if place == address else f"{address} (from {without_secrets(place)})"
            same = (
                memory is not None
                and memory.served == place
                and expected.hash in ("", f"sha256:{memory.sha256}")
            )
            known = memory.tag if memory is not None and same else ""
            try:
                sha256, size, tag = transfer(
                    self._server(place, shown),
                    Part(address, place),
                    expected,
                    shown,
                    patience.patience(),
                    lambda there, size: patience.note(tally, address, there, size),
                    known,
                )
            except UnmodifiedError:
                assert memory is not None
                return Fetched(address, held(memory.sha256), memory.sha256, memory.bytes)
            remember(Memory(address, sha256, size, place, tag, wanted.hash))
        return Fetched(address, held(sha256), sha256, size)

    def _expected(self, wanted: Wanted) -> Expected:
        if wanted.hash:
            return Expected(wanted.hash, "the manifest", 'write hash: "{hash}" into the manifest')
        sha256 = self.learned.get(wanted.address, "")
        if not sha256:
            return Expected()
        accept = f'write hash: "{{hash}}" into the resource, or delete {self.lock}, and build again'
        return Expected(f"sha256:{sha256}", "the lock", accept)

    def _sha256(self, wanted: Wanted) -> str:
        kind, _, digits = self._expected(wanted).hash.partition(":")
        return digits if kind == "sha256" else ""

    def _server(self, place: str, shown: str) -> Server:
        scheme = scheme_of(place)
        if not scheme:
            return LocalFile(Path(place), shown)
        if scheme == "file":
            return LocalFile(Path(unquote(urlsplit(place).path)), shown)
        if scheme not in BUCKETS:
            return WebFile(place, shown, self._connections)
        bucket, _, key = place.partition("://")[2].partition("/")
        with self._making:
            try:
                objects = self._objects.setdefault(f"{scheme}://{bucket}", Objects(f"{scheme}://{bucket}"))
            except StoreError as error:
                raise SourceError(error.what, shown, error.fix) from None
        return BucketFile(objects, key, shown)


class StoppedError(Exception):
    """The build was stopped, and nobody waits for this transfer any more."""


@dataclass
class Stoppable:
    """Ends transfers in other threads when the build is stopped."""

    stop: Event

    def patience(self) -> Patience:
        """Waits between tries, but not once the build is stopped."""
        return Patience(self.stop.wait)

    def note(self, tally: Tally, address: str, there: int, size: int | None) -> None:
        """Take note of what is there, unless the build is stopped."""
        if self.stop.is_set():
            raise StoppedError
        tally.note(address, there, size)


def _held(address: str, sha256: str) -> Fetched | None:
    place = held(sha256)
    with suppress(FileNotFoundError):
        return Fetched(address, place, sha256, place.stat().st_size)
    return None


def _hash(place: Path, kind: str) -> str:
    with open(place, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
