"""The benchmarks run, on little data."""

from __future__ import annotations

import json
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


def test_the_benchmark_of_reading_prints_a_ratio_for_each_work(tmp_path: Path) -> None:
    sizes = {"--rows": 50, "--columns": 5, "--images": 6, "--side": 8, "--rounds": 1, "--folder": tmp_path}
    command = [
        sys.executable,
        "-m",
        "benchmarks.reading",
        *(str(word) for pair in sizes.items() for word in pair),
    ]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "open",
        "few",
        "long",
        "wide",
        "gaps",
        "images",
        "cells",
    ]
    assert not list(tmp_path.iterdir())


def test_the_benchmark_of_sql_prints_a_ratio_for_each_query(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.sql",
        "--rows",
        "500",
        "--rounds",
        "1",
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["group", "filter", "join"]
    assert done.stdout.count("ratio to lance") == 3
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_benchmark_of_scans_reads_all_images_within_a_limit(tmp_path: Path) -> None:
    sizes = {"--megabytes": 1, "--side": 128, "--limit": 1000, "--folder": tmp_path}
    command = [
        sys.executable,
        "-m",
        "benchmarks.scan",
        *(str(word) for pair in sizes.items() for word in pair),
    ]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["batches", "cells", "sql", "verify"]
    assert all("30 images in" in line and "MB private at most" in line for line in lines)
    assert not list(tmp_path.iterdir())


def test_the_benchmark_of_blobs_prints_sizes_and_a_ratio(tmp_path: Path) -> None:
    sizes = ("--images", "1200", "--rounds", "1", "--folder", str(tmp_path))
    command = [sys.executable, "-m", "benchmarks.blobs", *sizes]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert "1,200 images: build" in done.stdout, done.stderr
    assert "equal" in done.stdout
    assert "1,000 reads" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_comparison_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder, output = tmp_path / "work", tmp_path / "docs" / "benchmarks" / "results.json"
    command = [
        sys.executable, "-m", "benchmarks.run", "--scale", "0.001", "--rounds", "1", "--folder", str(folder),
        "--output", str(output), "--peers", "datapkg", "SQLite", "--sets",
    ]  # fmt: skip
    for sets in (["long"], ["long", "small"]):
        done = subprocess.run([*command, *sets], cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert '"set": "long"' not in done.stdout  # it was measured before
    rows = json.loads(output.read_text())["rows"]
    told = [(row["set"], row["peer"], row["task"]) for row in rows]
    assert len(told) == len(set(told)) and not [row for row in rows if "failed" in row]
    assert {task for name, peer, task in told if (name, peer) == ("small", "datapkg")} >= {
        "scan",
        "change",
        "diff",
    }
    page = output.parent.with_suffix(".md").read_text()
    assert "What datapkg loses" in page and "not all read the same" not in page
    assert [path.name for path in folder.iterdir()] == ["rows.jsonl"]
