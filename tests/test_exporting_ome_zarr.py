"""OME-Zarr groups, as the `ngff-zarr` library and plain zarr read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import ngff_zarr
import numpy as np
import pytest
from make_sqlite import built, database, encoded

import datapkg
from datapkg.errors import ExportError
from datapkg.exporting.described import Described
from datapkg.exporting.ome_zarr import ordered


def read(path: Path) -> tuple[np.ndarray[Any, Any], Any]:
    """A group's pixels and what it says of them; its metadata are valid."""
    found = ngff_zarr.from_ngff_zarr(str(path), validate=True)
    assert len(found.images) == 1
    return np.asarray(found.images[0].data), found


@pytest.mark.parametrize(
    ("shape", "dtype", "axes", "dims"),
    [
        ((6, 8), "uint16", "YX", ("y", "x")),
        ((3, 6, 8), "float32", "CYX", ("c", "y", "x")),
        ((2, 3, 6, 8), "uint8", "ZCYX", ("c", "z", "y", "x")),
        ((2, 3, 4, 6, 8), "int16", "TZCYX", ("t", "c", "z", "y", "x")),
        ((6, 8, 3), "uint8", "YXS", ("c", "y", "x")),
        ((4, 6), "int64", "YX", ("y", "x")),
    ],
)
def test_pixels_axes_and_sizes_are_equal(
    shape: tuple[int, ...], dtype: str, axes: str, dims: tuple[str, ...], tmp_path: Path
) -> None:
    names = '["a", "b", "c"]' if shape[axes.find("C")] == 3 and "C" in axes else None
    pixels = make.image(3, shape, dtype)
    form = "PNG" if axes == "YXS" else "TIFF"
    rows = [("A1", axes, 0.25, names, encoded(pixels, form))]
    table = "create table t (Well text, axes text, pixel_size_x_um real, channel_names text, img blob)"
    database(tmp_path / "x.db", table, rows=rows, into="t")
    built(tmp_path, "name: t, path: x.db, image: img")
    datapkg.export(tmp_path / "p", tmp_path / "out", to="ome-zarr")
    back, found = read(tmp_path / "out" / "t" / "x.db" / "t" / "1.ome.zarr")
    image = found.images[0]
    in_order = [axes.replace("S", "C").lower().index(one) for one in dims]
    assert (back.dtype.name, tuple(image.dims)) == (dtype, dims)
    assert np.array_equal(back, pixels.transpose(in_order))
    assert (image.scale["x"], image.axes_units["x"]) == (0.25, "micrometer")
    assert (image.scale["y"], image.axes_units["y"]) == (1.0, None)
    labels = [one.label for one in found.metadata.omero.channels] if found.metadata.omero else None
    assert labels == (["a", "b", "c"] if names else None)


def test_plain_zarr_reads_every_image(package: Path, tmp_path: Path) -> None:
    import zarr

    datapkg.export(package, tmp_path / "out", to="ome-zarr")
    table = datapkg.open(package)["frames"]
    for at, path in enumerate(table.to_pandas()["path"]):
        group = zarr.open_group(
            tmp_path / "out" / "frames" / f"{path.removesuffix('.tif')}.ome.zarr", mode="r"
        )
        (dataset,) = group.attrs["ome"]["multiscales"][0]["datasets"]
        assert np.array_equal(group[dataset["path"]][:], table.image(at))
        assert group.attrs["datapkg"]["Plate"] == path.split("/")[1]


def test_names_of_channels_stay_with_images_without_an_axis_of_channels(tmp_path: Path) -> None:
    import zarr

    rows = [("YX", '["H2B"]', encoded(make.image(seed), "TIFF")) for seed in range(3)]
    database(
        tmp_path / "x.db", "create table t (axes text, channel_names text, img blob)", rows=rows, into="t"
    )
    built(tmp_path, "name: t, path: x.db, image: img")
    done = datapkg.export(tmp_path / "p", tmp_path / "out", to="ome-zarr")
    assert done.notes == ("channel names of images without an axis C stand in the attribute datapkg",)
    group = zarr.open_group(tmp_path / "out" / "t" / "x.db" / "t" / "1.ome.zarr", mode="r")
    assert group.attrs["datapkg"]["channel_names"] == ["H2B"]


@pytest.mark.parametrize("axes", ["QYX", "CYXS"])
def test_axes_that_ngff_does_not_know_are_refused(axes: str) -> None:
    image = Described("a", "table t, row 0", np.zeros((2,) * len(axes), "uint8"), axes, {}, (), {})
    with pytest.raises(ExportError, match=f"table t, row 0: OME-Zarr cannot hold the axes '{axes}'"):
        ordered(image)
