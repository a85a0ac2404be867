"""Builds over damage, beside other programs, and stopped at bad moments: no version suffers, and the next build completes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import lance
import lancedb
import make
import numpy as np
import pytest

import datapkg
from datapkg import store, versions
from datapkg.errors import DamageError, SourceError, StoreError
from datapkg.places import STAGING, Folder


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return make.folder(tmp_path)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return tmp_path / "little.datapkg"


@pytest.mark.parametrize("harm", ["a data file", "the whole table", "the list of sources"])
def test_what_was_lost_is_stored_again(harm: str, manifest: Path, package: Path) -> None:
    first = make.build(manifest, package)
    expected = datapkg.open(package)["wells"].to_pandas()
    folder = package / ("_sources.lance" if harm == "the list of sources" else "wells.lance")
    if harm == "the whole table":
        lancedb.connect(package).drop_table("wells")
    else:
        for path in (folder / "data").iterdir():
            path.write_bytes(path.read_bytes()[:10])
    again = make.build(manifest, package)
    assert (again.version, again.created, again.digest) == (2, True, first.digest)
    assert "damaged" in " ".join(again.warnings)
    assert datapkg.open(package)["wells"].to_pandas().equals(expected)
    assert not make.build(manifest, package).created


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_changed_bit_is_mended_by_a_build_with_rehash(manifest: Path, package: Path) -> None:
    first = make.build(manifest, package)
    (data,) = (package / "frames.lance" / "data").iterdir()
    flip(data)
    assert not datapkg.verify(package).ok
    assert datapkg.status(manifest, package).ok  # sizes and times say nothing of it
    assert not make.build(manifest, package).created
    assert not datapkg.status(manifest, package, rehash=True).ok
    again = make.build(manifest, package, rehash=True)
    assert (again.version, again.created, again.digest) == (2, True, first.digest)
    assert "table frames: files of version 1 are missing or damaged; it is stored again" in again.warnings
    assert [table.written for table in again.tables] == [False, True]
    assert datapkg.verify(package, version=2, deep=True).ok
    assert not make.build(manifest, package, rehash=True).created


def test_a_locked_build_does_not_prove_a_damaged_package(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    flip(next((package / "wells.lance" / "data").iterdir()))
    assert make.build(manifest, package, locked=True).version == 2
    assert datapkg.verify(package, version=2, deep=True).ok


def test_a_changed_bit_in_the_list_of_sources_decides_nothing(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    flip(next((package / "_sources.lance" / "data").iterdir()))
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    again = make.build(manifest, package)
    assert (
        "version 1 is damaged, so everything is read again: is not what was written (table _sources)"
        in again.warnings
    )
    assert again.digest == make.build(manifest, package.with_name("clean")).digest
    assert datapkg.verify(package, version=2, deep=True).ok


def test_a_table_that_cannot_grow_is_said_to_be_damaged(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    for path in (package / "wells.lance" / "_versions").iterdir():
        path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(DamageError, match="nothing can be added to it"):
        make.build(manifest, package)


def test_a_stopped_first_build_does_not_block_its_folder(manifest: Path, package: Path) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions, "publish", stopped)
        with pytest.raises(KeyboardInterrupt):
            make.build(manifest, package)
    assert (package / "wells.lance" / "_versions").is_dir()
    (package / f"{STAGING}ofakilledbuild").mkdir()
    with pytest.raises(SourceError):
        make.build(make.manifest(manifest.parent, "name: w, path: broken.csv"), package) if make.text(
            manifest.parent / "broken.csv", "a,b\n1\n"
        ) else None
    manifest = make.folder(manifest.parent.parent)
    assert make.build(manifest, package).version == 1


def test_a_first_build_stopped_between_the_commit_and_the_pin_does_not_block_its_folder(
    manifest: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full", "here", "free some space")

    with monkeypatch.context() as patch:
        patch.setattr("datapkg.store.write.pin_newest", full)
        with pytest.raises(StoreError, match="full"):
            make.build(manifest, package)
    assert (package / "wells.lance" / "_versions").is_dir()
    assert make.build(manifest, package).version == 1
    assert datapkg.verify(package, deep=True).ok


@pytest.mark.parametrize("by", ["a build of nothing new", "a build", "gc"])
def test_a_list_of_files_whose_builder_was_stopped_gets_its_name(
    by: str, manifest: Path, package: Path
) -> None:
    make.build(manifest, package)
    named = package / "versions" / "1.files.json"
    content = named.read_bytes()
    named.rename(package / versions.own_list(versions.read_record(Folder(package), 1)))
    if by == "gc":
        datapkg.gc(package)
    else:
        if by == "a build":
            make.text(manifest.parent / "wells.csv", "Well\nB02\n")
        make.build(manifest, package)
    assert named.read_bytes() == content
    assert not list((package / "versions").glob(".*"))


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX's")
@pytest.mark.parametrize("less", [1, 100])
def test_a_data_file_whose_end_could_not_be_written_is_noticed(
    less: int, manifest: Path, package: Path, tmp_path: Path
) -> None:
    """The engine itself reports success, and gives a file that nobody can read."""
    make.build(manifest, tmp_path / "whole")
    size = max(path.stat().st_size for path in (tmp_path / "whole" / "frames.lance" / "data").iterdir())
    code = (
        "import resource, sys, datapkg\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))\n"
        "datapkg.build(*sys.argv[1:3], engine='inline')"
    )
    command = [sys.executable, "-c", code, str(manifest), str(package), str(size - less)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (
        f"the disk is full, or a file would grow over the allowed size: {size - less} of {size}"
        in done.stderr
    )
    assert not package.exists()


def test_files_that_vanish_before_the_record_are_noticed(
    manifest: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.build(manifest, package)
    real = store.commit

    def commit_and_lose(*arguments: object) -> object:
        done = real(*arguments)  # type: ignore[arg-type]
        (package / done.files[-1].path).unlink()
        return done

    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    monkeypatch.setattr(store, "commit", commit_and_lose)
    with pytest.raises(StoreError, match="are gone before the version was published"):
        make.build(manifest, package)
    assert versions.numbers(Folder(package)) == [1]


def test_a_package_in_a_folder_with_an_odd_name_keeps_its_pins_inside(manifest: Path, tmp_path: Path) -> None:
    package = tmp_path / "Müller 100%" / "p#1"
    make.build(manifest, package)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["Müller 100%", "data"]
    dataset = lance.dataset(str(package / "frames.lance"))
    assert [tag["version"] for tag in dataset.tags.list().values()] == [1]
    dataset.delete("true")
    dataset.cleanup_old_versions(
        older_than=timedelta(0), delete_unverified=True, error_if_tagged_old_versions=False
    )
    assert len(datapkg.open(package)["frames"].to_pandas()) == 3


def test_a_movie_is_read_again_when_a_missing_link_target_appears(tmp_path: Path, package: Path) -> None:
    import h5py

    data = tmp_path / "data"
    data.mkdir()
    with h5py.File(data / "all.ch5", "w") as file:
        file["sample/0/plate"] = h5py.ExternalLink("parts/one.ch5", "/plate")
    manifest = make.manifest(data, "name: movies, path: all.ch5")
    make.build(manifest, package)
    assert not make.build(manifest, package).created
    (data / "parts").mkdir()
    with h5py.File(data / "parts" / "one.ch5", "w") as file:
        file["plate/P/experiment/A01/position/1/image/channel"] = np.ones((1, 1, 1, 2, 2), "u1")
    assert make.build(manifest, package).version == 2
    assert "movies" in datapkg.open(package).tables


def test_a_table_that_the_manifest_no_longer_names_is_reported(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    only = make.manifest(manifest.parent, "name: wells, path: wells.csv")
    report = make.build(only, package)
    assert report.warnings == ("the table frames of version 1 is not in this one",)
    assert report.sources.unchanged == 1


def test_a_release_that_cannot_be_named_is_described_by_its_number(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    assert make.build(manifest, package).release is None
    assert json.loads((package / "datapackage.json").read_text("utf-8"))["version"] == "2"
    (package / "datapackage.json").unlink()
    assert not make.build(manifest, package).created
    assert (package / "datapackage.json").is_file()


def test_what_fails_after_the_record_is_a_warning(
    manifest: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package.mkdir()
    (package / "releases").write_text("in the way")
    report = make.build(manifest, package)
    assert (report.version, report.release) == (1, None)
    assert report.warnings[0].startswith("version 1 is published, but:")


def test_an_address_is_never_a_folder(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="no place for a package"):
        make.build(manifest, "ftp://host/p")
    assert not (tmp_path / "ftp:").exists()


def test_workers_end_with_a_build_that_is_killed(tmp_path: Path) -> None:
    import psutil

    for number in range(300):
        make.tiff(tmp_path / f"{number:03}.tif", make.image(number, (300, 300)))
    manifest = make.manifest(tmp_path, 'name: frames, path: "*.tif"')
    command = [sys.executable, "-c", "import sys, datapkg; datapkg.build(*sys.argv[1:], workers=2)"]
    process = subprocess.Popen([*command, str(manifest), str(tmp_path / "p")], stderr=subprocess.DEVNULL)
    workers: list[psutil.Process] = []
    until = time.monotonic() + 30
    while len(workers) < 2 and time.monotonic() < until:
        workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert workers
    gone, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive, gone
