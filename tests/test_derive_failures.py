"""Functions that fail, hang or end their process: the row is named, and every version before is as it was."""

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

import datapkg
from datapkg.errors import DeriveError

BAD = """
import ctypes
import os
import time

import numpy as np


def picky(image):
    if image[0, 0] == 77:
        raise ValueError("this is no cell")
    return float(image.mean())


def stuck(image):
    if image[0, 0] == 77:
        time.sleep(600)
    return float(image.mean())


def stuck_in_c(image):
    if image[0, 0] == 77:
        return sum(range(10**15))  # never comes back to Python, and keeps its lock
    return float(image.mean())


def dies(image):
    if image[0, 0] == 77:
        os._exit(3)
    return float(image.mean())


def crashes(image):
    if image[0, 0] == 77:
        ctypes.string_at(0)
    return float(image.mean())


def leaves(image):
    raise SystemExit(0)


def pieces(image):
    return [{"n": 1}, {"n": 2}] if picky(image) else None


def yields(image):
    yield {"n": 1}
    yield {"n": int(picky(image))}


def waits(image):
    yield {"n": 1}
    stuck(image)


def number(image):
    return np.array(image.max())


class Picky:
    def __call__(self, images):
        return [picky(image) for image in images]


class Yields:
    def __call__(self, images):
        for image in images:
            yield picky(image)


class Short:
    def __call__(self, images):
        return [0.5] * (len(images) - 1)


class NoList:
    def __call__(self, images):
        return 0.5


class Broken:
    def __init__(self, weights):
        raise FileNotFoundError(f"no weights at {weights}")
"""


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """Nine images, of which the fifth is the one that functions stumble over."""
    data = tmp_path / "data"
    for number in range(9):
        pixels = make.image(number)
        pixels[0, 0] = 77 if number == 5 else number
        make.tiff(data / "images" / f"p{number}.tif", pixels)
    make.text(data / "bad.py", BAD)
    make.text(data / "broken.py", "def f(:\n")
    return make.manifest(data, 'name: frames, path: "images/*.tif"')


def derive(manifest: Path, entry: str) -> Path:
    return make_derive.manifest(manifest, f"derive:\n  - {{table: frames, input: image_array, {entry}}}\n")


FAILING = [
    ('column: m, function: "bad.py:picky", output: float32', r"row 0 of images/p5.tif: .*raised ValueError: this is no cell \(bad.py, line \d+\)"),
    ('column: m, function: "bad.py:Picky", output: float32', r"row 0 of images/p5.tif: .*this is no cell"),
    ('into: t, function: "bad.py:pieces", output: {n: int32}', r"row 0 of images/p5.tif: .*this is no cell"),
    ('into: t, function: "bad.py:yields", output: {n: int32}', r"row 0 of images/p5.tif: .*this is no cell"),
    ('into: t, function: "bad.py:waits", output: {n: int32}, timeout_s: 0.5', r"row 0 of images/p5.tif: .*no answer within 0.5 s"),
    ('column: m, function: "bad.py:Yields", output: float32', r"row 0 of images/p5.tif: .*this is no cell"),
    ('column: m, function: "bad.py:leaves", output: float32', r"row 0 of images/p0.tif: .*raised SystemExit: 0"),
    ('column: m, function: "bad.py:Short", output: float32', r"rows 0 of images/p0.tif to 0 of images/p8.tif: .*gave 8 results for 9 inputs"),
    ('column: m, function: "bad.py:NoList", output: float32', r"gave 0.5 \(float\) for a list"),
    ('column: m, function: "bad.py:Broken", args: {weights: w.pt}, output: float32', r"cannot be made ready: FileNotFoundError: no weights at w.pt"),
    ('column: m, function: "bad.py:Broken", args: {weights: w.pt}, output: float32', r"\n  fix: give a file beside the manifest as {file: name}"),
    ('column: m, function: "bad.py:picky", args: {sigma: 2}, output: float32', r"no argument 'sigma'\n  fix: it takes none but its input"),
    ('column: m, function: "skimage.filtrs:f", output: float32', r"fix: correct the name; skimage has no such module"),
    ('column: m, function: "bad.py:stuck", output: float32, timeout_s: 0.5', r"row 0 of images/p5.tif: .*gave no answer within 0.5 s"),
    ('column: m, function: "bad.py:nothing_there", output: float32', r"there is no 'nothing_there' in bad.py"),
    ('column: m, function: "broken.py:f", output: float32', r"cannot be loaded: SyntaxError.*\n.*mend line 1 of broken.py"),
    ('column: m, function: "bad.py:picky", output: int32', r"row 0 of images/p0.tif: .*which is no int32"),
    ('column: m, function: "bad.py:number", output: image', r"with 0 axes, which is no image"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "said"), FAILING)
def test_a_row_that_fails_is_named(entry: str, said: str, bad: Path, tmp_path: Path) -> None:
    make.build(bad, tmp_path / "p")
    before = make.tree(tmp_path / "p")
    derive(bad, entry)
    with pytest.raises(DeriveError, match=said):
        make.build(bad, tmp_path / "p")
    assert make_derive.tree(tmp_path / "p") == before


@pytest.mark.parametrize(("entry", "said"), [FAILING[0], FAILING[4], FAILING[7], FAILING[-4], FAILING[-2]])
def test_workers_tell_the_same(entry: str, said: str, bad: Path, tmp_path: Path) -> None:
    derive(bad, entry)
    with pytest.raises(DeriveError, match=said):
        datapkg.build(bad, tmp_path / "p", workers=2)
    assert not make_derive.tree(tmp_path / "p")


@pytest.mark.parametrize("function", ["dies", "crashes"])
def test_a_function_that_ends_its_process_is_named_with_the_row(
    function: str, bad: Path, tmp_path: Path
) -> None:
    make.build(bad, tmp_path / "p")
    before = make.tree(tmp_path / "p")
    derive(bad, f'column: m, function: "bad.py:{function}", output: float32')
    with pytest.raises(
        DeriveError,
        match=rf"row 0 of images/p5.tif: the process that ran the function bad.py:{function} died",
    ):
        datapkg.build(bad, tmp_path / "p", workers=2)
    assert make_derive.tree(tmp_path / "p") == before
    derive(bad, 'column: m, function: "bad.py:picky", output: float32, on_error: null')
    assert make.build(bad, tmp_path / "p").created


def test_a_function_that_never_comes_back_is_ended(bad: Path, tmp_path: Path) -> None:
    derive(bad, 'column: m, function: "bad.py:stuck_in_c", output: float32, timeout_s: 0.5')
    began = time.monotonic()
    with pytest.raises(
        DeriveError,
        match=r"row 0 of images/p5.tif: .* gave no answer within 0.5 s, and its process was ended",
    ):
        datapkg.build(bad, tmp_path / "p", workers=2)
    assert time.monotonic() - began < 120
    assert not make_derive.tree(tmp_path / "p")


@pytest.mark.parametrize("function", ["picky", "Picky"])
def test_a_failing_row_can_be_missing_with_its_message(function: str, bad: Path, tmp_path: Path) -> None:
    derive(bad, f'column: m, function: "bad.py:{function}", output: float32, on_error: null')
    make.build(bad, tmp_path / "p")
    frames = datapkg.open(tmp_path / "p")["frames"].to_arrow(["m", "m_error"]).to_pydict()
    assert [value is None for value in frames["m"]] == [number == 5 for number in range(9)]
    assert [error is None for error in frames["m_error"]] == [number != 5 for number in range(9)]
    assert frames["m_error"][5].startswith("raised ValueError: this is no cell")
    assert datapkg.open(tmp_path / "p").verify(deep=True).ok


def test_a_row_that_is_too_slow_can_be_missing(bad: Path, tmp_path: Path) -> None:
    derive(bad, 'column: m, function: "bad.py:stuck", output: float32, timeout_s: 0.5, on_error: null')
    make.build(bad, tmp_path / "p")
    errors = datapkg.open(tmp_path / "p")["frames"].to_arrow(["m_error"]).column(0).to_pylist()
    assert [error for error in errors if error] == ["gave no answer within 0.5 s"]


def test_a_derived_table_keeps_the_message_of_a_failing_row(bad: Path, tmp_path: Path) -> None:
    derive(bad, 'into: t, function: "bad.py:pieces", output: {n: int32}, on_error: null')
    make.build(bad, tmp_path / "p")
    rows = datapkg.open(tmp_path / "p")["t"].to_arrow(["origin_path", "n", "error"]).to_pylist()
    assert len(rows) == 17
    (failed,) = [row for row in rows if row["error"]]
    assert (failed["origin_path"], failed["n"]) == ("images/p5.tif", None)


def test_a_build_that_is_killed_while_it_computes_leaves_the_version_before(
    bad: Path, tmp_path: Path
) -> None:
    make.build(bad, tmp_path / "p")
    before = make.tree(tmp_path / "p")
    derive(bad, 'column: m, function: "bad.py:stuck", output: float32')
    script = "import sys, datapkg; datapkg.build(sys.argv[1], sys.argv[2], workers=2)"
    process = subprocess.Popen([sys.executable, "-c", script, bad, tmp_path / "p"], env=os.environ)
    marks = "*/_marks/*"
    while process.poll() is None and not list((tmp_path / "p").glob(marks)):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = {name: (tmp_path / "p" / name).read_bytes() for name in before}
    assert left == before
    assert datapkg.open(tmp_path / "p").verify(deep=True).ok
    derive(bad, 'column: m, function: "bad.py:picky", output: float32, on_error: null')
    assert make.build(bad, tmp_path / "p").version == 2
    assert datapkg.open(tmp_path / "p").verify(deep=True).ok
