"""Planes come as HDF5 itself reads them, however they are packed, and few at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import make_ch5 as make
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datapkg.errors import SourceError
from datapkg.sources.ch5 import chunks
from datapkg.sources.ch5.chunks import planes

SHAPE = (2, 3, 2, 7, 10)
PIXELS = np.random.default_rng(1).integers(0, 50, SHAPE)
STORED = [
    {"chunks": (1, 1, 1, 7, 10), "compression": "gzip"},
    {"chunks": (2, 1, 1, 3, 4), "compression": "gzip"},
    {"chunks": (1, 3, 1, 7, 10), "compression": "gzip"},
    {"chunks": (2, 1, 1, 4, 4)},
    {"chunks": (1, 1, 1, 7, 5), "compression": "gzip", "shuffle": True},
    {"chunks": (1, 1, 1, 7, 5), "compression": "lzf"},
    {"chunks": (1, 1, 1, 7, 5), "compression": "gzip", "fletcher32": True},
    {},
]


def everything(dataset: Any, ahead_bytes: int = 1000) -> dict[tuple[int, int, int], Any]:
    wanted = list(product(*map(range, SHAPE[:3])))
    found = list(planes(dataset, wanted, ahead_bytes))
    assert [place for place, _ in found] == wanted
    return dict(found)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    st.sampled_from(STORED),
    st.sampled_from(["u1", ">u2", "<u2", "i4", "<f4", ">f8", "?"]),
    st.integers(0, 5000),
)
def test_planes_are_what_hdf5_reads(
    tmp_path: Path, stored: dict[str, Any], dtype: str, ahead_bytes: int
) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = file.create_dataset("x", data=PIXELS.astype(dtype), **stored)
        for place, plane in everything(dataset, ahead_bytes).items():
            assert plane.dtype == dataset.dtype
            assert np.array_equal(plane, dataset[place])


def test_gzip_chunks_of_one_frame_are_not_read_by_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        taken = [
            chunks._PackedChunks.of(file.create_dataset(str(i), data=PIXELS.astype("u2"), **stored))
            is not None
            for i, stored in enumerate(STORED)
        ]
    assert taken == [True, True, False, False, False, False, False, False]


def test_chunks_that_were_never_written_have_the_fill_value(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = file.create_dataset(
            "x", SHAPE, "u2", chunks=(1, 1, 1, 4, 5), compression="gzip", fillvalue=9
        )
        dataset[0, 1, 0, :4, :5] = 3
        found = everything(dataset)
    assert (found[0, 0, 0] == 9).all()
    assert (found[0, 1, 0][:4, :5] == 3).all() and (found[0, 1, 0] == 9).sum() == 50


def test_a_chunk_that_was_stored_unpacked_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = file.create_dataset("x", SHAPE, "u1", chunks=(1, 1, 1, 7, 10), compression="gzip")
        dataset.id.write_direct_chunk((1, 2, 1, 0, 0), bytes(range(70)), filter_mask=1)
        assert everything(dataset)[1, 2, 1].tolist() == np.arange(70).reshape(7, 10).tolist()


BROKEN = {
    "no gzip": b"nonsense" * 9,
    "cut short": zlib.compress(np.random.default_rng(1).bytes(192))[:-20],
    "too little": zlib.compress(bytes(100)),
    "a bomb": zlib.compress(bytes(50_000_000)),
}


@pytest.mark.parametrize("packed", BROKEN.values(), ids=BROKEN)
def test_a_damaged_chunk_is_an_error_with_its_place(tmp_path: Path, packed: bytes) -> None:
    local = make.movie(tmp_path / "m.ch5")
    path = f"{make.position_path('P1', 'A01', '0037')}/image/channel"
    with h5py.File(local, "a") as file:
        file[path].id.write_direct_chunk((1, 1, 0, 6, 0), packed)
    with pytest.raises(SourceError, match="damaged") as caught:
        make.tables(make.movies(), make.source(local))
    assert caught.value.where == f"m.ch5, {path}"


def test_planes_are_read_only_so_far_ahead(tmp_path: Path) -> None:
    asked: list[tuple[int, int, int]] = []

    def wanted() -> Iterator[tuple[int, int, int]]:
        for place in product(range(2), range(3), range(2)):
            asked.append(place)
            yield place

    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = file.create_dataset("x", data=PIXELS.astype("u1"))
        reader = planes(dataset, wanted(), 3 * 70)
        next(reader)
        assert len(asked) == 4
        reader.close()


@pytest.mark.parametrize("stored", [{}, {"compression": "gzip"}], ids=["plain", "gzip"])
def test_a_movie_is_never_held_whole(tmp_path: Path, stored: dict[str, Any]) -> None:
    local = tmp_path / "m.ch5"
    shape, chunk = (2, 100, 1, 512, 512), (2, 1, 1, 128, 128)
    with h5py.File(local, "w") as file:
        path = f"{make.position_path('P1', 'A01', '0037')}/image/channel"
        dataset = file.create_dataset(path, shape, "u2", chunks=chunk, **stored)
        plain = bytes(2 * 128 * 128 * 2)
        packed = zlib.compress(plain) if stored else plain
        for t, y, x in product(range(100), range(0, 512, 128), range(0, 512, 128)):
            dataset.id.write_direct_chunk((0, t, 0, y, x), packed)
    with h5py.File(local) as file:
        before = private_mb()
        most = 0
        for _ in everything_of(file[path]):
            most = max(most, private_mb() - before)
    assert most < 40 < dataset_mb(shape)


def everything_of(dataset: Any) -> Iterator[Any]:
    return planes(dataset, product(range(2), range(100), range(1)), 1 << 20)


def dataset_mb(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape)) * 2 // 1_000_000


def private_mb() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("this system does not tell what memory is private")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) // 1000
