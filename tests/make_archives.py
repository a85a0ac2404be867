"""Archives as people send them, and as nobody should."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def tarred(files: Mapping[str, bytes], *more: tarfile.TarInfo) -> bytes:
    """A plain tar archive; `more` are entries without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in more:
            archive.addfile(info)
    return out.getvalue()


def packed(files: Mapping[str, bytes], suffix: str) -> bytes:
    """An archive of the kind that a suffix says."""
    if suffix == ".zip":
        return zipped(files)
    return tarred(files) if suffix == ".tar" else gzip.compress(tarred(files), 6, mtime=0)


def link(name: str, target: str, hard: bool = False) -> tarfile.TarInfo:
    """An entry that is a link."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = (tarfile.LNKTYPE if hard else tarfile.SYMTYPE), target
    return info


def device(name: str) -> tarfile.TarInfo:
    """An entry that is a pipe."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.FIFOTYPE
    return info


def zipped_link(name: str, target: str) -> bytes:
    """A zip archive with a symbolic link in it, as `zip -y` writes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return out.getvalue()


def encrypted(name: str) -> bytes:
    """A zip archive that says that its file is encrypted."""
    content = bytearray(zipped({name: b"secret"}))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.index(signature) + at
        content[start : start + 2] = struct.pack("<H", 1)
    return bytes(content)


def other_method(name: str) -> bytes:
    """A zip archive packed by a method that nobody knows."""
    content = bytearray(zipped({name: b"text"}))
    for signature, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = content.index(signature) + at
        content[start : start + 2] = struct.pack("<H", 99)
    return bytes(content)


def with_claimed_size(content: bytes, size: int) -> bytes:
    """A zip archive of one file that says that the file has another size."""
    changed = bytearray(content)
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = changed.index(signature) + at
        changed[start : start + 4] = struct.pack("<I", size)
    return bytes(changed)


def write(path: Path, content: bytes) -> Path:
    """Write an archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
