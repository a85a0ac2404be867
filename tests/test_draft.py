"""A drafted manifest says what is in a folder, passes the check, and builds."""

from __future__ import annotations

import gzip
import re
import tempfile
from pathlib import Path

import make
import numpy as np
import pytest
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st

import datapkg
from datapkg.draft import draft, place
from datapkg.errors import SourceError, StoreError
from datapkg.locate import find
from datapkg.manifest import Resource
from datapkg.manifest.load import load
from datapkg.report import Report

OPEN = ["nf1_plate2", "examplehuman", "cytominer_b", "nviz_zstack", "example_fly", "ch5"]


def drafted(folder: Path, tmp_path: Path) -> tuple[str, dict[str, Resource], Report]:
    """Draft, check and build; the text, its resources by name, and the build's report."""
    manifest = tmp_path / "draft.yaml"
    place(manifest, draft(folder, manifest))
    datapkg.check(manifest)
    resources = {resource.name: resource for resource in load(manifest).manifest.resources}
    return manifest.read_text("utf-8"), resources, make.build(manifest, tmp_path / "p")


def paths_of(tmp_path: Path, table: str) -> list[str]:
    """The files that a built table has rows of."""
    frame = datapkg.open(tmp_path / "p")[table].to_pandas()
    column = "path" if "path" in frame else "source_path"
    return sorted(set(frame[column]))


def test_the_sample_screen_gets_plate_well_frame_and_channel(tmp_path: Path) -> None:
    text, resources, report = drafted(PROJECT / "manifests" / "screen", tmp_path)
    assert resources["images"].pattern == "{Plate}/{Well}_{Frame:d}_{Channel}.tif"
    assert "gives Plate = LT0001_02" in text
    assert resources["features"].table_schema.primary_key == (
        "Metadata_Plate",
        "Metadata_Well",
        "Metadata_Frame",
        "ObjectNumber",
    )
    assert [(t.name, t.rows) for t in report.tables][:4] == [
        ("features", 341),
        ("platemap", 4),
        ("images", 48),
        ("movies", 72),
    ]
    row = datapkg.open(tmp_path / "p")["images"].to_pandas(
        columns=["Plate", "Well", "Frame", "Channel"], limit=1
    )
    assert row.to_dict("records") == [{"Plate": "LT0001_02", "Well": "C06", "Frame": 1, "Channel": "H2B"}]


def test_a_commented_foreign_key_is_a_manifest_when_it_is_uncommented(tmp_path: Path) -> None:
    for name in ("screen", "single"):
        folder = PROJECT / "manifests" / "screen"
        if name == "single":  # a table without a key of its own: `schema:` is in the comment too
            folder = make.tiff(tmp_path / "single" / "a1.tif").parent
            make.tiff(folder / "a2.tif")
            make.text(folder / "t.csv", "FileName_DNA,x\na1.tif,1\na2.tif,1\n")
        manifest = tmp_path / f"{name}.yaml"
        text = draft(folder, manifest)
        assert text.count("foreignKeys:") == 1
        manifest.write_text(re.sub(r"# (( *)(schema:|foreignKeys:|- \{fields))", r"\1", text), "utf-8")
        keys = [key for one in load(manifest).manifest.resources for key in one.table_schema.foreign_keys]
        assert keys
        assert all(key.reference.resource == "images" for key in keys)
        datapkg.check(manifest)


@pytest.mark.parametrize("name", OPEN)
def test_drafts_of_real_folders_build(shared: Path, tmp_path: Path, name: str) -> None:
    _, resources, report = drafted(shared / "open" / name, tmp_path)
    assert report.created
    patterns = {one.name: one.pattern for one in resources.values() if one.type == "images"}
    assert patterns == {
        "nf1_plate2": {
            "images": "{Well}_01_{ChannelNumber}_{Site}_{Channel}_001.tif",
            "masks": "{Well}_01_{ChannelNumber}_{Site}_{Channel}_001_Mask{Object}.tiff",
        },
        "examplehuman": {"images": "AS_09125_050116030001_{Well}f{Site}d{Channel}.tif"},
        "nviz_zstack": {"images": "E99_{Channel}_ZS{ZPlane:d}.tif"},
        "example_fly": {"images": "01_POS{Site}_{Channel}.TIF"},
    }.get(name, {})


def test_real_tables_of_one_name_in_many_folders_are_one_and_what_breaks_is_left_out(
    shared: Path, tmp_path: Path
) -> None:
    text, resources, _ = drafted(shared / "open" / "cytominer_b", tmp_path)
    assert {name: one.path for name, one in resources.items()} == {
        name: (f"*/{name}.csv",) for name in ("Cells", "Cytoplasm", "Image", "Nuclei")
    }
    assert resources["Cells"].exclude == ("J21-2/Cells.csv",)
    assert "the row has 564 cells" in text
    assert (resources["Cells"].empty, resources["Image"].empty) == ("skip", "error")
    assert "empty files: E17-4/Cells.csv" in text


def test_the_whole_collection_of_real_files_builds(shared: Path, tmp_path: Path) -> None:
    text, resources, _ = drafted(shared / "open", tmp_path)
    assert resources["examplehuman_Image"].path == ("examplehuman/Image.csv",)
    assert "# - idr0013/idr0013-study.txt: 239 of 240 cells of the first row are empty" in text


def test_same_columns_are_one_table_and_other_columns_another(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number in (1, 2):
        make.text(data / f"plate{number}.csv", f"Well,Gene,Dose\nA01,KIF11,{number}\n")
    make.text(data / "doses.csv", "Dose,Unit,Compound\n1,uM,a\n2,uM,b\n")
    _, resources, report = drafted(data, tmp_path)
    assert {name: one.path for name, one in resources.items()} == {
        "doses": ("doses.csv",),
        "plate": ("plate*.csv",),
    }
    assert [table.rows for table in report.tables] == [2, 2]


def test_tables_of_objects_stay_apart_though_their_columns_are_equal(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("Cells", "Nuclei"):
        for site in ("A01-1", "B01-1"):
            make.text(data / site / f"{name}.csv", "ImageNumber,ObjectNumber,Area\n1,1,5\n1,2,6\n")
    _, resources, _ = drafted(data, tmp_path)
    assert {name: one.path for name, one in resources.items()} == {
        "Cells": ("*/Cells.csv",),
        "Nuclei": ("*/Nuclei.csv",),
    }
    assert not resources["Cells"].table_schema.primary_key  # the numbers begin again with each site


def test_a_primary_key_has_no_missing_value_and_no_two_equal_rows(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make.text(data / "sound.csv", "Metadata_Plate,Metadata_Well,a\nP,A01,1\nP,A02,1\n")
    make.text(data / "twice.csv", "Metadata_Plate,Metadata_Well,b\nP,A01,1\nP,A01,1\n")
    make.text(data / "missing.csv", "Metadata_Plate,Metadata_Well,c\nP,A01,1\nP,,1\n")
    _, resources, _ = drafted(data, tmp_path)
    keys = {name: one.table_schema.primary_key for name, one in resources.items()}
    assert keys == {
        "sound": ("Metadata_Plate", "Metadata_Well"),
        "twice": (),
        "missing": ("Metadata_Plate",)[:0],
    }


def test_images_and_masks_of_one_folder_are_two_tables(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for well in ("A01", "A02"):
        make.tiff(data / f"{well}_s1_DAPI.tif")
        make.tiff(data / f"{well}_s1_DAPI_mask.tif", make.image(dtype="uint8"))
    _, resources, _ = drafted(data, tmp_path)
    assert {name: one.pattern for name, one in resources.items()} == {
        "images": "{Well}_s{Site}_{Channel}.tif",
        "masks": "{Well}_s{Site}_{Channel}_mask.tif",
    }
    assert paths_of(tmp_path, "images") == ["A01_s1_DAPI.tif", "A02_s1_DAPI.tif"]


def test_pixel_types_that_no_column_holds_together_are_two_tables(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number in range(4):
        make.tiff(data / f"f{number}.tif", make.image(number, dtype="int64" if number < 3 else "float32"))
    _, resources, _ = drafted(data, tmp_path)
    assert list(resources) == ["images", "images_float32"]
    assert paths_of(tmp_path, "images_float32") == ["f3.tif"]


def test_suffixes_in_both_cases_are_one_table_of_two_globs(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make.tiff(data / "A01_DAPI.TIF")
    make.tiff(data / "A02_GFP.TIF")
    make.tiff(data / "B01_DAPI.tif")
    make.tiff(data / "B02_GFP.tif")
    make.tiff(data / "._A01.tif")
    _, resources, _ = drafted(data, tmp_path)
    assert resources["images"].path == ("*.TIF", "*.tif")
    frame = datapkg.open(tmp_path / "p")["images"].to_pandas(columns=["Well", "Channel"])
    assert frame["Well"].tolist() == ["A01", "A02", "B01", "B02"]


def test_names_without_one_pattern_get_none_and_a_word_about_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("A01_DAPI.tif", "A02_DAPI.tif", "overview.tif"):
        make.tiff(data / name)
    text, resources, _ = drafted(data, tmp_path)
    assert resources["images"].pattern is None
    assert "follow no one pattern (one that differs: overview.tif)" in text
    assert '    # pattern: "{Plate}/{Well}_{Site}_{Channel}.tif"' in text


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make.text(data / "wells.csv", "Well,Gene\nA01,KIF11\n")
    make.text(data / "README.txt", "These are the wells.\nThere is one, of course.\n")
    make.text(data / "latin.csv", "a,b\n1,2\n").write_bytes(b"a,b\nm\xe8re,2\n")
    for number in range(5):
        make.text(data / f"plan{number}.xlsx", "x")
    make.text(data / "empty.csv", "")
    make.text(data / "old.zarr" / "c" / "0", "x")
    (data / "away.csv").symlink_to(tmp_path)
    (data / "gone.csv").symlink_to(data / "nothing.csv")
    text, resources, _ = drafted(data, tmp_path)
    assert [one.path for one in resources.values()] == [("wells.csv",)]
    left_out = text.partition("# Left out:\n")[2].splitlines()
    assert left_out == [
        "# - 5 files of .xlsx (save the sheet as CSV to have them): plan0.xlsx, plan1.xlsx, plan2.xlsx and 2 more",
        "# - 1 file of text that is no table: README.txt",
        "# - 1 file without content: empty.csv",
        "# - gone.csv: the link points to nothing",
        "# - latin.csv: byte 0xe8 is not UTF-8 text; save the file as UTF-8, or say its encoding in the manifest, such",
        "#   as `encoding: cp1252`",
        "# - links to folders, which were not entered: away.csv",
        "# - folders of programs, which were not entered: old.zarr",
    ]


def test_broken_images_are_excluded_with_the_reason(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number in range(3):
        make.tiff(data / f"t{number:03}.tif")
    (data / "t003.tif").write_bytes((data / "t000.tif").read_bytes()[:60])
    (data / "t004.tif").write_bytes(b"")
    text, resources, report = drafted(data, tmp_path)
    assert resources["images"].exclude == ("t003.tif",)
    assert resources["images"].empty == "skip"
    assert "# A build would refuse this: the TIFF is cut off" in text
    assert report.tables[0].rows == 3


def test_of_many_images_a_sample_is_looked_at_and_all_of_them_where_it_shows_a_fault(tmp_path: Path) -> None:
    data = tmp_path / "data"
    image = make.tiff(data / "t0000.tif").read_bytes()
    for number in range(1, 250):
        (data / f"t{number:04}.tif").write_bytes(image)
    text, _, _ = drafted(data, tmp_path)
    assert "Only 100 of them were looked at: uint16, 6 x 8. A build reads all." in text
    for number in (0, 7, 249):
        (data / f"t{number:04}.tif").write_bytes(image[:60])
    again = draft(data, tmp_path / "again.yaml")
    assert re.findall(r"- (t\d+\.tif)", again) == ["t0000.tif", "t0007.tif", "t0249.tif"]


def test_what_keeping_costs_is_said(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number in (1, 2):
        make.tiff(data / f"{number}.tif", np.zeros((100, 100), "u1"), compression="zlib")
    text, resources, _ = drafted(data, tmp_path)
    assert re.search(r"keep: \[bytes, array\] +# stores \d+ B as files, 20.0 KB as pixels;", text)
    assert resources["images"].keep == ("bytes", "array")


def test_names_of_tables_differ_whatever_the_folders_hold(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make.text(data / "a" / "wells.csv", "x,y,z\n1,2,3\n")
    make.text(data / "b" / "WELLS.csv", "u,v,w\n1,2,3\n")
    make.text(data / "images_files.csv", "k,l,m\n1,2,3\n")
    make.tiff(data / "1.tif")
    _, resources, _ = drafted(data, tmp_path)
    assert list(resources) == ["wells", "b_WELLS", "images_files", "images_2"]


def test_a_table_that_has_our_columns_is_not_joined_with_others(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number in (1, 2):
        make.text(data / f"t{number}.csv", "source_path,a,b\nx,1,2\n")
    _, resources, _ = drafted(data, tmp_path)
    assert [one.path for one in resources.values()] == [("t1.csv",), ("t2.csv",)]


def test_gzipped_tables_and_odd_names(tmp_path: Path) -> None:
    data = tmp_path / "data" / "Größe [1] {x}"
    data.mkdir(parents=True)
    (data / "t [1].csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    make.text(data / "@home*.csv", "c,d\n1,2\n")
    for name in ("{A}_1.tif", "{A}_2.tif"):
        make.tiff(data / name)
    _, _, report = drafted(data, tmp_path)
    assert sorted(table.files for table in report.tables) == [1, 1, 2]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text("Aab1_-. [", min_size=1, max_size=6), min_size=1, max_size=6, unique_by=str.casefold))
def test_whatever_the_names_a_draft_means_each_file_once(stems: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        for at, stem in enumerate(stems):
            folder = data / "sub" if at % 3 == 2 else data
            make.text(folder / f"t{stem}.csv", "a,b,c\n1,2,3\n" if at % 2 else "d,e,f\n1,2,3\n")
        manifest = Path(name) / "m.yaml"
        place(manifest, draft(data, manifest))
        loaded = load(manifest)
        datapkg.check(manifest)
        report = make.build(manifest, Path(name) / "p") if len(stems) > 5 else None
        found = [file.path for one in loaded.manifest.resources for file in find(loaded, one).files]
        assert sorted(found) == sorted(path.relative_to(data).as_posix() for path in data.rglob("*.csv"))
        assert report is None or report.sources.files == len(stems)


@pytest.mark.parametrize(
    ("make_it", "what"),
    [
        (lambda path: None, "there is no such folder"),
        (lambda path: path.write_text("x"), "this is a file, not a folder"),
        (lambda path: path.mkdir(), "the folder is empty"),
        (lambda path: make.text(path / "a.pdf", "x"), "none of the 1 files is of a kind that datapkg reads"),
        (lambda path: make.text(path / "a.csv", ""), "its files hold nothing"),
        (
            lambda path: make.text(path / "a.tif", "x"),
            "none of its files can be read; the first is a.tif: not a TIFF",
        ),
        (
            lambda path: make.text(path / "README.txt", "This is a text.\n"),
            "its files hold text, but no table",
        ),
    ],
)
def test_a_folder_without_anything_to_read_is_an_error(tmp_path: Path, make_it: object, what: str) -> None:
    make_it(tmp_path / "data")  # type: ignore[operator]
    with pytest.raises(SourceError, match=re.escape(what)) as caught:
        draft(tmp_path / "data", tmp_path / "m.yaml")
    assert caught.value.where == str(tmp_path / "data")
    assert caught.value.fix


def test_a_manifest_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = make.text(tmp_path / "m.yaml", "mine")
    with pytest.raises(StoreError, match="is there already"):
        place(path, "other")
    assert path.read_text("utf-8") == "mine"
    with pytest.raises(StoreError, match="cannot be written"):
        place(tmp_path / "no" / "m.yaml", "other")


def test_the_root_is_seen_from_the_manifest(tmp_path: Path) -> None:
    data = make.text(tmp_path / "data" / "a.csv", "x,y\n1,2\n").parent
    (tmp_path / "manifests").mkdir()
    assert 'root: "../data"' in draft(data, tmp_path / "manifests" / "m.yaml")
    assert 'root: "."' in draft(data, data / "m.yaml")


def test_what_programs_leave_in_folders_is_not_told_of(tmp_path: Path) -> None:
    data = tmp_path / "Müller, Größe 3"
    make.text(data / "wells.csv", "Well,n\nA01,1\n")
    for name in ("Thumbs.db", "desktop.ini", "~$results.xlsx", "results.xlsx"):
        make.text(data / name, "x")
    text, _, _ = drafted(data, tmp_path)
    assert "name: muller-grosse-3" in text
    assert "results.xlsx" in text
    for name in ("Thumbs.db", "desktop.ini", "~$"):
        assert name not in text
