"""How fast, and in how much memory, a large CellH5 movie becomes a package.

The floor does the least that anybody must do, one after the other in the same run: h5py alone reads the planes of the
movie, each chunk once, and Lance alone writes them from memory. The goal is 0.7 of its rate.

    python benchmarks/ch5.py --megabytes 2000 --chunks quarter --compression gzip

The movie repeats a few simulated frames of 1024 x 1344 pixels, 16-bit: its chunks are packed once and written often.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import lance
import numpy as np
import pyarrow as pa

import datapkg
from datapkg.simulate import screen

SIZE = (1024, 1344)
FRAMES = 3
BATCH_BYTES = 12 << 20
IMAGES = ("channel", "region")


def main() -> None:
    """Make a movie, and print both rates, their ratio, and the build's memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=2000, help="of pixels (default: 2000)")
    parser.add_argument("--chunks", choices=["quarter", "plane"], default="quarter")
    parser.add_argument("--compression", choices=["gzip", "none"], default="gzip")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        movie = large_movie(folder / "movie.ch5", given.megabytes, given.chunks, given.compression)
        pixels = pixel_bytes(movie)
        size = f"{pixels / 1e6:,.0f} MB of planes, {movie.stat().st_size / 1e6:,.0f} MB file"
        print(f"{size}, {given.chunks} chunks, {given.compression}")
        for number in range(given.rounds):
            reading, writing = floor(movie, folder / f"floor{number}.lance")
            seconds, private = build(movie, folder / f"{number}.datapkg")
            least = reading + writing
            print(
                f"h5py reads in {reading:.1f} s, Lance writes in {writing:.1f} s: {pixels / least / 1e6:.0f} MB/s"
            )
            print(
                f"datapkg builds in {seconds:.1f} s: {pixels / seconds / 1e6:.0f} MB/s, {least / seconds:.2f} of it"
            )
            print(
                f"private memory: {private[0] / 1e6:.0f} MB in the largest process, {private[1] / 1e6:.0f} MB in all"
            )
            for path in (folder / f"floor{number}.lance", folder / f"{number}.datapkg"):
                shutil.rmtree(path)
    finally:
        shutil.rmtree(folder)


def large_movie(path: Path, megabytes: int, chunking: str, compression: str) -> Path:
    """Write a movie of about so many megabytes of pixels, as CellCognition lays it out."""
    small = path.with_name("small")
    screen(small, plates=1, wells=1, frames=FRAMES, size=SIZE)
    (source,) = small.glob("ch5/*/*.ch5")
    shutil.copyfile(source, path)
    shutil.rmtree(small)
    with h5py.File(path, "r+") as file:
        (position,) = (g for name, g in walk(file) if name.endswith("position/1"))
        frames = megabytes * 1_000_000 // sum(position[f"image/{kind}"][:, 0].nbytes for kind in IMAGES)
        for kind in IMAGES:
            lengthen(position, kind, frames, chunking, compression)
        times = position["image/time_lapse"][:][np.arange(frames) % FRAMES]
        del position["image/time_lapse"]
        position["image/time_lapse"] = times
    return path


def lengthen(position: h5py.Group, kind: str, frames: int, chunking: str, compression: str) -> None:
    """Put an image of many frames in place of the few, which come again and again."""
    few = position[f"image/{kind}"][:]
    del position[f"image/{kind}"]
    shape = (few.shape[0], frames, *few.shape[2:])
    quarter = (few.shape[0], 1, 1, few.shape[3] // 4, few.shape[4] // 4)
    chunks = quarter if chunking == "quarter" else (1, 1, 1, *few.shape[3:])
    options = {"compression": "gzip", "compression_opts": 4} if compression == "gzip" else {}
    image = position.create_dataset(f"image/{kind}", shape, few.dtype, chunks=chunks, **options)
    image.attrs["valid"] = np.ones(frames)
    packed = {
        at: pack(few, at, chunks, compression)
        for at in corners((few.shape[0], FRAMES, *few.shape[2:]), chunks)
    }
    for c, t, z, y, x in corners(shape, chunks):
        image.id.write_direct_chunk((c, t, z, y, x), packed[c, t % FRAMES, z, y, x])


def pack(few: Any, at: tuple[int, ...], chunks: tuple[int, ...], compression: str) -> bytes:
    """One chunk's bytes as HDF5 stores them."""
    part = few[tuple(slice(start, start + length) for start, length in zip(at, chunks, strict=True))]
    plain = np.ascontiguousarray(part).tobytes()
    return imagecodecs.deflate_encode(plain, 4) if compression == "gzip" else plain


def corners(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Where each chunk begins."""
    counts = [length // chunk for length, chunk in zip(shape, chunks, strict=True)]
    for at in np.ndindex(*counts):
        yield tuple(int(i) * chunk for i, chunk in zip(at, chunks, strict=True))


def walk(group: h5py.Group) -> Iterator[tuple[str, Any]]:
    """Every object below a group, by name."""
    found: list[tuple[str, Any]] = []
    group.visititems(lambda name, item: found.append((name, item)))
    yield from found


def images(file: h5py.File) -> list[Any]:
    """The movie's image datasets."""
    wanted = tuple(f"position/1/image/{kind}" for kind in IMAGES)
    return [item for name, item in walk(file) if name.endswith(wanted)]


def pixel_bytes(movie: Path) -> int:
    """Bytes of all planes."""
    with h5py.File(movie) as file:
        return sum(image.nbytes for image in images(file))


def floor(movie: Path, target: Path) -> tuple[float, float]:
    """Seconds that h5py takes to read all planes, and Lance to write them."""
    held = []
    started = time.perf_counter()
    with h5py.File(movie, rdcc_nbytes=64 << 20) as file:
        for image in images(file):
            for t in range(image.shape[1]):
                held += list(image[:, t, 0])
    reading = time.perf_counter() - started
    kind = pa.list_(pa.list_(pa.uint16(), SIZE[1]), SIZE[0])
    schema = pa.schema([("image_array", kind)])
    step = max(1, BATCH_BYTES // held[0].nbytes)
    batches = [batch(held[i : i + step], schema) for i in range(0, len(held), step)]
    del held
    started = time.perf_counter()
    lance.write_dataset(
        pa.RecordBatchReader.from_batches(schema, batches), target, data_storage_version="2.2"
    )
    os.sync()
    return reading, time.perf_counter() - started


def batch(planes: list[Any], schema: pa.Schema) -> pa.RecordBatch:
    """Planes as one batch."""
    pixels = pa.array(np.stack(planes).reshape(-1))
    rows = pa.FixedSizeListArray.from_arrays(pixels, SIZE[1])
    column = pa.FixedSizeListArray.from_arrays(rows, SIZE[0])
    return pa.RecordBatch.from_arrays([column.cast(schema[0].type)], schema=schema)


def build(movie: Path, target: Path) -> tuple[float, tuple[int, int]]:
    """Seconds that a build takes, from the call to the report, and the most private memory of its processes."""
    manifest = movie.with_name("movie.yaml")
    manifest.write_text(f"name: movie\nresources: [{{name: movies, path: {movie.name}}}]\n")
    peak, done = [0, 0], threading.Event()

    def watch() -> None:
        before = private(os.getpid())
        while not done.wait(0.05):
            held = [private(os.getpid()) - before, *map(private, children(os.getpid()))]
            peak[:] = max(peak[0], *held), max(peak[1], sum(held))

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    datapkg.build(manifest, target)
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    return seconds, (peak[0], peak[1])


def children(pid: int) -> list[int]:
    """The processes that a process has started, where the system tells (Linux)."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in listed for child in path.read_text().split()]


def private(pid: int) -> int:
    """A process's private bytes: what it would take away from others."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))


if __name__ == "__main__":
    main()
