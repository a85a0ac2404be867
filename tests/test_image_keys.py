"""Rows with the images that the manifest's foreign keys lead to."""

from __future__ import annotations

from pathlib import Path

import make
import make_versions
import numpy as np
import pytest

import datapkg
from datapkg.errors import SchemaError

FRAMES = 'name: frames, path: "images/*.tif", pattern: "{Plate}_{Well}_{Site:d}_{Channel}.tif"'
BY_NAME = "foreignKeys: [{{fields: [{0}], reference: {{resource: frames, fields: [file_name]}}}}, {{fields: [{1}], reference: {{resource: frames, fields: [file_name]}}}}]"


def images(folder: Path, sites: int = 1) -> None:
    """Two wells, some sites, two channels: the value of a pixel tells which."""
    for well, name in enumerate(["A01", "A02"]):
        for site in range(sites):
            for channel, label in enumerate(["DAPI", "DNA"]):
                pixels = np.full((4, 6), 100 * well + 10 * site + channel, "uint16")
                make.tiff(folder / "images" / f"p_{name}_{site}_{label}.tif", pixels)


def package(folder: Path, schema: str, *more: str) -> datapkg.Package:
    cells = f"name: cells, path: cells.csv, schema: {{{schema}}}"
    make.build(make.manifest(folder, cells, *more), folder / "p")
    return datapkg.open(folder / "p")


def test_each_key_is_a_column_named_after_what_differs(tmp_path: Path) -> None:
    images(tmp_path)
    rows = "p_A02_0_DAPI.tif,p_A02_0_DNA.tif,7\np_A01_0_DAPI.tif,,8\np_A02_0_DAPI.tif,p_A01_0_DNA.tif,9\n"
    make.text(tmp_path / "cells.csv", "Image_FileName_DAPI,Image_FileName_DNA,Count\n" + rows)
    keys = BY_NAME.format("Image_FileName_DAPI", "Image_FileName_DNA")
    opened = package(tmp_path, keys, FRAMES)
    frame = opened["cells"].with_images()
    assert list(frame.columns)[-2:] == ["image_DAPI", "image_DNA"]
    assert [image[0, 0] for image in frame["image_DAPI"]] == [100, 0, 100]
    assert frame["image_DNA"].isna().tolist() == [False, True, False]
    assert frame["image_DNA"].iloc[2][0, 0] == 1
    some = opened["cells"].with_images(["Count"], where="Count > 7", limit=1)
    assert list(some.columns) == ["Count", "image_DAPI", "image_DNA"] and some.index.tolist() == [1]
    assert some["image_DAPI"].iloc[0][0, 0] == 0


def test_several_images_by_one_key_are_a_column_for_each_channel(tmp_path: Path) -> None:
    images(tmp_path)
    make.text(tmp_path / "cells.csv", "W,P\nA02,p\nA01,p\n,p\n")
    key = "foreignKeys: [{fields: [P, W], reference: {resource: frames, fields: [Plate, Well]}}]"
    frame = package(tmp_path, key, FRAMES)["cells"].with_images()
    assert list(frame.columns) == ["W", "P", "image_DAPI", "image_DNA"]
    assert [image[0, 0] for image in frame["image_DNA"].iloc[:2]] == [101, 1]
    assert frame["image_DNA"].isna().tolist() == [False, False, True]


def test_what_is_still_several_is_an_array_of_lazy_cells(tmp_path: Path) -> None:
    images(tmp_path, sites=2)
    make.text(tmp_path / "cells.csv", "W,n\nA02,1\nA01,2\n,3\nA02,4\n")
    key = "foreignKeys: [{fields: [W], reference: {resource: frames, fields: [Well]}}]"
    opened = package(tmp_path, key, FRAMES)
    frame = opened["cells"].with_images()
    assert [[image[0, 0] for image in cell] for cell in frame["image_DAPI"]] == [
        [100, 110],
        [0, 10],
        [],
        [100, 110],
    ]
    by_site = opened["cells"].with_images(by="Site")
    assert list(by_site.columns) == ["W", "n", "image_0", "image_1"]
    assert [image[0, 0] for image in by_site["image_1"].iloc[0]] == [110, 111]
    with pytest.raises(SchemaError, match="did you mean 'Site'"):
        opened["cells"].with_images(by="Sites")


def test_without_a_channel_column_cells_hold_all_images(tmp_path: Path) -> None:
    images(tmp_path)
    make.text(tmp_path / "cells.csv", "W\nA02\n")
    key = "foreignKeys: [{fields: [W], reference: {resource: frames, fields: [Well]}}]"
    frames = 'name: frames, path: "images/*.tif", pattern: "p_{Well}_0_{Stain}.tif"'
    frame = package(tmp_path, key, frames)["cells"].with_images()
    assert list(frame.columns) == ["W", "image_array"]
    assert [image[0, 0] for image in frame["image_array"].iloc[0]] == [100, 101]


def test_keys_to_several_tables_are_named_after_these(tmp_path: Path) -> None:
    make.tiff(tmp_path / "a.tif", make.image(1))
    make.tiff(tmp_path / "b.tif", make.image(2))
    make.text(tmp_path / "cells.csv", "F,image_masks\na.tif,b.tif\n")
    keys = (
        "foreignKeys: [{fields: [F], reference: {resource: raw, fields: [file_name]}},"
        " {fields: [image_masks], reference: {resource: masks, fields: [file_name]}}]"
    )
    opened = package(tmp_path, keys, "name: raw, path: a.tif", "name: masks, path: b.tif, keep: bytes")
    frame = opened["cells"].with_images()
    assert list(frame.columns) == ["F", "image_masks", "image_raw", "image_masks_"]
    assert np.array_equal(frame["image_masks_"].iloc[0], make.image(2))


def test_whole_numbers_and_doubles_are_the_same_key_only_where_they_are_equal(tmp_path: Path) -> None:
    make.tiff(tmp_path / "1.tif", make.image(1))
    make.tiff(tmp_path / "2.tif", make.image(2))
    make.text(tmp_path / "cells.csv", "N\n2.0\n1.0\n")
    key = "fields: [{name: N, type: number}], foreignKeys: [{fields: [N], reference: {resource: frames, fields: [Number]}}]"
    frame = package(tmp_path, key, 'name: frames, path: "*.tif", pattern: "{Number:d}.tif"')[
        "cells"
    ].with_images()
    assert np.array_equal(frame["image_array"].iloc[0], make.image(2))


def test_rows_of_a_package_with_history_find_their_own_images(tmp_path: Path) -> None:
    opened = datapkg.open(make_versions.package(tmp_path))
    frame = opened["cells"].with_images(where="Well = 'A01'")
    seeds = {"p00_1.tif": 201, "p01_1.tif": 11, "p02_1.tif": 121, "p04_1.tif": 41, "p05_1.tif": 51}
    assert frame["File"].tolist() == list(seeds)
    for name, image in zip(frame["File"], frame["image_array"], strict=True):
        assert np.array_equal(image, make.image(seeds[name]))
    old = opened.checkout("1.0.0")["cells"].with_images(["File"], where="File = 'p03_2.tif'")
    assert np.array_equal(old["image_array"].iloc[0], make.image(32))


def test_a_table_without_such_a_key_says_what_to_add(package_without_key: datapkg.Package) -> None:
    with pytest.raises(SchemaError, match="no foreign key") as refused:
        package_without_key["wells"].with_images()
    assert "reference: {resource: frames, fields: [file_name]}" in refused.value.fix
    with pytest.raises(SchemaError, match="to_pandas"):
        package_without_key["frames"].with_images()


@pytest.fixture
def package_without_key(package: Path) -> datapkg.Package:
    return datapkg.open(package)


def test_a_package_without_images_says_so(tmp_path: Path) -> None:
    make.text(tmp_path / "cells.csv", "W\nA02\n")
    with pytest.raises(SchemaError, match="no foreign key") as refused:
        package(tmp_path, "primaryKey: [W]")["cells"].with_images()
    assert "images" in refused.value.fix


def test_no_rows_have_no_images(tmp_path: Path) -> None:
    images(tmp_path)
    make.text(tmp_path / "cells.csv", "W\nA02\n")
    key = "foreignKeys: [{fields: [W], reference: {resource: frames, fields: [Well]}}]"
    frame = package(tmp_path, key, FRAMES)["cells"].with_images(limit=0)
    assert len(frame) == 0 and "W" in frame.columns
