"""Bytes that repeat in a page: the engine stores each different value once, in a dictionary, and of each row its number.

The dictionary stands compressed by LZ4 behind its length: where each entry begins, then the entries. A list of files says
which entry each row has, so that the dictionary is all that is read of such a page, once for all of its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .chunks import ALIGNED, DAMAGED, ENTRY, index_of, numbers
from .codings import LENGTH, repeated
from .forms import packed_text, unpacked_text

SHARED_VALUES = "values, shared"
"""The kind of pages of which some are such: older readers leave them to the engine."""
SHARED = -2
"""What stands in the place of an index's width for such a page."""
BITS = 64
OFFSET = np.dtype("<u8")

Place = tuple[int, int, int, int, int]
Entries = tuple[NDArray[np.int64], memoryview]
"""Where each entry of a dictionary begins and the last one ends, and the bytes of all."""


def shared(
    file: IO[bytes], page: Any, rows: int, lengths: NDArray[np.int64] | None
) -> tuple[Place, list[Any]] | None:
    """A page of values that repeat; None where it is no such page, or is not understood.

    Parameters
    ----------
    lengths
        Of each row the bytes of its value as it was written, -1 for a missing one: what the dictionary says must agree.

    Returns
    -------
    Its rows, where its dictionary begins, its bytes, `SHARED`, and its entries; then what the dictionary takes
    unpacked, and as text which entry each row has.
    """
    found = repeated(page.encoding)
    if found is None or lengths is None or found[1] != rows or len(page.buffers) != 3:
        return None
    how, _ = found
    index, chunks, words = page.buffers
    try:
        content = _read(file, words)
        size = int.from_bytes(content[:LENGTH], "little")
        begins, _ = entries_of(content, size, how.entries)
        which = _numbers(how.form(np.dtype("u1"), 1), _read(file, index), _read(file, chunks), rows)
    except ValueError:
        return None
    there = lengths >= 0
    if which.max(initial=0) >= how.entries or not np.array_equal(
        np.diff(begins)[which][there], lengths[there]
    ):
        return None
    text = packed_text(np.where(there, which + 1, 0).astype("<u4").tobytes())
    return (rows, words.position, words.size, SHARED, how.entries), [size, text]


def entries_of(content: bytes | bytearray, size: int, count: int) -> Entries:
    """The entries of a dictionary that takes `size` bytes unpacked.

    Raises
    ------
    ValueError
        These are not the bytes of so many entries.
    """
    head = 2 + count + 1
    if int.from_bytes(content[:LENGTH], "little") != size or size < head * OFFSET.itemsize:
        raise ValueError(DAMAGED)
    try:
        unpacked = pa.Codec("lz4_raw").decompress(content[LENGTH:], size, asbytes=True)
    except (OSError, ValueError):
        raise ValueError(DAMAGED) from None
    if len(unpacked) != size:
        raise ValueError(DAMAGED)
    begins = np.frombuffer(unpacked, OFFSET, head).astype(np.int64)
    values = memoryview(unpacked)[head * OFFSET.itemsize :]
    said, offsets = begins[:2].tolist(), begins[2:]
    ordered = offsets[0] == 0 and offsets[-1] == len(values) and (np.diff(offsets) >= 0).all()
    if said != [BITS, head * OFFSET.itemsize] or not ordered:
        raise ValueError(DAMAGED)
    return offsets, values


def entries_of_rows(text: str) -> NDArray[np.int64]:
    """Which entry each row of a page has, -1 for a missing one, from what a list says. Raises ValueError for no such text."""
    return np.frombuffer(unpacked_text(text), "<u4").astype(np.int64) - 1


def _numbers(form: Any, index: bytes, chunks: bytes, rows: int) -> NDArray[np.int64]:
    """The numbers of a page's rows. Raises ValueError where its chunks make no sense."""
    if not index or len(index) % ENTRY.itemsize or len(chunks) % ALIGNED:
        raise ValueError(DAMAGED)
    begins, firsts = index_of(index, rows)
    if begins[-1] != len(chunks):
        raise ValueError(DAMAGED)
    counts: Sequence[int] = np.diff(firsts).tolist()
    found = numbers(form, np.frombuffer(chunks, np.uint8), begins[:-1].tolist(), counts)
    return found.astype(np.int64)


def _read(file: IO[bytes], buffer: Any) -> bytes:
    file.seek(buffer.position)
    return file.read(buffer.size)
