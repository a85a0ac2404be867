"""Pages of small numbers in chunks, as Lance 2.2 stores images of any width: read without the engine.

A page is an index and its chunks. An entry of the index is a chunk's length and how many items it has. A chunk has a head,
its levels (where lists begin, and what is missing), and its numbers: one after the other (`PLAIN`); packed, each 1,024 of
them in as many bits as the largest needs, in the order of FastLanes (Afroozeh and Boncz, 2023) (`PACKED`); or each beside
how often it comes, in runs of at most 255 (`RUNS`). Levels are not read: a files list says what they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..distinct import distinct

ENTRY = np.dtype("<u4")
"""An entry of the index: in its last four bits the binary logarithm of the items, before them the length."""
ALIGNED = 8
PACKED_ITEMS = 1024
LANE_ORDER = (0, 4, 2, 6, 1, 5, 3, 7)
PLAIN, PACKED, RUNS = "plain", "packed", "runs"
DAMAGED = "a chunk of a data file is damaged"

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ChunkForm:
    """How the chunks of a page hold its numbers: their dtype, numbers of an item, how they are coded.

    So many `levels` stand before the numbers.
    """

    dtype: np.dtype[np.generic]
    item: int
    coding: str
    levels: int

    @property
    def item_bytes(self) -> int:
        """What an item takes when it is not packed."""
        return self.item * self.dtype.itemsize

    @property
    def head(self) -> int:
        """The bytes of a chunk's head: how many levels there are, and the length of each part behind it."""
        return aligned(2 + 2 * self.levels + 4 * self.parts)

    @property
    def parts(self) -> int:
        """How many parts the numbers of a chunk have."""
        return 2 if self.coding == RUNS else 1


def aligned(size: int) -> int:
    """The next place at which something may begin."""
    return -(-size // ALIGNED) * ALIGNED


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
    last = items - int(counts[:-1].sum())
    told = entries[-1] & 15  # the last chunk says how many items it has if it is full, or nothing
    if last <= 0 or (told and last != counts[-1]):
        raise ValueError("the index of a data file is damaged")
    counts[-1] = last
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
    if form.coding == RUNS:
        return _runs(form, content, starts, sizes, wanted)
    if form.coding == PLAIN:
        if not np.array_equal(sizes[0], wanted * form.item_bytes):
            raise ValueError(DAMAGED)
        return np.concatenate(_parts(content, starts[0], sizes[0])).view(form.dtype)
    found = _unpacked(content, starts[0], sizes[0], form.dtype.itemsize)
    if (wanted[:-1] != PACKED_ITEMS).any() or wanted[-1] > PACKED_ITEMS:
        raise ValueError(DAMAGED)
    return found.reshape(-1)[: int(wanted.sum())].view(form.dtype)


def unpacked(
    content: bytes | bytearray, count: int, dtype: np.dtype[np.generic], bits: int | None = None
) -> NDArray[np.generic]:
    """Numbers that are packed without a chunk's head: at most 1,024 behind their bits, or any in known `bits`.

    Of these the last ones stand as they are, where that takes no more.

    Raises
    ------
    ValueError
        These are not the bytes of so many numbers.
    """
    width = dtype.itemsize
    kind, lanes = np.dtype(f"<u{width}"), PACKED_ITEMS // (8 * width)
    words = np.frombuffer(content[: len(content) // width * width], kind)
    if bits is None:
        if not len(words) or int(words[0]) > 8 * width:
            raise ValueError(DAMAGED)
        bits, words, blocks, rest = int(words[0]), words[1:], 1, 0
    else:
        blocks, rest = divmod(count, PACKED_ITEMS)
        if bits * PACKED_ITEMS < 8 * width * rest:
            blocks, rest = blocks + 1, 0
    packed = blocks * bits * lanes
    if len(words) != packed + rest or len(content) % width:
        raise ValueError(DAMAGED)
    found = np.zeros((blocks, PACKED_ITEMS), kind)
    if bits:
        found = _lanes(words[:packed].reshape(blocks, bits, lanes), bits, 8 * width)
    return np.concatenate([found.reshape(-1), words[packed:]])[:count].view(dtype)


def _heads(
    form: ChunkForm, content: Bytes, begins: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each part of the numbers, and of each chunk, its bytes, and where they begin."""
    if int(begins.max()) + form.head > len(content):
        raise ValueError(DAMAGED)
    head = content[begins[:, None] + np.arange(form.head)]
    at = 2 + 2 * form.levels
    levels = head[:, 2:at].copy().view("<u2").astype(np.int64)
    sizes = head[:, at : at + 4 * form.parts].copy().view("<u4").astype(np.int64).T
    starts = np.empty_like(sizes)
    end = begins + form.head + (-(-levels // ALIGNED) * ALIGNED).sum(axis=1)
    for part, size in enumerate(sizes):
        starts[part] = end
        end = end + -(-size // ALIGNED) * ALIGNED
    if int((starts + sizes).max()) > len(content):
        raise ValueError(DAMAGED)
    return sizes, starts


def _parts(content: Bytes, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[Bytes]:
    return [content[at : at + size] for at, size in zip(starts.tolist(), sizes.tolist(), strict=True)]


def _runs(
    form: ChunkForm,
    content: Bytes,
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    wanted: NDArray[np.int64],
) -> NDArray[np.generic]:
    """The numbers of chunks that say of each how often it comes."""
    if not np.array_equal(sizes[0], sizes[1] * form.dtype.itemsize):
        raise ValueError(DAMAGED)
    values = np.concatenate(_parts(content, starts[0], sizes[0])).view(form.dtype)
    often = np.concatenate(_parts(content, starts[1], sizes[1]))
    behind = np.concatenate([[0], often.cumsum(dtype=np.int64)])[np.concatenate([[0], sizes[1].cumsum()])]
    if not np.array_equal(np.diff(behind), wanted):
        raise ValueError(DAMAGED)
    return np.repeat(values, often)


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
        raise ValueError(DAMAGED)
    found = np.zeros((len(starts), PACKED_ITEMS), kind)
    for each in distinct(bits[bits > 0]).tolist():
        of = np.flatnonzero(bits == each)
        packed = sliding_window_view(words, each * lanes)[firsts[of] + 1].reshape(len(of), each, lanes)
        values = _lanes(packed, each, 8 * width)
        if len(of) == len(bits):  # most often all have the same
            return values
        found[of] = values
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
