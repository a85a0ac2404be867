"""A build on Ray against the local engine, two workers each, both started; and the most that a Ray worker ever held.

`python -m benchmarks.ray [MEGABYTES] [FOLDER]` makes TIFF files of 2 MB (in the folder, where they are made once), builds
them on either engine in turn, three times, and compares the quickest of each. Ray runs already, and its workers have
worked. A local build starts its own: what that takes is measured by itself and taken off. Goals: 1.2 times the local
time, and 600 MB for a worker.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import ray
import tifffile

import datapkg
from benchmarks.workers import Peak, started

TURNS = 3


def files(folder: Path, megabytes: int) -> Path:
    """The files and their manifest, made if they are not there."""
    folder.mkdir(exist_ok=True)
    chance = np.random.default_rng(0)
    for number in range(megabytes // 2):
        path = folder / f"{number:05}.tif"
        if not path.exists():
            tifffile.imwrite(path, chance.integers(0, 4000, (1024, 1024), "u2"))
    manifest = folder / "m.yaml"
    manifest.write_text('name: m\nresources: [{name: frames, path: "*.tif", keep: array}]\n')
    return manifest


def main(megabytes: int = 1200, where: str | None = None) -> int:
    """Make the files, build, compare."""
    with tempfile.TemporaryDirectory() as temporary:
        manifest = files(Path(where or temporary, "data"), megabytes)
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        times: dict[str, list[float]] = {"local": [], "ray": []}
        digests = set()
        with Peak("ray::") as peak:
            for _ in range(TURNS):
                for name, taken in times.items():
                    package = Path(temporary, name)
                    began = time.monotonic()
                    digests.add(datapkg.build(manifest, package, engine=name, workers=2).digest)
                    taken.append(time.monotonic() - began)
                    shutil.rmtree(package)
        start = min(started(2) for _ in range(TURNS))
        ray.shutdown()
    local, there = min(times["local"]), min(times["ray"])
    ratio = there / (local - start)
    print(f"{megabytes} MB: local {local:.1f} s, of which {start:.1f} s its start; ray {there:.1f} s")
    print(
        f"ray takes {ratio:.2f} times the local time ({there / local:.2f} with its start); equal: {len(digests) == 1}"
    )
    print(f"a Ray worker held {peak.bytes / 1e6:.0f} MB at most")
    return 0 if ratio <= 1.2 and peak.bytes < 600e6 and len(digests) == 1 else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2]), *sys.argv[2:]))
