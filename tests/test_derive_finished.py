"""A build that is stopped while it computes: the next one takes up what was computed, and gives the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import make
import make_derive
import pytest
import stores
from make_derive import calls

import datapkg
from datapkg.errors import DeriveError

FUNCTIONS = """
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
CALLS = HERE.parent / "calls"


def at(image, name):
    if image[0, 0] == 5:
        if (HERE / "hangs").exists():
            time.sleep(600)
        if (HERE / "fails").exists():
            raise ValueError("the network is away")
    with open(CALLS, "a") as file:
        file.write(f"{name}\\n")


def mean(image):
    at(image, "mean")
    return float(image.mean())


def noise(image, rng):
    at(image, "noise")
    return rng.integers(0, 60000, (800, 800)).astype("uint16")


def cut(image):
    at(image, "cut")
    return [{"n": number} for number in range(int(image[0, 0]))]


class Batch:
    def __call__(self, images):
        for image in images:
            at(image, "batch")
        return [len(images)] * len(images)
"""
ENTRIES = {
    "mean": 'column: m, function: "f.py:mean", output: float64',
    "noise": 'column: m, function: "f.py:noise", output: image',
    "cut": 'into: t, function: "f.py:cut", output: {n: int32}',
    "batch": 'column: m, function: "f.py:Batch", output: int32, batch_size: 2',
}
DONE = {"mean": 5, "noise": 5, "cut": 5, "batch": 4}
"""How many rows come before the task of the sixth, which fails."""


@pytest.fixture
def nine(tmp_path: Path) -> Path:
    """Nine images; functions stumble over the sixth if a file says so."""
    data = tmp_path / "data"
    for number in range(9):
        pixels = make.image(number)
        pixels[0, 0] = number
        make.tiff(data / "images" / f"p{number}.tif", pixels)
    make.text(data / "f.py", FUNCTIONS)
    return make.manifest(data, 'name: frames, path: "images/*.tif"')


def derive(manifest: Path, entry: str) -> Path:
    return make_derive.manifest(
        manifest, f"derive:\n  - {{table: frames, input: image_array, {ENTRIES[entry]}}}\n"
    )


def stopped(manifest: Path, package: Path | str, entry: str, **options: object) -> None:
    """A build that fails at the sixth row."""
    derive(manifest, entry)
    fails = manifest.parent / "fails"
    fails.touch()
    with pytest.raises(DeriveError, match=r"row 0 of images/p5.tif: .*the network is away"):
        make.build(manifest, package, **options)
    fails.unlink()
    calls(manifest.parent)


def left(package: Path) -> list[Path]:
    return sorted((package / ".building-finished").glob("*.json"))


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_was_computed_is_taken_up(entry: str, nine: Path, tmp_path: Path) -> None:
    stopped(nine, tmp_path / "p", entry)
    report = make.build(nine, tmp_path / "p")
    assert calls(nine.parent) == {entry: 9 - DONE[entry]}
    assert report.digest == make.build(nine, tmp_path / "clean").digest
    assert datapkg.open(tmp_path / "p").verify(deep=True).ok
    assert not [name for name in make.tree(tmp_path / "p") if name.startswith(".building")]


@pytest.mark.parametrize(("how", "entry"), [(signal.SIGKILL, "mean"), (signal.SIGINT, "noise")])
def test_a_build_that_is_killed_loses_only_what_was_not_done(
    how: signal.Signals, entry: str, nine: Path, tmp_path: Path
) -> None:
    derive(nine, entry)
    (nine.parent / "hangs").touch()
    script = "from datapkg.cli import main; main()"
    command = [sys.executable, "-c", script, "build", str(nine), str(tmp_path / "p"), "--workers", "2"]
    process = subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(left(tmp_path / "p")) < 5:
        time.sleep(0.05)
    process.send_signal(how)
    _, said = process.communicate()
    assert process.returncode == (130 if how is signal.SIGINT else -how), said
    assert "Traceback" not in said
    (nine.parent / "hangs").unlink()
    calls(nine.parent)
    report = datapkg.build(nine, tmp_path / "p", workers=2)
    assert calls(nine.parent) == {entry: 4}
    assert report.digest == make.build(nine, tmp_path / "clean").digest


def test_other_code_or_another_source_is_computed_again(nine: Path, tmp_path: Path) -> None:
    stopped(nine, tmp_path / "p", "mean")
    make.tiff(nine.parent / "images" / "p2.tif", make.image(77))
    make.build(nine, tmp_path / "p")
    assert calls(nine.parent) == {"mean": 5}
    stopped(nine, tmp_path / "q", "mean")
    make.text(nine.parent / "f.py", FUNCTIONS + "\n# says the same\n")
    make.build(nine, tmp_path / "q")
    assert calls(nine.parent) == {"mean": 9}


@pytest.mark.parametrize("entry", ["mean", "noise"])
def test_what_is_damaged_is_computed_again(entry: str, nine: Path, tmp_path: Path) -> None:
    stopped(nine, tmp_path / "p", entry)
    notes = left(tmp_path / "p")
    assert len(notes) == 5
    notes[0].write_bytes(notes[0].read_bytes()[:-30])
    values = sorted(notes[0].parent.glob("*.lance"))
    if entry == "noise":
        assert len(values) == 5
        content = bytearray(values[-1].read_bytes())
        content[1000] ^= 1
        values[-1].write_bytes(content)
    report = make.build(nine, tmp_path / "p")
    again = calls(nine.parent)[entry]
    assert again in (
        (5,) if entry == "mean" else (5, 6)
    )  # of the image, the note may be the one that was cut
    assert report.digest == make.build(nine, tmp_path / "clean").digest


def test_gc_gives_it_back(nine: Path, tmp_path: Path) -> None:
    derive_nothing = make_derive.manifest(nine, "")
    make.build(derive_nothing, tmp_path / "p")
    stopped(nine, tmp_path / "p", "mean")
    assert datapkg.gc(tmp_path / "p").paths == ()
    assert datapkg.gc(tmp_path / "p", grace="0s").paths == (".building-finished",)
    make.build(nine, tmp_path / "p")
    assert calls(nine.parent) == {"mean": 9}


@stores.BOTH
@pytest.mark.parametrize("entry", ["mean", "noise"])
def test_packages_in_stores_too(
    entry: str, nine: Path, tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    stopped(nine, uri, entry, single_writer=reached.single_writer)
    report = make.build(nine, uri, single_writer=reached.single_writer)
    assert calls(nine.parent) == {entry: 4}
    assert report.digest == make.build(nine, tmp_path / "clean").digest
    assert datapkg.verify(uri, deep=True).ok
