"""Builds on Ray: the same packages as from processes of this machine, on disks and in stores, also when a worker dies."""

from __future__ import annotations

import sys
from pathlib import Path

import make
import make_ch5
import make_derive
import numpy as np
import psutil
import pytest
import stores
from test_derive_failures import FAILING, bad
from test_deriving import WRONG
from test_increments import data, manifest

import datapkg
from datapkg.errors import DeriveError, SourceError, StoreError
from datapkg.places import place
from datapkg.progress import Step

__all__ = ["bad", "data", "manifest"]
pytestmark = pytest.mark.usefixtures("connected")
DIES = """
import os, signal

def mean(image):
    if image[0, 0] == 77:
        os.kill(os.getpid(), signal.SIGKILL)
    return float(image.mean())
"""


def test_a_build_has_the_digest_of_a_local_one(manifest: Path, data: Path, tmp_path: Path) -> None:
    make_derive.functions(data)
    derive = make_derive.DERIVE + (
        '  - {table: frames, column: noise, function: "f.py:noisy", input: image_array, output: image, seed: 3}\n'
        '  - {table: frames, column: batch, function: "f.py:Mean", input: image_array, output: float64, batch_size: 5}\n'
    )
    make_derive.manifest(manifest, derive)
    digests = {
        workers: datapkg.build(manifest, tmp_path / f"p{workers}", workers=workers).digest
        for workers in (1, 2, 3)
    }
    there = datapkg.build(manifest, tmp_path / "ray", engine="ray", workers=2)
    assert {there.digest} == set(digests.values())
    package = datapkg.open(tmp_path / "ray")
    assert package.verify(deep=True).ok
    assert package.diff(datapkg.open(tmp_path / "p1")).ok
    assert make.tree(tmp_path / "ray").keys().isdisjoint({"_places"})
    assert not [name for name in make.tree(tmp_path / "ray") if name.startswith(".building")]


def test_derive_from_python_runs_on_the_cluster(manifest: Path, data: Path, tmp_path: Path) -> None:
    make_derive.functions(data)
    make.build(manifest, tmp_path / "p")
    make.build(manifest, tmp_path / "q")
    found = []
    for name, where in (("p", "ray"), ("q", "inline")):
        package = datapkg.open(tmp_path / name).derive(
            "f.py:mean",
            table="frames",
            input="image_array",
            column="mean",
            output="float32",
            folder=data,
            engine=where,
        )
        found.append(package.digest)
    assert found[0] == found[1]


def test_movies_have_the_digests_of_a_local_build(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for number in range(3):
        make_ch5.movie(tmp_path / "d" / f"m{number}.ch5", ("P1", f"A{number:02}", "1"))
    path = make.manifest(tmp_path / "d", 'name: movies, path: "*.ch5"')
    local = make.build(path, tmp_path / "local")
    there = datapkg.build(path, tmp_path / "ray", engine="ray")
    assert there.digest == local.digest
    assert {one.name: one.rows for one in there.tables} == {one.name: one.rows for one in local.tables}
    assert datapkg.open(tmp_path / "ray").verify(deep=True).ok
    make_ch5.movie(tmp_path / "d" / "m4.ch5", ("P1", "B01", "2"))
    again = datapkg.build(path, tmp_path / "ray", engine="ray")
    assert again.digest == make.build(path, tmp_path / "clean").digest


def test_what_functions_do_wrong_is_told_as_by_processes(bad: Path, tmp_path: Path) -> None:
    make.build(bad, tmp_path / "p")
    before = make.tree(tmp_path / "p")
    for entry, said in FAILING:
        make_derive.manifest(bad, f"derive:\n  - {{table: frames, input: image_array, {entry}}}\n")
        with pytest.raises(DeriveError, match=said):
            datapkg.build(bad, tmp_path / "p", engine="ray")
        assert make_derive.tree(tmp_path / "p") == before


def test_entries_that_are_wrong_are_told_as_by_processes(manifest: Path, data: Path, tmp_path: Path) -> None:
    make_derive.functions(data)
    make.build(manifest, tmp_path / "p")
    before = make.tree(tmp_path / "p")
    for entry, said in WRONG:
        make_derive.manifest(manifest, f"derive:\n  - {entry}\n")
        with pytest.raises(DeriveError, match=said):
            datapkg.build(manifest, tmp_path / "p", engine="ray")
        assert make_derive.tree(tmp_path / "p") == before


OWN_DISK = "/proc/self/cwd"
"""What every process sees below another folder, as if it were on another machine."""


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process has a disk that no worker sees, and remembers there."""
    if sys.platform != "linux":
        pytest.skip(f"only Linux has {OWN_DISK}")
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path / "own")
    monkeypatch.setenv("DATAPKG_CACHE", f"{OWN_DISK}/cache")
    return tmp_path / "own"


def staged(uri: str, reached: stores.ObjectStore) -> list[str]:
    return [name for name in stores.listed(reached, uri) if name.startswith(".building")]


@stores.MOTO
@pytest.mark.usefixtures("apart")
def test_workers_write_into_a_bucket_themselves(
    manifest: Path, data: Path, tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    make_derive.functions(data)
    make_derive.manifest(manifest)
    local = make.build(manifest, tmp_path / "local")
    told: list[str] = []
    report = datapkg.build(manifest, uri, engine="ray", progress=lambda step: told.append(step.doing))
    assert report.digest == local.digest
    assert "copying in the store" in told
    assert "uploading" not in told  # no row passes through this process
    package = datapkg.open(uri)
    assert package.verify(deep=True).ok
    assert package.diff(datapkg.open(tmp_path / "local")).ok
    assert not staged(uri, reached)
    make.tiff(data / "images" / "p05" / "A01.tif", make.image(99))
    make_derive.calls(data)
    again = datapkg.build(manifest, uri, engine="ray")
    assert make_derive.calls(data)["mean"] == 1
    assert again.digest == make.build(manifest, tmp_path / "clean").digest
    assert datapkg.open(uri).verify(deep=True).ok


@stores.MOTO
@pytest.mark.usefixtures("apart")
def test_a_row_that_ends_its_process_is_named_wherever_that_ran(
    manifest: Path, data: Path, tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    make.text(data / "bad.py", DIES)
    pixels = make.image(5)
    pixels[0, 0] = 77
    make.tiff(data / "images" / "p05" / "A01.tif", pixels)
    make_derive.manifest(
        manifest,
        'derive: [{table: frames, column: m, function: "bad.py:mean", input: image_array, output: float64}]\n',
    )
    for package in (uri, tmp_path / "p"):
        with pytest.raises(DeriveError, match=r"row 0 of images/p05/A01.tif: the process .* died"):
            datapkg.build(manifest, package, engine="ray")
    assert {name.partition("/")[0] for name in staged(uri, reached)} == {".building-finished"}
    place(uri).put(".building-1/wells.lance/data/x", b"rows")
    make_derive.manifest(manifest, "")
    assert make.build(manifest, uri).created
    assert datapkg.gc(uri, grace="0s").paths == (".building-1", ".building-finished")
    assert not staged(uri, reached)


def test_a_disk_that_a_machine_does_not_see_is_told(
    manifest: Path, data: Path, tmp_path: Path, apart: Path
) -> None:
    with pytest.raises(StoreError, match=f"machine .*: does not see {OWN_DISK}/p, which workers write to"):
        datapkg.build(manifest, f"{OWN_DISK}/p", engine="ray")
    make_derive.functions(data)
    make_derive.manifest(manifest)
    (apart / "data").symlink_to(data)
    with pytest.raises(SourceError, match=f"machine .*: does not see {OWN_DISK}/data, which holds files"):
        datapkg.build(f"{OWN_DISK}/data/manifest.yaml", tmp_path / "q", engine="ray")
    assert not (apart / "p").exists()
    assert not (tmp_path / "q").exists()


def test_a_build_whose_worker_is_killed_goes_on(tmp_path: Path) -> None:
    """Each file is a task of its own; when the first is stored, another one's worker is killed."""
    for number in range(5):
        make.tiff(tmp_path / "d" / f"{number}.tif", np.full((4096, 4200), number, "uint16"))
    path = make.manifest(tmp_path / "d", 'name: frames, path: "*.tif", keep: array')
    killed: list[int] = []

    def kill(step: Step) -> None:
        working = [one for one in psutil.process_iter(["name"]) if one.info["name"] == "ray::_call"]
        if not killed and step.doing.endswith(" frames") and step.files and working:
            working[0].kill()
            killed.append(working[0].pid)

    there = datapkg.build(path, tmp_path / "ray", engine="ray", progress=kill)
    assert killed
    assert there.digest == datapkg.build(path, tmp_path / "local", workers=2).digest
    assert datapkg.open(tmp_path / "ray").verify(deep=True).ok
