"""Release names are given once, to one version, and never move."""

from __future__ import annotations

import json
from pathlib import Path

import make
import pytest

import datapkg
from datapkg.cli.text import log
from datapkg.errors import StoreError, VersionError


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Two versions; the first is the release 1.0.0."""
    manifest = make.folder(tmp_path)
    make.build(manifest, tmp_path / "p")
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    make.build(manifest, tmp_path / "p")
    return tmp_path / "p"


def test_a_version_is_found_by_its_name(package: Path) -> None:
    assert datapkg.release(package, "1.1.0-rc.1+x") == 2
    assert datapkg.open(package, version="1.1.0-rc.1+x").version == 2
    assert datapkg.release(package, "again", version="1.0.0") == 1
    assert datapkg.open(package).versions().release.to_list() == ["1.0.0, again", "1.1.0-rc.1+x"]
    assert "1.0.0, again" in log(datapkg.open(package), as_json=False)
    assert json.loads((package / "datapackage.json").read_text())["version"] == "1.1.0-rc.1+x"
    assert datapkg.verify(package).ok


def test_the_same_name_for_the_same_version_is_well(package: Path) -> None:
    before = make.tree(package)
    assert datapkg.release(package, "1.0.0", version=1) == 1
    assert make.tree(package) == before


@pytest.mark.parametrize(("name", "version"), [("1.0.0", None), ("1.0.0", 2)])
def test_a_name_never_moves(name: str, version: int | None, package: Path) -> None:
    with pytest.raises(VersionError, match=r"the name 1\.0\.0 is taken by version 1"):
        datapkg.release(package, name, version)


def test_names_differ_in_more_than_case(package: Path) -> None:
    datapkg.release(package, "Final")
    for version in (1, 2):
        with pytest.raises(VersionError, match="the name Final is taken by version 2"):
            datapkg.release(package, "FINAL", version)


@pytest.mark.parametrize("name", ["", "7", ".hidden", "a/b", "a b", "x" * 65, "größe", "../1", "a\n"])
def test_what_is_no_name_is_refused(name: str, package: Path) -> None:
    with pytest.raises(VersionError, match="no name for a release"):
        datapkg.release(package, name)


def test_only_versions_that_are_there_are_named(package: Path, tmp_path: Path) -> None:
    with pytest.raises(VersionError, match="no version 9"):
        datapkg.release(package, "x", 9)
    with pytest.raises(StoreError):
        datapkg.release(tmp_path / "nowhere", "x")
    with pytest.raises(StoreError, match="no place for a package"):
        datapkg.release("ftp://host/p", "x")
