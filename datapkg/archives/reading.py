"""Walk a ``.zip``, ``.tar`` or ``.tar.gz`` from its first file to its last, and trust nothing that it says.

What an archive is, is told by its first bytes. Names that lead out of it refuse the whole archive; sizes are what comes
out, not what is promised, and an archive that unfolds to very much more than it is, is refused on the way.
"""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Literal, Protocol

from ..errors import SourceError

MOST_FOLD = 200
"""How many times its own size an archive may unfold to ..."""
ALWAYS_BYTES = 1 << 30
"""... beyond so much."""
BLOCK_BYTES = 512
HEAD_BYTES = 262
AGAIN = "fetch or copy it again"
UNPACK = "unpack it yourself if it is right, and name the folder"


class Stream(Protocol):
    """The bytes of one file of an archive."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive. `stream` gives a file's bytes, once, before the next entry is asked for."""

    name: str
    kind: Literal["file", "folder", "link", "other"]
    size: int
    stream: Stream | None


class Allowance:
    """What an archive may unfold to."""

    def __init__(self, shown: str, archive_bytes: int) -> None:
        self._shown, self._left = shown, max(ALWAYS_BYTES, MOST_FOLD * archive_bytes)
        self._all = self._left

    def spend(self, count: int) -> None:
        """So many bytes came out. Raises SourceError where that is too much."""
        self._left -= count
        if self._left < 0:
            what = f"unfolds to more than {self._all:,} bytes, {MOST_FOLD} times its size: is it made to fill the disk?"
            raise SourceError(what, self._shown, UNPACK)


@contextmanager
def entries(path: Path, shown: str, allowance: Allowance) -> Iterator[Iterator[Member]]:
    """Open an archive, and give its entries in its own order.

    Raises
    ------
    SourceError
        It is none, is cut short or damaged, or has a name that leads out of it.
    """
    with _opened(path, shown) as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        try:
            if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
                with zipfile.ZipFile(file) as archive:
                    yield _of_zip(archive, shown)
            elif head.startswith(b"\x1f\x8b"):
                with gzip.GzipFile(fileobj=file) as plain:
                    yield _of_tar(plain, shown, allowance)
            elif head[257:262] == b"ustar" or shown.lower().endswith(".tar"):
                _refuse_cut_tar(file, shown)
                yield _of_tar(file, shown, allowance)
            else:
                raise SourceError(
                    "is no .zip, .tar or .tar.gz archive", shown, "name an archive, or remove members"
                )
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            reason = str(error).splitlines()[0] if str(error) else "it ends too early"
            raise SourceError(f"the archive is cut short or damaged ({reason})", shown, AGAIN) from None
        except NotImplementedError as error:
            what = f"the archive is packed in a way that is not read ({error})"
            raise SourceError(what, shown, "pack it again with `zip` or `tar`") from None


def _opened(path: Path, shown: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        fix = "check that the file is there and that you may read it"
        raise SourceError(f"cannot be read ({error.strerror})", shown, fix) from None


def _of_zip(archive: zipfile.ZipFile, shown: str) -> Iterator[Member]:
    for info in archive.infolist():
        name = checked_name(info.filename, shown)
        mode = info.external_attr >> 16
        if info.is_dir():
            yield Member(name, "folder", 0, None)
        elif stat.S_ISLNK(mode):
            yield Member(name, "link", 0, None)
        else:
            yield Member(name, "file", info.file_size, _ZipStream(archive, info, shown))


class _ZipStream:
    """A file of a zip archive that is opened when it is read: most are not."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, shown: str) -> None:
        self._archive, self._info, self._shown = archive, info, shown
        self._open: IO[bytes] | None = None

    def read(self, size: int, /) -> bytes:
        if self._open is None:
            if self._info.flag_bits & 1:
                what = f"{self._info.filename} in it is encrypted"
                raise SourceError(what, self._shown, "pack it again without a password")
            self._open = self._archive.open(self._info)
        return self._open.read(size)


def _of_tar(file: BinaryIO | gzip.GzipFile, shown: str, allowance: Allowance) -> Iterator[Member]:
    counted = _Counted(file, allowance)
    with tarfile.open(fileobj=counted, mode="r|", bufsize=BLOCK_BYTES * 128) as archive:  # type: ignore[call-overload]
        for info in archive:
            name = checked_name(info.name, shown)
            if info.isdir():
                yield Member(name, "folder", 0, None)
            elif info.issym() or info.islnk():
                yield Member(name, "link", 0, None)
            elif info.isfile() and not info.issparse():
                yield Member(name, "file", info.size, archive.extractfile(info))
            else:
                yield Member(name, "other", 0, None)
    while counted.read(1 << 20):  # gzip's own check stands at the end
        pass


class _Counted:
    """What a compressed tar unfolds to, counted; all that `tarfile` asks of a stream is `read`."""

    def __init__(self, file: BinaryIO | gzip.GzipFile, allowance: Allowance) -> None:
        self._file, self._allowance = file, allowance

    def read(self, size: int) -> bytes:
        piece = self._file.read(size)
        self._allowance.spend(len(piece))
        return piece


def _refuse_cut_tar(file: BinaryIO, shown: str) -> None:
    """A tar ends in blocks of zeros; one that was cut between two files looks whole otherwise."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - BLOCK_BYTES))
    if size < BLOCK_BYTES or any(file.read()):
        raise SourceError("the archive is cut short: its end is missing", shown, AGAIN)
    file.seek(0)


def checked_name(name: str, shown: str) -> str:
    """A name as it is seen from the top of its archive.

    Raises
    ------
    SourceError
        It leads out of the archive.

    Examples
    --------
    >>> checked_name("./plate1//a.tif", "x.zip")
    'plate1/a.tif'
    """
    parts = name.split("/")
    if ".." in parts or name.startswith("/") or (name[1:2] == ":" and name[:1].isalpha()):
        what = f"it holds {name!a}, which leads out of it"
        raise SourceError(what, shown, "do not trust it; ask who made it, or unpack it with care yourself")
    return "/".join(part for part in parts if part not in ("", "."))
