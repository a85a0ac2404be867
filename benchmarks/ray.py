"""A build on Ray against the local engine, two workers each, after Ray has started; and what a Ray worker holds.

`python -m benchmarks.ray [MEGABYTES]` makes TIFF files of 2 MB, builds them on either engine in turn, three times, and compares
the quickest of each. Goals: 1.2 times the local time, and 600 MB for a worker.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import ray
import tifffile

import datapkg


def main(megabytes: int = 600) -> int:
    """Make the files, build, compare."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        chance = np.random.default_rng(0)
        for number in range(megabytes // 2):
            tifffile.imwrite(folder / f"{number:05}.tif", chance.integers(0, 4000, (1024, 1024), "u2"))
        manifest = folder / "m.yaml"
        manifest.write_text('name: m\nresources: [{name: frames, path: "*.tif", keep: array}]\n')
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        times: dict[str, list[float]] = {"local": [], "ray": []}
        digests = set()
        for turn in range(3):
            for name, taken in times.items():
                began = time.monotonic()
                digests.add(datapkg.build(manifest, folder / f"{name}{turn}", engine=name, workers=2).digest)
                taken.append(time.monotonic() - began)
        most = max(
            one.memory_info().rss - one.memory_info().shared
            for one in psutil.Process().children(recursive=True)
            if "ray::" in " ".join(one.cmdline())
        )
        ray.shutdown()
    ratio = min(times["ray"]) / min(times["local"])
    print(
        f"local {min(times['local']):.1f} s, ray {min(times['ray']):.1f} s: {ratio:.2f} times; equal: {len(digests) == 1}"
    )
    print(f"a Ray worker holds {most / 1e6:.0f} MB after the builds")
    return 0 if ratio <= 1.2 and most < 600e6 and len(digests) == 1 else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
