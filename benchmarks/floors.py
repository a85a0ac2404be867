"""What a build of images costs over the least that it could: decode every file, and write what is to be kept.

``python -m benchmarks.floors [IMAGES] [ROUNDS]`` writes that many TIFFs of 1,024 x 1,024 uint16 (default 400; real images, each
shifted by another distance) with LZW, Deflate, zstd and without compression. The floor is as many processes as the build has
workers: each decodes its half of the files with tifffile, writes the raw pixels to one file, and brings that to the disk
once. Where files are kept too (`keep: [bytes, array]`), the floor writes their bytes beside the pixels.
Floor and build take turns. The floor's clock starts when its processes have imported what they need. The start-up of a build
is taken off its time too, and told apart: it is what a build of 50 images, on as many workers, takes beyond their share.
CPU time is told beside it, since a shared machine spoils the clock; that of the floor counts its imports, of about 0.2 s.

No package that can be proved is written at the floor. So the floor is told once more "with proofs": the same processes, which
also take the hashes that a package holds, each as fast as it is known how: sha256 of each file as it is read, BLAKE3 of its
pixels (and of the file, where it is kept), and BLAKE3 of what they wrote, from the disk's cache. No build of a package can be below that.

Before each of them as much memory is written to a file, which is removed, as the build will write: many virtual machines
give free memory back, and who takes it next waits 1 to 2 s a GB for it, which is neither the floor's nor the build's.
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

WORKERS, FEW, EDGE = 2, 50, 1024
PIECE = bytes(4 << 20)
FLOOR = """
import hashlib, io, os, sys, tifffile
from blake3 import blake3
both, proofs, folder, made = sys.argv[1] == "both", sys.argv[2] == "proofs", *sys.argv[3:5]
first, step = map(int, sys.argv[5:])
names = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
tifffile.imread(names[0])
print("ready", flush=True)
sys.stdin.readline()
with open(made, "wb", buffering=0) as out:
    for name in names[first::step]:
        if both or proofs:
            with open(name, "rb") as file:
                content = file.read()
            pixels = tifffile.imread(io.BytesIO(content))
        else:
            pixels = tifffile.imread(name)
        if both:
            out.write(content)
        out.write(pixels)
        if proofs:
            hashlib.sha256(content).digest(), blake3(pixels.view("u1").reshape(-1)).digest()
            both and blake3(content).digest()
    os.fsync(out.fileno())
if proofs:
    digest, piece = blake3(), bytearray(1 << 20)
    with open(made, "rb", buffering=0) as file:
        while size := file.readinto(piece):
            digest.update(memoryview(piece)[:size])
    digest.digest()
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


def settle(folder: Path, size: int) -> None:
    """Bring what was written to the disk, and so many bytes of free memory into use."""
    os.sync()
    with open(folder / "used", "wb", buffering=0) as file:
        for _ in range(0, size, len(PIECE)):
            file.write(PIECE)
    (folder / "used").unlink()


def floor(folder: Path, keep: str, proofs: str = "") -> tuple[float, float]:
    """Seconds that the processes take from when all of them are ready, and of CPU; they take hashes too where `proofs` says so."""
    made = [folder / f"floor{number}" for number in range(WORKERS)]
    words = [sys.executable, "-c", FLOOR, keep, proofs, str(folder / "data")]
    before = os.times()
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
    seconds, after = time.perf_counter() - started, os.times()
    for path in made:
        path.unlink()
    if failed:
        raise SystemExit("the floor failed")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, cpu


def build(folder: Path, which: str, keep: str) -> tuple[float, float]:
    """Seconds that a build takes, with its start, and of CPU."""
    found = taken([BUILD, str(folder / f"{which}-{keep}.yaml"), str(folder / "package")])
    shutil.rmtree(folder / "package")
    return found


def compare(folder: Path, images: int, compression: str, rounds: int) -> None:
    """Print what a build of each `keep` takes beside the floor."""
    size = 2 * images * EDGE * EDGE * 2  # pixels and files, and what the processes hold
    for keep, words in KEEPS.items():
        found = []
        for _ in range(rounds + 1):
            settle(folder, size)
            least = floor(folder, keep)
            settle(folder, size)
            proved = floor(folder, keep, "proofs")
            settle(folder, size)
            whole = build(folder, "all", keep)
            settle(folder, size)
            found.append((least, proved, whole, build(folder, "few", keep)))
        times = np.array(found[1:])  # the first is to warm up
        own = (times[:, 2] - times[:, 3]) * images / (images - FEW)
        ratio, cpu = np.median(own / times[:, 0], axis=0)
        bound, bound_cpu = np.median(times[:, 1] / times[:, 0], axis=0)
        least, _, whole, _ = np.median(times[:, :, 0], axis=0)
        start = np.median((times[:, 2] - own)[:, 0])
        print(
            f"{compression:<5} keep: {words:<15} floor {least:6.2f} s   build {whole:6.2f} s   "
            f"its start-up {start:5.2f} s   ratio, start-up apart {ratio:5.2f}, of CPU {cpu:5.2f}; "
            f"with proofs {bound:5.2f}, of CPU {bound_cpu:5.2f}   (goal {GOALS[compression][keep]})",
            flush=True,
        )


def main(images: int = 400, rounds: int = 5, *compressions: str) -> None:
    """Run all comparisons, or those of some compressions."""
    for compression in compressions or GOALS:
        with tempfile.TemporaryDirectory() as name:
            os.environ["DATAPKG_CACHE"] = str(Path(name) / "cache")
            write(Path(name), ImageSet("floors", Path(name), images, EDGE, "uint16"), compression)
            compare(Path(name), images, compression, rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
