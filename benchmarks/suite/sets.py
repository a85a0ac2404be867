"""The data that every peer stores: images from real ones, each shifted by another distance, a movie, and tables.

Real images come from ``../shared/data`` (``DATAPKG_SHARED`` overrides); without it, from the project's own simulated screen.
A shifted image keeps its histogram and its texture, so that it compresses as a real one does, and no two are equal.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

PROJECT = Path(__file__).parents[2]
Image = NDArray[Any]
READS = ("first", "one", "many", "scan", "filter")
CHANGES = ("nothing", "append", "change", "old", "diff", "verify")
POSITION = "sample/0/plate/LT0001_02/experiment/C06/position/1"
CHUNKS = 4
"""A frame of CellCognition's movies is cut into so many chunks along each side."""
LARGE = 1 << 18
"""Images of so many bytes are decoded by threads: smaller ones are no faster so."""


@dataclass(frozen=True)
class ImageSet:
    """Images in files of a folder; `well` says of each by its number where it was taken."""

    name: str
    folder: Path
    count: int
    side: int
    dtype: str
    table: ClassVar[str] = "images"
    tasks: ClassVar[tuple[str, ...]] = READS
    changes: ClassVar[tuple[str, ...]] = CHANGES

    @cached_property
    def files(self) -> list[Path]:
        """The files, in order."""
        return sorted((self.folder / "images").iterdir())

    @property
    def manifest(self) -> Path:
        """What datapkg builds from."""
        return self.folder / "manifest.yaml"

    @property
    def packed(self) -> Path:
        """The same with packed pixels."""
        return self.folder / "packed.yaml"

    def decoded(self, files: list[Path] | None = None) -> Iterator[Image]:
        """Each image as an array, in order; large ones are decoded on all cores, so that no peer's build waits for one."""
        import tifffile

        paths = self.files if files is None else files
        if self.image_bytes < LARGE:
            yield from map(tifffile.imread, paths)
            return
        cores = os.cpu_count() or 1
        with ThreadPoolExecutor(cores) as threads:
            ahead: deque[Future[Image]] = deque()
            for path in paths:
                ahead.append(threads.submit(tifffile.imread, path))
                if len(ahead) > 2 * cores:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    @property
    def image_bytes(self) -> int:
        """What the pixels of one image take."""
        return int(self.side**2 * np.dtype(self.dtype).itemsize)

    def make(self) -> None:
        """Write files and manifests, by a process a core, if they are not there yet."""
        if self.manifest.exists():
            return
        (self.folder / "images").mkdir(parents=True, exist_ok=True)
        cores = os.cpu_count() or 1
        with ProcessPoolExecutor(cores, get_context("spawn")) as processes:
            list(processes.map(self.write_some, [range(at, self.count, cores) for at in range(cores)]))
        for path, array in ((self.packed, "packed"), (self.manifest, "nested")):
            path.write_text(
                f"name: {self.name}\nresources:\n"
                f'  - {{name: images, path: "images/*.tif", keep: array, array: {array}, '
                'pattern: "{Number:d}_{Well}.tif"}\n'
            )

    def write_some(self, numbers: range) -> None:
        """Write the files of some numbers."""
        for number in numbers:
            self.write(number, self.image(number))

    def write(self, number: int, image: Image) -> Path:
        """Write one file."""
        import tifffile

        path = self.folder / "images" / f"{number:06}_{well(number)}.tif"
        tifffile.imwrite(path, image, compression="zlib", predictor=image.dtype.kind != "f")
        return path

    def image(self, number: int, turn: int = 0) -> Image:
        """The image of a number; another `turn` gives other pixels."""
        base = self.bases[number % len(self.bases)]
        if self.side < base.shape[0]:
            y, x = (
                (number * 977 + turn) % (base.shape[0] - self.side),
                (number * 613) % (base.shape[1] - self.side),
            )
            return np.ascontiguousarray(base[y : y + self.side, x : x + self.side])
        return np.roll(base, (number * 37 + turn, number * 59), (0, 1))

    @cached_property
    def bases(self) -> list[Image]:
        """The images that all others are shifts of."""
        import tifffile

        shared = (
            Path(os.environ.get("DATAPKG_SHARED", PROJECT.parent / "shared")) / "data/open/nf1_plate2/images"
        )
        own = PROJECT / "manifests" / "screen" / "images"
        paths = sorted(shared.glob("*.tif")) or sorted(own.rglob("*.tif"))
        images = [tifffile.imread(path) for path in paths[:15]]
        if images[0].shape[0] < self.side:
            images = [np.tile(image, (self.side // image.shape[0] + 1,) * 2) for image in images]
        if self.side >= 256:
            images = [image[: self.side, : self.side] for image in images]
        if self.dtype == "uint8":
            return [
                np.clip(image / np.percentile(image, 99.9) * 255, 0, 255).astype("uint8") for image in images
            ]
        return images


@dataclass(frozen=True)
class MovieSet(ImageSet):
    """A CellH5 movie of two channels, as CellCognition lays it out; its planes are the images, channel after channel."""

    table: ClassVar[str] = "movies"
    tasks: ClassVar[tuple[str, ...]] = ("first", "one", "many", "scan")
    changes: ClassVar[tuple[str, ...]] = ("nothing", "verify")

    @property
    def movie(self) -> Path:
        """The file."""
        return self.folder / "movie.ch5"

    def decoded(self, files: list[Path] | None = None) -> Iterator[Image]:
        """Each plane, as h5py reads it."""
        import h5py

        assert files is None
        with h5py.File(self.movie) as file:
            data = file[POSITION + "/image/channel"]
            for channel, t in np.ndindex(data.shape[:2]):
                yield data[channel, t, 0]

    def make(self) -> None:
        """The simulator's movie, with real images in place of its frames."""
        if self.manifest.exists():
            return
        import h5py

        from datapkg.simulate import screen

        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        screen(self.folder / "small", plates=1, wells=1, frames=3, size=(64, 64))
        (source,) = (self.folder / "small").glob("ch5/*/*.ch5")
        shutil.copyfile(source, self.movie)
        frames = self.count // 2
        with h5py.File(self.movie, "r+") as file:
            image = file[POSITION + "/image"]
            del image["channel"], image["region"], file["definition/image/region"]
            times = image["time_lapse"][:][np.arange(frames) % 3]
            del image["time_lapse"]
            image["time_lapse"] = times
            shape, part = (2, frames, 1, self.side, self.side), self.side // CHUNKS
            data = image.create_dataset(
                "channel", shape, self.dtype, chunks=(2, 1, 1, part, part), compression="gzip"
            )
            data.attrs["valid"] = np.ones(frames)
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                for t in range(frames):
                    both = np.stack([self.image(t), self.image(t + frames)])
                    corners = [(y, x) for y in range(0, self.side, part) for x in range(0, self.side, part)]
                    parts = [both[:, y : y + part, x : x + part].tobytes() for y, x in corners]
                    for (y, x), packed in zip(corners, threads.map(zlib.compress, parts), strict=True):
                        data.id.write_direct_chunk((0, t, 0, y, x), packed)
        self.manifest.write_text(f"name: {self.name}\nresources:\n  - {{name: movies, path: movie.ch5}}\n")


@dataclass(frozen=True)
class TableSet:
    """One CSV of numbers, with a text column of wells."""

    name: str
    folder: Path
    rows: int
    columns: int

    @property
    def csv(self) -> Path:
        """The file."""
        return self.folder / "table.csv"

    @property
    def manifest(self) -> Path:
        """What datapkg builds from."""
        return self.folder / "manifest.yaml"

    def make(self) -> None:
        """Write file and manifest, if they are not there yet."""
        if self.manifest.exists():
            return
        import pyarrow as pa
        import pyarrow.csv

        self.folder.mkdir(parents=True)
        rng = np.random.default_rng(1)
        values: dict[str, Any] = {"Well": [well(number) for number in range(self.rows)]}
        values["Count"] = rng.integers(0, 1000, self.rows)
        values |= {f"Cells_Feature_{i}": rng.normal(size=self.rows).round(6) for i in range(self.columns - 2)}
        pyarrow.csv.write_csv(pa.table(values), self.csv)
        self.manifest.write_text(f"name: {self.name}\nresources:\n  - {{name: table, path: table.csv}}\n")


def well(number: int) -> str:
    """The well of an image or row: of 96, one after the other."""
    return f"{'ABCDEFGH'[number // 12 % 8]}{number % 12 + 1:02}"


def sets(folder: Path, scale: float) -> dict[str, ImageSet | TableSet]:
    """All sets at a share of their full size."""

    def part(number: int, least: int) -> int:
        return max(least, int(number * scale))

    return {
        "large": ImageSet("large", folder / "large", part(1000, 10), 1024, "uint16"),
        "small": ImageSet("small", folder / "small", part(100_000, 200), 64, "uint8"),
        "movie": MovieSet("movie", folder / "movie", 2 * part(500, 5), 1024, "uint16"),
        "long": TableSet("long", folder / "long", part(1_000_000, 2000), 20),
        "wide": TableSet("wide", folder / "wide", 2000, part(3000, 100)),
    }
