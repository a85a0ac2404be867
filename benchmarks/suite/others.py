"""Peers that come from machine learning and from the cloud: Icechunk, Deep Lake, WebDataset."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .peers import Peer, Zarr
from .sets import Image, well

SHARD_BYTES = 256 << 20


class Icechunk(Zarr):
    """Zarr in a repository with versions, in a local folder; a chunk an image."""

    name = "Icechunk"
    module = "icechunk"

    def repository(self, make: bool = False) -> Any:
        """The repository, new or as it is."""
        import icechunk

        icechunk.set_logs_filter("error")  # that a folder is no object store is known
        storage = icechunk.local_filesystem_storage(str(self.at))
        return icechunk.Repository.create(storage) if make else icechunk.Repository.open(storage)

    def build(self) -> None:
        session = self.repository(make=True).writable_session("main")
        self.fill(session.store)
        session.commit("build")

    def open(self) -> None:
        self.opened(self.repository().readonly_session("main").store)

    def before(self, numbers: Sequence[int]) -> list[Image]:
        """Images of the version before the last."""
        repository = self.repository()
        versions = [version.id for version in repository.ancestry(branch="main")]
        self.opened(repository.readonly_session(snapshot_id=versions[1]).store)
        return self.many(numbers)

    def append(self, files: list[Path]) -> None:
        import zarr

        session = self.repository().writable_session("main")
        data = zarr.open_group(session.store)["images"]
        for batch in self.batches(files):
            data.append(batch)
        session.commit("append")

    def change(self, number: int, image: Image) -> None:
        import zarr

        session = self.repository().writable_session("main")
        zarr.open_group(session.store)["images"][number] = image
        session.commit("change")


class DeepLake(Peer):
    """Deep Lake, with a column of arrays of fixed shape, in a local folder."""

    name = "Deep Lake"
    module = "deeplake"

    @property
    def url(self) -> str:
        """Its address."""
        return f"file://{self.at}"

    def build(self) -> None:
        import deeplake

        side = self.images.side
        data = deeplake.create(self.url)
        data.add_column("well", deeplake.types.Text())
        data.add_column("pixels", deeplake.types.Array(self.images.dtype, shape=[side, side]))
        self._add(data, None, 0)
        data.commit("build")

    def _add(self, data: Any, files: list[Path] | None, first: int) -> None:
        at = first
        for batch in self.batches(files):
            wells = [well(number) for number in range(at, at + len(batch))]
            data.append({"well": wells, "pixels": batch})
            at += len(batch)

    def open(self) -> None:
        import deeplake

        self._data = deeplake.open_read_only(self.url)

    def one(self, number: int) -> Image:
        return np.asarray(self._data["pixels"][number])

    def many(self, numbers: Sequence[int]) -> list[Image]:
        return list(self._data["pixels"][list(numbers)])

    def scan(self) -> Iterator[Image]:
        for at in range(0, len(self._data), self.batch):
            yield self._data["pixels"][at : at + self.batch]

    def of_well(self, name: str, most: int) -> list[Image]:
        return list(self._data.query(f"SELECT * WHERE well = '{name}' LIMIT {most}")["pixels"][:])

    def before(self, numbers: Sequence[int]) -> list[Image]:
        """Images of the version before the last."""
        import deeplake

        data = deeplake.open_read_only(self.url)
        self._data = data.history[len(data.history) - 2].open()
        return self.many(numbers)

    def append(self, files: list[Path]) -> None:
        import deeplake

        data = deeplake.open(self.url)
        self._add(data, files, self.images.count)
        data.commit("append")

    def change(self, number: int, image: Image) -> None:
        import deeplake

        data = deeplake.open(self.url)
        data[number]["pixels"] = image
        data.commit("change")


class WebDataset(Peer):
    """Tar files of arrays: made to be read from the first to the last."""

    name = "WebDataset"
    module = "webdataset"

    def build(self) -> None:
        import webdataset

        self.at.mkdir()
        with webdataset.ShardWriter(f"file:{self.at}/%06d.tar", maxsize=SHARD_BYTES, verbose=0) as shards:
            for number, image in enumerate(self.images.decoded()):
                shards.write({"__key__": f"{number:09}", "npy": image, "txt": well(number)})

    def open(self) -> None:
        self._shards = sorted(map(str, self.at.glob("*.tar")))

    def scan(self) -> Iterator[Image]:
        import webdataset

        for sample in webdataset.WebDataset(self._shards, shardshuffle=False):
            yield np.load(io.BytesIO(sample["npy"]))[None]
