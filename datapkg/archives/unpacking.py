"""Unpack chosen files of an archive into the cache, once for each archive and choice.

::

    archives/0123....json   the files of a choice with bytes and sha256; written last
    archives/0123.../       the files under the names that they have in the archive
"""

from __future__ import annotations

import hashlib
import shutil
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from blake3 import blake3

from ..addresses import INSIDE
from ..cache import cache_folder
from ..durable import replace as replace_file
from ..durable import sealed, unsealed
from ..errors import DamageError, SourceError, StoreError
from ..manifest.globs import chooses
from ..places.failures import store_error
from ..progress import Progress, Step, silent
from ..reading import SourceFile
from .reading import Allowance, Member, Stream, entries

PIECE_BYTES = 1 << 20
OTHER_DISK = "free some space, or set DATAPKG_CACHE to a folder on another disk"


def names_in(archive: SourceFile, globs: Sequence[str]) -> list[str]:
    """The paths of the chosen files of an archive; nothing is unpacked."""
    allowance = Allowance(archive.path, archive.bytes)
    with entries(archive.local, archive.path, allowance) as found:
        return [f"{archive.path}{INSIDE}{name}" for name, _ in _chosen(found, globs, archive.path)]


def unpacked(
    archive: SourceFile, globs: Sequence[str], anew: bool = False, progress: Progress = silent
) -> list[SourceFile]:
    """Unpack the chosen files of an archive into the cache, or find them there.

    Parameters
    ----------
    archive
        Where it lies, and its sha256.
    globs
        What is chosen, as seen from the archive's top.
    anew
        Unpack again what is there.
    progress
        Told of each file.

    Returns
    -------
    The files, each with its sha256, in the archive's order.

    Raises
    ------
    SourceError
        The archive cannot be trusted or read. The cache is as it was.
    StoreError
        The cache cannot be written.
    """
    said = "\n".join((archive.sha256, *globs))
    folder = cache_folder().absolute() / "archives" / blake3(said.encode()).hexdigest()[:32]
    found = None if anew else _listed(folder)
    if found is None:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            found = _made(archive, globs, folder, anew, progress)
        except OSError as error:
            raise StoreError(store_error(error, "").what, str(folder.parent), OTHER_DISK) from None
    return [
        SourceFile(f"{archive.path}{INSIDE}{name}", folder / name, folder, size, sha256=sha256)
        for name, size, sha256 in found
    ]


Listed = list[tuple[str, int, str]]


def _listed(folder: Path) -> Listed | None:
    """What was unpacked, if all of it is there."""
    with suppress(OSError, DamageError, KeyError):
        document = unsealed(folder.with_suffix(".json").read_bytes(), str(folder))
        listed = [(str(name), int(size), str(sha256)) for name, size, sha256 in document["files"]]
        if all((folder / name).stat().st_size == size for name, size, _ in listed):
            return listed
    return None


def _made(archive: SourceFile, globs: Sequence[str], folder: Path, anew: bool, progress: Progress) -> Listed:
    """Unpack into a folder of another name, which gets its own when it is whole."""
    from filelock import FileLock

    with FileLock(folder.with_suffix(".lock")):
        if not anew and (found := _listed(folder)) is not None:
            return found  # another process has unpacked it meanwhile
        for left in folder.parent.glob(f".{folder.name}-*"):  # what a stopped process was unpacking
            shutil.rmtree(left, ignore_errors=True)
        growing = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
        try:
            growing.mkdir()
            listed = _extracted(archive, globs, growing, progress)
            folder.with_suffix(".json").unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            growing.rename(folder)
            replace_file(folder.with_suffix(".json"), sealed({"files": listed}))
        finally:
            shutil.rmtree(growing, ignore_errors=True)
    return listed


def _extracted(archive: SourceFile, globs: Sequence[str], folder: Path, progress: Progress) -> Listed:
    listed: Listed = []
    read, written = (Allowance(archive.path, archive.bytes) for _ in range(2))
    total = 0
    with entries(archive.local, archive.path, read) as found:
        for name, member in _chosen(found, globs, archive.path):
            assert member.stream is not None
            place = folder / name
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                size, sha256 = _copied(member.stream, place, written)
            except (FileExistsError, NotADirectoryError):
                what = f"it holds {name} twice, or beside a folder of this name"
                raise SourceError(what, archive.path, "pack it again with each file once") from None
            if size != member.size:
                what = f"{name} in it has {size:,} bytes, and it says {member.size:,}"
                raise SourceError(what, archive.path, "fetch or copy it again")
            listed.append((name, size, sha256))
            total += size
            progress(Step(f"unpacking {archive.path}", len(listed), len(listed), total, total))
    return listed


def _chosen(found: Iterator[Member], globs: Sequence[str], shown: str) -> Iterator[tuple[str, Member]]:
    """The files that a glob names; a link or a device among them is refused."""
    matches = [chooses(glob) for glob in globs]
    for member in found:
        name = unicodedata.normalize("NFC", member.name)
        if member.kind == "folder" or not any(match(name) for match in matches):
            continue
        if member.kind != "file":
            what = f"{name} in it is {'a link' if member.kind == 'link' else 'no ordinary file'}, which is not followed"
            raise SourceError(what, shown, "leave it out with a narrower members, or pack the file itself")
        if "\\" in name or any(unicodedata.category(one) in ("Cc", "Cs") for one in name):
            raise SourceError(f"it holds the name {name!a}", shown, "rename the file, and pack it again")
        yield name, replace(member, name=name)


def _copied(stream: Stream, place: Path, allowance: Allowance) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with open(place, "xb") as file:
        while piece := stream.read(PIECE_BYTES):
            allowance.spend(len(piece))
            file.write(piece)
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()
