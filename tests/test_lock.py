"""The lock: what a build must give, and the smallest true difference where it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import make
import pytest
import test_cli

import datapkg
from datapkg import changes
from datapkg.errors import DamageError, LockedError, ManifestError
from datapkg.lock import lock_path, read_lock


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    manifest = make.folder(tmp_path)
    make.build(manifest, tmp_path / "p")
    return manifest


def locked(manifest: Path, tmp_path: Path, **options: object) -> datapkg.Report:
    return make.build(manifest, tmp_path / "elsewhere", locked=True, **options)


def test_a_plain_build_writes_a_lock_that_a_locked_build_elsewhere_keeps(
    manifest: Path, tmp_path: Path
) -> None:
    lock = manifest.with_suffix(".lock")
    content = lock.read_bytes()
    report = locked(manifest, tmp_path)
    assert (report.version, report.created) == (1, True)
    assert report.digest == datapkg.open(tmp_path / "p").digest
    assert lock.read_bytes() == content


def test_one_source_and_one_column_stand_on_a_line_of_their_own(manifest: Path) -> None:
    lines = manifest.with_suffix(".lock").read_text("utf-8").splitlines()
    assert sum('"path":"images/p1/A01_1.tif"' in line for line in lines) == 1
    assert sum('"table":"wells","name":"Gene","type":"string"' in line for line in lines) == 1


def test_a_build_that_changes_nothing_leaves_the_lock_alone(manifest: Path, tmp_path: Path) -> None:
    lock = manifest.with_suffix(".lock")
    before = lock.stat().st_mtime_ns
    make.build(manifest, tmp_path / "p")
    assert lock.stat().st_mtime_ns == before


def edit_cell(data: Path) -> None:
    make.text(data / "wells.csv", "Well,Gene,Count,Area\n005,KIF11,1,0.5\n042,,2,1.6\n")


def remove_image(data: Path) -> None:
    (data / "images" / "p2" / "A01_1.tif").unlink()


def add_image(data: Path) -> None:
    make.tiff(data / "images" / "p2" / "A09_1.tif", make.image(9))


def retitle(data: Path) -> None:
    path = data / "manifest.yaml"
    path.write_text("title: other\n" + path.read_text("utf-8"), "utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit_cell, "file wells.csv of wells is another"),
        (remove_image, "file images/p2/A01_1.tif of frames is not there"),
        (add_image, "file images/p2/A09_1.tif of frames is new"),
        (retitle, "the manifest says something else"),
    ],
)
def test_other_files_are_named_and_no_version_is_written(
    change: Callable[[Path], None], said: str, manifest: Path, tmp_path: Path
) -> None:
    lock = manifest.with_suffix(".lock").read_bytes()
    change(manifest.parent)
    with pytest.raises(LockedError) as caught:
        locked(manifest, tmp_path)
    assert len(caught.value.differences) == 1
    assert said in str(caught.value)
    assert not (tmp_path / "elsewhere").exists()
    assert manifest.with_suffix(".lock").read_bytes() == lock


def test_other_content_of_the_same_files_names_table_column_and_source(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datapkg.sources.images import batches

    real = batches._batch

    def brighter(*arguments: Any) -> Any:
        batch = real(*arguments)
        index = batch.schema.get_field_index("size_z")
        return batch.set_column(index, batch.schema.field(index), batch.column("size_x"))

    monkeypatch.setattr(batches, "_batch", brighter)
    with pytest.raises(LockedError) as caught:
        locked(manifest, tmp_path)
    assert caught.value.differences == (
        "table frames, column 'size_z' has other values",
        *(
            f"table frames: the rows of images/{path}.tif are others"
            for path in ("p1/A01_1", "p1/A02_1", "p2/A01_1")
        ),
    )
    assert not (tmp_path / "elsewhere").exists()


def test_a_set_of_files_is_locked_file_by_file(tmp_path: Path) -> None:
    import make_sets
    import numpy as np

    data = tmp_path / "sets"
    data.mkdir()
    files = make_sets.spread(data, np.arange(2 * 3 * 2 * 4 * 5, dtype="u2").reshape(2, 3, 2, 4, 5), "t")
    manifest = make.manifest(data, 'name: movies, path: "*.tif"')
    first = make.build(manifest, tmp_path / "s")
    assert [source.path for source in read_lock(manifest).sources] == [path.name for path in files]
    assert make.build(manifest, tmp_path / "again", locked=True).digest == first.digest
    files[1].write_bytes(files[1].read_bytes() + b"\0")
    with pytest.raises(LockedError, match=files[1].name):
        make.build(manifest, tmp_path / "third", locked=True)


def test_no_lock_is_an_error_of_its_own(manifest: Path, tmp_path: Path) -> None:
    manifest.with_suffix(".lock").unlink()
    with pytest.raises(ManifestError, match="there is no lock"):
        locked(manifest, tmp_path)
    assert_status(test_cli.run("build", manifest, tmp_path / "q", "--locked"), 2, "without --locked")


def test_a_lock_changed_by_hand_is_damage(manifest: Path, tmp_path: Path) -> None:
    lock = manifest.with_suffix(".lock")
    lock.write_bytes(lock.read_bytes().replace(b'"rows":2', b'"rows":3'))
    with pytest.raises(DamageError):
        locked(manifest, tmp_path)


def assert_status(done: test_cli.Done, status: int, said: str) -> None:
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr


def test_the_command_line_ends_with_1_for_a_difference(manifest: Path, tmp_path: Path) -> None:
    assert test_cli.run("build", manifest, tmp_path / "q", "--locked").returncode == 0
    edit_cell(manifest.parent)
    assert_status(
        test_cli.run("build", manifest, tmp_path / "r", "--locked"), 1, "file wells.csv of wells is another"
    )


def test_a_lock_that_cannot_be_written_is_a_warning(manifest: Path, tmp_path: Path) -> None:
    lock = manifest.with_suffix(".lock")
    lock.unlink()
    lock.mkdir()
    report = make.build(manifest, tmp_path / "p")
    assert report.warnings[-1].startswith("the lock was not written")


def test_the_lock_of_the_sample_is_true(tmp_path: Path) -> None:
    manifest = make.PROJECT / "manifests" / "screen.yaml"
    report = make.build(manifest, tmp_path / "p", locked=True)
    assert report.digest == read_lock(manifest).digest


@pytest.mark.parametrize("place", ["p", "elsewhere"])
def test_a_locked_build_hashes_each_file_once_before_it_reads_any(
    place: str, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    real = changes.look
    monkeypatch.setattr(changes, "look", lambda file: looked.append(file.path) or real(file))
    make.build(manifest, tmp_path / place, locked=True)
    assert (len(looked), len(set(looked))) == (4, 4)


def test_a_lock_that_was_touched_is_written_again_also_where_nothing_is_new(
    manifest: Path, package: Path
) -> None:
    lock = lock_path(manifest)
    expected = lock.read_bytes()
    for harm in (b"", expected.replace(b'"wells.csv"', b'"wills.csv"')):
        lock.write_bytes(harm)
        assert not make.build(manifest, package).created
        assert lock.read_bytes() == expected
    lock.unlink()
    assert not make.build(manifest, package).created
    assert lock.read_bytes() == expected


def test_a_lock_follows_the_package_that_was_built_last(
    manifest: Path, package: Path, tmp_path: Path
) -> None:
    first = lock_path(manifest).read_bytes()
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    make.build(manifest, tmp_path / "other")
    assert lock_path(manifest).read_bytes() != first
    make.folder(tmp_path)
    assert not make.build(manifest, package).created
    assert lock_path(manifest).read_bytes() == first
