"""What people use instead, each in the best setting that its documentation gives, behind one small interface.

A peer stores images with their number and well. What it cannot do raises `NotImplementedError`, and is told as such.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .sets import POSITION, Image, ImageSet, MovieSet, well

BATCH_BYTES = 8 << 20
OURS_ALONE = ("nothing", "diff", "verify")
NEEDS = {"first": "one", "many": "one", "filter": "of_well", "old": "before"}
"""The methods of tasks that are named otherwise."""


class Peer(ABC):
    """A way to store a set of images."""

    name: str
    module: str | None = None
    """What must be installed for it."""
    of: type[ImageSet] | None = None
    """The only kind of set that it can hold."""
    ours: ClassVar[bool] = False
    in_place: ClassVar[bool] = False
    """Whether it writes into files that are there: then a trial needs a copy of them, and links will not do."""

    def __init__(self, images: ImageSet, at: Path) -> None:
        self.images, self.at = images, at
        self.batch = max(1, BATCH_BYTES // images.image_bytes)

    @classmethod
    def can(cls, task: str) -> bool:
        """Whether it has what a task needs."""
        if task in OURS_ALONE:
            return cls.ours
        method = NEEDS.get(task, task)
        return getattr(cls, method, None) is not getattr(Peer, method, cls)

    @classmethod
    def loads(cls, task: str) -> Sequence[str]:  # noqa: ARG003 - most load the same for all
        """What a task imports, which no clock counts."""
        return [cls.module] if cls.module else []

    @abstractmethod
    def build(self) -> None:
        """Store the set, from its files."""

    @abstractmethod
    def open(self) -> None:
        """Make ready to read."""

    def one(self, number: int) -> Image:
        """One image."""
        raise NotImplementedError

    def many(self, numbers: Sequence[int]) -> list[Image]:
        """Some images in one call; by default one after the other, where that is no slower than what the peer has."""
        return [self.one(number) for number in numbers]

    def scan(self) -> Iterator[Image]:
        """All images in order, some at a time: (n, y, x)."""
        raise NotImplementedError

    def of_well(self, name: str, most: int) -> list[Image]:
        """The first images of a well, found by its name."""
        raise NotImplementedError

    def append(self, files: list[Path]) -> None:
        """Add images that came as new files."""
        raise NotImplementedError

    def change(self, number: int, image: Image) -> None:
        """Put another image in the place of one."""
        raise NotImplementedError

    def before(self, numbers: Sequence[int]) -> list[Image]:
        """Images of the version before the last."""
        raise NotImplementedError

    def batches(self, files: list[Path] | None = None) -> Iterator[NDArray[Any]]:
        """Decoded images of files, as (n, y, x)."""
        held: list[Image] = []
        for image in self.images.decoded(files):
            held.append(image)
            if len(held) == self.batch:
                yield np.stack(held)
                held = []
        if held:
            yield np.stack(held)


class Files(Peer):
    """The TIFF files themselves, read by tifffile."""

    name = "TIFF files"
    module = "tifffile"
    of = ImageSet

    def build(self) -> None:
        shutil.copytree(self.images.folder / "images", self.at)

    def open(self) -> None:
        import tifffile

        self._read = tifffile.imread
        self._paths = sorted(self.at.iterdir())

    def one(self, number: int) -> Image:
        found: Image = self._read(self._paths[number])
        return found

    def scan(self) -> Iterator[Image]:
        for path in self._paths:
            yield self._read(path)[None]

    def of_well(self, name: str, most: int) -> list[Image]:
        return [self._read(path) for path in self._paths if path.stem.endswith(name)][:most]

    def append(self, files: list[Path]) -> None:
        for path in files:
            shutil.copy(path, self.at / path.name)

    def change(self, number: int, image: Image) -> None:
        import tifffile

        path = sorted(self.at.iterdir())[number]
        new = path.with_suffix(".new")
        tifffile.imwrite(new, image, compression="zlib", predictor=True)
        new.replace(path)


class Movie(Peer):
    """The CellH5 movie itself, read by h5py."""

    name = "CellH5 file"
    module = "h5py"
    of = MovieSet

    def build(self) -> None:
        shutil.copy(self.images.movie, self.at)

    def open(self) -> None:
        import h5py

        self._data = h5py.File(self.at)[POSITION + "/image/channel"]

    def one(self, number: int) -> Image:
        found: Image = self._data[number // self._data.shape[1], number % self._data.shape[1], 0]
        return found

    def scan(self) -> Iterator[Image]:
        for number in range(self.images.count):
            yield self.one(number)[None]


class Hdf5(Peer):
    """h5py, one dataset with a chunk an image."""

    name = "HDF5"
    module = "h5py"
    in_place = True
    compression: ClassVar[dict[str, Any]] = {}

    def build(self) -> None:
        import h5py

        side = self.images.side
        with h5py.File(self.at, "w") as file:
            data = file.create_dataset(
                "images", (self.images.count, side, side), self.images.dtype,
                chunks=(1, side, side), maxshape=(None, side, side), **self.compression,
            )  # fmt: skip
            at = 0
            for batch in self.batches():
                data[at : at + len(batch)] = batch
                at += len(batch)
            file["well"] = np.array([well(n).encode() for n in range(at)])

    def open(self) -> None:
        import h5py

        self._file = h5py.File(self.at)
        self._data = self._file["images"]

    def one(self, number: int) -> Image:
        found: Image = self._data[number]
        return found

    def scan(self) -> Iterator[Image]:
        for at in range(0, self._data.shape[0], self.batch):
            yield self._data[at : at + self.batch]

    def of_well(self, name: str, most: int) -> list[Image]:
        rows = np.flatnonzero(self._file["well"][:] == name.encode())[:most]
        return [self._data[int(row)] for row in rows]

    def append(self, files: list[Path]) -> None:
        import h5py

        with h5py.File(self.at, "a") as file:
            data = file["images"]
            for batch in self.batches(files):
                data.resize(data.shape[0] + len(batch), 0)
                data[-len(batch) :] = batch

    def change(self, number: int, image: Image) -> None:
        import h5py

        with h5py.File(self.at, "a") as file:
            file["images"][number] = image


class Hdf5Gzip(Hdf5):
    """The same with the compression that every HDF5 reads."""

    name = "HDF5 gzip"
    compression: ClassVar[dict[str, Any]] = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


class Zarr(Peer):
    """Zarr v3, a chunk an image, its default compression."""

    name = "Zarr"
    module = "zarr"
    sharded = False

    def build(self) -> None:
        self.fill(str(self.at))

    def fill(self, store: Any) -> None:
        """Put all images and wells into a new group."""
        import zarr

        side, count = self.images.side, self.images.count
        shard = min(count, self.batch)
        shards = (shard, side, side) if self.sharded else None
        root = zarr.open_group(store, mode="w")
        data = root.create_array(
            "images",
            shape=(count, side, side),
            chunks=(1, side, side),
            shards=shards,
            dtype=self.images.dtype,
        )
        at = 0
        for batch in self.batches():
            data[at : at + len(batch)] = batch
            at += len(batch)
        root.create_array("well", data=np.array([well(n) for n in range(count)], "S3"))

    def open(self) -> None:
        self.opened(str(self.at))

    def opened(self, store: Any) -> None:
        """Make ready to read a group."""
        import zarr

        self._root = zarr.open_group(store, mode="r")
        self._data = self._root["images"]

    def one(self, number: int) -> Image:
        return np.asarray(self._data[number])

    def scan(self) -> Iterator[Image]:
        for at in range(0, self._data.shape[0], self.batch):
            yield self._data[at : at + self.batch]

    def of_well(self, name: str, most: int) -> list[Image]:
        rows = np.flatnonzero(self._root["well"][:] == name.encode())[:most]
        return [self.one(int(row)) for row in rows]

    def append(self, files: list[Path]) -> None:
        import zarr

        data = zarr.open_group(str(self.at), mode="a")["images"]
        for batch in self.batches(files):
            data.append(batch)

    def change(self, number: int, image: Image) -> None:
        import zarr

        zarr.open_group(str(self.at), mode="a")["images"][number] = image


class ZarrSharded(Zarr):
    """The same with shards of 8 MB, so that it is not a file an image."""

    name = "Zarr sharded"
    sharded = True
