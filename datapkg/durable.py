"""Files that are written once, whole, and on the disk when the call returns.

Every JSON file of ours is sealed: its last member is the BLAKE3 of all bytes before it, so that any changed byte is
noticed when it is read.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

from blake3 import blake3

from .errors import DamageError, StoreError

SEAL = re.compile(rb'"blake3": "([0-9a-f]{64})"\n}\n\Z')
LINES = 1024
SEAL_BYTES = len('"blake3": ""\n}\n') + 64
SYNC_FILE_RANGE_WRITE = 2  # as <fcntl.h> has it
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True, slots=True)
class Lines:
    """The items of a list, written as JSON, in parts: ``,\\n`` stands between two items, also where a part ends."""

    parts: Iterable[str]


def sealed(document: Mapping[str, Any]) -> bytes:
    """Write a document as JSON, one member or item a line, whose last member is the BLAKE3 of all bytes before it.

    Examples
    --------
    >>> sealed({"version": 2, "rows": [[0, 1], [2]]}).decode().splitlines()[:6]
    ['{', '"version": 2,', '"rows": [', '[0,1],', '[2]', '],']
    >>> unsealed(sealed({"version": 2}), "here")
    {'version': 2}
    """
    content = bytearray(b"{\n")
    for name, value in document.items():
        for piece in chain((f"{compact(name)}: ",), _lines(value), (",\n",)):
            content += piece.encode()
    content += b'"blake3": "%s"\n}\n' % blake3(content).hexdigest().encode()
    return bytes(content)


def unsealed(content: bytes, where: str) -> dict[str, Any]:
    """Read a sealed document. Raises DamageError if any byte of it is not as written."""
    end = max(len(content) - SEAL_BYTES, 0)
    seal = SEAL.match(content, end)
    if seal is None or blake3(memoryview(content)[:end]).hexdigest().encode() != seal[1]:
        raise DamageError("the file is damaged", where, "copy it again from a whole copy of the package")
    document: dict[str, Any] = json.loads(content)
    del document["blake3"]
    return document


def write(path: Path, content: bytes) -> None:
    """Write a file, over what may be there."""
    path.write_bytes(content)
    sync_file(path)


def replace(path: Path, content: bytes) -> None:
    """Put a whole file in the place of another."""
    temporary = _beside(path)
    try:
        write(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def put_if_absent(path: Path, content: bytes) -> bool:
    """Create a file with all of its content at once; False if it is there already."""
    temporary = _beside(path)
    write(temporary, content)
    return move_if_absent(temporary, path)


def move_if_absent(whole: Path, path: Path) -> bool:
    """Give a whole file of the same folder its name; False, and the file is removed, if the name is taken."""
    try:
        os.link(whole, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return _claimed(path, whole)
    finally:
        whole.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def sync_file(path: Path) -> None:
    """Force a file's bytes to the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Force a folder's names to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def begin_writing(folder: Path) -> int:
    """Let the system begin to write what this process has put into files of a folder that it still has open.

    Nothing is waited for, and nothing is promised: `sync_file` finds less to do later. How many files were told; none on a
    system that cannot be asked.
    """
    write_out = _write_out()
    if write_out is None:
        return 0
    told = 0
    inside = f"{os.path.realpath(folder)}{os.sep}"
    with suppress(OSError):
        for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all that is wanted
            with suppress(OSError):  # closed meanwhile
                if os.readlink(f"/proc/self/fd/{number}").startswith(inside):  # noqa: PTH115 - a Path takes as long as the call
                    told += write_out(int(number), 0, 0, SYNC_FILE_RANGE_WRITE) == 0
    return told


@cache
def _write_out() -> Callable[[int, int, int, int], int] | None:
    """The system's call that begins to write a part of a file; 0 bytes are all of it."""
    if sys.platform != "linux":
        return None
    call = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return call


def _claimed(path: Path, temporary: Path) -> bool:
    """Create without hard links, which a memory stick may not have: a claim file keeps others out meanwhile."""
    claim = path.with_name(f".{path.name}.claim")
    try:
        claim.open("x").close()
    except FileExistsError:
        raise StoreError(
            "another build is writing this very file, or was stopped while it did",
            str(path),
            f"if no other build is running, delete {claim}",
        ) from None
    try:
        if path.exists():
            return False
        temporary.rename(path)
    finally:
        claim.unlink()
    sync_folder(path.parent)
    return True


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(4).hex()}")


compact = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":")
).encode  # made once: a lock has 100,000 lines


def _lines(value: Any) -> Iterator[str]:
    """A value in pieces: all lines of a long list at once would be a copy more of what is written."""
    if isinstance(value, dict) and value:
        yield "{\n" + ",\n".join(f"{compact(k)}: {compact(v)}" for k, v in value.items()) + "\n}"
    elif isinstance(value, Lines):
        parts = iter(value.parts)
        first = next(parts, None)
        yield "[]" if first is None else f"[\n{first}"
        yield from parts
        yield "" if first is None else "\n]"
    elif isinstance(value, list | tuple):
        between, items = "[\n", iter(map(compact, value))
        while some := list(islice(items, LINES)):
            yield between + ",\n".join(some)
            between = ",\n"
        yield "\n]" if between == ",\n" else "[]"
    else:
        yield compact(value)
