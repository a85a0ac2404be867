"""A row for each plane, also where a file's images differ in shape, rank, type and colour."""

from __future__ import annotations

from pathlib import Path

import make
import make_tiff
import numpy as np
import pytest
import tifffile
from make_tiff import pixels, rows

import datapkg


def mixture(path: Path) -> list[np.ndarray]:
    """A file of a stack, a colour image, a plane of another type, and a stack of colour."""
    images = [
        pixels((3, 8, 9)),
        pixels((7, 6, 3), "uint8"),
        pixels((5, 4), "int16"),
        pixels((2, 7, 6, 3), "uint8"),
    ]
    with tifffile.TiffWriter(path) as writer:
        for image in images:
            writer.write(image, photometric="rgb" if image.shape[-1] == 3 else "minisblack")
    return images


def test_a_mixture_gives_its_planes_in_order(tmp_path: Path) -> None:
    images = mixture(tmp_path / "a.tif")
    found = rows(tmp_path / "a.tif", rows="plane")
    assert [row["series"] for row in found] == [0, 0, 0, 1, 2, 3, 3]
    assert [row["page"] for row in found] == list(range(7))
    assert [row["axes"] for row in found] == ["YX"] * 3 + ["YXS", "YX"] + ["YXS"] * 2
    planes = [*images[0], images[1], images[2], *images[3]]
    for row, plane in zip(found, planes, strict=True):
        assert (row["dtype"], row["shape"]) == (plane.dtype.name, list(plane.shape))
        assert np.array_equal(row["image_array"], plane)


def test_a_mixture_is_built_and_opened_by_image_and_by_plane(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    images = mixture(tmp_path / "data" / "a.tif")
    make.tiff(tmp_path / "data" / "b.tif", pixels((2, 2, 8, 9)), photometric="minisblack")
    for by, count in (("image", 5), ("plane", 11)):
        for keep in ("array", "bytes"):
            manifest = make.manifest(
                tmp_path / "data", f'name: frames, path: "*.tif", rows: {by}, keep: {keep}'
            )
            make.build(manifest, tmp_path / by / keep)
            table = datapkg.open(tmp_path / by / keep)["frames"]
            assert len(table) == count
            frame = table.to_pandas(columns=["dtype", "shape", "image_digest"])
            for i, back in enumerate(table.images(range(count))):
                assert (back.dtype.name, list(back.shape)) == (frame["dtype"][i], list(frame["shape"][i]))
            if by == "image":
                assert all(np.array_equal(table.image(i), image) for i, image in enumerate(images))


@pytest.mark.parametrize("axes", ["TCZYX", "TZCYX", "CTZYX", "ZTCYX", "CZTYX", "ZCTYX"])
def test_t_c_and_z_follow_the_files_own_order_of_axes(tmp_path: Path, axes: str) -> None:
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 8, "X": 9}
    image = pixels(tuple(sizes[axis] for axis in axes))
    file = make_tiff.tiff(tmp_path / "a.ome.tif", image, ome=True, metadata={"axes": axes})
    found = rows(file, rows="plane")
    assert [tuple(row[axis.lower()] for axis in axes[:3]) for row in found] == list(
        np.ndindex(image.shape[:3])
    )
    (whole,) = rows(file)
    assert [whole[f"size_{axis}"] for axis in "tcz"] == [2, 3, 4]
    for row in found:
        at = tuple(row[axis.lower()] for axis in axes[:3])
        assert np.array_equal(row["image_array"], image[at])


def test_series_of_an_ome_file_have_their_own_t_c_and_z(tmp_path: Path) -> None:
    images = {
        "ZYX": pixels((3, 8, 9)),
        "TCYX": pixels((2, 2, 6, 7), "uint8"),
        "YXS": pixels((5, 4, 3), "uint8"),
    }
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for axes, image in images.items():
            writer.write(image, metadata={"axes": axes}, photometric="rgb" if "S" in axes else "minisblack")
    found = rows(tmp_path / "a.ome.tif", rows="plane")
    assert [(row["series"], row["t"], row["c"], row["z"]) for row in found] == [
        *((0, 0, 0, z) for z in range(3)),
        *((1, t, c, 0) for t, c in np.ndindex(2, 2)),
        (2, 0, 0, 0),
    ]
    planes = [*images["ZYX"], *images["TCYX"].reshape(4, 6, 7), images["YXS"]]
    assert all(np.array_equal(row["image_array"], p) for row, p in zip(found, planes, strict=True))


def test_pages_that_are_not_told_apart_count_as_pages_only(tmp_path: Path) -> None:
    found = rows(make_tiff.tiff(tmp_path / "a.tif", pixels((3, 8, 9)), metadata=None), rows="plane")
    assert [(row["page"], row["t"], row["c"], row["z"]) for row in found] == [(i, 0, 0, 0) for i in range(3)]


def test_an_image_that_cannot_be_cut_counts_whole_against_the_limit(tmp_path: Path) -> None:
    apart = pixels((4, 8, 9), "uint8")
    file = make_tiff.tiff(tmp_path / "a.tif", apart, planarconfig="separate", photometric="minisblack")
    (row, *_) = found = rows(file, rows="plane")
    assert sum(np.prod(r["shape"]) for r in found) == apart.size
    assert row["image_array"].nbytes in (72, 288)
