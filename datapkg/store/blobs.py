"""Where bytes lie in a data file, kept files and packed images: what the engine says of its pages, if it is understood.

A page is two buffers: rows, each behind its length in eight bytes, and an index of where rows begin. Where some are missing,
each begins with a byte that says so. A value that stands alone, or that all rows of a page have, is stored once, without
an index; of a page of nothing but missing ones nothing is stored. Values that repeat stand in a dictionary (`repeats`).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .placed import VALUES
from .repeats import SHARED_VALUES, shared

GAPPED_VALUES = "values, gapped"
"""The kind of pages of which rows are missing, which have five numbers each: older readers leave them to the engine."""
INDEX_WIDTHS = (1, 2, 4, 8)
LONE = 0
"""What stands in the place of such a width for a value that is stored once: it has no index, but a length."""
NOTHING = -1
"""The same for rows that are all missing."""
LONE_HEAD = struct.Struct("<IIIQQ")
CONSTANT = (
    "PageLayout{{layout:Some(ConstantLayout(ConstantLayout{{layers:[Repdef{}Item,],inline_value:None,"
    "rep_compression:None,def_compression:None,num_rep_values:0,num_def_values:0,}},),),}}"
)
"""How the engine describes a page of one value: it does not store what is the same in all rows again and again."""
VALID, NULLABLE = "AllValid", "Nullable"
LENGTH = 8


def blobs(
    path: Path, pages: Sequence[Any], rows: Sequence[int], lengths: NDArray[np.int64] | None = None
) -> dict[str, Any] | None:
    """What a list of files says of a column of bytes; None where a page of it is not understood.

    Of each page its rows, where they and their index begin, the bytes of an entry, and of a row's mark. Of a value that is
    stored once: the rows, where it begins, its length, and `LONE`. Of values that repeat: see `repeats`. `lengths` are
    those of the rows' values, where they are known.
    """
    places: list[tuple[int, ...]] = []
    dictionaries: dict[str, list[Any]] = {}
    first = 0
    with open(path, "rb", buffering=0) as file:
        for page, count in zip(pages, rows, strict=True):
            text = re.sub(r"\s", "", page.encoding)
            found = _once(file, text, page.buffers, count) or _indexed(file, text, page.buffers, count)
            if found is None:
                those = None if lengths is None else lengths[first : first + count]
                repeats = shared(file, page, count, those)
                if repeats is None:
                    return None
                dictionaries[str(len(places))] = repeats[1]
                found = [repeats[0]]
            places += found
            first += count
    if dictionaries:
        return {
            "kind": SHARED_VALUES,
            "pages": [one for place in places for one in place],
            "shared": dictionaries,
        }
    if any(mark or width == NOTHING for _, _, _, width, mark in places):
        return {"kind": GAPPED_VALUES, "pages": [one for place in places for one in place]}
    return {"kind": VALUES, "pages": [one for place in places for one in place[:4]]} if places else None


def _once(file: IO[bytes], text: str, buffers: Sequence[Any], rows: int) -> list[tuple[int, ...]] | None:
    """A page of one value, with missing ones among its rows where it has levels: those that follow each other together."""
    nullable = text == CONSTANT.format(NULLABLE)
    if nullable and not buffers:
        return [(rows, 0, 0, NOTHING, 0)]
    if (text != CONSTANT.format(VALID) and not nullable) or len(buffers) != (3 if nullable else 1):
        return None
    length = buffers[0].size - LONE_HEAD.size
    file.seek(buffers[0].position)
    if file.read(LONE_HEAD.size) != LONE_HEAD.pack(2, 16, length, 0, length):
        return None
    missing = np.zeros(rows, np.uint16)
    if nullable:
        file.seek(buffers[2].position)
        missing = np.frombuffer(file.read(buffers[2].size), "<u2")
        if len(missing) != rows or buffers[1].size:
            return None
    cuts = np.flatnonzero(np.diff(missing)) + 1
    value = (buffers[0].position + LONE_HEAD.size, length, LONE, 0)
    return [(len(run), 0, 0, NOTHING, 0) if run[0] else (len(run), *value) for run in np.split(missing, cuts)]


def _indexed(file: IO[bytes], text: str, buffers: Sequence[Any], rows: int) -> list[tuple[int, ...]] | None:
    """A page of rows and their index."""
    mark = int(text == _lengths_and_bytes(rows, 1))
    if len(buffers) != 2 or not (mark or text == _lengths_and_bytes(rows, 0)):
        return None
    values, index = buffers
    width, beyond = divmod(index.size, rows + 1)
    behind = values.position + values.size <= index.position
    if beyond or width not in INDEX_WIDTHS or not behind or not _is_indexed(file, values, index, width, mark):
        return None
    return [(rows, values.position, index.position, width, mark)]


def _is_indexed(file: IO[bytes], values: Any, index: Any, width: int, mark: int) -> bool:
    """Whether a page's index leads from its first byte to its last, and the first and the last row say their lengths."""
    file.seek(index.position)
    entries = np.frombuffer(file.read(index.size), f"<u{width}").astype(np.int64)
    if entries[0] != 0 or entries[-1] != values.size:
        return False
    there = np.flatnonzero(np.diff(entries) != mark) if mark else np.arange(len(entries) - 1)
    for row in there[[0, -1]] if len(there) else ():
        file.seek(values.position + int(entries[row]) + mark)
        if int.from_bytes(file.read(LENGTH), "little") != entries[row + 1] - entries[row] - LENGTH - mark:
            return False
    return True


def _lengths_and_bytes(rows: int, mark: int) -> str:
    """How the engine describes a page of bytes, each row behind its length, and behind a mark where some are missing."""
    lengths = "CompressiveEncoding{compression:Some(Flat(Flat{bits_per_value:64,data:None,},),),}"
    values = (
        "CompressiveEncoding{compression:Some(Variable(Variable{"
        f"offsets:Some({lengths},),values:None,"
        "},),),}"
    )
    return (
        f"PageLayout{{layout:Some(FullZipLayout(FullZipLayout{{bits_rep:0,bits_def:{mark},num_items:{rows},"
        f"num_visible_items:{rows},value_compression:Some({values},),"
        f"layers:[Repdef{NULLABLE if mark else VALID}Item,],details:Some(BitsPerOffset(64,),),}},),),}}"
    )
