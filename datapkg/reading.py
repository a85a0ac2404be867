"""One reading of one source file: what is decoded is what is hashed."""

from __future__ import annotations

import hashlib
import io
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from .addresses import root_of
from .errors import SourceError

CHUNK_BYTES = 1 << 20
AT_ONCE_BYTES = 64 << 20
"""What is read into memory that has not been cleared; a larger file is given its place as a whole."""
Content = bytes  # inside of SourceFile, `bytes` is a number
Stat = tuple[int, int, int, int, int]
MISSING = -1  # the bytes of a file that a source names and that is not there
MAX_IMAGE_BYTES = 4 << 30
"""What one decoded image may take, unless the user says otherwise."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file that a resource matched.

    `path` is relative to the root, with ``/`` and in Unicode NFC: it is what tables and reports show. `local` is
    where the file lies on this machine, `root` the folder that links inside the file may not leave. Rows that stand
    in the manifest itself are a file without a place of its own: `content` holds its bytes, `local` is the manifest.
    `stat` is what the system said of it when it was found: device, inode, size, mtime_ns and ctime_ns. A file that was
    fetched, or is of an archive, lies in the user's cache, and is what it is by its `sha256`, which every reading checks.
    """

    path: str
    local: Path
    root: Path
    bytes: int
    content: Content | None = field(default=None, repr=False)
    stat: Stat | None = field(default=None, repr=False, compare=False)
    sha256: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as plain values: a hundred thousand do, and a path as an object takes longest."""
        told = self.path, str(self.local), self.root, self.bytes, self.content, self.stat, self.sha256
        return _arrived, told


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as an earlier reading found it: inode, device, size and mtime_ns; sha256."""

    identity: tuple[int, int, int, int]
    sha256: str

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as plain values."""
        return Seen, (self.identity, self.sha256)


def _arrived(path: str, local: str, *rest: Any) -> SourceFile:
    return SourceFile(path, Path(local), *rest)


class Reading:
    """Hands out one file's bytes and takes their sha256 on the way.

    Use exactly one of `content`, `stream` and `in_place`, then `close`, which hashes what was not asked for and
    raises SourceError if the file changed meanwhile, or since `known` was seen.

    Parameters
    ----------
    file, known
        The file, and how an earlier reading found it.
    members
        How earlier readings found the other files that this one names, by path; `member` adds to it.
    max_image_bytes
        What one decoded image may take: it goes with the reading, since it depends on the machine that reads, and
        changes no value that is read.
    threads
        On how many threads the parts of a large file may be worked on; that changes no value either.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp()); _ = (folder / "a.csv").write_bytes(b"x\\n1\\n")
    >>> with Reading(SourceFile("a.csv", folder / "a.csv", folder, 4)) as reading:
    ...     content = reading.content()
    >>> bytes(content), reading.sha256[:8]
    (b'x\\n1\\n', 'daff832f')
    """

    def __init__(
        self,
        file: SourceFile,
        known: Seen | None = None,
        *,
        members: Mapping[str, Seen] | None = None,
        max_image_bytes: int = MAX_IMAGE_BYTES,
        threads: int = 1,
    ) -> None:
        self.file = file
        self.max_image_bytes = max_image_bytes
        self.threads = threads
        self.members: dict[str, Seen] = dict(members or {})
        self._known = known
        self._hash = hashlib.sha256()
        self._sha256: str | None = None
        try:
            self._raw: BinaryIO = _opened(file)
        except OSError as error:
            raise unreadable(file, error) from None
        self._before = _identity(self._raw)

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self.close()
        else:
            self._raw.close()

    @property
    def sha256(self) -> str:
        """The sha256 of the whole file, in hex; known once it was read to its end."""
        if self._sha256 is None:
            raise RuntimeError("the file has not been read to its end")
        return self._sha256

    @property
    def seen(self) -> Seen:
        """What to hand to a later reading of the same file, so that it notices any change."""
        return Seen(self._before, self.sha256)

    def content(self) -> memoryview:
        """The whole file."""
        size = self._before[2]
        start = self._read(min(size, AT_ONCE_BYTES))
        if len(start) == size:
            return memoryview(start)
        buffer = bytearray(size)
        view, at = memoryview(buffer), len(start)
        view[:at] = start
        del start
        while at < size:
            got = self._read_into(view[at : at + 64 * CHUNK_BYTES])
            if not got:
                raise self._changed()
            at += got
        return view.toreadonly()

    def stream(self) -> io.BufferedReader:
        """The file from its beginning, to be read forward only."""
        return io.BufferedReader(_Hashing(self), CHUNK_BYTES)

    def in_place(self) -> Path:
        """The file's place, for a library that must open it itself; it is hashed by `close`."""
        return self.file.local

    def member(self, file: SourceFile) -> memoryview:
        """The whole of another file that this one names. It is hashed too, and may not change between two calls."""
        with Reading(file, self.members.get(file.path)) as reading:
            content = reading.content()
        self.members[file.path] = reading.seen
        return content

    def close(self) -> None:
        """Hash what has not been read, and make sure that the file is still the one that was opened."""
        if self._raw.closed:
            return
        if self._known and self._known.identity == self._before and self._raw.tell() == 0:
            self._raw.seek(0, io.SEEK_END)  # opened in place, and nobody has touched it since it was hashed
            self._sha256 = self._known.sha256
        whole = self._raw.tell() == self._before[2]  # then no more is looked for than whether it has grown
        buffer = memoryview(bytearray(1 if whole else CHUNK_BYTES))
        while self._read_into(buffer):
            pass
        after = _identity(self._raw)
        self._raw.close()
        if after != self._before or not self._is_at_its_place(after):
            raise self._changed()
        self._sha256 = self._sha256 or self._hash.hexdigest()
        if self.file.sha256 and self.file.sha256 != self._sha256:
            what = "its copy in the cache is damaged: it has not the hash that it was fetched with"
            raise SourceError(what, self.file.path, "build with --rehash, which fetches it again")
        if self._known and self._known.sha256 != self._sha256:
            raise self._changed()

    def _is_at_its_place(self, identity: tuple[int, int, int, int]) -> bool:
        if self.file.content is not None:
            return True
        try:
            named = Path(self.file.local).stat()
        except OSError:
            return False
        return (named.st_ino, named.st_dev) == identity[:2]

    def _read(self, size: int) -> bytes:
        try:
            content: bytes = self._raw.read(size)
        except OSError as error:
            raise unreadable(self.file, error) from None
        self._hash.update(content)
        return content

    def _read_into(self, view: memoryview) -> int:
        try:
            got = self._raw.readinto(view) or 0  # type: ignore[attr-defined]
        except OSError as error:
            raise unreadable(self.file, error) from None
        self._hash.update(view[:got])
        return got

    def _changed(self) -> SourceError:
        return SourceError(
            "the file changed while it was being read",
            self.file.path,
            "wait until nothing writes to it any more, and build again",
        )


def look(file: SourceFile) -> Seen:
    """Read a file for nothing but its hash; one that is MISSING has none."""
    if file.bytes == MISSING:
        return Seen((0, 0, 0, 0), "")
    with Reading(file) as reading:
        pass
    return reading.seen


def check_hash(file: SourceFile, wanted: str, seen: Seen | None = None) -> None:
    """Hold a file against the hash that the manifest gives, such as ``md5:0123...``.

    Raises
    ------
    SourceError
        It is another file.
    """
    kind, _, digits = wanted.partition(":")
    found = seen.sha256 if seen and kind == "sha256" else _hash(file, kind, seen)
    if found != digits:
        raise SourceError(
            f"is not the file that the manifest means: its hash is {kind}:{found}",
            file.path,
            "fetch the file again; if the new one is right, write its hash into the manifest",
        )


def _hash(file: SourceFile, kind: str, seen: Seen | None) -> str:
    with Reading(file, seen) as reading:
        made = hashlib.file_digest(reading.stream(), lambda: hashlib.new(kind, usedforsecurity=False))
    return made.hexdigest()


def local_path(root: Path, path: str) -> Path:
    """Where a file lies below a root that is shown as `path`; its name there may be in another Unicode form.

    Examples
    --------
    >>> local_path(Path("/mnt/nas"), "@plates/p1/a.tif").as_posix()
    '/mnt/nas/p1/a.tif'
    >>> local_path(Path("/cache/1"), "https://host/p1/a.tif").as_posix()
    '/cache/1/p1/a.tif'
    """
    inside = path.removeprefix(root_of(path))
    local = root / inside
    if inside.isascii() or local.exists():
        return local
    for part in inside.split("/"):
        names = os.listdir(root) if root.is_dir() else []  # noqa: PTH208 - names are all that is wanted
        root /= next((name for name in names if unicodedata.normalize("NFC", name) == part), part)
    return root


class _Hashing(io.RawIOBase):
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._reading._read_into(memoryview(buffer))


def unreadable(file: SourceFile, error: OSError) -> SourceError:
    """What to say when the system refuses a file."""
    fix = "check that the file is there and that you may read it"
    return SourceError(f"cannot be read ({error.strerror or error})", file.path, fix)


def _opened(file: SourceFile) -> BinaryIO:
    return open(file.local, "rb", buffering=0) if file.content is None else io.BytesIO(file.content)


def _identity(raw: BinaryIO) -> tuple[int, int, int, int]:
    if isinstance(raw, io.BytesIO):
        return 0, 0, raw.getbuffer().nbytes, 0
    stat = os.fstat(raw.fileno())
    return stat.st_ino, stat.st_dev, stat.st_size, stat.st_mtime_ns
