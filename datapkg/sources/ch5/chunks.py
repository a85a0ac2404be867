"""Read planes one after the other, a batch ahead, on threads: unpacking gzip is most of the work of a build.

HDF5 unpacks with zlib, one chunk at a time. Where a dataset is nothing but gzip chunks of one frame, as all writers
of movies make it, the packed chunks are taken as they are and unpacked by libdeflate, which is twice as fast, side by
side. All else HDF5 reads itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any

import h5py
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from ..threads import in_order

THREADS = 4
DEFLATE_GROWTH = 1.01
"""Data that cannot be packed grow by less than this, and a few bytes."""
Place = tuple[int, int, int]
Plane = NDArray[Any]


def planes(dataset: Any, wanted: Iterable[Place], ahead_bytes: int) -> Iterator[tuple[Place, Plane]]:
    """Yield the planes at (c, t, z), in the order asked for; at most `ahead_bytes` are read beforehand."""
    read = _PackedChunks.of(dataset) or _Hdf5(dataset)
    plane_bytes = max(prod(dataset.shape[-2:]) * dataset.dtype.itemsize, 1)
    ahead = max(ahead_bytes // plane_bytes, 1)
    yield from in_order(lambda place: (place, read(place)), wanted, THREADS, ahead)


@dataclass(frozen=True, slots=True)
class _Hdf5:
    """HDF5's own reading."""

    dataset: Any

    def __call__(self, place: Place) -> Plane:
        plane: Plane = self.dataset[place]
        return plane


@dataclass(frozen=True, slots=True)
class _PackedChunks:
    """Reading of chunks that are gzip, and of one frame, from a dataset of a plain type of number."""

    dataset: Any
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, dataset: Any) -> _PackedChunks | None:
        """None where HDF5 must read."""
        plist, dtype, chunks = dataset.id.get_create_plist(), dataset.dtype, dataset.chunks
        if (
            not chunks
            or chunks[1:3] != (1, 1)
            or plist.get_nfilters() != 1
            or plist.get_filter(0)[0] != h5py.h5z.FILTER_DEFLATE
            or dtype.kind not in "iuf"
            or not dataset.id.get_type().equal(h5py.h5t.py_create(dtype))
        ):
            return None
        return cls(dataset, dataset.shape, chunks, dtype)

    def __call__(self, place: Place) -> Plane:
        plane = np.empty(self.shape[-2:], self.dtype)
        first = place[0] - place[0] % self.chunks[0]
        height, width = self.chunks[-2:]
        for y in range(0, plane.shape[0], height):
            for x in range(0, plane.shape[1], width):
                chunk = self._chunk((first, *place[1:], y, x))
                if chunk is None:  # never written, or not packed
                    whole: Plane = self.dataset[place]
                    return whole
                part = plane[y : y + height, x : x + width]
                part[...] = chunk[place[0] - first, 0, 0, : part.shape[0], : part.shape[1]]
        return plane

    def _chunk(self, corner: tuple[int, ...]) -> NDArray[Any] | None:
        size = prod(self.chunks) * self.dtype.itemsize
        found = self.dataset.id.get_chunk_info_by_coord(corner)
        if found.byte_offset is None or found.filter_mask:
            return None
        plain: bytes | bytearray = b""
        if found.size <= DEFLATE_GROWTH * size + 64:
            with suppress(RuntimeError):
                plain = imagecodecs.deflate_decode(self.dataset.id.read_direct_chunk(corner)[1], out=size)
        if len(plain) != size:  # HDF5 would unpack a bomb whole, and read on behind the end of too little
            raise ValueError(f"the chunk at {corner} is no gzip of {size:,} bytes")
        return np.frombuffer(plain, self.dtype).reshape(self.chunks)
