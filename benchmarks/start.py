"""What a build on workers takes before its first file: the start-up, in parts.

``python -m benchmarks.start [ROUNDS]`` builds 64 little TIFFs by two workers in a new process (default 9 times, the first to warm up), in
turns with a process that imports lancedb, which no program that stores in Lance can do without. Told are the medians of

- asked: from the start of the process until it asks for workers (imports, manifest, search of the files);
- workers: from then until the first of them begins a file;
- rest: from then to the end of the process.

Goal: workers start in at most 1.2 s.
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

FILES, SIDE = 64, 64
BUILD = """
import sys, time
import datapkg
from datapkg.engine import local

at = []

def submit(self, *asked, own=local._Pool._submit):
    at.append(time.time())
    return own(self, *asked)

local._Pool._submit, local.POLL_S = submit, 0.005
begun = []
datapkg.build(*sys.argv[1:], workers=2, progress=lambda step: begun or begun.append(time.time()))
print(at[0], begun[0])
"""


def parts(folder: Path) -> list[float]:
    """Seconds of each part of one build."""
    started = time.time()
    words = [sys.executable, "-c", BUILD, str(folder / "manifest.yaml"), str(folder / "p")]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    ended = time.time()
    shutil.rmtree(folder / "p")
    asked, begun = map(float, said.split())
    return [asked - started, begun - asked, ended - begun, ended - started]


def lancedb() -> float:
    """Seconds of a process that imports lancedb."""
    started = time.time()
    subprocess.run([sys.executable, "-c", "import lancedb"], check=True)
    return time.time() - started


def main(rounds: int = 9) -> None:
    """Print the medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DATAPKG_CACHE"] = str(folder / "cache")
        (folder / "images").mkdir()
        rng = np.random.default_rng(1)
        for number in range(FILES):
            tifffile.imwrite(
                folder / f"images/{number:02}.tif", rng.integers(0, 4096, (SIDE, SIDE), np.uint16)
            )
        text = 'name: start\nresources:\n  - {name: images, path: "images/*.tif"}\n'
        (folder / "manifest.yaml").write_text(text, "utf-8")
        found = np.array([[*parts(folder), lancedb()] for _ in range(rounds)])[1:]
    asked, workers, rest, whole, theirs = np.median(found, axis=0)
    print(f"asked {asked:.2f} s  workers {workers:.2f} s (goal 1.2)  rest {rest:.2f} s  whole {whole:.2f} s")
    print(f"import lancedb {theirs:.2f} s: the whole build takes {whole / theirs:.2f} of it")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
