"""Pages of small numbers in chunks, as Lance 2.2 stores images of any width: read without the engine.

A page is an index and its chunks. An entry of the index is a chunk's length and how many items it has. A chunk has a head,
where the lists in it begin, and its numbers, one after the other or packed: each 1,024 of them in as many bits as the
largest needs, in the order of FastLanes (Afroozeh and Boncz, 2023). Where lists begin is not read: a files list says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENTRY = np.dtype("<u4")
"""An entry of the index: in its last four bits the binary logarithm of the items, before them the length."""
ALIGNED = 8
PACKED_ITEMS = 1024
LANE_ORDER = (0, 4, 2, 6, 1, 5, 3, 7)

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ChunkForm:
    """How the chunks of a column hold its numbers: their dtype, numbers of an item, and whether they are packed.

    `lists` says that where lists begin stands before the numbers.
    """

    dtype: np.dtype[np.generic]
    item: int
    packed: bool
    lists: bool

    @property
    def item_bytes(self) -> int:
        """What an item takes when it is not packed."""
        return self.item * self.dtype.itemsize


def index_of(content: bytes | bytearray, items: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each chunk of a page begins, and its first item; the last entries are the ends.

    Raises
    ------
    ValueError
        The index makes no sense.
    """
    entries = np.frombuffer(content, ENTRY).astype(np.int64)
    begins = np.concatenate([[0], (((entries >> 4) + 1) * ALIGNED).cumsum()])
    counts = 1 << (entries & 15)
    counts[-1] = items - counts[:-1].sum()
    if counts[-1] <= 0 or entries[-1] & 15:
        raise ValueError("the index of a data file is damaged")
    return begins, np.concatenate([[0], counts.cumsum()])


def numbers(
    form: ChunkForm, content: Bytes, begins: Sequence[int], counts: Sequence[int]
) -> NDArray[np.generic]:
    """The numbers of chunks that follow each other, as one array.

    Parameters
    ----------
    content
        The chunks' bytes.
    begins, counts
        Where each begins in them, and its items.

    Raises
    ------
    ValueError
        A chunk does not hold as many numbers as it should.
    """
    where = np.array(begins, np.int64)
    sizes, starts = _heads(form, content, where)
    wanted = np.array(counts, np.int64)
    if not form.packed:
        if not np.array_equal(sizes, wanted * form.item_bytes):
            raise ValueError("a chunk of a data file is damaged")
        parts = [content[at : at + size] for at, size in zip(starts.tolist(), sizes.tolist(), strict=True)]
        return np.concatenate(parts).view(form.dtype)
    found = _unpacked(content, starts, sizes, form.dtype.itemsize)
    if (wanted[:-1] != PACKED_ITEMS).any():
        raise ValueError("a chunk of a data file is damaged")
    return found.reshape(-1)[: int(wanted.sum())].view(form.dtype)


def _heads(
    form: ChunkForm, content: Bytes, begins: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each chunk the bytes of its numbers, and where they begin."""
    head = content[begins[:, None] + np.arange(ALIGNED)]
    at = 4 if form.lists else 2
    before = head[:, 2:4].copy().view("<u2").reshape(-1).astype(np.int64) if form.lists else 0
    sizes = head[:, at : at + 4].copy().view("<u4").reshape(-1).astype(np.int64)
    starts = begins + ALIGNED + (before + ALIGNED - 1) // ALIGNED * ALIGNED
    if int((starts + sizes).max()) > len(content):
        raise ValueError("a chunk of a data file is damaged")
    return sizes, starts


def _unpacked(
    content: Bytes, starts: NDArray[np.int64], sizes: NDArray[np.int64], width: int
) -> NDArray[np.generic]:
    """The numbers of packed chunks, 1,024 of each, as unsigned numbers of so many bytes."""
    kind = np.dtype(f"<u{width}")
    lanes = PACKED_ITEMS // (8 * width)
    words = content[: len(content) // width * width].view(kind)
    firsts = starts // width
    bits = words[firsts].astype(np.int64)
    if (bits > 8 * width).any() or not np.array_equal(sizes, (1 + bits * lanes) * width):
        raise ValueError("a chunk of a data file is damaged")
    found = np.zeros((len(starts), PACKED_ITEMS), kind)
    for each in np.unique(bits[bits > 0]).tolist():
        of = np.flatnonzero(bits == each)
        packed = words[firsts[of, None] + 1 + np.arange(each * lanes)].reshape(len(of), each, lanes)
        found[of] = _lanes(packed, each, 8 * width)
    return found


def _lanes(packed: NDArray[np.generic], bits: int, width: int) -> NDArray[np.generic]:
    """Numbers of `bits` bits, out of words of `width`."""
    lanes = packed.shape[2]
    kind = packed.dtype.type
    mask = kind((1 << bits) - 1)
    found = np.empty((len(packed), PACKED_ITEMS), packed.dtype)
    for row in range(width):
        word, shift = divmod(row * bits, width)
        value = packed[:, word] >> kind(shift)  # type: ignore[operator]
        if shift + bits > width:
            value |= packed[:, word + 1] << kind(width - shift)  # type: ignore[operator]
        at = LANE_ORDER[row // 8] * 16 + row % 8 * 128
        found[:, at : at + lanes] = value & mask
    return found
