"""A build of what is as it was asks the file system only; anything that may matter is noticed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lance
import make
import pytest

import datapkg
from datapkg import builder, cache, hashes, plan, unchanged
from datapkg.deriving import entries
from datapkg.progress import Step


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "YOUNG_NS", -(10**18))
    return make.folder(tmp_path)


@pytest.fixture
def apart(manifest: Path) -> Path:
    """A manifest that does not lie among its data, so that its lock changes no folder of theirs; it names no release."""
    text = manifest.read_text().replace('version: "1.0.0"\n', "root: data\n")
    return make.text(manifest.parent.with_name("apart.yaml"), text)


def forbidden(*arguments: object) -> None:
    raise AssertionError("the build looked further")


def test_nothing_is_planned_where_nothing_has_changed(
    manifest: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = datapkg.build(manifest, package, rehash=True, engine="inline")
    monkeypatch.setattr(builder.plan, "previous", forbidden)
    quick = make.build(manifest, package)
    assert quick.as_json() | {"seconds": 0} == slow.as_json() | {"seconds": 0}
    assert not quick.created


def edit(manifest: Path, package: Path) -> None:
    path = manifest.parent / "wells.csv"
    path.write_text(path.read_text().replace("KIF11", "KIF12"))


def edit_in_secret(manifest: Path, package: Path) -> None:
    path = manifest.parent / "wells.csv"
    stat = path.stat()
    edit(manifest, package)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def add(manifest: Path, package: Path) -> None:
    make.tiff(manifest.parent / "images" / "p1" / "B01_1.tif", make.image(9))


def rename(manifest: Path, package: Path) -> None:
    path = manifest.parent / "images" / "p1" / "A01_1.tif"
    path.rename(path.with_name("A05_1.tif"))


@pytest.mark.parametrize("change", [edit, edit_in_secret, add, rename])
def test_a_change_makes_a_version(
    change: Callable[[Path, Path], None], manifest: Path, package: Path
) -> None:
    assert not make.build(manifest, package).created
    change(manifest, package)
    assert make.build(manifest, package, allow_removals=True).version == 2
    assert not make.build(manifest, package).created


def test_an_empty_file_that_was_skipped_is_asked_for_again(manifest: Path, tmp_path: Path) -> None:
    data = tmp_path / "tables"
    make.text(data / "a.csv", "x\n0\n")
    late = make.text(data / "b.csv", "")
    manifest = make.manifest(data, 'name: t, path: "*.csv", empty: skip')
    make.build(manifest, tmp_path / "q")
    assert not make.build(manifest, tmp_path / "q").created
    late.write_text("x\n1\n")
    assert make.build(manifest, tmp_path / "q").tables[0].rows == 2


def damage(manifest: Path, package: Path) -> None:
    (next((package / "wells.lance" / "data").iterdir())).unlink()


def state(manifest: Path, package: Path) -> None:
    lance.dataset(str(package / "wells.lance")).delete("true")


def lock(manifest: Path, package: Path) -> None:
    manifest.with_suffix(".lock").unlink()


def descriptor(manifest: Path, package: Path) -> None:
    (package / "datapackage.json").unlink()


def release(manifest: Path, package: Path) -> None:
    datapkg.release(package, "other")


def memory(manifest: Path, package: Path) -> None:
    for path in (cache.cache_folder() / "unchanged").iterdir():
        path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("change", [damage, state, lock, descriptor, release, memory])
def test_what_may_matter_is_looked_into(
    change: Callable[[Path, Path], None], manifest: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.build(manifest, package)  # the first has changed the folder that it looked at: the lock is new
    change(manifest, package)
    looked = []
    real = plan.previous
    monkeypatch.setattr(builder.plan, "previous", lambda *asked: looked.append(1) or real(*asked))
    make.build(manifest, package)
    assert looked
    assert datapkg.verify(package, version=datapkg.open(package).version).ok
    assert manifest.with_suffix(".lock").exists()
    assert (package / "datapackage.json").exists()


def test_files_that_were_touched_just_now_are_not_trusted(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "YOUNG_NS", 10**18)
    make.build(manifest, tmp_path / "p")
    assert not (tmp_path / "cache" / "unchanged").exists()


def test_a_file_that_changes_during_a_build_is_not_trusted_whatever_its_clock_says(
    manifest: Path, apart: Path, tmp_path: Path
) -> None:
    def meanwhile(step: Step) -> None:
        if step.doing == "looking at frames":  # the wells have been looked at before
            edit(manifest, tmp_path)

    make.build(apart, tmp_path / "p")
    make.tiff(manifest.parent / "images" / "p1" / "B01_1.tif", make.image(9))
    assert make.build(apart, tmp_path / "p", progress=meanwhile).version == 2
    assert make.build(apart, tmp_path / "p").version == 3


def test_what_another_build_makes_meanwhile_is_not_taken_for_ones_own(
    manifest: Path, apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make.text(tmp_path / "other.yaml", apart.read_text() + "title: another\n")
    make.build(apart, tmp_path / "p")
    edit(manifest, tmp_path)
    real = builder.write_lock

    def meanwhile(*asked: Any) -> bool:
        monkeypatch.setattr(builder, "write_lock", real)
        made = real(*asked)
        assert make.build(other, tmp_path / "p").version == 3
        return made

    monkeypatch.setattr(builder, "write_lock", meanwhile)
    assert make.build(apart, tmp_path / "p").version == 2
    assert make.build(apart, tmp_path / "p").version == 4


def test_a_function_that_changes_while_a_build_computes_is_called_again(
    manifest: Path, apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = make.text(tmp_path / "code.py", "def doubled(count):\n    return count * 2\n")
    derive = "{table: wells, column: Twice, function: code.py:doubled, input: Count, output: int64}"
    apart.write_text(f"{apart.read_text()}derive:\n  - {derive}\n")
    make.build(apart, tmp_path / "p")
    make.tiff(manifest.parent / "images" / "p1" / "B01_1.tif", make.image(9))

    real = entries.derive

    def and_then(*asked: Any) -> Any:
        made = real(*asked)
        code.write_text(code.read_text().replace("2", "3"))
        return made

    with monkeypatch.context() as patch:
        patch.setattr(entries, "derive", and_then)
        make.build(apart, tmp_path / "p")
    make.build(apart, tmp_path / "p")
    assert datapkg.open(tmp_path / "p")["wells"].to_pandas().Twice.tolist() == [3, 6]


def test_where_a_file_has_come_its_folder_alone_is_asked(
    apart: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.build(apart, package)
    (apart.parent / "data" / "new.tif").write_bytes((apart.parent / "data" / "wells.csv").read_bytes())
    asked: list[str] = []
    real = unchanged._stat
    monkeypatch.setattr(unchanged, "_stat", lambda path: asked.append(path) or real(path))
    target = builder.place(package)
    assert unchanged.recalled(unchanged.Question.of(target, builder.load(apart))) is None
    assert asked and all(Path(path).is_dir() for path in asked)
