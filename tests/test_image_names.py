"""The report tells which file names match no image, and which images no row names."""

from __future__ import annotations

from pathlib import Path

import make
import pytest

import datapkg


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for well in ("A01", "A02", "A03"):
        for channel in ("DAPI", "GFP"):
            make.tiff(tmp_path / "images" / "P1" / f"{well}_{channel}.tif", make.image(1))
    return tmp_path


def warnings(folder: Path, *tables: str) -> tuple[str, ...]:
    """What a build of the images and tables has to say."""
    resources = [f"name: {name}, path: {name}.csv" for name in tables]
    manifest = make.manifest(folder, *resources, 'name: frames, path: "images/**/*.tif"')
    return make.build(manifest, folder / "p").warnings


def test_nothing_is_said_where_every_name_and_every_image_has_its_partner(images: Path) -> None:
    rows = "".join(f"A0{i}_DAPI.tif,A0{i}_GFP.tif\n" for i in (1, 2, 3))
    make.text(images / "profiles.csv", f"Image_FileName_DAPI,FileName_GFP\n{rows}")
    assert warnings(images, "profiles") == ()


def test_names_without_an_image_and_images_without_a_name_are_told(images: Path) -> None:
    make.text(
        images / "profiles.csv",
        "Well,Image_FileName_DAPI\nA01,A01_DAPI.tif\nB01,\nB01,B01.tif\nB02,B02.tif\n",
    )
    assert warnings(images, "profiles") == (
        "profiles.Image_FileName_DAPI: 1 of 3 names match images in `frames`; 2 match none, "
        "first B01.tif at profiles.csv:4",
        "5 of 6 images in `frames` are named by no row, first images/P1/A01_GFP.tif",
    )


def test_columns_name_images_together_and_by_path_too(images: Path) -> None:
    make.text(images / "a.csv", "file\n" + "".join(f"images/P1/A0{i}_DAPI.tif\n" for i in (1, 2, 3)))
    make.text(images / "b.csv", "x,FileName_GFP\n" + "".join(f"{i},A0{i}_GFP.tif\n" for i in (1, 2)))
    assert warnings(images, "a", "b") == (
        "a.file: 3 of 3 names match images in `frames`",
        "b.FileName_GFP: 2 of 2 names match images in `frames`",
        "1 of 6 images in `frames` is named by no row, first images/P1/A03_GFP.tif",
    )


def test_a_column_that_names_no_image_at_all_is_told_once(images: Path) -> None:
    make.text(images / "a.csv", "x,note,n\n,word,1\nelsewhere/1.TIF,word.tif,2\n")
    make.text(images / "b.csv", "FileName_X\n1.png\n2.png\n")
    assert warnings(images, "a", "b") == (
        "a.x: its one name matches no image of the package, first elsewhere/1.TIF at a.csv:3",
        "b.FileName_X: none of its 2 names matches an image of the package, first 1.png at b.csv:2",
    )


def test_several_tables_of_images_are_one_stock_of_names(images: Path) -> None:
    make.tiff(images / "more" / "B01.tif", make.image(2))
    make.text(images / "a.csv", "x,FileName\n1,B01.tif\n2,A01_DAPI.tif\n")
    manifest = make.manifest(
        images,
        "name: a, path: a.csv",
        'name: frames, path: "images/**/*.tif"',
        'name: more, path: "more/*.tif"',
    )
    assert make.build(manifest, images / "p").warnings == (
        "a.FileName: 2 of 2 names match images in `frames` or `more`",
        "5 of 6 images in `frames` are named by no row, first images/P1/A01_GFP.tif",
    )


def test_a_build_of_the_same_says_the_same_and_the_package_keeps_it(images: Path) -> None:
    make.text(images / "a.csv", "x,FileName_X\n1,1.tif\n")
    first = warnings(images, "a")
    assert len(first) == 1
    assert warnings(images, "a") == first
    assert tuple(datapkg.open(images / "p").warnings) == first
    make.text(images / "a.csv", "x,FileName_X\n1,A01_DAPI.tif\n")
    assert "5 of 6 images" in warnings(images, "a")[1]


def test_a_package_without_images_is_not_searched_for_names(tmp_path: Path) -> None:
    make.text(tmp_path / "a.csv", "x,FileName_X\n1,1.tif\n")
    assert make.build(make.manifest(tmp_path, "name: a, path: a.csv"), tmp_path / "p").warnings == ()
