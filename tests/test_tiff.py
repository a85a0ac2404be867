"""TIFF files as rows of an image table."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import make_tiff as make
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from datapkg.errors import ManifestError, SchemaError, SourceError
from datapkg.pixels import DTYPES, image_digest
from datapkg.reading import Reading
from datapkg.sources.tiff.source import TiffSource


def test_columns_stand_in_the_contracts_order(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "C6_1.tif", make.pixels((4, 6)))
    names = [c.name for c in make.decide([file], tmp_path, pattern="{Well}_{Frame:d}.tif").tables[0].columns]
    text = """path file_name Well Frame filesize_bytes sha256 image_bytes image_array image_digest dtype shape axes
        size_x size_y size_z size_c size_t series page pixel_size_x_um pixel_size_y_um pixel_size_z_um
        channel_names metadata"""
    assert names == text.split()


def test_a_row_tells_its_file(tmp_path: Path) -> None:
    (tmp_path / "plate 1").mkdir()
    file = make.tiff(tmp_path / "plate 1" / "C6_7 ö.tif", make.pixels((4, 6)))
    (row,) = make.rows(file, root=tmp_path, pattern="{Plate}/{Well}_{Frame:d} ö.tif")
    assert (row["path"], row["file_name"]) == ("plate 1/C6_7 ö.tif", "C6_7 ö.tif")
    assert (row["Plate"], row["Well"], row["Frame"]) == ("plate 1", "C6", 7)
    assert row["filesize_bytes"] == file.stat().st_size
    assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert row["image_bytes"] == file.read_bytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_pixel_type_comes_back_as_its_own(tmp_path: Path, dtype: str) -> None:
    image = make.pixels((5, 7), dtype)
    (row,) = make.rows(make.tiff(tmp_path / "a.tif", image))
    assert (row["dtype"], row["image_array"].dtype.name) == (dtype, dtype)
    assert np.array_equal(row["image_array"], image)
    assert row["image_digest"] == image_digest(image)


@pytest.mark.parametrize(
    "how",
    [
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (16, 16)},
        {"rowsperstrip": 3},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "zstd", "tile": (32, 16)},
        {"compression": "packbits"},
        {"compression": "jpeg2000"},
        {"metadata": None},
        {"imagej": True},
        {"ome": True},
    ],
    ids=str,
)
def test_however_it_is_stored_the_image_is_the_same(tmp_path: Path, how: dict[str, object]) -> None:
    image = make.pixels((40, 56))
    (row,) = make.rows(make.tiff(tmp_path / "a.tif", image, **how))
    assert np.array_equal(row["image_array"], image)
    assert (row["axes"], row["shape"], row["dtype"]) == ("YX", [40, 56], "uint16")


@settings(max_examples=40, deadline=None)
@given(
    dtype=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(2, 6), min_size=2, max_size=5).map(tuple),
    compression=st.sampled_from([None, "zlib", "lzw"]),
    byteorder=st.sampled_from("<>"),
    rows=st.sampled_from(["image", "plane"]),
)
def test_any_stack_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory,
    dtype: str,
    shape: tuple[int, ...],
    compression: str,
    byteorder: str,
    rows: str,
) -> None:
    image = make.pixels(shape, dtype, seed=sum(shape))
    file = tmp_path_factory.mktemp("stack") / "a.tif"
    make.tiff(file, image, photometric="minisblack", compression=compression, byteorder=byteorder)
    found = make.rows(file, rows=rows)
    assert b"".join(row["image_array"].tobytes() for row in found) == image.tobytes()
    assert len(found) == (1 if rows == "image" else int(np.prod(shape[:-2])))
    assert all(row["image_array"].shape == tuple(row["shape"]) for row in found)


def test_samples_keep_their_place_and_count_as_channels(tmp_path: Path) -> None:
    mixed, apart = make.pixels((8, 9, 3), "uint8"), make.pixels((3, 8, 9), "uint8")
    files = [
        make.tiff(tmp_path / "a.tif", mixed, photometric="rgb"),
        make.tiff(tmp_path / "b.tif", apart, photometric="rgb", planarconfig="separate"),
    ]
    one, other = make.rows(*files)
    assert (one["axes"], one["shape"], one["size_c"]) == ("YXS", [8, 9, 3], 3)
    assert (other["axes"], other["shape"], other["size_c"]) == ("SYX", [3, 8, 9], 3)
    assert np.array_equal(one["image_array"], mixed) and np.array_equal(other["image_array"], apart)


def test_a_palette_image_keeps_its_indices_and_its_colour_map(tmp_path: Path) -> None:
    image, colours = make.pixels((8, 9), "uint8"), make.pixels((3, 256), "uint16")
    (row,) = make.rows(make.tiff(tmp_path / "a.tif", image, photometric="palette", colormap=colours))
    assert np.array_equal(row["image_array"], image)
    assert json.loads(row["metadata"])["tags"]["ColorMap"] == colours.tolist()


def test_nan_and_the_sign_of_zero_survive(tmp_path: Path) -> None:
    image = np.array([[np.nan, -0.0], [np.inf, 1e-40]], "float32")
    (row,) = make.rows(make.tiff(tmp_path / "a.tif", image))
    assert row["image_array"].tobytes() == image.tobytes()


def test_pages_of_different_shapes_are_rows_of_their_own(tmp_path: Path) -> None:
    images = [make.pixels((8, 9)), make.pixels((5, 4), "uint8"), make.pixels((7, 7), "int16")]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for image in images:
            writer.write(image)
    found = make.rows(tmp_path / "a.tif")
    assert [(row["series"], row["page"], row["dtype"]) for row in found] == [
        (0, 0, "uint16"),
        (1, 1, "uint8"),
        (2, 2, "int16"),
    ]
    assert all(np.array_equal(row["image_array"], image) for row, image in zip(found, images, strict=True))
    assert [row["image_bytes"] is None for row in found] == [False, True, True]


def test_a_stack_is_one_row_or_a_row_for_each_plane(tmp_path: Path) -> None:
    image = make.pixels((2, 3, 4, 8, 9))
    file = make.tiff(tmp_path / "a.ome.tif", image, ome=True, metadata={"axes": "TCZYX"})
    (whole,) = make.rows(file)
    assert (whole["axes"], whole["size_t"], whole["size_c"], whole["size_z"]) == ("TCZYX", 2, 3, 4)
    planes = make.rows(file, rows="plane")
    assert [(row["t"], row["c"], row["z"]) for row in planes] == list(np.ndindex(2, 3, 4))
    assert [row["page"] for row in planes] == list(range(24))
    assert all(np.array_equal(row["image_array"], image[row["t"], row["c"], row["z"]]) for row in planes)
    assert (planes[5]["axes"], planes[5]["size_c"], planes[5]["image_bytes"]) == ("YX", 1, None)


def test_an_imagej_hyperstack_has_its_own_order_of_axes(tmp_path: Path) -> None:
    image = make.pixels((2, 3, 2, 8, 9))
    file = make.tiff(tmp_path / "a.tif", image, imagej=True, metadata={"axes": "TZCYX"})
    (whole,) = make.rows(file)
    assert whole["axes"] == "TZCYX" and np.array_equal(whole["image_array"], image)
    planes = make.rows(file, rows="plane")
    assert [(row["t"], row["z"], row["c"]) for row in planes] == list(np.ndindex(2, 3, 2))


def test_planes_of_colour_keep_their_samples(tmp_path: Path) -> None:
    image = make.pixels((2, 8, 9, 3), "uint8")
    planes = make.rows(make.tiff(tmp_path / "a.tif", image, photometric="rgb"), rows="plane")
    assert [(row["axes"], row["shape"]) for row in planes] == [("YXS", [8, 9, 3])] * 2
    assert all(np.array_equal(row["image_array"], plane) for row, plane in zip(planes, image, strict=True))


def test_of_a_pyramid_the_full_resolution_is_the_image(tmp_path: Path) -> None:
    image = make.pixels((64, 96))
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(image, subifds=2, tile=(16, 16), metadata={"axes": "YX"})
        writer.write(image[::2, ::2], subfiletype=1, tile=(16, 16))
        writer.write(image[::4, ::4], subfiletype=1, tile=(16, 16))
    (row,) = make.rows(tmp_path / "a.ome.tif")
    assert np.array_equal(row["image_array"], image)
    assert json.loads(row["metadata"])["levels"] == [[64, 96], [32, 48], [16, 24]]


def test_batches_hold_about_what_was_asked_for(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "a.tif", make.pixels((10, 8, 8), "uint8"))
    (table,) = make.decide([file], tmp_path, rows="plane").tables

    def lengths(batch_bytes: int) -> list[int]:
        with Reading(make.source(file)) as reading:
            batches = TiffSource().batches(reading, make.resource(rows="plane"), table, batch_bytes)
            return [len(batch) for batch in batches]

    assert lengths(3 * 64) == [3, 3, 3, 1]
    assert lengths(1) == [1] * 10
    assert lengths(1 << 20) == [10]


def test_bytes_or_pixels_can_be_left_out(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "a.tif", make.pixels((8, 9)))
    (bytes_only,) = make.rows(file, keep=("bytes",))
    (array_only,) = make.rows(file, keep=("array",))
    assert bytes_only["image_array"] is None and bytes_only["image_bytes"] == file.read_bytes()
    assert "image_bytes" not in array_only and array_only["image_array"].shape == (8, 9)
    assert bytes_only["image_digest"] == array_only["image_digest"]


def test_packed_pixels_need_no_type_in_common(tmp_path: Path) -> None:
    files = [make.tiff(tmp_path / f"{t}.tif", make.pixels((4, 4), t)) for t in ("uint8", "int64", "uint64")]
    decision = make.decide(files, tmp_path, array="packed")
    assert decision.tables[0].arrow().field("image_array").metadata == {b"datapkg:packed": b"1"}


def test_pixel_types_that_nothing_holds_name_two_files(tmp_path: Path) -> None:
    files = [make.tiff(tmp_path / f"{t}.tif", make.pixels((4, 4), t)) for t in ("uint8", "int64", "uint64")]
    with pytest.raises(SchemaError) as caught:
        make.decide(files, tmp_path)
    assert "int64.tif has int64, uint64.tif has uint64" in str(caught.value)
    assert caught.value.where == "resource frames"


def test_a_pattern_may_not_take_a_columns_name(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "a_1.tif", make.pixels((4, 4)))
    with pytest.raises(ManifestError, match="'dtype'"):
        make.decide([file], tmp_path, pattern="{dtype}_{Frame:d}.tif")


def test_a_path_that_the_pattern_does_not_match_is_found_when_scanning(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "a.tif", make.pixels((4, 4)))
    with pytest.raises(ManifestError):
        make.scan(file, pattern="{Well}_{Frame:d}.tif")


def test_an_empty_file_is_an_error_or_skipped(tmp_path: Path) -> None:
    (tmp_path / "zero.tif").touch()
    with pytest.raises(SourceError, match="empty"):
        make.scan(tmp_path / "zero.tif")
    skipped = make.scan(tmp_path / "zero.tif", empty="skip")
    assert (skipped.evidence, skipped.warnings) == ({}, ("zero.tif: empty, skipped",))
    image = make.pixels((4, 4))
    found = make.rows(tmp_path / "zero.tif", make.tiff(tmp_path / "a.tif", image), empty="skip")
    assert [row["path"] for row in found] == ["a.tif"]


def test_evidence_is_small_json(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "a.tif", make.pixels((50, 8, 9)))
    evidence = make.scan(file, rows="plane").evidence
    assert json.loads(json.dumps(evidence)) == {"frames": {"images": [["uint16", [8, 9], 50]]}}


def test_the_source_pickles() -> None:
    assert pickle.loads(pickle.dumps(TiffSource())).kind == "images"


def test_a_resource_without_files_is_a_table_without_rows(tmp_path: Path) -> None:
    (table,) = make.decide([], tmp_path, optional=True).tables
    assert table.arrow().field("image_array").type is not None
