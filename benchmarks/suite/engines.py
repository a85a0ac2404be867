"""Peers that are databases or table formats: SQLite, Parquet, Hugging Face datasets and Lance."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .others import DeepLake, Icechunk, WebDataset
from .own import Datapkg, DatapkgPacked
from .peers import Files, Hdf5, Hdf5Gzip, Movie, Peer, Zarr, ZarrSharded
from .sets import LARGE, Image, well

GROUP_BYTES = 1 << 20


class Raw(Peer):
    """A peer that keeps pixels as bytes of known dtype and shape."""

    def image(self, content: Any) -> Image:
        """Bytes as an image."""
        return np.frombuffer(content, self.images.dtype).reshape(self.images.side, self.images.side)

    def rows(self, files: list[Path] | None = None, first: int = 0) -> Iterator[tuple[int, str, bytes]]:
        """Number, well and pixels of each image."""
        for number, image in enumerate(self.images.decoded(files), first):
            yield number, well(number), image.tobytes()


class Sqlite(Raw):
    """Blobs of raw pixels in one table, by integer key; large ones in pages of 16 KB, as its own measurements advise."""

    name = "SQLite"
    in_place = True

    def build(self) -> None:
        with sqlite3.connect(self.at) as connection:
            if self.images.image_bytes >= LARGE:
                connection.execute("pragma page_size = 16384")
            connection.execute("create table images(number integer primary key, well text, pixels blob)")
            connection.execute("create index wells on images(well)")
            connection.executemany("insert into images values (?, ?, ?)", self.rows())

    def open(self) -> None:
        self._ask = sqlite3.connect(self.at).execute

    def one(self, number: int) -> Image:
        (content,) = self._ask("select pixels from images where number = ?", (number,)).fetchone()
        return self.image(content)

    def many(self, numbers: Sequence[int]) -> list[Image]:
        asked = ",".join(map(str, numbers))
        found = dict(self._ask(f"select number, pixels from images where number in ({asked})"))
        return [self.image(found[number]) for number in numbers]

    def scan(self) -> Iterator[Image]:
        for (content,) in self._ask("select pixels from images order by number"):
            yield self.image(content)[None]

    def of_well(self, name: str, most: int) -> list[Image]:
        asked = "select pixels from images where well = ? order by number limit ?"
        return [self.image(content) for (content,) in self._ask(asked, (name, most))]

    def append(self, files: list[Path]) -> None:
        with sqlite3.connect(self.at) as connection:
            connection.executemany("insert into images values (?, ?, ?)", self.rows(files, self.images.count))

    def change(self, number: int, image: Image) -> None:
        with sqlite3.connect(self.at) as connection:
            connection.execute("update images set pixels = ? where number = ?", (image.tobytes(), number))


class Columnar(Raw):
    """A peer that takes Arrow batches."""

    def tables(self, files: list[Path] | None = None, first: int = 0) -> Iterator[Any]:
        """Batches of number, well and pixels."""
        import pyarrow as pa

        held: list[tuple[int, str, bytes]] = []
        kinds = {"number": pa.int64(), "well": pa.string(), "pixels": pa.large_binary()}
        for row in self.rows(files, first):
            held.append(row)
            if len(held) == self.batch:
                yield pa.RecordBatch.from_arrays(
                    list(map(pa.array, zip(*held, strict=True), kinds.values())), list(kinds)
                )
                held = []
        if held:
            yield pa.RecordBatch.from_arrays(
                list(map(pa.array, zip(*held, strict=True), kinds.values())), list(kinds)
            )


class Parquet(Columnar):
    """pyarrow, zstd, row groups of 1 MB so that few images are read in vain; a file for what is added."""

    name = "Parquet"
    module = "pyarrow"

    @classmethod
    def loads(cls, task: str) -> Sequence[str]:  # noqa: ARG003
        return "pyarrow.parquet", "pyarrow.compute"

    @property
    def group(self) -> int:
        """Images of a row group."""
        return max(1, GROUP_BYTES // self.images.image_bytes)

    def build(self) -> None:
        self.at.mkdir()
        self._write("000.parquet", self.tables())

    def _write(self, name: str, batches: Iterator[Any]) -> None:
        import pyarrow.parquet as pq

        writer = None
        for batch in batches:
            if writer is None:
                writer = pq.ParquetWriter(
                    self.at / name, batch.schema, compression="zstd", use_dictionary=["well"]
                )
            writer.write_batch(batch, row_group_size=self.group)
        assert writer is not None
        writer.close()

    def open(self) -> None:
        import pyarrow.parquet as pq

        self._file = pq.ParquetFile(self.at / "000.parquet")

    def one(self, number: int) -> Image:
        group, at = divmod(number, self.group)
        return self.image(self._file.read_row_group(group, ["pixels"])["pixels"][at].as_buffer())

    def many(self, numbers: Sequence[int]) -> list[Image]:
        groups: dict[int, Any] = {}
        for group in sorted({number // self.group for number in numbers}):
            groups[group] = self._file.read_row_group(group, ["pixels"])["pixels"]
        return [self.image(groups[n // self.group][n % self.group].as_buffer()) for n in numbers]

    def scan(self) -> Iterator[Image]:
        for batch in self._file.iter_batches(self.batch, columns=["pixels"]):
            for content in batch.column(0):
                yield self.image(content.as_buffer())[None]

    def of_well(self, name: str, most: int) -> list[Image]:
        import pyarrow.compute as pc

        wells = self._file.read(["well"])["well"]
        return self.many(np.flatnonzero(pc.equal(wells, name).to_numpy())[:most].tolist())

    def append(self, files: list[Path]) -> None:
        self._write("001.parquet", self.tables(files, self.images.count))


class Datasets(Columnar):
    """Hugging Face datasets, saved to a folder and read by memory map."""

    name = "HF datasets"
    module = "datasets"

    @classmethod
    def loads(cls, task: str) -> Sequence[str]:  # noqa: ARG003
        return "datasets", "pyarrow.compute"

    def build(self) -> None:
        import datasets

        def rows() -> Iterator[dict[str, Any]]:
            for number, name, pixels in self.rows():
                yield {"number": number, "well": name, "pixels": pixels}

        kinds = {
            "number": datasets.Value("int64"),
            "well": datasets.Value("string"),
            "pixels": datasets.Value("large_binary"),
        }
        cache = str(self.at) + ".cache"
        shutil.rmtree(cache, ignore_errors=True)  # or the next round would find the work done
        made = datasets.Dataset.from_generator(
            rows, features=datasets.Features(kinds), cache_dir=cache, writer_batch_size=self.batch
        )
        made.save_to_disk(str(self.at))

    def open(self) -> None:
        import datasets

        self._data = datasets.load_from_disk(str(self.at)).with_format("arrow")

    def one(self, number: int) -> Image:
        return self.image(self._data[number]["pixels"][0].as_buffer())

    def many(self, numbers: Sequence[int]) -> list[Image]:
        return [self.image(content.as_buffer()) for content in self._data[list(numbers)]["pixels"]]

    def scan(self) -> Iterator[Image]:
        for batch in self._data.iter(self.batch):
            for content in batch["pixels"]:
                yield self.image(content.as_buffer())[None]

    def of_well(self, name: str, most: int) -> list[Image]:
        import pyarrow.compute as pc

        wells = self._data.data.column("well")
        return self.many(np.flatnonzero(pc.equal(wells, name).to_numpy())[:most].tolist())


class Lance(Peer):
    """Bare Lance: images as fixed-size lists, as datapkg lays them out, and an index of wells."""

    name = "Lance"
    module = "lance"

    def batched(self, files: list[Path] | None = None, first: int = 0) -> Any:
        """A reader of batches."""
        import pyarrow as pa

        side = self.images.side
        pixel = pa.from_numpy_dtype(np.dtype(self.images.dtype))
        kind = pa.list_(pa.list_(pixel, side), side)
        schema = pa.schema([("number", pa.int64()), ("well", pa.string()), ("pixels", kind)])

        def batches() -> Iterator[Any]:
            at = first
            for images in self.batches(files):
                numbers = range(at, at + len(images))
                flat = pa.FixedSizeListArray.from_arrays(pa.array(images.reshape(-1)), side)
                pixels = pa.FixedSizeListArray.from_arrays(flat, side)
                yield pa.RecordBatch.from_arrays(
                    [pa.array(numbers), pa.array([well(n) for n in numbers]), pixels], schema=schema
                )
                at += len(images)

        return pa.RecordBatchReader.from_batches(schema, batches())

    def build(self) -> None:
        import lance

        data = lance.write_dataset(self.batched(), str(self.at), data_storage_version="2.2")
        data.create_scalar_index("well", "BITMAP")

    def open(self) -> None:
        import lance

        self._data = lance.dataset(str(self.at))

    def one(self, number: int) -> Image:
        return self.many([number])[0]

    def many(self, numbers: Sequence[int]) -> list[Image]:
        found: list[Image] = []
        for at in range(0, len(numbers), self.batch):  # one request of all is slower, and takes more memory
            some = list(numbers[at : at + self.batch])
            found += self._stack(self._data.take(some, columns=["pixels"]).combine_chunks())
        return found

    def _stack(self, table: Any) -> list[Image]:
        column = table.column("pixels")
        flat = (column.combine_chunks() if hasattr(column, "combine_chunks") else column).flatten().flatten()
        return list(flat.to_numpy().reshape(-1, self.images.side, self.images.side))

    def scan(self) -> Iterator[Image]:
        for batch in self._data.to_batches(columns=["pixels"], batch_size=self.batch):
            yield np.stack(self._stack(batch))

    def of_well(self, name: str, most: int) -> list[Image]:
        return self._stack(self._data.to_table(["pixels"], filter=f"well = '{name}'", limit=most))

    def before(self, numbers: Sequence[int]) -> list[Image]:
        import lance

        self._data = lance.dataset(str(self.at))
        self._data = lance.dataset(str(self.at), version=self._data.version - 1)
        return self.many(numbers)

    def append(self, files: list[Path]) -> None:
        import lance

        lance.write_dataset(self.batched(files, self.images.count), str(self.at), mode="append")

    def change(self, number: int, image: Image) -> None:
        import lance
        import tifffile

        path = self.at.with_suffix(".changed.tif")
        tifffile.imwrite(path, image)
        data = lance.dataset(str(self.at))
        data.merge_insert("number").when_matched_update_all().execute(self.batched([path], number))
        path.unlink()


PEERS: dict[str, type[Peer]] = {
    peer.name: peer
    for peer in (
        Datapkg, DatapkgPacked, Files, Movie, Parquet, Hdf5, Hdf5Gzip, Zarr, ZarrSharded, Icechunk, Sqlite, Datasets, DeepLake,
        WebDataset, Lance,
    )
}  # fmt: skip
