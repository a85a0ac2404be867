"""How a page of small numbers is coded: what the engine says of it, if it is understood.

A page's numbers stand in chunks (`chunks`), plain, packed, or in runs, as masks do; of a page of one and the same number
(`SAME`) nothing is stored but that number, and of one of missing images (`MISSING`) nothing at all. Numbers of eight bytes
that repeat often are numbers of entries in a dictionary: plain, packed as one chunk is, or compressed by LZ4 behind its length.
So are bytes, such as kept files: their dictionary says where each entry begins, and then has them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .chunks import DAMAGED, PACKED, PACKED_ITEMS, PLAIN, RUNS, ChunkForm, unpacked

SAME, MISSING, LZ4 = "same", "missing", "lz4"
LENGTH = 4
FLAT = "CompressiveEncoding{{compression:Some(Flat(Flat{{bits_per_value:{},data:None,}},),),}}"
INLINE = (
    "CompressiveEncoding{{compression:Some(InlineBitpacking(InlineBitpacking{{"
    "uncompressed_bits_per_value:{},values:None,}},),),}}"
)
APART = (
    "CompressiveEncoding{{compression:Some(OutOfLineBitpacking(OutOfLineBitpacking{{"
    "uncompressed_bits_per_value:{},values:Some({},),}},),),}}"
)
RUN = (
    "CompressiveEncoding{{compression:Some(Rle(Rle{{values:Some({},),run_lengths:Some("
    + FLAT.format(8).replace("{", "{{").replace("}", "}}")
    + ",),}},),),}}"
)
COMPRESSED = (
    "CompressiveEncoding{{compression:Some(General(General{{compression:Some(BufferCompression{{"
    "scheme:CompressionAlgorithmLz4,level:None,}},),values:Some({},),}},),),}}"
)
TEXTS = f"CompressiveEncoding{{compression:Some(Variable(Variable{{offsets:Some({FLAT.format(64)},),values:None,}},),),}}"
"""How the engine describes bytes of any length, one after the other behind where each begins."""
LISTS = (
    r"layers:\[Repdef(?P<item>AllValid|Nullable)Item,"
    r"(?P<lists>(?:Repdef(?:AllValid|Nullable|Emptyable|NullAndEmpty)List,)*)\],"
)
MINI_BLOCK = re.compile(
    r"PageLayout\{layout:Some\(MiniBlockLayout\(MiniBlockLayout\{rep_compression:(?P<rep>None|Some\(.*?\)),"
    r"def_compression:(?P<defined>None|Some\(.*?\)),value_compression:Some\((?P<values>.*?),\),"
    r"dictionary:(?:None|Some\((?P<words>.*),\)),num_dictionary_items:(?P<entries>\d+),"
    rf"{LISTS}num_buffers:(?P<parts>[12]),repetition_index_depth:[01],num_items:(?P<items>\d+),"
    r"has_large_chunk:true,\},\),\),\}"
)
CONSTANT = re.compile(
    r"PageLayout\{layout:Some\(ConstantLayout\(ConstantLayout\{"
    rf"{LISTS}inline_value:(?:None|Some\((?P<value>b\".*\"),\)),rep_compression:.*\}},\),\),\}}",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Coding:
    """One way of coding: which, the bits of a number that is stored, the levels before numbers.

    `value` has the bytes of a number that is always the same, in hex; `entries` those of the dictionary, none if there is
    none, and `words` how they stand there.
    """

    how: str
    bits: int = 0
    levels: int = 0
    value: str = ""
    entries: int = 0
    words: str = ""

    def form(self, dtype: np.dtype[Any], item: int) -> ChunkForm:
        """How chunks are read; those of a dictionary hold numbers of its entries."""
        return ChunkForm(
            np.dtype(f"<u{self.bits // 8}") if self.entries else dtype, item, self.how, self.levels
        )

    def listed(self) -> list[Any]:
        """As a list of files says it."""
        return list(astuple(self))


def coding(
    encoding: str, dtype: np.dtype[Any], item: Sequence[int], missing: bool
) -> tuple[Coding, int] | None:
    """The coding of a page and its items, none where these are not said; None where it is not understood.

    `missing` says that all images of the page are.
    """
    text = re.sub(r"\s", "", encoding)
    if CONSTANT.fullmatch(text):
        return _constant(encoding, dtype, missing)
    found = MINI_BLOCK.fullmatch(text)
    if not found:
        return None
    entries = int(found["entries"])
    words = _words(found["words"], entries, dtype) if entries else ""
    if words is None or (item and entries):
        return None
    return _numbers(found, (8, 16, 32, 64) if entries else (8 * dtype.itemsize,), item, words)


def repeated(encoding: str) -> tuple[Coding, int] | None:
    """The coding of a page of bytes of which each is a number of an entry in a dictionary, and its rows."""
    found = MINI_BLOCK.fullmatch(re.sub(r"\s", "", encoding))
    if not found or found["lists"] or found["words"] != COMPRESSED.format(TEXTS):
        return None
    return _numbers(found, (8, 16, 32, 64), (), LZ4)


def _numbers(
    found: re.Match[str], sizes: Sequence[int], item: Sequence[int], words: str
) -> tuple[Coding, int] | None:
    """How numbers of one of these sizes, in bits, stand in chunks."""
    levels = sum(found[one] != "None" for one in ("rep", "defined"))
    said, entries = f"{found['values']},", int(found["entries"])
    for bits in sizes:
        ways = {PLAIN: values(np.dtype(f"u{bits // 8}"), item)}
        if not item:
            ways |= {PACKED: f"{INLINE.format(bits)},", RUNS: f"{RUN.format(FLAT.format(bits))},"}
        for how, wanted in ways.items():
            if said == wanted and int(found["parts"]) == 1 + (how == RUNS):
                return Coding(how, bits, levels, "", entries, words), int(found["items"])
    return None


def _words(said: str, entries: int, dtype: np.dtype[Any]) -> str | None:
    """How the entries of a dictionary stand there; None where that is not understood."""
    plain = FLAT.format(8 * dtype.itemsize)
    ways = {plain: PLAIN, COMPRESSED.format(plain): LZ4}
    if entries <= PACKED_ITEMS:
        ways[INLINE.format(8 * dtype.itemsize)] = PACKED
    ways |= {
        APART.format(8 * dtype.itemsize, FLAT.format(bits)): f"{bits}"
        for bits in range(1, 8 * dtype.itemsize)
    }
    return ways.get(said)


def _constant(encoding: str, dtype: np.dtype[Any], missing: bool) -> tuple[Coding, int] | None:
    """A page of which every number is the same, or every image missing."""
    if missing:
        return Coding(MISSING), 0
    found = re.search(r"inline_value:\s*Some\(\s*(b\".*\"),\s*\),\s*rep_compression", encoding, re.DOTALL)
    if not found:
        return None
    try:
        value = ast.literal_eval(found[1])  # what Rust writes of bytes, Python reads
    except (SyntaxError, ValueError):
        return None
    return (Coding(SAME, value=value.hex()), 0) if len(value) == dtype.itemsize else None


def all_missing(encoding: str) -> bool:
    """Whether a page stores no number at all."""
    return bool(CONSTANT.fullmatch(encoding)) and "inline_value:None," in encoding


def dictionary(content: bytes | bytearray, coding: Coding, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The entries of a page's dictionary.

    Raises
    ------
    ValueError
        It does not hold as many as it should.
    """
    size = coding.entries * dtype.itemsize
    if coding.words == PACKED or coding.words.isdecimal():
        return unpacked(content, coding.entries, dtype, int(coding.words) if coding.words != PACKED else None)
    if coding.words == LZ4:
        if int.from_bytes(content[:LENGTH], "little") != size:
            raise ValueError(DAMAGED)
        try:
            content = pa.Codec("lz4_raw").decompress(content[LENGTH:], size, asbytes=True)
        except (OSError, ValueError):
            raise ValueError(DAMAGED) from None
    if len(content) != size:
        raise ValueError(DAMAGED)
    return np.frombuffer(content, dtype)


def values(dtype: np.dtype[Any], item: Sequence[int]) -> str:
    """How the engine describes values that follow each other."""
    said = FLAT.format(8 * dtype.itemsize)
    for length in reversed(item):
        said = (
            "CompressiveEncoding{compression:Some(FixedSizeList(FixedSizeList{"
            f"items_per_value:{length},has_validity:false,values:Some({said},),"
            "},),),}"
        )
    return f"{said},"
