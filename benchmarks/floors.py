"""What a build of images costs over the least that it could: decode every file, and write what is to be kept.

``python -m benchmarks.floors [IMAGES] [ROUNDS]`` writes that many TIFFs of 1,024 x 1,024 uint16 (default 400; real images, each
shifted by another distance) with LZW, Deflate, zstd and without compression. The floor is as many processes as the build has
workers: each decodes its half of the files with tifffile, writes the raw pixels to one file, and brings that to the disk
once. Where files are kept too (`keep: [bytes, array]`), the floor writes their bytes beside the pixels.
Floor and build take turns. The floor's clock starts when its processes have imported what they need. The start-up of a build
is taken off its time too, and told apart: it is what a build of 50 images, on as many workers, takes beyond their share.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.small_tiffs import BUILD, taken
from benchmarks.suite.sets import ImageSet

WORKERS, FEW = 2, 50
FLOOR = """
import io, os, sys, tifffile
both, folder, made, first, step = sys.argv[1] == "both", sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
names = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
tifffile.imread(names[0])
print("ready", flush=True)
sys.stdin.readline()
with open(made, "wb", buffering=0) as out:
    for name in names[first::step]:
        if both:
            with open(name, "rb") as file:
                content = file.read()
            out.write(content)
            out.write(tifffile.imread(io.BytesIO(content)))
        else:
            out.write(tifffile.imread(name))
    os.fsync(out.fileno())
"""
MANIFEST = 'name: bench\nresources:\n  - {{name: images, path: "{path}", keep: {keep}}}\n'
KEEPS = {"array": "array", "both": "[bytes, array]"}
GOALS = {
    "lzw": {"array": 1.25, "both": 1.6},
    "zlib": {"array": 1.4, "both": 1.6},
    "zstd": {"array": 1.4, "both": 1.6},
    "none": {"array": 2.3, "both": 3.5},
}


def write(folder: Path, images: ImageSet, compression: str) -> None:
    """Write the files of one compression; where there are none it is ``none``."""
    (folder / "data").mkdir(parents=True)
    for number in range(images.count):
        how = {} if compression == "none" else {"compression": compression}
        tifffile.imwrite(folder / "data" / f"{number:06}.tif", images.image(number), **how)
    for keep, words in KEEPS.items():
        for name, path in (("all", "data/*.tif"), ("few", f"data/0000[0-{FEW // 10 - 1}]?.tif")):
            (folder / f"{name}-{keep}.yaml").write_text(MANIFEST.format(path=path, keep=words), "utf-8")


def floor(folder: Path, keep: str) -> float:
    """Seconds that the processes take from when all of them are ready."""
    made = [folder / f"floor{number}" for number in range(WORKERS)]
    os.sync()  # what was written before is none of this one's
    words = [sys.executable, "-c", FLOOR, keep, str(folder / "data")]
    running = [
        subprocess.Popen(
            [*words, str(path), str(number), str(WORKERS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for number, path in enumerate(made)
    ]
    for one in running:
        assert one.stdout is not None
        one.stdout.readline()
    started = time.perf_counter()
    for one in running:
        assert one.stdin is not None
        one.stdin.write(b"\n")
        one.stdin.flush()
    failed = sum(one.wait() for one in running)
    seconds = time.perf_counter() - started
    for path in made:
        path.unlink()
    if failed:
        raise SystemExit("the floor failed")
    return seconds


def build(folder: Path, which: str, keep: str) -> float:
    """Seconds that a build takes, with its start."""
    os.sync()
    clock, _ = taken([BUILD, str(folder / f"{which}-{keep}.yaml"), str(folder / "package")])
    shutil.rmtree(folder / "package")
    return clock


def compare(folder: Path, images: int, compression: str, rounds: int) -> None:
    """Print what a build of each `keep` takes beside the floor."""
    for keep, words in KEEPS.items():
        found = [
            (floor(folder, keep), build(folder, "all", keep), build(folder, "few", keep))
            for _ in range(rounds + 1)
        ][1:]  # the first is to warm up
        least, whole, few = np.median(np.array(found), axis=0)
        own = images / (images - FEW)
        ratio = np.median([(two - three) * own / one for one, two, three in found])
        print(
            f"{compression:<5} keep: {words:<15} floor {least:6.2f} s   build {whole:6.2f} s   "
            f"its start-up {whole - (whole - few) * own:5.2f} s   "
            f"ratio, start-up apart {ratio:5.2f}   (goal {GOALS[compression][keep]})",
            flush=True,
        )


def main(images: int = 400, rounds: int = 5, *compressions: str) -> None:
    """Run all comparisons, or those of some compressions."""
    for compression in compressions or GOALS:
        with tempfile.TemporaryDirectory() as name:
            os.environ["DATAPKG_CACHE"] = str(Path(name) / "cache")
            write(Path(name), ImageSet("floors", Path(name), images, 1024, "uint16"), compression)
            compare(Path(name), images, compression, rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
