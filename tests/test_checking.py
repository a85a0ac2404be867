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


def names(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")


def warned(folder: Path, *resources: str) -> tuple[str, ...]:
    (folder / "m.yaml").write_text("name: m\nresources:\n" + "".join(f"  - {{{one}}}\n" for one in resources))
    return check(folder / "m.yaml").warnings


def test_a_folder_beside_those_of_a_resource_that_holds_its_kind_of_file_is_told_of(tmp_path: Path) -> None:
    names(
        tmp_path,
        "images/P 1/a.tif",
        "images/P 2/a.TIF",
        "images/P 2/b.tif",
        "images/P 2/notes.txt",
        "images/maps/a.csv",
    )
    names(tmp_path, "images/.cache/a.tif", "images/P 3/deep/a.tif", "elsewhere/a.tif")
    (told,) = warned(tmp_path, 'name: i, path: "images/P 1/*.tif"')
    assert told.startswith(
        "i: 1 folder beside its own, with 2 files of its kind, in no resource: images/P 2; name"
    )


@pytest.mark.parametrize(
    "resources",
    [
        ['name: i, path: "images/*/*.tif"'],
        ['name: i, path: "images/*/*.tif", exclude: "images/P2/**"'],
        ['name: i, path: "images/P1/*.tif"', 'name: j, path: "images/P2/*.tif"'],
        ["name: i, path: images/P1/a.tif", "name: deep, path: images/P2/deep/a.csv"],
        ["name: t, path: top.csv"],
    ],
)
def test_what_a_manifest_names_or_leaves_out_is_not_told_of(resources: list[str], tmp_path: Path) -> None:
    names(tmp_path, "images/P1/a.tif", "images/P2/a.tif", "images/P2/deep/a.csv", "top.csv", "other/low.csv")
    assert warned(tmp_path, *resources) == ()
