"""Plain TIFFs that are alike: what the header of one told is known of the next, if its bytes are the same.

The files of one camera differ in their pixels and perhaps in a description. What `plain` makes of a header follows from
the page's tags and from the values that these point to, so it is kept under their bytes; the description alone is read in
each file.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, replace
from json.encoder import encode_basestring

from ..image_columns import ImageFacts
from .apart import Apart
from .plain import BYTE_ORDERS, TEXT, WIDTHS, Plain, is_only_text, read_plain

MOST_KEPT = 256
DESCRIPTION = 270
MARK = "\x00description\x00"
"""Stands for the description in the metadata of files that have different ones."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A header: what it tells, the values that its tags point to, and where the description stands in the metadata."""

    plain: Plain
    facts: ImageFacts
    values: tuple[tuple[int, int, bytes], ...]
    described: tuple[int, int]
    before: str
    after: str

    def is_of(self, content: bytes | Apart) -> bool:
        """Whether a file whose tags are the same has the same values."""
        return all(content[start:end] == value for start, end, value in self.values)

    def metadata(self, content: bytes | Apart) -> str | None:
        """The metadata of a file; None where its description means more than it says."""
        start, end = self.described
        if start == end:
            return self.before
        text = content[start:end].rstrip(b"\0").decode().strip()
        if not is_only_text(text, self.plain.shape):
            return None
        return f"{self.before}{encode_basestring(text)}{self.after}"


class AlikeTiffs:
    """Reads headers one after the other, and keeps what they told."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes, bytes], _Known] = {}

    def read(self, content: bytes | Apart) -> tuple[Plain, ImageFacts, str] | None:
        """What `read_plain` tells of a file: its header, its facts but for the metadata, and these; None if it is not plain.

        Nor is a file without its pixels unless its header is known.
        """
        order = BYTE_ORDERS.get(content[:4])
        if order is None or len(content) < 8:
            return None
        (at,) = struct.unpack(order + "I", content[4:8])
        if at + 2 > len(content):
            return None
        try:
            (count,) = struct.unpack(order + "H", content[at : at + 2])
            key = (len(content), content[:8], content[at : at + 6 + 12 * count])
            known = self._known.get(key)
            if known is None or not known.is_of(content):
                known = None if isinstance(content, Apart) else self._read(content, key[2], order)
                if known is None:
                    return None
                if len(self._known) == MOST_KEPT:
                    self._known.clear()
                self._known[key] = known
            metadata = known.metadata(content)
        except (UnicodeDecodeError, LookupError):
            return None
        return None if metadata is None else (known.plain, known.facts, metadata)

    def _read(self, content: bytes, page: bytes, order: str) -> _Known | None:
        plain = read_plain(memoryview(content))
        if plain is None:
            return None
        values, described = [], (0, 0)
        for code, kind, number, place in struct.iter_unpack(order + "HHII", page[2:-4]):
            size = WIDTHS[kind] * number
            if size > 4 and (code, kind) == (DESCRIPTION, TEXT):
                described = place, place + size
            elif size > 4:
                values.append((place, place + size, content[place : place + size]))
        facts = plain.facts()
        before, after = facts.metadata or "", ""
        if described != (0, 0):
            tags = {name: MARK if name == "ImageDescription" else value for name, value in plain.tags.items()}
            before, mark, after = json.dumps({"tags": tags}, ensure_ascii=False).partition(json.dumps(MARK))
            if not mark or json.dumps(MARK) in after:
                return None
        return _Known(plain, replace(facts, metadata=None), tuple(values), described, before, after)
