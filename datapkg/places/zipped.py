"""A package in one zip file, which is only read.

Records, lists, hashes and equal images are read from the file as it is. The engine needs files of their own: where it is
asked for rows, the tables are unpacked into the user's cache, once for each content.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath

from blake3 import blake3

from ..errors import DamageError, StoreError
from .base import VERSIONS, Entry
from .failures import storage_errors
from .folder import CHUNK_BYTES, Folder
from .read_only import ReadOnly
from .unpacked import unpacked

LOCAL_HEAD, LOCAL_MAGIC = struct.Struct("<26xHH"), b"PK\3\4"
AGAIN = "copy the file again from a whole one, or export it again"


def is_zip(path: Path) -> bool:
    """Whether a path means a zip file: by its suffix, or, of a file that is called otherwise, by its first bytes.

    Raises
    ------
    StoreError
        It may not be looked at.
    """
    path = path.expanduser()
    with storage_errors(str(path)):
        if path.suffix.lower() == ".zip":
            return not path.is_dir()
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            return file.read(len(LOCAL_MAGIC)) == LOCAL_MAGIC


class Zipped(ReadOnly):
    """A zip file with one package in it, at its top or in one folder."""

    nothing = "there is no such file"
    options = None

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self.uri = str(self.path)
        self._begins: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"Zipped({self.uri!r})"

    def for_engine(self, name: str) -> str:
        """The address of something in the unpacked package."""
        return self.unpacked.at(name)

    @cached_property
    def unpacked(self) -> Folder:
        """The folder that the tables are unpacked into: every file in it was compared with its BLAKE3.

        Raises
        ------
        DamageError
            A file of the package is missing in the zip file, or is not what was written.
        """
        return unpacked(self)

    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.path.is_file()

    def read(self, name: str) -> bytes:
        """A file's bytes."""
        return b"".join(bytes(chunk) for chunk in self.chunks(name))

    def chunks(self, name: str) -> Iterator[memoryview | bytes]:
        """A file's bytes piece by piece, never more than the zip file's list says."""
        found = self._member(name)
        with self._reading(name), self._file.open(found) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def mapped(self, name: str) -> memoryview:
        """A file's bytes, as a part of a memory map of the zip file."""
        found = self._member(name)
        if found.compress_type != zipfile.ZIP_STORED:
            return self.unpacked.mapped(name)
        begin = self._begin(found)
        return Folder(self.path.parent).mapped(self.path.name)[begin : begin + found.file_size]

    def read_into(self, name: str, parts: Sequence[tuple[int, memoryview]]) -> None:
        """Fill each part with a file's bytes from its offset on: a file that is not deflated lies there in one piece."""
        found = self._member(name)
        if found.compress_type != zipfile.ZIP_STORED:
            self.unpacked.read_into(name, parts)
            return
        if any(offset + len(part) > found.file_size for offset, part in parts):
            raise EOFError(name)
        begin = self._begin(found)
        Folder(self.path.parent).read_into(self.path.name, [(begin + offset, part) for offset, part in parts])

    def _member(self, name: str) -> zipfile.ZipInfo:
        found = self._members.get(name)
        if found is None:
            raise FileNotFoundError(self.at(name))
        return found

    def _begin(self, found: zipfile.ZipInfo) -> int:
        """Where a file's bytes begin: behind its own head, whose length only it says."""
        if found.filename not in self._begins:
            with open(self.path, "rb", buffering=0) as file:
                file.seek(found.header_offset)
                head = file.read(LOCAL_HEAD.size)
            if len(head) < LOCAL_HEAD.size or not head.startswith(LOCAL_MAGIC):
                raise DamageError("the zip file is damaged, or not whole", self.at(found.filename), AGAIN)
            name, extra = LOCAL_HEAD.unpack(head)
            self._begins[found.filename] = found.header_offset + LOCAL_HEAD.size + name + extra
        return self._begins[found.filename]

    def blake3(self, name: str) -> str:
        """The BLAKE3 of a file."""
        digest = blake3()
        for chunk in self.chunks(name):
            digest.update(chunk)
        return str(digest.hexdigest())

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """The bytes of those of some files that are there."""
        return {name: self._members[name].file_size for name in names if name in self._members}

    def touched(self, name: str) -> float:
        """When the zip file was written."""
        del name
        return self.path.stat().st_mtime

    def names(self, folder: str = "") -> list[str]:
        """The names right below a folder."""
        below = f"{folder}/" if folder else ""
        inside = (name.removeprefix(below) for name in self._members if name.startswith(below))
        return sorted({name.partition("/")[0] for name in inside})

    def entries(self, folder: str = "", *, deep: bool = True) -> list[Entry]:
        """The files below a folder."""
        below = f"{folder}/" if folder else ""
        touched = self.path.stat().st_mtime
        return [
            Entry(name, found.file_size, touched)
            for name, found in sorted(self._members.items())
            if name.startswith(below) and (deep or "/" not in name.removeprefix(below))
        ]

    def refusal(self) -> StoreError:
        """What to say when somebody would write into it."""
        fix = "make a folder of it: datapkg checkout FILE.zip VERSION FOLDER"
        return StoreError("is one zip file, which is only read", self.uri, fix)

    @cached_property
    def _file(self) -> zipfile.ZipFile:
        with self._reading():
            return zipfile.ZipFile(self.path)

    @cached_property
    def _members(self) -> dict[str, zipfile.ZipInfo]:
        """The files of the package by name; nothing where the file is not there."""
        if not self.exists():
            return {}
        found: dict[str, zipfile.ZipInfo] = {}
        for one in self._file.infolist():
            self._check(one, found)
            found[one.filename] = one
        tops = {name[: -len(VERSIONS) - 1] for name in map(_versions_folder, found) if name}
        if len(tops) > 1:
            raise StoreError("holds several packages", self.uri, "unpack it, and open one of them")
        top = tops.pop() if tops else ""
        return {
            name.removeprefix(top): one
            for name, one in found.items()
            if name.startswith(top) and not name.endswith("/")
        }

    def _check(self, one: zipfile.ZipInfo, found: dict[str, zipfile.ZipInfo]) -> None:
        """Refuse what no export writes: what leads out of a folder, links, secrets, one name twice."""
        parts = one.filename.rstrip("/").split("/")
        strange = {"", ".", ".."}.intersection(parts) or "\\" in one.filename or one.filename in found
        if strange or stat.S_ISLNK(one.external_attr >> 16) or one.flag_bits & 1:
            what = f"holds {one.filename!r}, which is in no package: the file is not to be trusted"
            raise StoreError(what, self.uri, "get the file from where it was made")

    @contextmanager
    def _reading(self, name: str = "") -> Iterator[None]:
        where = self.at(name) if name else self.uri
        try:
            yield
        except FileNotFoundError:
            raise StoreError(self.nothing, self.uri, "check the path") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise DamageError(f"the zip file is damaged, or not whole ({error})", where, AGAIN) from None


def _versions_folder(name: str) -> str:
    """The name of the folder of records that a file lies in, with a slash; empty for other files."""
    path = PurePosixPath(name)
    at = path.parts.index(VERSIONS) if VERSIONS in path.parts[:2] and path.suffix == ".json" else -1
    return "/".join(path.parts[: at + 1]) + "/" if at >= 0 else ""
