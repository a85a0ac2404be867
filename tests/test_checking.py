"""Checking a manifest together with the files that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from datapkg.checking import check
from datapkg.errors import ManifestError

MANIFEST = """name: m
resources:
- name: wells
  path: wells.csv
- name: frames
  path: images/*.tif
  pattern: "{Well}_{Frame:d}.tif"
- name: more
  path: nowhere/*.csv
"""


def fill(folder: Path, *names: str) -> Path:
    (folder / "images").mkdir()
    for name in names:
        (folder / name).write_bytes(b"x")
    (folder / "m.yaml").write_text(MANIFEST)
    return folder / "m.yaml"


def test_mistakes_of_all_resources_come_at_once(tmp_path: Path) -> None:
    path = fill(tmp_path, *(f"images/{name}.tif" for name in ("C6_1", "a", "b", "c", "d")))
    with pytest.raises(ManifestError) as error:
        check(path)
    wells, frames, more = error.value.mistakes
    assert wells.where.endswith("m.yaml:4:9")
    assert frames.where.endswith("m.yaml:7:12")
    assert frames.what.startswith("4 files of 'frames' do not fit its pattern:")
    assert "images/a.tif: the end of this path does not match" in frames.what
    assert frames.what.endswith("and 1 more")
    assert more.where.endswith("m.yaml:9:9")


def test_one_file_that_does_not_fit_is_named_alone(tmp_path: Path) -> None:
    path = fill(tmp_path, "wells.csv", "images/C6_1.tif", "images/x.tif")
    path.write_text(MANIFEST.rpartition("- name")[0])
    with pytest.raises(ManifestError) as error:
        check(path)
    assert error.value.mistakes[0].what.startswith("images/x.tif: the end of this path does not match")


def test_a_good_manifest_comes_back_with_all_warnings(tmp_path: Path) -> None:
    path = fill(tmp_path, "wells.csv", "images/C6_1.tif")
    path.write_text(MANIFEST + "  optional: true\n")
    assert check(path).warnings == ("more: nothing matches 'nowhere/*.csv', which is optional",)
