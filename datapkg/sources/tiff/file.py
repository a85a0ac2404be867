"""Open a TIFF with tifffile so that a broken file is an error and never a plausible wrong image.

tifffile is forgiving: it fills what is missing with zeros, falls back to a simpler reading where metadata disagree
with pages, and says so in a log. A package must not be: every error that it logs while a file is read refuses the
file, every warning goes to the report, and the log never reaches the terminal. Each file is read alone.
"""

from __future__ import annotations

import logging
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffPageSeries

from ...errors import SourceError
from ..beside import member_path
from ..images.members import Members, NoMembers
from .ome import child_of, parse_xml
from .ome_files import Ome, companion_of, read_ome
from .structure import COPY_AGAIN, Skeleton, skeleton

LOGGER = logging.getLogger("tifffile")
HARMLESS = ("correcting LSM bitspersample tag",)
"""What tifffile says of files that are as their program always writes them."""
# What a parser of untrusted bytes raises where they make no sense; imagecodecs' errors are RuntimeErrors.
NONSENSE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(slots=True)
class Heard:
    """What tifffile said about one file."""

    path: str
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def refuse_errors(self) -> None:
        """Raise SourceError if tifffile reported an error."""
        if self.errors:
            raise SourceError(f"the TIFF is damaged ({self.errors[0]})", self.path, COPY_AGAIN)


@dataclass(frozen=True, slots=True)
class OpenTiff:
    """One TIFF in memory: its pages, and its series, each of them one image."""

    path: str
    content: memoryview
    skeleton: Skeleton
    file: TiffFile
    series: tuple[TiffPageSeries, ...]
    ome: Ome | None
    heard: Heard


@contextmanager
def open_tiff(content: memoryview, path: str, members: Members | None = None) -> Iterator[OpenTiff]:
    """Read the headers of the TIFF whose bytes are `content`; `members` are the files beside it.

    One of a set, whose images are spread over files, has no series: `sets` puts its planes together.

    Raises
    ------
    SourceError
        It is no TIFF, or damaged.
    """
    bones = skeleton(content, path)
    with _held(content) as held, listening(path) as heard:
        file, ome = _opened(held, bones, path, members or NoMembers())
        with decoding(path):
            series = () if ome is not None and ome.spread else tuple(file.series)
            if heard.errors and file.is_shaped:
                # tifffile's own note of a stack's shape outlives edits by other programs; the pages are right
                heard.warnings.append(
                    f"its description does not fit its pages and is not followed ({heard.errors[0]})"
                )
                heard.errors.clear()
                file = _tiff_file(held, bones, is_shaped=False)
                series = tuple(file.series)
        heard.refuse_errors()
        yield OpenTiff(path, content, bones, file, series, ome, heard)


@contextmanager
def decoding(path: str) -> Iterator[None]:
    """Turn what tifffile raises on broken bytes into a SourceError."""
    try:
        yield
    except NONSENSE as error:
        what = f"the TIFF cannot be decoded ({_words(str(error)) or type(error).__name__})"
        raise SourceError(what, path, COPY_AGAIN) from error


@contextmanager
def listening(path: str) -> Iterator[Heard]:
    """Collect what tifffile logs in this thread, instead of letting it be printed."""
    heard, thread, level = Heard(path), threading.get_ident(), LOGGER.level

    def collect(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        said = heard.errors if record.levelno >= logging.ERROR else heard.warnings
        words = _words(record.getMessage())
        if not words.endswith(HARMLESS):
            said.append(words)
        return False

    deaf = not LOGGER.isEnabledFor(logging.WARNING)
    if deaf:
        LOGGER.setLevel(logging.WARNING)
    LOGGER.addFilter(collect)
    try:
        yield heard
    finally:
        LOGGER.removeFilter(collect)
        if deaf:
            LOGGER.setLevel(level)


@contextmanager
def open_pages(content: memoryview, path: str) -> Iterator[OpenTiff]:
    """Read the headers of a TIFF whose pages are described by another file; what it says itself does not count."""
    bones = skeleton(content, path)
    with _held(content) as held, listening(path) as heard:
        with decoding(path):
            file = _tiff_file(held, bones)
        yield OpenTiff(path, content, bones, file, (), None, heard)


def _opened(held: _Held, bones: Skeleton, path: str, members: Members) -> tuple[TiffFile, Ome | None]:
    with decoding(path):
        file = _tiff_file(held, bones)
        first = file.pages.first
    if not first.is_ome:
        if first.description.startswith("<"):
            parse_xml(first.description, path)
        return file, None
    text, uuid = _ome_xml(first.description, path, members)
    ome = read_ome(text, path, len(bones.pages), uuid)
    if ome.mended is not None:
        with decoding(path):
            file = _tiff_file(held, bones, omexml=ome.mended)
    return file, ome


def _ome_xml(text: str, path: str, members: Members) -> tuple[str, str | None]:
    """A file's OME-XML, wherever it stands, and what it calls the file if it stands elsewhere."""
    companion = companion_of(text, path)
    if companion is None:
        return text, None
    name, uuid = companion
    where = member_path(path, name)
    content = members.content(where)
    if bytes(content[:2]) in (b"II", b"MM"):
        with open_pages(content, where) as tiff, decoding(where):
            text = tiff.file.pages.first.description
    else:
        text = bytes(content).decode("utf-8", "replace")
    if child_of(parse_xml(text, where), "BinaryOnly") is not None:
        raise SourceError(f"the OME-XML of {path} is not in it either", where, COPY_AGAIN)
    return text, uuid


def _tiff_file(held: _Held, bones: Skeleton, **how: Any) -> TiffFile:
    # NDTiff reads an index file beside the image, MD Gel rescales pixels; `is_uniform` looks at 3 pages only
    stream: Any = _Memory(held)
    uniform = None if bones.uniform else False
    return TiffFile(stream, _multifile=False, is_ndtiff=False, is_mdgel=False, is_uniform=uniform, **how)


@dataclass(slots=True)
class _Held:
    """A file's bytes, for as long as it is open."""

    content: memoryview


@contextmanager
def _held(content: memoryview) -> Iterator[_Held]:
    """Let go of the bytes at the end: tifffile's objects point at each other, and would keep them for long."""
    held = _Held(content)
    try:
        yield held
    finally:
        held.content = memoryview(b"")


class _Memory:
    """Bytes in memory as a file; `io.BytesIO` would copy the whole file first."""

    def __init__(self, held: _Held) -> None:
        self._held = held
        self._at = 0

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, len(self._held.content))[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = len(self._held.content) if size < 0 else self._at + size
        data = bytes(self._held.content[self._at : end])
        self._at += len(data)
        return data

    def readinto(self, buffer: NDArray[np.generic]) -> int:
        target = np.frombuffer(buffer, np.uint8)
        data = self._held.content[self._at : self._at + len(target)]
        target[: len(data)] = data
        self._at += len(data)
        return len(data)


def _words(message: str) -> str:
    """The message without the library's own names for its objects.

    Examples
    --------
    >>> _words("<tifffile.TiffPage 0 @8> missing data offset tag")
    'missing data offset tag'
    """
    return re.sub(r"<tifffile[^>]*>:?\s*", "", message).strip()
