"""The sources are read again and compared with a version, down to the row and the column."""

from __future__ import annotations

from pathlib import Path

import make
import make_sets
import numpy as np
import pytest

import datapkg
from datapkg.errors import ManifestError


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    make.text(data / "a.csv", "Well,Count\n" + "".join(f"A{n:02},{n}\n" for n in range(40)))
    make.text(data / "b.csv", "Well,Count\nB01,1\n")
    for seed in range(3):
        make.tiff(data / f"{seed}.tif", make.image(seed))
    return make.manifest(data, 'name: wells, path: "*.csv"', 'name: frames, path: "*.tif", keep: array')


@pytest.fixture
def package(manifest: Path, tmp_path: Path) -> Path:
    make.build(manifest, tmp_path / "p")
    return tmp_path / "p"


def faults(package: Path, manifest: Path) -> list[tuple[str, str, int | None, str]]:
    outcome = datapkg.verify(package, sources=manifest)
    return [(f.table, f.source, f.row, f.what) for f in outcome.found]


def test_equal_sources_are_no_fault(package: Path, manifest: Path) -> None:
    assert faults(package, manifest) == []


def test_a_changed_cell_is_named(package: Path, manifest: Path) -> None:
    path = manifest.parent / "a.csv"
    path.write_text(path.read_text().replace("A23,23", "A23,24"))
    what = "the column Count is 24 in its source, 23 in the package"
    assert faults(package, manifest) == [("wells", "a.csv", 23, what)]


def test_the_row_is_counted_in_the_table(package: Path, manifest: Path) -> None:
    make.text(manifest.parent / "b.csv", "Well,Count\nB02,1\n")
    what = "the column Well is 'B02' in its source, 'B01' in the package"
    assert faults(package, manifest) == [("wells", "b.csv", 40, what)]


def test_more_or_fewer_rows_are_named(package: Path, manifest: Path) -> None:
    make.text(manifest.parent / "b.csv", "Well,Count\nB01,1\nB02,1\n")
    assert "more than the 1 rows" in faults(package, manifest)[0][3]
    make.text(manifest.parent / "b.csv", "Well,Count\n")
    assert faults(package, manifest) == [
        ("wells", "b.csv", 40, "its source has 0 rows, and 1 are in the package")
    ]


def test_changed_pixels_are_named(package: Path, manifest: Path) -> None:
    pixels = make.image(1)
    pixels[2, 3] += 1
    make.tiff(manifest.parent / "1.tif", pixels)
    ((table, source, row, what),) = faults(package, manifest)
    assert (table, source, row) == ("frames", "1.tif", 1)
    assert "the column sha256" in what


def test_a_column_of_another_type_says_why(package: Path, manifest: Path) -> None:
    make.text(manifest.parent / "b.csv", "Well,Count\nB01,many\n")
    ((_, _, _, what),) = faults(package, manifest)
    assert what.startswith("the column Count is string in the sources (text, because")
    assert "`many` at b.csv:2" in what


def test_files_that_came_or_went_are_named(package: Path, manifest: Path) -> None:
    (manifest.parent / "b.csv").rename(manifest.parent / "c.csv")
    found = faults(package, manifest)
    assert ("wells", "b.csv", None, "is not among the files any more") in found
    assert ("wells", "c.csv", None, "is not in the version") in found


def test_a_broken_file_is_a_fault(package: Path, manifest: Path) -> None:
    (manifest.parent / "1.tif").write_bytes(b"II*\0")
    ((_, source, _, what),) = faults(package, manifest)
    assert source == "1.tif"
    assert what.startswith("cannot be read again")


def test_another_manifest_is_told(package: Path, manifest: Path) -> None:
    only = make.manifest(manifest.parent, 'name: wells, path: "*.csv"')
    outcome = datapkg.verify(package, sources=only)
    assert "is not the manifest that version 1 was built from" in str(outcome)
    assert [fault.table for fault in outcome.found] == ["frames"]


def test_a_manifest_that_is_wrong_is_an_error(package: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError):
        datapkg.verify(package, sources=tmp_path / "no.yaml")


def test_a_set_of_files_is_compared_with_all_of_its_files(tmp_path: Path) -> None:
    image = np.arange(3 * 2 * 6 * 8, dtype="uint16").reshape(3, 2, 1, 6, 8)
    (tmp_path / "data").mkdir()
    make_sets.spread(tmp_path / "data", image)
    manifest = make.manifest(tmp_path / "data", 'name: frames, path: "*.tif"')
    make.build(manifest, tmp_path / "p")
    assert faults(tmp_path / "p", manifest) == []
