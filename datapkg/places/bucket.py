"""A package in an object store: S3 and what speaks its language, Google Cloud Storage, Azure.

A file appears whole or not at all there, and a conditional put (``If-None-Match``) lets one of two builders win. What
a build has not committed lies on this machine, in the cache folder, and is uploaded when it is committed.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from ..cache import cache_folder
from ..errors import StoreError
from ..progress import Counter, Progress, silent
from .address import Address, address, options_for
from .base import ATTEMPT, STAGING, Entry, Place, Sees
from .client import BY_OPENDAL, client
from .failures import remote_refusal, storage_errors, store_error
from .folder import Folder

if TYPE_CHECKING:
    from obstore.exceptions import GenericError
    from obstore.store import ObjectStore

RANGE_BYTES = 4 << 20
RANGES = 4
PART_BYTES = 8 << 20
MOST_PARTS = 9_000
UPLOADS = 4
COPY_BYTES = 5 << 30  # what S3 copies in one request
PROBE = ".probe"
WHOLE_ANSWER, EMPTY = "non-partial response", "status code: 416"
SINGLE = "if nobody else writes to this package, say so with --single-writer (single_writer=True)"


class Bucket(Place):
    """A prefix in a bucket. `options` holds what it takes to reach it, credentials too: it is never shown.

    What is not committed lies in the cache of this machine, or where workers run that do not see it, in the bucket too.
    """

    nothing = "there is nothing at this address"
    options: dict[str, str]

    def __init__(
        self,
        uri: str,
        storage_options: Mapping[str, object] | None = None,
        single_writer: bool = False,
        progress: Progress = silent,
    ) -> None:
        self.address: Address = address(uri)
        self.uri = str(self.address)
        self.options = options_for(self.address, storage_options)
        self.single_writer = single_writer
        self._progress = progress
        self._apart = False
        self._cache = cache_folder().absolute()  # of this machine, also for workers who see it

    def __repr__(self) -> str:
        return f"Bucket({self.uri!r})"

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.__dict__.items() if name not in ("_store", "_whole")}
        return {**kept, "_progress": silent}  # clients are made where they are used

    def exists(self) -> bool:
        """Whether there is anything."""
        return bool(self.names())

    def read(self, name: str) -> bytes:
        """A file's bytes."""
        import obstore
        from obstore.exceptions import GenericError

        with self._asking(name):
            if not self._answers_whole:
                try:
                    return bytes(obstore.get(self._store, name, options={"range": {"offset": 0}}).bytes())
                except GenericError as error:
                    if not self._gives_no_part(error):
                        raise
            return bytes(obstore.get(self._store, name).bytes())

    def chunks(self, name: str) -> Iterator[memoryview | bytes]:
        """A file's bytes piece by piece, some requests at a time: a slow line never runs into the time limit."""
        import obstore
        from obstore.exceptions import GenericError

        with self._asking(name):
            whole = obstore.get(self._store, name)
            size = whole.meta["size"]
        at = 0
        while at < size and size > RANGE_BYTES and not self._answers_whole:
            starts = range(at, min(size, at + RANGES * RANGE_BYTES), RANGE_BYTES)
            ends = [min(size, start + RANGE_BYTES) for start in starts]
            with self._asking(name):
                try:
                    pieces = obstore.get_ranges(self._store, name, starts=starts, ends=ends, coalesce=0)
                except GenericError as error:
                    if not self._gives_no_part(error):
                        raise
                    break
            yield from (memoryview(piece) for piece in pieces)
            at = ends[-1]
        if at == 0:
            with self._asking(name):
                yield from (memoryview(piece) for piece in whole.stream(RANGE_BYTES))

    def read_into(self, name: str, parts: Sequence[tuple[int, memoryview]]) -> None:
        """Fill each part with a file's bytes from its offset on; near ones come in one request."""
        import obstore
        from obstore.exceptions import GenericError

        starts = [offset for offset, _ in parts]
        lengths = [len(part) for _, part in parts]
        with self._asking(name):
            try:
                if self._answers_whole:
                    whole = memoryview(self.read(name))
                    pieces = [whole[at : at + n] for at, n in zip(starts, lengths, strict=True)]
                else:
                    found = obstore.get_ranges(self._store, name, starts=starts, lengths=lengths)
                    pieces = [memoryview(piece) for piece in found]
            except GenericError as error:
                if not self._gives_no_part(error):
                    raise
                return self.read_into(name, parts)
        for (_, part), piece in zip(parts, pieces, strict=True):
            if len(piece) != len(part):
                raise EOFError(name)
            part[:] = piece
        return None

    def blake3(self, name: str) -> str:
        """The BLAKE3 of a file."""
        digest = blake3()
        for chunk in self.chunks(name):
            digest.update(chunk)
        return str(digest.hexdigest())

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """The bytes of those of some files that are there; of many in one folder, by listing it."""
        import obstore

        folders: dict[str, set[str]] = {}
        for name in names:
            folders.setdefault(str(PurePosixPath(name).parent), set()).add(name)
        found: dict[str, int] = {}
        for folder, wanted in folders.items():
            if len(wanted) > 1:
                listed = self.entries(folder, deep=False)
                found |= {entry.name: entry.bytes for entry in listed if entry.name in wanted}
                continue
            for name in wanted:
                try:
                    with self._asking(name):
                        found[name] = int(obstore.head(self._store, name)["size"])
                except FileNotFoundError:
                    continue
        return found

    def touched(self, name: str) -> float:
        """When a file got its bytes or its name; of the prefix itself, when anything below it did."""
        import obstore

        if not name:
            return max((entry.touched for entry in self.entries()), default=0.0)

        with self._asking(name):
            return obstore.head(self._store, name)["last_modified"].timestamp()

    def names(self, folder: str = "") -> list[str]:
        """The names right below a folder."""
        import obstore

        with self._asking(folder):
            listed = obstore.list_with_delimiter(self._store, folder or None)
        paths = [*listed["common_prefixes"], *(found["path"] for found in listed["objects"])]
        return sorted(PurePosixPath(path).name for path in paths)

    def entries(self, folder: str = "", *, deep: bool = True) -> list[Entry]:
        """The files below a folder."""
        import obstore

        with self._asking(folder):
            if deep:
                listed = [found for part in obstore.list(self._store, folder or None) for found in part]
            else:
                listed = list(obstore.list_with_delimiter(self._store, folder or None)["objects"])
        return sorted(
            (Entry(one["path"], one["size"], one["last_modified"].timestamp()) for one in listed),
            key=lambda entry: entry.name,
        )

    def put(self, name: str, content: bytes, *, lasting: bool = True) -> None:  # noqa: ARG002 - all that is put lasts
        """Write a whole file."""
        import obstore

        with self._asking(name):
            obstore.put(self._store, name, content, use_multipart=False)

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Create a file by a conditional put: of two builders one wins; a single one has but to look."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        if self.single_writer:
            if self.sizes([name]):
                return False
            self.put(name, content)
            return True
        try:
            with self._asking(name):
                obstore.put(self._store, name, content, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return self.read(name) == content  # an answer was lost on the way: it was this very put
        return True

    def write(self, name: str, pieces: Iterable[memoryview | bytes], size: int, attempt: str) -> None:  # noqa: ARG002
        """Upload a file from its pieces, a large one in parts; the store shows it when it is whole."""
        import obstore

        with self._asking(name):
            if size <= PART_BYTES:
                obstore.put(self._store, name, b"".join(map(bytes, pieces)), use_multipart=False)
                return
            copied = map(
                bytes, pieces
            )  # a piece is gone when the next one comes, and several parts are on their way
            obstore.put(self._store, name, copied, chunk_size=_part(size), max_concurrency=UPLOADS)

    def move_in(self, staging: Place, files: Sequence[tuple[str, str]], *, keep: bool = False) -> None:
        """Upload files, some at a time, large ones in parts; what is staged in the bucket is copied by the store."""
        sizes = staging.sizes(there for there, _ in files)
        take = self._copy if isinstance(staging, Bucket) else self._upload
        doing = "copying in the store" if isinstance(staging, Bucket) else "uploading"
        count = Counter(doing, len(files), sum(sizes.values()), self._progress)
        with ThreadPoolExecutor(UPLOADS) as pool:
            running = [pool.submit(take, staging, there, name, sizes.get(there, 0)) for there, name in files]
            try:
                for one, (there, name) in zip(running, files, strict=True):
                    one.result()
                    count(name, max(sizes.get(there, 0), 1))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if not keep:
            staging.remove([there for there, _ in files])

    def _upload(self, staging: Any, there: str, name: str, size: int) -> None:
        import obstore

        with self._asking(name):
            obstore.put(
                self._store, name, staging.local(there), chunk_size=_part(size), max_concurrency=UPLOADS
            )

    def _copy(self, staging: Any, there: str, name: str, size: int) -> None:
        import obstore

        if size >= COPY_BYTES:
            self.write(name, staging.chunks(there), size, "")
            return
        paths = [f"{one.address.prefix}/{at}".lstrip("/") for one, at in ((staging, there), (self, name))]
        with self._asking(name):
            obstore.copy(self._whole, *paths)

    def rename(self, name: str, to: str) -> None:
        """Write a file again under another name; both are there for a moment."""
        self.put(to, self.read(name))
        self.remove([name])

    def remove(self, names: Sequence[str]) -> None:
        """Remove files."""
        import obstore

        if names:
            with self._asking(names[0]):
                obstore.delete(self._store, list(names))

    def settle(self, name: str) -> None:
        """Nothing: what a store has taken is safe."""

    def begin(self, attempt: str) -> None:
        """Make sure that two builders would be kept apart, and make a folder of this machine for the attempt."""
        self.refuse_careless()
        with storage_errors(str(self._rooms)):
            self.room(attempt).path.mkdir(parents=True)

    def refuse_careless(self) -> None:
        """Raise StoreError where the store would overwrite a file that must not be there, unless there is one writer."""
        name = f"{STAGING}{uuid.uuid4().hex}{PROBE}"
        try:
            careful = self.put_if_absent(name, b"1") and not self.put_if_absent(name, b"2")
            self.read(name)  # how it answers is known before the engine asks
        finally:
            self.remove([name])
        if not careful:
            what = "the store overwrites what must not be there: it ignores If-None-Match"
            raise StoreError(what, self.uri, SINGLE)

    def room(self, attempt: str) -> Folder:
        """A folder in the cache of this machine."""
        return Folder(self._rooms / attempt)

    def reached(self, attempt: str, blind: Sees) -> Bucket:
        """This bucket; where workers do not see the cache of this machine, they put what they write into it at once."""
        apart = copy(self)
        apart._progress, apart._apart = self._progress, bool(blind(self.room(attempt).path))
        return apart

    def staging(self, attempt: str) -> Place:
        """The attempt's folder in the cache, or a prefix in the bucket."""
        return self._below(f"{STAGING}{attempt}") if self._apart else self.room(attempt)

    @contextmanager
    def desk(self) -> Iterator[Folder]:
        """A temporary folder."""
        with tempfile.TemporaryDirectory(prefix="datapkg-") as folder:
            yield Folder(folder)

    def stagings(self) -> list[Place]:
        """The staging folders for this package on this machine, and those in the bucket."""
        cache = Folder(self._rooms)
        here = [Folder(cache.local(name)) for name in cache.names()]
        there = [name for name in self.names() if ATTEMPT.fullmatch(name)]
        return [*here, *map(self._below, there)]

    def end(self, attempt: str) -> None:
        """Remove what lies in the attempt's places."""
        self.room(attempt).clear()
        if self._apart:
            self.staging(attempt).clear()

    def clear(self) -> None:
        """Remove all below the prefix."""
        self.remove([entry.name for entry in self.entries()])

    def _below(self, name: str) -> Bucket:
        return Bucket(self.at(name), self.options, self.single_writer)

    @property
    def _answers_whole(self) -> bool:
        """Whether the store gives parts of files with the status of whole ones, as rclone does (200, not 206).

        It is found when the first file is read. The engine takes such answers only through its second client.
        """
        return self.options.get(BY_OPENDAL) == "true"

    def _gives_no_part(self, error: GenericError) -> bool:
        """Whether a store refused to give a part of a file, but may give the whole."""
        if WHOLE_ANSWER in str(error):
            self.options[BY_OPENDAL] = "true"
        return WHOLE_ANSWER in str(error) or EMPTY in str(error)

    @property
    def _rooms(self) -> Path:
        return self._cache / "building" / blake3(self.uri.encode()).hexdigest()[:16]

    @cached_property
    def _store(self) -> ObjectStore:
        return client(self.address, self.options, self.address.prefix)

    @cached_property
    def _whole(self) -> ObjectStore:
        """The bucket from its root."""
        return client(self.address, self.options, "")

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        """Tell of what the store refuses; FileNotFoundError and AlreadyExistsError pass."""
        from obstore.exceptions import AlreadyExistsError, BaseError

        try:
            yield
        except AlreadyExistsError:
            raise
        except FileNotFoundError as error:
            raise remote_refusal(error, self.uri) or FileNotFoundError(self.at(name)) from None
        except (BaseError, OSError, ValueError, NotImplementedError) as error:
            raise store_error(error, self.uri) from None


def _part(size: int) -> int:
    """How large the parts of an upload are: a store takes so many."""
    return max(PART_BYTES, size // MOST_PARTS)
