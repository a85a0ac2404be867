"""Trying a function from Python: results without writing, and the same results as a new version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import make
import make_derive
import numpy as np
import pytest
from make_derive import calls
from make_growth import same_as_clean, tif
from test_deriving import column, derived
from test_increments import data, manifest

import datapkg
from datapkg import functions
from datapkg.errors import DeriveError, SchemaError, VersionError

__all__ = ["data", "derived", "manifest"]

MEAN = '{table: frames, column: mean, function: "f.py:mean", args: {times: 2}, input: image_array, output: float32}'


@pytest.fixture
def built(manifest: Path, data: Path, tmp_path: Path) -> Path:
    """A package without derived columns; functions lie beside its manifest."""
    make_derive.functions(data)
    make.build(manifest, tmp_path / "p")
    return tmp_path / "p"


def test_results_come_back_and_nothing_is_written(built: Path) -> None:
    before = make.tree(built)
    frames = datapkg.open(built)["frames"]
    found = frames.map(lambda image: image.max(), output="uint16")
    assert found.value.tolist() == [make.image(number).max() for number in range(12)]
    assert found.value.dtype == np.uint16
    some = frames.map(lambda image: image[:2] * 2, "image", where="Plate > 'p09'", limit=1)
    assert some.index.tolist() == [10]
    np.testing.assert_array_equal(some.value.iloc[0], make.image(10)[:2] * 2)
    several = frames.map(
        lambda image, name: (name, image.shape), ["string", "list<int32>"], input=["image_array", "Plate"]
    )
    assert several.iloc[3].tolist()[0] == "p03"
    assert make.tree(built) == before


def test_a_class_and_a_function_that_gives_rows(built: Path) -> None:
    class Sum:
        def __call__(self, images: list[Any]) -> list[int]:
            return [len(images)] * len(images)

    frames = datapkg.open(built)["frames"]
    assert frames.map(Sum, "int64", batch_size=5).value.tolist() == [5] * 10 + [2] * 2
    found = frames.map(lambda image: [{"n": 1}] * int(image[0, 0] % 3), {"n": "int8"})
    assert found.index.tolist() == [at for at in range(12) for _ in range(int(make.image(at)[0, 0] % 3))]


def test_workers_give_what_this_process_gives(
    built: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    before = make.tree(built)
    frames = datapkg.open(built)["frames"]
    for function, output in (
        ("f.py:noisy", "image"),
        ("f.py:span", ["uint16", "uint16"]),
        ("f.py:Mean", "float64"),
        ("f.py:cut", {"crop": "image", "brightest": "int64"}),
        (functions.blur, None),
    ):
        args = {"sigma": 1} if output is None else None
        here = frames.map(function, output, where="Plate > 'p03'", batch_size=3, args=args)
        there = frames.map(function, output, where="Plate > 'p03'", batch_size=3, args=args, workers=2)
        assert len(here) > 0
        assert here.index.equals(there.index)
        for name in here:
            for one, other in zip(here[name], there[name], strict=True):
                np.testing.assert_array_equal(one, other)
    assert make.tree(built) == before


def test_what_workers_cannot_run_is_told(built: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    bad = "import os\ndef ends(image):\n    os._exit(3)\ndef hangs(image):\n    while True: pass\n"
    make.text(data / "bad.py", f"{bad}def stuck(image):\n    return sum(range(10**15))\n")
    frames = datapkg.open(built)["frames"]
    with pytest.raises(DeriveError, match="cannot be found again by a name"):
        frames.map(lambda image: 1, "int8", workers=2)
    with pytest.raises(DeriveError, match=r"row 0 of images/p00/A01.tif: .*raised TypeError"):
        frames.map("f.py:density", "float32", workers=2)
    with pytest.raises(DeriveError, match=r"images/p00/A01.tif.*: the process that ran .* bad.py:ends died"):
        frames.map("bad.py:ends", "int8", workers=2)
    for workers in (None, 2):
        with pytest.raises(DeriveError, match=r"row 0 of images/p00/A01.tif: .*no answer within 0.2 s"):
            frames.map("bad.py:hangs", "int8", workers=workers, timeout_s=0.2)
    with pytest.raises(DeriveError, match=r"bad.py:stuck died, .*, or gave no answer within 0.2 s"):
        frames.map("bad.py:stuck", "int64", workers=1, timeout_s=0.2)


def test_a_seed_is_that_of_a_build(built: Path, derived: Path, data: Path, tmp_path: Path) -> None:
    entry = (
        '{table: frames, column: noise, function: "f.py:noisy", input: image_array, output: image, seed: 7}'
    )
    make_derive.manifest(derived, f"derive:\n  - {entry}\n")
    make.build(derived, tmp_path / "q")

    def noisy(image: Any, rng: Any) -> Any:
        return image + rng.integers(0, 5, image.shape).astype(image.dtype)

    frames = datapkg.open(tmp_path / "q")["frames"]
    for one, other in zip(
        frames.map(noisy, "image", seed=7).value, frames.images(range(12), "noise"), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_what_is_wrong_is_told(built: Path) -> None:
    frames = datapkg.open(built)["frames"]
    with pytest.raises(DeriveError, match="give output='image'"):
        frames.map(lambda image: 1)
    with pytest.raises(DeriveError, match="did you mean 'float32'"):
        frames.map(lambda image: 1, "flaot32")
    with pytest.raises(DeriveError, match=r"row 0 of images/p00/A01.tif: .*raised ZeroDivisionError"):
        frames.map(lambda image: 1 / 0, "float32")
    with pytest.raises(DeriveError, match=r"row 0 of images/p00/A01.tif: .*which is no int32"):
        frames.map(lambda image: "a", "int32")
    with pytest.raises(SchemaError, match="there is no column 'imag'"):
        frames.map(lambda image: 1, "int32", input="imag")
    found = frames.map(lambda image: 1 / 0, "float32", on_error="null", limit=1)
    assert found.error.tolist() == [
        f"raised ZeroDivisionError: division by zero (test_mapping.py, line {_line('on_error=')})"
    ]


def _line(text: str) -> int:
    lines = Path(__file__).read_text("utf-8").splitlines()
    return next(at for at, line in enumerate(lines, 1) if text in line and "frames.map" in line)


def test_a_version_is_added_without_a_look_at_sources(
    built: Path, data: Path, manifest: Path, tmp_path: Path
) -> None:
    for path in (data / "images").glob("*/*.tif"):
        path.rename(path.with_suffix(".away"))
    package = datapkg.open(built)
    added = package.derive(
        "f.py:mean", table="frames", column="mean", input="image_array", output="float32", args={"times": 2},
        folder=data, engine="inline",
    )  # fmt: skip
    assert (added.version, package.version) == (2, 1)
    assert added["frames"].to_arrow(["mean"]).column(0)[3].as_py() == float(
        np.float32(2 * make.image(3).mean())
    )
    assert added.verify(deep=True).ok
    assert calls(data)["mean"] == 12
    again = added.derive(
        functions.blur,
        table="frames",
        column="smooth",
        input="image_array",
        args={"sigma": 2},
        engine="inline",
    )
    assert not calls(data)  # what was derived before stays, wherever its file is
    assert again["frames"].image(0, "smooth").shape == (6, 8)
    for path in (data / "images").glob("*/*.away"):
        path.rename(path.with_suffix(".tif"))
    smooth = '{table: frames, column: smooth, function: "datapkg.functions:blur", args: {sigma: 2}, input: image_array}'
    make_derive.manifest(manifest, f"derive:\n  - {MEAN}\n  - {smooth}\n")
    assert make.build(manifest, built).digest == again.digest
    assert not calls(data)
    same_as_clean(manifest, built, tmp_path / "clean")


def test_only_the_newest_version_grows(built: Path, data: Path, manifest: Path) -> None:
    old = datapkg.open(built)
    tif("p05", 99)(data)
    make.build(manifest, built)
    with pytest.raises(VersionError, match="version 1 is not the newest"):
        old.derive(
            "f.py:mean", table="frames", column="m", input="image_array", output="float32", folder=data
        )
    with pytest.raises(DeriveError, match="cannot be found again by a name"):
        datapkg.open(built).derive(
            lambda image: 1, table="frames", column="m", input="image_array", output="int8"
        )


def test_a_function_of_a_script_or_notebook_runs_in_its_process(built: Path, tmp_path: Path) -> None:
    script = make.text(
        tmp_path / "script.py",
        "import sys, datapkg\n"
        "def brightest(image):\n    return int(image.max())\n"
        "added = datapkg.open(sys.argv[1]).derive(\n"
        "    brightest, table='frames', column='top', input='image_array', output='int32')\n"
        "print(added.version, added['frames'].to_arrow(['top']).column(0).to_pylist())\n"
        "def brightest(image):\n    return 7\n"
        "again = added.derive(brightest, table='frames', column='seven', input='image_array', output='int32')\n"
        "print(again['frames'].to_arrow(['seven']).column(0).to_pylist() == [7] * 12)\n",
    )
    done = subprocess.run(
        [sys.executable, script, built], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"2 {[int(make.image(n).max()) for n in range(12)]}", "True"]


def test_the_recorded_manifest_has_the_entry(built: Path, data: Path) -> None:
    added = datapkg.open(built).derive(
        "f.py:mean",
        table="frames",
        column="m",
        input="image_array",
        output="float32",
        folder=data,
        engine="inline",
    )
    assert added.manifest.startswith(datapkg.open(built, version=1).manifest.rstrip())
    assert '"column": "m"' in added.manifest
    assert column(built, "frames", "m")[0] == float(np.float32(make.image(0).mean()))
