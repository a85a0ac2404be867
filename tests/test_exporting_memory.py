"""What an export holds in memory does not grow with the package: large files that stand alone in their pages are not kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import make
import numpy as np
import pytest

FILE_BYTES = 9 << 20
"""Larger than a page of the engine, which takes a value that is alone in one for a description of the page."""
EXPORT = """
import sys
from limited import resident
import datapkg
datapkg.export(sys.argv[1], sys.argv[2], to=sys.argv[3])
print(resident("self", "VmHWM"))
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Packages of so many files."""
    found = {}
    for count in (6, 48):
        folder = tmp_path_factory.mktemp(f"files{count}")
        for number in range(count):
            path = folder / "data" / f"{number:02}.tif"
            if number < 3:
                pixels = np.random.default_rng(number).integers(
                    0, 1 << 16, (FILE_BYTES >> 12, 2048), np.uint16
                )
                make.tiff(path, pixels, photometric="minisblack")
            else:
                os.link(folder / "data" / f"{number % 3:02}.tif", path)
        manifest = make.manifest(folder / "data", 'name: frames, path: "*.tif", keep: bytes')
        make.build(manifest, folder / "p")
        found[count] = folder / "p"
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory otherwise")
@pytest.mark.parametrize("to", ["files", "sqlite", "zip", "parquet"])
def test_the_memory_of_an_export_does_not_grow_with_the_package(
    to: str, packages: dict[int, Path], tmp_path: Path
) -> None:
    peaks = []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for count, package in packages.items():
        command = [sys.executable, "-c", EXPORT, str(package), str(tmp_path / f"{to}{count}"), to]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.splitlines()[-1]))
    assert peaks[1] - peaks[0] < 8 * FILE_BYTES, peaks  # there are 42 files more
