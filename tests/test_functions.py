"""Ready-made functions: each is one line of a manifest."""

from __future__ import annotations

from pathlib import Path

import make
import make_derive
import numpy as np
import pytest
import skimage.filters
import skimage.measure

import datapkg
from datapkg import functions


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Two fields with two cells each: RGB as PNG, and labels as TIFF."""
    data = tmp_path / "data"
    for number in range(2):
        labels = np.zeros((40, 50), "uint16")
        labels[5:15, 10:22] = 1
        labels[20 + number : 30, 30:45] = 2
        make.tiff(data / "labels" / f"{number}.tif", labels)
        make.tiff(data / "cells" / f"{number}.tif", make.image(number, (40, 50)) + labels * 1000)
    return make.manifest(data, 'name: cells, path: "cells/*.tif"', 'name: labels, path: "labels/*.tif"')


LINES = """derive:
  - {table: cells, column: smooth, function: "datapkg.functions:blur", args: {sigma: [5, 0]}, input: image_array}
  - {table: cells, column: small, function: "datapkg.functions:resize", args: {shape: [20, 25]}, input: image_array}
  - {table: cells, column: shown, function: "datapkg.functions:contrast", args: {low: 1, high: 99}, input: image_array}
  - {table: cells, column: thumb, function: "datapkg.functions:thumbnail", args: {size: 16}, input: image_array}
  - {table: cells, column: file, function: "datapkg.functions:encode", args: {form: png}, input: shown}
  - {table: cells, column: back, function: "datapkg.functions:decode", input: file}
  - {table: labels, into: found, function: "datapkg.functions:regions", input: image_array}
  - {table: labels, into: cut, function: "datapkg.functions:region_crops", args: {margin: 2}, input: [image_array, image_array]}
  - {table: cells, column: drawn, function: "datapkg.functions:captions", input: [shown, file_name]}
"""


def test_each_function_is_one_line_of_a_manifest(cells: Path, tmp_path: Path) -> None:
    make_derive.manifest(cells, LINES)
    make.build(cells, tmp_path / "p")
    package = datapkg.open(tmp_path / "p")
    table = package["cells"]
    image = table.image(1)
    wanted = skimage.filters.gaussian(image, [5, 0], preserve_range=True)
    np.testing.assert_array_equal(table.image(1, "smooth"), np.rint(wanted).astype("u2"))
    assert [table.image(1, name).shape for name in ("small", "shown", "thumb", "drawn")] == [
        (20, 25), (40, 50), (13, 16), (40, 50, 3)
    ]  # fmt: skip
    np.testing.assert_array_equal(table.image(1, "back"), table.image(1, "shown"))
    found = package["found"].to_pandas()
    assert found.area.tolist() == [120, 150, 120, 135]
    assert found[["y0", "x0", "y1", "x1"]].iloc[1].tolist() == [20, 30, 30, 45]
    assert found.mean_intensity.isna().all()
    assert [one.shape for one in package["cut"].images(range(4), "crop")] == [
        (14, 16),
        (14, 19),
        (14, 16),
        (13, 19),
    ]
    assert package.verify(deep=True).ok


def test_regions_are_those_of_scikit_image() -> None:
    rng = np.random.default_rng(3)
    labels = skimage.measure.label(rng.random((60, 70)) > 0.6)
    image = rng.integers(0, 4000, labels.shape)
    found = functions.regions(labels, image)
    wanted = skimage.measure.regionprops_table(labels, image, properties=("label", "area", "intensity_mean"))
    for ours, theirs in (("label", "label"), ("area", "area"), ("mean_intensity", "intensity_mean")):
        np.testing.assert_array_equal(found[ours], wanted[theirs])
    assert set(found) == set(functions.REGION)
    more = functions.regions(labels > 0, properties=["label", "moments_hu"])
    assert "moments_hu_6" in more


def test_a_jpeg_comes_back_nearly_as_it_was() -> None:
    pixels = functions.blur(make.image(1, (64, 80, 3), "uint8"), [2, 2, 0])
    content = functions.encode(pixels, quality=95)
    assert content is not None and content[:2] == b"\xff\xd8"
    back = functions.decode(content)
    assert back is not None and np.abs(back.astype(int) - pixels).mean() < 3
    with pytest.raises(ValueError, match="use contrast first"):
        functions.encode(make.image(1))


def test_whole_numbers_are_rounded_and_kept_in_range() -> None:
    image = np.full((20, 20), 255, "uint8")
    assert functions.blur(image, 3).min() == 255
    assert functions.resize(image, [9, 9]).dtype == np.uint8
    assert functions.contrast(np.full((4, 4), 7)).max() == 0
    assert functions.outlines(image, np.pad(np.ones((8, 8), bool), 6)).shape == (20, 20, 3)
