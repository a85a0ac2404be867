"""Nested or packed: the same images, the same digests, and damage that says where it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lancedb
import make
import make_ch5
import numpy as np
import pyarrow as pa
import pytest
from conftest import PROJECT
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_packing_value import assert_same, images

import datapkg
from datapkg.encoding import PackedLayout, decoded, encoded, is_packed, layout_of, pixel_bytes
from datapkg.errors import DamageError, SchemaError
from datapkg.packing.value import head
from datapkg.pixels import ImageLayout

MIXED = [
    np.arange(48, dtype="u8").reshape(6, 8) << np.uint64(50),
    np.linspace(-1, 1, 60, dtype="f4").reshape(3, 4, 5),
    np.arange(36, dtype="i1").reshape(3, 4, 3) - np.int8(9),
    np.arange(12).reshape(3, 4) > 5,
]
SETTING = "keep: array, array: packed"


def said(given: list[NDArray[Any] | None]) -> tuple[list[str | None], list[tuple[int, ...] | None]]:
    """What the rows of a table say of these images."""
    dtypes = [None if image is None else image.dtype.name for image in given]
    return dtypes, [None if image is None else image.shape for image in given]


@given(st.lists(st.none() | images(), max_size=6))
def test_any_mixture_of_images_comes_back(given: list[NDArray[Any] | None]) -> None:
    column = encoded(given, PackedLayout())
    assert is_packed(column.type)
    for image, found in zip(given, decoded(column, *said(given)), strict=True):
        if image is None or found is None:
            assert image is found
        else:
            assert_same(found, image)
    assert pixel_bytes(column) == sum(image.nbytes for image in given if image is not None)


def test_many_large_images_come_back_in_order() -> None:
    large = [np.full((700, 800), i, "u2") + np.arange(800, dtype="u2") for i in range(9)]
    column = encoded(large, PackedLayout())
    for found, image in zip(decoded(column, *said([*large])), large, strict=True):
        assert found is not None
        assert_same(found, image)


def test_the_manifest_decides_the_layout() -> None:
    seen = [(image.dtype.name, image.shape) for image in MIXED]
    assert layout_of("packed", seen) == PackedLayout()
    with pytest.raises(SchemaError, match="array: packed"):
        layout_of("nested", seen)
    assert layout_of("nested", seen[:1]) == ImageLayout("uint64", (6, 8))
    with pytest.raises(SchemaError, match="complex64"):
        layout_of("packed", [("complex64", (2, 2))])


def test_a_damaged_image_is_told_by_its_row() -> None:
    column = encoded(MIXED, PackedLayout())
    values = [bytearray(packed) for packed in column.to_pylist()]
    values[2][-1] ^= 1
    damaged = pa.array([bytes(packed) for packed in values], pa.large_binary())
    with pytest.raises(DamageError, match="row 2: the packed pixels are not as they were written"):
        decoded(damaged, *said([*MIXED]), "row {}".format)
    dtypes, shapes = said([*MIXED])
    with pytest.raises(DamageError, match=r"image 0: .* where its row says uint64"):
        decoded(column, dtypes, [(8, 6), *shapes[1:]])


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return make.folder(tmp_path)


def packed(manifest: Path) -> Path:
    """The same manifest with `array: packed`."""
    text = manifest.read_text("utf-8").replace("name: frames,", "name: frames, array: packed,")
    return make.text(manifest.with_name("packed.yaml"), text)


def test_packed_gives_the_digest_of_nested_and_the_same_rows(manifest: Path, tmp_path: Path) -> None:
    nested = make.build(manifest, tmp_path / "nested")
    other = make.build(packed(manifest), tmp_path / "packed")
    assert other.digest == nested.digest
    tables = [datapkg.open(tmp_path / name)["frames"] for name in ("nested", "packed")]
    assert [c["digest"] for c in tables[0].described()] == [c["digest"] for c in tables[1].described()]
    one, two = (table.to_pandas() for table in tables)
    assert one.columns.tolist() == two.columns.tolist()
    for left, right in zip(one.pop("image_array"), two.pop("image_array"), strict=True):
        assert_same(right, left)
    assert one.equals(two)
    for left, right in zip(tables[0].images([2, 0, 2]), tables[1].images([2, 0, 2]), strict=True):
        assert_same(right, left)


def test_another_encoding_is_a_new_version_with_the_same_digest(manifest: Path, tmp_path: Path) -> None:
    package = tmp_path / "p"
    first = make.build(manifest, package)
    again = make.build(packed(manifest), package)
    assert (again.version, again.created, again.digest) == (2, True, first.digest)
    assert [table.written for table in again.tables] == [False, True]
    opened = datapkg.open(package)
    types = [opened.checkout(n)["frames"].schema.field("image_array").type for n in (1, 2)]
    assert [is_packed(kind) for kind in types] == [False, True]
    for old, new in zip(
        opened.checkout(1)["frames"].images([0, 1, 2]), opened["frames"].images([0, 1, 2]), strict=True
    ):
        assert_same(new, old)
    assert not make.build(packed(manifest), package).created
    back = make.build(manifest, package)
    assert (back.version, back.digest) == (3, first.digest)


def mixed_package(tmp_path: Path) -> Path:
    """A package whose one column holds images that no nested column could."""
    for i, image in enumerate(MIXED[:3]):
        make.tiff(tmp_path / "data" / f"{i}.tif", image, photometric="minisblack", metadata=None)
    manifest = make.manifest(tmp_path / "data", f'name: frames, path: "*.tif", {SETTING}')
    make.build(manifest, tmp_path / "p")
    return tmp_path / "p"


def test_one_column_holds_images_of_types_that_have_none_in_common(tmp_path: Path) -> None:
    frame = datapkg.open(mixed_package(tmp_path))["frames"].to_pandas(where="series = 0 and page = 0")
    found = dict(zip(frame["file_name"], frame["image_array"], strict=True))
    assert {image.dtype.name for image in found.values()} == {"uint64", "float32", "int8"}
    assert_same(found["0.tif"], MIXED[0])


def test_a_plain_client_sees_what_the_page_says(tmp_path: Path) -> None:
    package = mixed_package(tmp_path)
    field = lancedb.connect(package).open_table("frames").schema.field("image_array")
    assert field.type == pa.large_binary()
    assert field.metadata == {
        b"datapkg:packed": b"1",
        b"lance-encoding:compression": b"none",
        b"lance-encoding:structural-encoding": b"fullzip",
        b"lance-encoding:dict-divisor": b"1000000000",
    }
    arrow = datapkg.open(package)["frames"].to_arrow(["image_array"])
    assert arrow.schema.field("image_array").metadata == {b"datapkg:packed": b"1"}
    assert head(arrow["image_array"][0].as_py()).dtype == np.uint64


def test_the_python_of_the_page_reads_any_image(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (PROJECT / "docs" / "packed.md").read_text("utf-8"), re.S)
    names: dict[str, Any] = {}
    exec(code.replace("screen.datapkg", str(mixed_package(tmp_path))), names)
    assert_bits(names["image"], MIXED[0])
    rng = np.random.default_rng(1)
    smooth = rng.normal(100, 5, (300, 200)).cumsum(axis=0)
    large = [
        np.mod(smooth, 256).astype("u1"),
        smooth.astype("u2"),
        smooth.astype("f8"),
        np.stack([smooth % 200] * 3, -1).astype("u1"),
    ]
    for image in [*MIXED, *large, np.zeros((0, 3), "u2")]:
        value = encoded([image], PackedLayout())[0].as_py()
        assert_bits(names["unpack"](value), image)


def assert_bits(found: NDArray[Any], image: NDArray[Any]) -> None:
    assert (found.dtype, found.shape, found.tobytes()) == (image.dtype, image.shape, image.tobytes())


def test_damage_in_a_package_names_table_and_row(manifest: Path, tmp_path: Path) -> None:
    make.build(packed(manifest), tmp_path / "p")
    value = datapkg.open(tmp_path / "p")["frames"].to_arrow(["image_array"])["image_array"][1].as_py()
    (file,) = [f for f in (tmp_path / "p" / "frames.lance" / "data").iterdir() if value in f.read_bytes()]
    content = bytearray(file.read_bytes())
    content[content.index(value) + len(value) - 3] ^= 4
    file.write_bytes(content)
    frames = datapkg.open(tmp_path / "p")["frames"]
    assert frames.image(0).shape == (6, 8)
    for read in (
        lambda: frames.image(1),
        lambda: frames.to_pandas(images="array"),
        lambda: frames.to_pandas()["image_array"].iloc[1],
        lambda: frames.images([0, 2, 1]),
    ):
        with pytest.raises(DamageError, match="table frames, row 1: the packed pixels"):
            read()


def test_the_report_says_what_packing_saves(tmp_path: Path) -> None:
    for i in range(3):
        make.tiff(tmp_path / "data" / f"{i}.tif", np.full((200, 300), i, "u2"))
    manifest = make.manifest(tmp_path / "data", f'name: frames, path: "*.tif", {SETTING}')
    report = make.build(manifest, tmp_path / "p")
    assert report.tables[0].image_bytes["image_array_unpacked"] == 3 * 200 * 300 * 2
    assert report.tables[0].image_bytes["image_array"] < 1000
    assert "as packed pixels (array: packed), 360.0 KB unpacked" in str(report)


def test_planes_of_movies_can_be_packed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    make_ch5.movie(tmp_path / "data" / "m.ch5")
    plain = make.manifest(tmp_path / "data", 'name: movies, path: "*.ch5"')
    nested = make.build(plain, tmp_path / "nested")
    other = make.build(
        make.manifest(tmp_path / "data", 'name: movies, path: "*.ch5", array: packed'), tmp_path / "packed"
    )
    assert other.digest == nested.digest
    planes = [datapkg.open(tmp_path / name)["movies"] for name in ("nested", "packed")]
    assert is_packed(planes[1].schema.field("image_array").type)
    rows = range(len(planes[0]))
    for found, image in zip(planes[1].images(rows), planes[0].images(rows), strict=True):
        assert_same(found, image)
