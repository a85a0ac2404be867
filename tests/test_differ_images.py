"""Images of two versions are compared pixel by pixel, and drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import make
import make_ch5
import numpy as np
import pytest
from PIL import Image

import datapkg
from datapkg.differ.images import PixelChange, compare
from datapkg.errors import StoreError


def test_changed_pixels_are_counted_and_boxed(package: Path, manifest: Path) -> None:
    pixels = make.image(0)
    pixels[2, 3] += 900
    pixels[4, 5] = 0 if pixels[4, 5] else 1
    make.tiff(manifest.parent / "images/p1/A01_1.tif", pixels)
    make.tiff(manifest.parent / "images/p1/A02_1.tif", make.image(1, (5, 8)))
    make.tiff(manifest.parent / "images/p2/A01_1.tif", make.image(2), resolution=(10, 10))
    make.build(manifest, package)
    found = datapkg.open(package).diff(1)
    keys = [
        {"path": f"images/{name}", "series": 0, "page": 0}
        for name in ("p1/A01_1.tif", "p1/A02_1.tif", "p2/A01_1.tif")
    ]
    assert found.as_json()["frames"]["images"] == [
        {"key": keys[0], "pixels_changed": 2, "max_difference": 900, "box": [2, 3, 5, 6]},
        {"key": keys[1], "pixels_changed": None, "max_difference": None, "box": None},
        {"key": keys[2], "pixels_changed": 0, "max_difference": 0, "box": None},
    ]
    images = found.images
    assert images.new.tolist() == ["uint16 [6, 8]", "uint16 [5, 8]", "uint16 [6, 8]"]
    assert "metadata" in images.metadata[2]
    text = str(found)
    assert "2 of 48 pixels, by up to 900, within y 2:5, x 3:6" in text
    assert "no longer uint16 [6, 8] but uint16 [5, 8]" in text
    assert "1 image has another description and the same pixels" in text


def test_images_of_files_that_are_kept_as_they_are_are_compared(tmp_path: Path) -> None:
    manifest = make.manifest(tmp_path / "data", 'name: frames, path: "*.tif", keep: bytes')
    for number in (1, 2):
        make.tiff(tmp_path / "data" / "a.tif", make.image(1) + (number - 1))
        make.build(manifest, tmp_path / "p")
    (change,) = datapkg.open(tmp_path / "p").diff(1).as_json()["frames"]["images"]
    assert (change["pixels_changed"], change["max_difference"], change["box"]) == (48, 1, [0, 0, 6, 8])


def test_planes_have_a_key_of_their_own(tmp_path: Path) -> None:
    stack = make.image(1, (2, 3, 6, 8))
    manifest = make.manifest(tmp_path / "data", 'name: frames, path: "*.tif", rows: plane')
    make.tiff(tmp_path / "data" / "a.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    make.build(manifest, tmp_path / "p")
    stack[1, 2, 0, 0] += 1
    make.tiff(tmp_path / "data" / "a.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    make.build(manifest, tmp_path / "p")
    (change,) = datapkg.open(tmp_path / "p").diff(1).as_json()["frames"]["images"]
    assert {name: change["key"][name] for name in "tcz"} == {"t": 1, "c": 2, "z": 0}
    assert (change["pixels_changed"], change["box"]) == (1, [0, 0, 1, 1])


def movies(tmp_path: Path) -> Iterator[Path]:
    """Build a movie, then once for each change that is asked for."""
    local = tmp_path / "data" / "a.ch5"
    local.parent.mkdir()
    make_ch5.movie(local)
    manifest = make.manifest(tmp_path / "data", 'name: movies, path: "*.ch5"')
    while True:
        make.build(manifest, tmp_path / "p", allow_removals=True)
        yield local


def test_a_movie_is_compared_by_what_its_rows_are(tmp_path: Path) -> None:
    building = movies(tmp_path)
    local = next(building)
    place = make_ch5.position_path("P1", "A01", "0037")
    with h5py.File(local, "r+") as file:
        file[f"{place}/image/channel"][1, 2, 0, 3, 4] += 50
        file[f"{place}/feature/{make_ch5.OBJECT}/object_features"][2, 1] = -1.0
        boxes = file[f"{place}/feature/{make_ch5.OBJECT}/bounding_box"]
        boxes[1] = (*boxes[1].tolist()[:3], 12)
    next(building)
    found = datapkg.open(tmp_path / "p").diff(1)
    tables = found.as_json()
    position = {"plate": "P1", "well": "A01", "site": "0037"}
    plane = {**position, "kind": "channel", "index": 1, "t": 2, "z": 0}
    assert tables["movies"]["images"] == [
        {"key": plane, "pixels_changed": 1, "max_difference": 50, "box": [3, 4, 4, 5]}
    ]
    features = tables[f"movies_features_{make_ch5.OBJECT}"]["changed"]
    assert features == [
        {
            "key": {**position, "object_name": make_ch5.OBJECT, "object_index": 2},
            "column": "n2_avg",
            "old": 7.0,
            "new": -1.0,
        }
    ]
    (box,) = tables["movies_objects"]["changed"]
    assert (box["column"], box["key"]["object_index"], box["new"]["bottom"]) == ("bounding_box", 1, 12)


def test_a_movie_in_a_renamed_file_has_the_same_rows(tmp_path: Path) -> None:
    building = movies(tmp_path)
    local = next(building)
    local.rename(local.with_name("b.ch5"))
    next(building)
    found = datapkg.open(tmp_path / "p").diff(1)
    by_place = {
        name: table for name, table in found.as_json().items() if name in ("movies", "movies_objects")
    }
    assert len(by_place) == 2
    for table in by_place.values():
        assert table["added"] == table["removed"] == table["changed"] == table["images"] == []
    assert "come from another file" in str(found)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"])
def test_the_largest_difference_of_whole_numbers_does_not_overflow(dtype: str) -> None:
    ends = np.iinfo(dtype)
    old, new = np.array([[ends.min, 0]], dtype), np.array([[ends.max, 0]], dtype)
    assert compare(old, new, "YX") == PixelChange(1, int(ends.max) - int(ends.min), (0, 0, 1, 1))
    assert compare(new, old, "YX").max_difference == int(ends.max) - int(ends.min)


def test_floats_are_compared_by_bits() -> None:
    nan = float("nan")
    old = np.array([[nan, 0.0, 1.0, 2.0]], "f4")
    assert compare(old, old.copy()) == PixelChange(0, 0)
    assert compare(old, np.array([[nan, -0.0, 1.5, 2.0]], "f4")) == PixelChange(2, 0.5, (0, 1, 1, 3))
    assert compare(old, np.array([[7.0, 0.0, 1.0, 2.0]], "f4")) == PixelChange(1, None, (0, 0, 1, 1))
    assert compare(np.array([[True, False]]), np.array([[True, True]])) == PixelChange(1, 1, (0, 1, 1, 2))


def test_the_box_is_in_y_and_x_wherever_these_axes_stand() -> None:
    old = np.zeros((4, 5, 3), "u1")
    new = old.copy()
    new[1, 2, 0] = new[3, 4, 2] = 9
    assert compare(old, new, "YXS").box == (1, 2, 4, 5)
    assert compare(old, new, "XYC").box == (2, 1, 5, 4)
    assert compare(old, new, "TYX").box == (2, 0, 5, 3)
    assert compare(old, new).box == (2, 0, 5, 3)


def test_images_of_another_shape_or_type_or_missing_are_not_laid_over_each_other() -> None:
    image = np.zeros((2, 2), "u1")
    for other in (np.zeros((2, 3), "u1"), np.zeros((2, 2), "u2"), None):
        assert compare(image, other) == compare(other, image) == PixelChange()


def test_a_drawing_shows_before_after_and_difference(package: Path, manifest: Path, tmp_path: Path) -> None:
    pixels = make.image(0, (40, 60))
    make.tiff(manifest.parent / "images/p1/A01_1.tif", pixels)
    make.tiff(manifest.parent / "images/p1/A02_1.tif", make.image(1, (3, 40, 60)), photometric="minisblack")
    make.build(manifest, package)
    pixels[10:20, 5:15] += 500
    make.tiff(manifest.parent / "images/p1/A01_1.tif", pixels)
    make.tiff(manifest.parent / "images/p1/A02_1.tif", make.image(9, (3, 40, 60)), photometric="minisblack")
    make.build(manifest, package)
    found = datapkg.open(package).diff(2)
    one, other = found.draw(tmp_path / "drawn")
    assert one.name == "frames-0-images_p1_A01_1.tif-0-0.png"
    with Image.open(one) as picture:
        drawn = np.asarray(picture)
    red = (drawn == (255, 0, 0)).all(axis=2)
    assert red.sum() == 100 * 5 * 5  # the changed pixels, each magnified to 5 x 5
    with Image.open(other) as picture:
        assert picture.size[0] > 900
    with pytest.raises(StoreError, match="is there already"):
        found.draw(tmp_path / "drawn")
    smaller = datapkg.open(package).diff(1)  # images of another shape stand beside each other
    assert len(smaller.draw(tmp_path / "others")) == 2


def test_a_table_of_images_that_came_is_not_drawn(package: Path, manifest: Path, tmp_path: Path) -> None:
    make.tiff(manifest.parent / "images/p1/A01_1.tif", make.image(0, (40, 60)))
    make.build(manifest, package)
    make.tiff(manifest.parent / "images/p1/A01_1.tif", make.image(1, (40, 60)))
    make.tiff(manifest.parent / "more/a.tif", make.image(2, (4, 6)))
    manifest.write_text(manifest.read_text() + '  - {name: more, path: "more/*.tif"}\n')
    make.build(manifest, package)
    for old, new in ((2, 3), (3, 2)):
        found = datapkg.open(package, version=new).diff(old)
        assert len(found.draw(tmp_path / f"drawn {new}")) == 1
