"""Packed images against zstd TIFF and Zarr's defaults: size, and speed, in one run.

``python -m benchmarks.packing FOLDER [--levels | --ratios]`` reads every TIFF and CellH5 movie under FOLDER. Sizes are shares of
the raw pixels, speeds MB/s of raw pixels by CPU time of one core, the best of three runs. Zarr's defaults are its codecs alone,
without its stores: Zarr 3 is Zstandard at level 0, Zarr 2 is Blosc with LZ4 at level 5 and byte shuffle, one chunk an
image.

``--ratios`` holds the images of each type together against the goals: the size of packed ones as a share of that of zstd TIFF and
of Zarr, and the rate at which a column of them is read as a multiple of that of Zarr itself (3, its defaults, one chunk an
image, in memory), both on all cores and in turns: the median of seven rounds.
"""

from __future__ import annotations

import argparse
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from datapkg.encoding import PackedLayout, decoded, encoded
from datapkg.packing.choice import Encoding
from datapkg.packing.codecs import PCODEC, ZSTD
from datapkg.packing.value import pack, unpack

RUNS, ROUNDS = 3, 7
SMALL_BYTES, READ_BYTES = 20_000, 40_000_000
Image = NDArray[Any]
Peer = tuple[Callable[[Image], bytes], Callable[[bytes, Image], Any]]


def found(folder: Path) -> Iterator[tuple[str, Image]]:
    """Every image under a folder, with its kind."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() in (".tif", ".tiff"):
            with tifffile.TiffFile(path) as tiff:
                for series in tiff.series:
                    yield kind(name, series.asarray()), native(series.asarray())
        elif path.suffix == ".ch5":
            planes: list[tuple[str, Image]] = []
            with h5py.File(path) as file:
                file.visititems(lambda item, node, into=planes: into.extend(movie(item, node)))
            yield from planes


def movie(name: str, node: Any) -> Iterator[tuple[str, Image]]:
    if isinstance(node, h5py.Dataset) and node.ndim == 5:
        for c, t in np.ndindex(node.shape[0], node.shape[1]):
            plane = node[c, t, 0]
            yield f"movie {'labels' if 'region' in name else 'planes'} {plane.dtype.name}", plane


def kind(name: str, image: Image) -> str:
    """What an image is in the table: its folder, or what is special about it."""
    dtype = image.dtype.name
    if image.nbytes < SMALL_BYTES:
        return "others below 20 KB"
    if "mask" in name.lower():
        return f"masks {dtype}"
    if image.ndim == 3 and 3 in (image.shape[0], image.shape[-1]) and dtype == "uint8":
        return "RGB uint8"
    return f"{name.partition('/')[0] if '/' in name else 'ome_tiff'} {dtype}"


def native(image: Image) -> Image:
    return np.ascontiguousarray(image, image.dtype.newbyteorder("="))


def tiff_encode(image: Image) -> bytes:
    out = io.BytesIO()
    rgb = image.ndim == 3 and image.shape[-1] == 3
    plain = image.view("u1") if image.dtype == np.bool_ else image
    tifffile.imwrite(
        out, plain, compression="zstd", photometric="rgb" if rgb else "minisblack", metadata=None
    )
    return out.getvalue()


def blosc_encode(image: Image) -> bytes:
    return bytes(
        imagecodecs.blosc_encode(
            image.tobytes(),
            level=5,
            compressor="lz4",
            shuffle="shuffle",
            typesize=image.itemsize,
            numthreads=1,
        )
    )


PEERS: Mapping[str, Peer] = {
    "packed": (pack, lambda value, _: unpack(value)),
    "zstd TIFF": (tiff_encode, lambda value, _: tifffile.imread(io.BytesIO(value))),
    "Zarr 3": (
        lambda image: imagecodecs.zstd_encode(image.tobytes(), level=0),
        lambda value, image: imagecodecs.zstd_decode(value, out=image.nbytes),
    ),
    "Zarr 2": (blosc_encode, lambda value, _: imagecodecs.blosc_decode(value)),
}


GOALS: Mapping[str, tuple[float, Callable[[str, Image], bool]]] = {
    "uint16": (0.7, lambda _, image: image.dtype == np.uint16),
    "uint8": (0.95, lambda name, image: image.dtype == np.uint8 and not name.startswith("RGB")),
    "RGB uint8": (1.0, lambda name, _: name.startswith("RGB")),
}


def levels() -> Mapping[str, Peer]:
    """The codecs at several levels, without differences."""

    def pcodec(level: int) -> Peer:
        return (
            lambda image: imagecodecs.pcodec_encode(plain(image), level=level),
            lambda value, image: imagecodecs.pcodec_decode(
                value, shape=(image.size,), dtype=plain(image).dtype
            ),
        )

    def zstd(level: int) -> Peer:
        return (
            lambda image: imagecodecs.zstd_encode(image.tobytes(), level=level),
            lambda value, image: imagecodecs.zstd_decode(value, out=image.nbytes),
        )

    def plain(image: Image) -> Image:
        return (image.view("u1") if image.dtype == np.bool_ else image).reshape(-1)

    peers = {f"pcodec {level}": pcodec(level) for level in (4, 8, 9)}
    peers |= {f"zstd {level}": zstd(level) for level in (1, 3, 9)}
    for codec, name in ((ZSTD, "zstd"), (PCODEC, "pcodec")):
        encoding = Encoding(codec)
        peers[f"packed as {name}"] = (
            lambda image, e=encoding: pack(image, e),
            lambda value, _: unpack(value),
        )
    return peers


def measured(images: list[Image], peer: Peer) -> tuple[float, float, float]:
    """(share of the raw size, MB/s encoded, MB/s decoded)."""
    encode, decode = peer
    raw = sum(image.nbytes for image in images)
    encoding = decoding = float("inf")
    for _ in range(RUNS):
        start = time.process_time()
        values = [encode(image) for image in images]
        encoding = min(encoding, time.process_time() - start)
        start = time.process_time()
        for value, image in zip(values, images, strict=True):
            decode(value, image)
        decoding = min(decoding, time.process_time() - start)
    return sum(map(len, values)) / raw, raw / encoding / 1e6, raw / decoding / 1e6


def ratios(sets: Mapping[str, list[Image]]) -> None:
    """Print the goals, and what was found."""
    print("| images | MB | size v. zstd TIFF | size v. Zarr | goal | rate v. Zarr | goal |")
    print("|---" * 7 + "|")
    for what, (goal, is_of) in GOALS.items():
        images = [image for name, found in sorted(sets.items()) for image in found if is_of(name, image)]
        packed, tiff, _, _ = (sum(len(encode(one)) for one in images) for encode, _ in PEERS.values())
        arrays = [zarr.create_array({}, data=image, chunks=image.shape) for image in images]
        stored = sum(array.nbytes_stored() for array in arrays)
        rate = read_rate(images, arrays)
        raw = sum(image.nbytes for image in images) / 1e6
        sizes = f"{packed / tiff:.2f} | {packed / stored:.2f}"
        print(f"| {what} ({len(images)}) | {raw:.1f} | {sizes} | {goal} | {rate:.2f} | 1 |", flush=True)


def read_rate(images: list[Image], arrays: list[Any]) -> float:
    """How many times as fast as Zarr's a column of packed images is read; few images are read again and again."""
    times = max(1, READ_BYTES // sum(image.nbytes for image in images))
    images, arrays = images * times, arrays * times
    column = encoded(images, PackedLayout())
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for array in arrays:
            array[...]
        between = time.perf_counter()
        read = decoded(column, None, None)
        rates.append((between - start) / (time.perf_counter() - between))
    assert all(one is not None and (one == image).all() for one, image in zip(read, images, strict=True))
    return float(np.median(rates))


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--levels", action="store_true", help="the codecs at several levels instead")
    parser.add_argument("--ratios", action="store_true", help="the goals instead")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    peers = levels() if options.levels else PEERS
    sets: dict[str, list[Image]] = {}
    for name, image in found(options.folder):
        sets.setdefault(name, []).append(image)
    if options.ratios:
        ratios(sets)
        return
    print("| images | MB | " + " | ".join(f"{peer}: size, enc, dec" for peer in peers) + " |")
    print("|---" * (len(peers) + 2) + "|")
    for name, images in sorted(sets.items()):
        raw = sum(image.nbytes for image in images) / 1e6
        cells = ["{:.3f}, {:.0f}, {:.0f}".format(*measured(images, peer)) for peer in peers.values()]
        print(f"| {name} ({len(images)}) | {raw:.1f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
