"""verify, release and gc on the command line: what they print, and their exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import make
import pytest
from test_cli import assert_error, run

import datapkg


@pytest.fixture
def package(tmp_path: Path) -> Path:
    manifest = make.folder(tmp_path)
    make.build(manifest, tmp_path / "p")
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    make.build(manifest, tmp_path / "p")
    return tmp_path / "p"


def test_verify_says_so_by_its_exit_status(package: Path, tmp_path: Path) -> None:
    digest = datapkg.open(package).digest
    manifest = tmp_path / "data" / "manifest.yaml"
    done = run("verify", package, "--deep", "--digest", digest[:16], "--sources", manifest)
    assert done.returncode == 0, done.stderr
    assert "versions 1 and 2 are as written (files, rows and sources)" in done.stdout
    assert digest in done.stdout
    path = next((package / "frames.lance" / "data").iterdir())
    path.write_bytes(path.read_bytes()[:-9])
    damaged = run("verify", package)
    assert damaged.returncode == 1
    assert "bytes where" in damaged.stdout
    assert "Traceback" not in damaged.stderr
    as_json = json.loads(run("verify", package, "--json", "--version", "1.0.0").stdout)
    assert (as_json["ok"], as_json["faults"][0]["table"]) == (False, "frames")
    assert_error(run("verify", package.parent), 2, "no datapkg package")
    assert_error(run("verify", package, "--version", "7"), 2, "no version 7")


def test_deep_prints_nothing_of_the_engine(package: Path) -> None:
    for path in (package / "frames.lance" / "data").iterdir():
        content = bytearray(path.read_bytes())
        content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
        path.write_bytes(content)
    done = run("verify", package, "--deep")
    assert done.returncode == 1
    assert "panicked" not in done.stderr + done.stdout


def test_release_names_the_newest_or_another(package: Path) -> None:
    assert run("release", package, "2.0.0").stdout == f"{package}: version 2 is release 2.0.0\n"
    assert run("release", package, "first", "--version", 1).returncode == 0
    assert_error(run("release", package, "FIRST"), 2, "the name first is taken by version 1")
    assert [entry["release"] for entry in json.loads(run("log", package, "--json").stdout)] == [
        "2.0.0",
        "1.0.0, first",
    ]


def test_gc_says_what_it_would_do(package: Path) -> None:
    (package / ".building-00ff").mkdir()
    (package / "releases" / "1.0.0.json").unlink()
    before = make.tree(package)
    done = run("gc", package, "--keep-last", 1, "--grace", "0s", "--dry-run")
    assert "version 1: would be removed" in done.stdout
    assert ".building-00ff" in done.stdout
    assert make.tree(package) == before
    assert json.loads(run("gc", package, "--keep-last", 1, "--json").stdout)["removed"] == [1]
    assert_error(run("gc", package, "--older-than", "soon"), 2, "write it like 90d")
