"""OME-TIFF files, as tifffile and ome-types read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import make
import numpy as np
import ome_types
import pytest
import tifffile
from conftest import PROJECT
from make_sqlite import built, database, encoded

import datapkg
from datapkg.errors import ExportError


def read(path: Path) -> tuple[np.ndarray[Any, Any], str, ome_types.OME]:
    """A file's pixels, their axes, and its OME-XML."""
    with tifffile.TiffFile(path) as file:
        assert len(file.series) == 1
        assert file.ome_metadata is not None
        return file.series[0].asarray(), file.series[0].axes, ome_types.from_xml(file.ome_metadata)


@pytest.mark.parametrize(
    ("shape", "dtype", "axes"),
    [
        ((6, 8), "uint16", "YX"),
        ((3, 6, 8), "float32", "CYX"),
        ((2, 3, 6, 8), "uint8", "ZCYX"),
        ((2, 3, 4, 6, 8), "int16", "TZCYX"),
        ((6, 8, 3), "uint8", "YXS"),
        ((4, 6, 8), "uint32", "QYX"),
    ],
)
def test_pixels_axes_and_sizes_are_equal(
    shape: tuple[int, ...], dtype: str, axes: str, tmp_path: Path
) -> None:
    pixels = make.image(3, shape, dtype)
    sizes = {
        "PhysicalSizeX": 0.25,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
    }
    names = (
        {"Channel": {"Name": [f"channel {at}" for at in range(shape[axes.index("C")])]}}
        if "C" in axes
        else {}
    )
    photometric = "rgb" if "S" in axes else "minisblack"
    metadata = {"axes": axes, **sizes, **names}
    make.tiff(tmp_path / "a.ome.tif", pixels, ome=True, metadata=metadata, photometric=photometric)
    package = built(tmp_path, "name: t, path: a.ome.tif")
    datapkg.export(tmp_path / "p", tmp_path / "out", to="ome-tiff")
    back, found, ome = read(tmp_path / "out" / "t" / "a.ome.tif")
    assert (back.dtype.name, found) == (dtype, package["t"].to_pandas()["axes"].iloc[0])
    assert np.array_equal(back, package["t"].image(0))
    described = ome.images[0].pixels
    assert (described.physical_size_x, described.physical_size_y, described.physical_size_z) == (
        0.25,
        0.5,
        None,
    )
    if "C" in axes:
        assert [one.name for one in described.channels] == names["Channel"]["Name"]


def test_every_image_of_the_sample_and_what_tells_it_from_others(tmp_path: Path) -> None:
    make.build(PROJECT / "manifests" / "screen.yaml", tmp_path / "p")
    package = datapkg.open(tmp_path / "p")
    done = datapkg.export(tmp_path / "p", tmp_path / "out", to="ome-tiff")
    assert done.tables == ("frames", "movies")
    frames = package["frames"].to_pandas()
    for at in (0, 17, 47):
        stem = frames["path"].iloc[at].removesuffix(".tif")
        back, _, ome = read(tmp_path / "out" / "frames" / f"{stem}.ome.tif")
        assert np.array_equal(back, package["frames"].image(at))
        (said,) = (dict(one.value) for one in ome.structured_annotations.map_annotations)
        assert (said["Well"], said["image_digest"]) == (
            frames["Well"].iloc[at],
            frames["image_digest"].iloc[at],
        )
    movies = sorted((tmp_path / "out" / "movies").rglob("*.ome.tif"))
    planes = package["movies"].images(range(len(package["movies"])))
    in_order = {path.as_posix(): read(path)[0] for path in movies}
    assert len(in_order) == len(planes)
    of_paths = package["movies"].to_pandas()["path"].tolist()
    for at, plane in enumerate(planes):
        number = of_paths[:at].count(of_paths[at])
        name = f"out/movies/{of_paths[at].removesuffix('.ch5')}_{number:02d}.ome.tif"
        assert np.array_equal(in_order[(tmp_path / name).as_posix()], plane)


def test_an_unknown_pixel_size_stays_unknown(package: Path, tmp_path: Path) -> None:
    datapkg.export(package, tmp_path / "out", to="ome-tiff")
    _, _, ome = read(tmp_path / "out" / "frames" / "images" / "p1" / "A01_1.ome.tif")
    assert ome.images[0].pixels.physical_size_x is None


def test_what_ome_cannot_hold_is_refused(tmp_path: Path) -> None:
    make.tiff(tmp_path / "a.tif", make.image(1, (4, 4), "int64"))
    built(tmp_path, "name: t, path: a.tif")
    with pytest.raises(
        ExportError, match="table t, row 0: OME-TIFF cannot hold this image: data type 'int64'"
    ):
        datapkg.export(tmp_path / "p", tmp_path / "out", to="ome-tiff")
    assert not (tmp_path / "out").exists()


def test_a_table_without_images_is_refused_if_it_was_named(package: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="table wells has no images"):
        datapkg.export(package, tmp_path / "out", to="ome-tiff", tables=["wells"])


def test_a_path_that_leads_out_is_refused(tmp_path: Path) -> None:
    rows = [("../../evil", encoded(make.image(), "PNG"))]
    database(tmp_path / "x.db", "create table t (path text, img blob)", rows=rows, into="t")
    built(tmp_path, "name: t, path: x.db, image: img")
    for form in ("ome-tiff", "files"):
        with pytest.raises(ExportError, match="is none of a file below a folder"):
            datapkg.export(tmp_path / "p", tmp_path / "out", to=form)
    assert not list(tmp_path.parent.rglob("evil*"))


def test_what_xml_cannot_hold_is_told_of(tmp_path: Path) -> None:
    rows = [("x.png", "a\x01]]>&\0 \ufffe\U0001f52c", encoded(make.image(), "PNG"))]
    database(tmp_path / "x.db", "create table t (path text, note text, img blob)", rows=rows, into="t")
    built(tmp_path, "name: t, path: x.db, image: img")
    done = datapkg.export(tmp_path / "p", tmp_path / "out", to="ome-tiff")
    with tifffile.TiffFile(tmp_path / "out" / "t" / "x.ome.tif") as file:
        said = ElementTree.fromstring(file.ome_metadata or "")
    notes = [one.text for one in said.iter() if one.get("K") == "note"]
    assert notes == ["a\ufffd]]>&\ufffd \ufffd\U0001f52c"]
    assert any("OME-XML cannot hold" in note for note in done.notes)
