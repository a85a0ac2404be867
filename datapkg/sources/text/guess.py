"""Guess a text table from samples of its files, so that rows can be stored while the files are looked at.

A guess decides nothing: a table is what all cells of all files make it. Where that is another one, the rows that were
stored are thrown away, which costs time and nothing else. So what cannot be sampled is just not guessed at. Samples
are taken all over a file, since many a file is sorted by a column.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ...addresses import named
from ...errors import DatapkgError
from ...manifest import Resource
from ...reading import Reading, SourceFile
from ..base import Scan, TableSchema
from .bytes import is_gzipped
from .decide import decide_table
from .look import BLOCK_BYTES, TextLook

FILES = 8
PLACES = 48
HEAD_BYTES = 1 << 20
SAMPLE_BYTES = 1 << 16


def guess_table(files: Sequence[SourceFile], resource: Resource) -> TableSchema | None:
    """Guess the table that these files will make; None where they cannot be sampled."""
    if isinstance(resource.data, list):
        return None
    chosen = list(dict.fromkeys(files[at * (len(files) - 1) // (FILES - 1)] for at in range(FILES)))
    for places in (PLACES // len(chosen), 0):  # a sample may begin within a quoted cell
        try:
            scans = [(file.path, _scan(file, resource, places)) for file in chosen]
            return decide_table(resource, scans).tables[0]
        except (DatapkgError, OSError, zlib.error):
            continue
    return None


def _scan(file: SourceFile, resource: Resource, places: int) -> Scan:
    path = named(file.path)[:-3] if is_gzipped(file.path) else file.path
    content = _sample(file, places)
    sample = replace(file, path=path, bytes=len(content), content=content, sha256="")
    with Reading(sample) as reading:
        return TextLook(reading, resource, None, BLOCK_BYTES).finish()


def _sample(file: SourceFile, places: int) -> bytes:
    """The first rows of a file, and some from so many places in it."""
    with open(file.local, "rb") as opened:
        head = opened.read(HEAD_BYTES)
        if is_gzipped(file.path):
            unzip = zlib.decompressobj(wbits=31)
            head = unzip.decompress(head, HEAD_BYTES)
            return head if unzip.eof else _whole_rows(head)
        if len(head) == file.bytes:
            return head
        parts = [_whole_rows(head)]
        steps = range(HEAD_BYTES, file.bytes, max((file.bytes - HEAD_BYTES) // max(places, 1), 1))
        for start, end in pairwise(steps) if places else ():
            opened.seek(start)
            _, _, sample = opened.read(min(SAMPLE_BYTES, end - start)).partition(b"\n")
            parts.append(_whole_rows(sample))
        return b"".join(parts)


def _whole_rows(text: bytes) -> bytes:
    return text[: text.rfind(b"\n") + 1]
