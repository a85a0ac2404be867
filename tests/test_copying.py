"""One version copied out of a package."""

from __future__ import annotations

from pathlib import Path

import make
import pytest

import datapkg
from datapkg.errors import DamageError, StoreError, VersionError


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of two versions; the first is the release 1.0.0."""
    manifest = make.folder(tmp_path)
    make.build(manifest, tmp_path / "p")
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    make.build(manifest, tmp_path / "p")
    return tmp_path / "p"


@pytest.mark.parametrize("version", [1, "1.0.0"])
def test_the_copy_is_a_package_of_its_own(version: int | str, package: Path, tmp_path: Path) -> None:
    original = datapkg.open(package, version=1)
    assert datapkg.checkout(package, version, tmp_path / "copy") == original.digest
    copy = datapkg.open(tmp_path / "copy")
    assert (copy.version, copy.release, copy.digest) == (1, "1.0.0", original.digest)
    assert copy["wells"].to_pandas().equals(original["wells"].to_pandas())
    assert copy["frames"].image(2).tobytes() == original["frames"].image(2).tobytes()
    assert copy.sources().equals(original.sources())
    assert list(copy.versions()["version"]) == [1]


def test_a_copy_goes_on_as_a_package(package: Path, tmp_path: Path) -> None:
    datapkg.checkout(package, 1, tmp_path / "copy")
    report = make.build(tmp_path / "data" / "manifest.yaml", tmp_path / "copy")
    assert (report.version, report.digest) == (2, datapkg.open(package).digest)


def test_manifest_and_lock_stand_beside_the_copy(package: Path, tmp_path: Path) -> None:
    made = tmp_path / "data" / "manifest.lock"
    datapkg.checkout(package, 2, tmp_path / "copy")
    assert (tmp_path / "copy.lock").read_bytes() == made.read_bytes()
    report = make.build(tmp_path / "copy.yaml", tmp_path / "again", locked=True, root=tmp_path / "data")
    assert report.digest == datapkg.open(tmp_path / "copy").digest
    with pytest.raises(StoreError, match=r"copy\.yaml: is there already"):
        (tmp_path / "copy").rename(tmp_path / "moved")
        datapkg.checkout(package, 2, tmp_path / "copy")


def test_nothing_is_overwritten(package: Path, tmp_path: Path) -> None:
    make.text(tmp_path / "copy" / "mine.txt", "years of work")
    with pytest.raises(StoreError, match="is there already"):
        datapkg.checkout(package, 1, tmp_path / "copy")
    assert [p.name for p in (tmp_path / "copy").iterdir()] == ["mine.txt"]


def test_a_damaged_file_is_not_copied(package: Path, tmp_path: Path) -> None:
    largest = max((package / "frames.lance" / "data").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[100] ^= 1
    largest.write_bytes(content)
    with pytest.raises(DamageError, match="not what was written"):
        datapkg.checkout(package, 1, tmp_path / "copy")
    largest.unlink()
    with pytest.raises(DamageError, match="is missing"):
        datapkg.checkout(package, 1, tmp_path / "copy")
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name]


def test_an_unknown_version_names_the_nearest(package: Path, tmp_path: Path) -> None:
    with pytest.raises(VersionError, match=r"did you mean '1\.0\.0'"):
        datapkg.checkout(package, "1.0", tmp_path / "copy")
