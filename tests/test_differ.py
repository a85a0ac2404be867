"""Two versions compared, from files to result: what differs is found, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import make
import pytest
from test_cli import assert_error, run

import datapkg
from datapkg.errors import VersionError


def test_equal_versions_are_ok_and_no_row_is_read(package: Path, manifest: Path) -> None:
    make.text(manifest.parent / "wells.csv", "Well,Gene,Count,Area\r\n005,KIF11,1,0.50\r\n042,,2,1.5\r\n")
    make.build(manifest, package)
    for path in package.glob("wells.lance/data/*"):
        path.write_bytes(b"damaged")
    found = datapkg.open(package).diff(1, 2)
    assert found.ok
    assert found.as_json() == {}
    assert list(found.tables.state) == ["equal", "equal"]
    assert list(found.sources.change) == ["changed"]  # another spelling of the same values
    assert "the content is equal" in str(found)
    assert "wells.csv" in str(found)


def test_json_is_as_the_contract_says(package: Path, manifest: Path) -> None:
    make.text(manifest.parent / "wells.csv", "Well,Count,Area,Dose\n005,1.5,0.5,1\n042,2,7.5,1\n077,3,1,1\n")
    make.build(manifest, package)
    assert datapkg.open(package).diff("1.0.0").as_json() == {
        "wells": {
            "columns_added": ["Dose"],
            "columns_removed": ["Gene"],
            "columns_retyped": [{"column": "Count", "old": "int64", "new": "double"}],
            "added": [{"source_path": "wells.csv", "source_row": 2}],
            "removed": [],
            "changed": [
                {
                    "key": {"source_path": "wells.csv", "source_row": 0},
                    "column": "Count",
                    "old": 1,
                    "new": 1.5,
                },
                {
                    "key": {"source_path": "wells.csv", "source_row": 1},
                    "column": "Area",
                    "old": 1.5,
                    "new": 7.5,
                },
            ],
            "images": [],
        }
    }


def test_a_late_text_value_retypes_a_column_and_changes_one_cell(package: Path, manifest: Path) -> None:
    make.text(manifest.parent / "wells.csv", "Well,Gene,Count,Area\n005,KIF11,1,0.5\n042,,many,1.5\n")
    make.build(manifest, package)
    found = datapkg.open(package).diff(1)
    assert found.columns[["column", "change", "old", "new"]].values.tolist() == [
        ["Count", "retyped", "int64", "string"]
    ]
    assert found.cells[["column", "old", "new"]].values.tolist() == [["Count", 2, "many"]]


def test_a_renamed_file_is_told_as_such(package: Path, manifest: Path) -> None:
    data = manifest.parent
    (data / "images/p2/A01_1.tif").rename(data / "images/p2/B01_1.tif")
    make.build(manifest, package, allow_removals=True)
    found = datapkg.open(package).diff(1)
    assert found.sources[["path", "change", "was"]].values.tolist() == [
        ["images/p2/B01_1.tif", "renamed", "images/p2/A01_1.tif"]
    ]
    frames = found.as_json()["frames"]
    assert [key["path"] for key in frames["added"]] == ["images/p2/B01_1.tif"]
    assert [key["path"] for key in frames["removed"]] == ["images/p2/A01_1.tif"]
    assert frames["changed"] == frames["images"] == []


def test_rows_of_a_single_renamed_file_are_the_same_rows(package: Path, manifest: Path) -> None:
    make.text(manifest.parent / "wells2.csv", "Well,Gene,Count,Area\n005,KIF11,1,0.5\n042,,2,9.5\n")
    manifest.write_text(manifest.read_text("utf-8").replace("wells.csv", "wells2.csv"), "utf-8")
    make.build(manifest, package, allow_removals=True)
    wells = datapkg.open(package).diff(1).as_json()["wells"]
    assert wells["added"] == wells["removed"] == []
    assert [(cell["key"]["source_path"], cell["new"]) for cell in wells["changed"]] == [("wells2.csv", 9.5)]


def test_tables_that_came_and_went(package: Path, manifest: Path) -> None:
    text = manifest.read_text("utf-8").replace("name: wells", "name: platemap")
    manifest.write_text(text, "utf-8")
    make.build(manifest, package)
    found = datapkg.open(package).diff(1)
    assert dict(zip(found.tables.table, found.tables.state, strict=True)) == {
        "wells": "removed",
        "frames": "equal",
        "platemap": "added",
    }
    tables = found.as_json()
    assert tables["wells"]["columns_removed"] == ["Well", "Gene", "Count", "Area"]
    assert tables["platemap"]["added"] == [{"source_path": "wells.csv", "source_row": i} for i in (0, 1)]
    assert str(found)


def test_two_packages_are_compared(package: Path, manifest: Path, tmp_path: Path) -> None:
    shutil.copytree(package, tmp_path / "copy")
    other = datapkg.open(tmp_path / "copy")
    assert datapkg.open(package).diff(other).ok
    make.text(manifest.parent / "wells.csv", "Well,Gene,Count,Area\n005,KIF11,1,0.5\n042,,3,1.5\n")
    make.build(manifest, tmp_path / "q")
    found = other.diff(other, datapkg.open(tmp_path / "q"))
    assert found.cells[["old", "new"]].values.tolist() == [[2, 3]]
    assert f"{other.uri}, version 1 (release 1.0.0) -> {tmp_path / 'q'}, version 1" in str(found)


def test_versions_by_name_number_and_default(package: Path, manifest: Path) -> None:
    make.text(manifest.parent / "wells.csv", "Well\nA01\n")
    make.build(manifest, package)
    newest = datapkg.open(package)
    assert newest.diff(1).as_json() == newest.diff("1.0.0", 2).as_json()
    assert newest.diff(2).ok
    backwards = newest.diff(2, 1).as_json()["wells"]
    assert len(backwards["added"]) == len(newest.diff(1).as_json()["wells"]["removed"]) == 1
    with pytest.raises(VersionError, match="no version 9"):
        newest.diff(9)


def test_the_text_is_short_however_much_differs(tmp_path: Path) -> None:
    data = tmp_path / "data"
    manifest = make.manifest(data, "name: t, path: t.csv, schema: {primaryKey: id}")
    for step in (0, 1):
        names = ",".join(f"c{i}" for i in range(30))
        lines = [
            f"{row},{','.join([str((row + i) * 2 + step * 0.25) for i in range(30)])}" for row in range(200)
        ]
        make.text(data / "t.csv", "\n".join([f"id,{names}", *lines[step * 50 :]]) + "\n")
        make.build(manifest, tmp_path / "p")
    found = datapkg.open(tmp_path / "p").diff(1)
    text = str(found)
    assert text.count("\n") < 30
    assert "- 50 rows  0; 1; 2 ... and 47 more" in text
    assert "150 cells  by up to 0.25  e.g. 50: 100.0 -> 100.25" in text
    assert "... and 20 more columns with changed cells" in text
    assert repr(found) == text
    assert len(found.cells) == 150 * 30


def test_values_that_json_does_not_have_are_text(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fields = "{name: n, type: number}, {name: day, type: date}"
    manifest = make.manifest(data, f"name: t, path: t.csv, schema: {{fields: [{fields}]}}")
    for text in ("n,day\n-INF,2026-11-01\n1,2026-11-01\n", "n,day\nINF,2026-11-02\n,2026-11-01\n"):
        make.text(data / "t.csv", text)
        make.build(manifest, tmp_path / "p")
    cells = datapkg.open(tmp_path / "p").diff(1).as_json()["t"]["changed"]
    assert [(cell["old"], cell["new"]) for cell in cells] == [
        ("-Infinity", "Infinity"),
        ("2026-11-01", "2026-11-02"),
        (1.0, None),
    ]
    assert json.dumps(cells, allow_nan=False)


def test_the_command(package: Path, manifest: Path, tmp_path: Path) -> None:
    make.text(manifest.parent / "wells.csv", "Well,Gene,Count,Area\n005,KIF11,1,0.5\n042,,3,1.5\n")
    make.tiff(manifest.parent / "images/p1/A01_1.tif", make.image(9))
    make.build(manifest, package)
    done = run("diff", package, "1.0.0", "--images", tmp_path / "drawn")
    assert done.returncode == 0, done.stderr
    assert "version 1 (release 1.0.0) -> version 2" in done.stdout
    assert "wells.csv, row 1: 2 -> 3" in done.stdout
    assert "drew 1 image into" in done.stdout
    assert len(list((tmp_path / "drawn").iterdir())) == 1
    as_json = run("diff", package, 1, 2, "--json", "--exit-code", "--images", tmp_path / "again")
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout) == datapkg.open(package).diff(1).as_json()
    assert run("diff", package, 2, "--exit-code").returncode == 0
    assert run("diff", package, 1, 1, "--other", package, "--exit-code").returncode == 0
    assert run("diff", package).stdout == run("diff", package, "1.0.0").stdout
    assert_error(run("diff", package, "2.0"), 2, "no release '2.0'")
