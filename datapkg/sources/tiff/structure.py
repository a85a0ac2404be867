"""The skeleton of a TIFF file: its header and its chain of pages, checked before any library trusts it.

A TIFF is a header and a chain of page directories, each naming the next. A broken or hostile file ends the chain
outside of itself, or leads it in a circle: a reader that follows it blindly loses pages or never ends. We walk the
chain once, which reads a few bytes a page, and note for files of many pages which of them are laid out alike.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import SourceError
from ..images.kinds import beginning

MOST_PAGES = 1_000_000
MOST_TAGS = 4096
COPY_AGAIN = "copy the file again from where it came from, or exclude it"
TYPE_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
# What decides how a page's bytes become pixels: size, bits, compression, photometric, fill order, samples,
# rows per strip, planar configuration, predictor, tile size, sample format and the depths of volumes.
BITS_PER_SAMPLE, LSM_INFO = 258, 34412
LAYOUT_TAGS = frozenset({256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 322, 323, 339, 32997, 32998})


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Where a file's pages stand, and what tells them apart; `layouts` is empty for a single page."""

    pages: tuple[int, ...]
    layouts: tuple[bytes, ...] = ()

    @property
    def uniform(self) -> bool:
        """Whether all pages are laid out alike."""
        return len(set(self.layouts)) < 2


@dataclass(frozen=True, slots=True)
class _Form:
    """The sizes of a TIFF's own numbers: classic (32 bits) or BigTIFF (64 bits)."""

    count: struct.Struct
    entry: struct.Struct
    offset: struct.Struct
    first: int


def skeleton(content: memoryview, path: str) -> Skeleton:
    """Walk the chain of pages.

    Raises
    ------
    SourceError
        It is no TIFF, it is cut off, or its pages go in a circle.
    """
    form = _form(content, path)
    (offset,) = form.offset.unpack_from(content, form.first)
    if offset == 0:
        raise SourceError("the TIFF has no page", path, COPY_AGAIN)
    pages: dict[int, int] = {}
    while offset:
        if offset in pages:
            first = pages[offset] + 1
            what = f"the TIFF's pages go in a circle: page {len(pages)} is followed by page {first} again"
            raise SourceError(what, path, COPY_AGAIN)
        if len(pages) == MOST_PAGES:
            raise SourceError(f"the TIFF has more than {MOST_PAGES:,} pages", path, "split the file")
        pages[offset] = len(pages)
        offset = _next_page(content, form, offset, len(pages), path)
    of_zeiss = LSM_INFO in (code for code, _, _, _ in _tags(content, form, next(iter(pages))))
    layouts = tuple(_layout(content, form, at, of_zeiss) for at in pages) if len(pages) > 1 else ()
    return Skeleton(tuple(pages), layouts)


def _form(content: memoryview, path: str) -> _Form:
    head = bytes(content[:32])
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 4:
        raise SourceError(f"not a TIFF: {beginning(head)}", path, "give it its true suffix, or exclude it")
    (magic,) = struct.unpack_from(order + "H", head, 2)
    if magic == 42 and len(head) >= 8:
        return _Form(
            struct.Struct(order + "H"), struct.Struct(order + "HHI4s"), struct.Struct(order + "I"), 4
        )
    if magic == 43 and len(head) >= 16:
        return _Form(
            struct.Struct(order + "Q"), struct.Struct(order + "HHQ8s"), struct.Struct(order + "Q"), 8
        )
    if magic in (42, 43):
        raise SourceError(f"the TIFF is cut off: it ends after {len(head)} bytes", path, COPY_AGAIN)
    raise SourceError(
        f"a TIFF of unknown kind (number {magic} where 42 or 43 is due), perhaps a camera's raw file",
        path,
        "convert it to an ordinary TIFF, or exclude it",
    )


def _next_page(content: memoryview, form: _Form, offset: int, number: int, path: str) -> int:
    """The place of the page after the one at `offset`, 0 after the last."""
    end = offset + form.count.size
    if end <= len(content):
        (tags,) = form.count.unpack_from(content, offset)
        if not 0 < tags <= MOST_TAGS:
            raise SourceError(
                f"page {number} of the TIFF is damaged: it claims {tags:,} tags", path, COPY_AGAIN
            )
        end += tags * form.entry.size + form.offset.size
    if end > len(content):
        what = f"the TIFF is cut off: page {number} is said to stand at byte {offset:,} of {len(content):,}"
        raise SourceError(what, path, COPY_AGAIN)
    following: int = form.offset.unpack_from(content, end - form.offset.size)[0]
    return following


def _tags(content: memoryview, form: _Form, offset: int) -> Iterator[tuple[int, int, int, bytes]]:
    """A page's tags: code, type, count, and the value or where it stands."""
    (tags,) = form.count.unpack_from(content, offset)
    start = offset + form.count.size
    yield from form.entry.iter_unpack(content[start : start + tags * form.entry.size])


def _layout(content: memoryview, form: _Form, offset: int, of_zeiss: bool) -> bytes:
    parts = []
    for code, kind, count, value in _tags(content, form, offset):
        if code in LAYOUT_TAGS:
            size = TYPE_BYTES.get(kind, 1) * count
            # an LSM of two channels has their bits elsewhere, though they would fit
            if size > len(value) or (of_zeiss and code == BITS_PER_SAMPLE and count == 2):
                (at,) = form.offset.unpack(value)
                value = bytes(content[at : at + min(size, 1024)])
            parts.append(struct.pack("<HHQ", code, kind, count) + value[:size])
    return b"".join(parts)
