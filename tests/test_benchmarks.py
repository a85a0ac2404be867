"""The benchmarks run, on little data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_csv_benchmark_prints_times_a_ratio_and_memory(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.large_csv",
        "--megabytes",
        "1",
        "--rounds",
        "1",
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for word in ("duckdb", "datapkg", "ratio", "memory"):
        assert word in done.stdout
    assert not list(tmp_path.iterdir())
