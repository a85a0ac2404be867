"""A package as a researcher meets it: pandas, Arrow, NumPy, any version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import numpy as np
import pandas as pd
import pytest

import datapkg
from datapkg import Package
from datapkg.errors import DamageError, DatapkgError, SchemaError, StoreError, VersionError
from datapkg.rows import RowOrder


@pytest.fixture
def package(tmp_path: Path) -> Package:
    make.build(make.folder(tmp_path), tmp_path / "p")
    return datapkg.open(tmp_path / "p")


def test_a_package_says_what_is_in_it(package: Package) -> None:
    assert package.tables == ["wells", "frames"]
    assert (package.version, package.release, package.name) == (1, "1.0.0", "little")
    assert "frames" in package
    assert len(package) == 2
    assert list(package) == ["wells", "frames"]
    assert "frames" in repr(package)
    assert "Gene: string" in repr(package["wells"])


def test_columns_schema_and_length_read_no_row(package: Package) -> None:
    wells = package["wells"]
    assert wells.columns == ["Well", "Gene", "Count", "Area"]
    assert len(wells) == 2
    assert wells.schema.names == wells.columns


def test_text_stays_text_and_dtypes_are_exact(package: Package) -> None:
    frame = package["wells"].to_pandas()
    assert frame["Well"].tolist() == ["005", "042"]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "Well": "str",
        "Gene": "str",
        "Count": "int64",
        "Area": "float64",
    }
    assert frame["Gene"].isna().tolist() == [False, True]


def test_a_column_with_a_missing_value_is_nullable_whatever_rows_are_asked_for(tmp_path: Path) -> None:
    make.text(tmp_path / "n.csv", f"a,b,c,d,e\n{2**53 + 1},{2**64 - 1},true,0.5,\n,,,,\n7,8,false,1.5,\n")
    make.build(make.manifest(tmp_path, "name: n, path: n.csv"), tmp_path / "p")
    table = datapkg.open(tmp_path / "p")["n"]
    expected = {"a": "Int64", "b": "UInt64", "c": "boolean", "d": "Float64", "e": "object"}
    for frame in (
        table.to_pandas(),
        table.to_pandas(limit=1),
        table.to_pandas(where="a = 7"),
        table.to_pandas(limit=0),
    ):
        assert {name: str(kind) for name, kind in frame.dtypes.items()} == expected
    assert table.to_pandas()["a"].tolist()[0] == 2**53 + 1
    assert table.to_pandas()["b"].tolist()[0] == 2**64 - 1
    assert table.to_pandas()["e"].tolist() == [None] * 3


def test_images_are_arrays_of_their_own_dtype_and_shape(tmp_path: Path) -> None:
    images = [
        make.image(1, (4, 5), "uint8"),
        make.image(2, (3, 6), "uint16"),
        make.image(3, (2, 4, 5), "uint8"),
    ]
    for number, image in enumerate(images):
        make.tiff(tmp_path / f"{number}.tif", image, metadata={"axes": "ZYX"[-image.ndim :]})
    make.build(make.manifest(tmp_path, 'name: frames, path: "*.tif"'), tmp_path / "p")
    frames = datapkg.open(tmp_path / "p")["frames"]
    cells = frames.to_pandas()["image_array"].tolist()
    for image, cell, one in zip(images, cells, frames.images(range(3)), strict=True):
        for found in (cell, one):
            assert (found.dtype, found.shape) == (image.dtype, image.shape)
            assert np.array_equal(found, image)
            assert not found.flags.writeable


def test_images_come_in_the_order_asked_for(package: Package) -> None:
    frames = package["frames"]
    asked = [2, 0, 2, -1, 1]
    for position, image in zip(asked, frames.images(asked), strict=True):
        assert np.array_equal(image, make.image(position % 3))
    assert frames.images([]) == []
    assert np.array_equal(frames.image(np.int64(1)), make.image(1))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("0", "by '0', a str"), (1.5, "by 1.5, a float"), (True, "by True, a bool"), (3, "no row 3")],
)
def test_rows_are_asked_for_by_their_numbers(wrong: Any, said: str, package: Package) -> None:
    with pytest.raises(SchemaError, match=said):
        package["frames"].image(wrong)


def test_one_image_in_a_frame_is_one_cell(package: Package) -> None:
    frame = package["frames"].to_pandas(limit=1)
    assert frame["image_array"].iloc[0].shape == (6, 8)


def test_files_that_are_kept_as_bytes_alone_are_decoded_on_reading(tmp_path: Path) -> None:
    path = make.tiff(tmp_path / "a.tif", make.image(4))
    make.build(make.manifest(tmp_path, "name: frames, path: a.tif, keep: bytes"), tmp_path / "p")
    frames = datapkg.open(tmp_path / "p")["frames"]
    assert frames.to_pandas()["image_bytes"].iloc[0] == path.read_bytes()
    assert np.array_equal(frames.image(0), make.image(4))


def test_a_nan_is_not_a_missing_value(tmp_path: Path) -> None:
    import lance
    import pyarrow as pa

    make.text(tmp_path / "n.csv", "x\n1.5\n\n")
    make.build(make.manifest(tmp_path, 'name: n, path: "n.csv"'), tmp_path / "p")
    table = datapkg.open(tmp_path / "p")["n"]
    values = pa.table({"x": pa.array([float("nan"), None, 1.5])})
    table.rows.pinned.__dict__["lance"] = lance.write_dataset(values, tmp_path / "x")
    table.rows.order = RowOrder.of([0, 0, 3])
    found = table.to_pandas()["x"]
    assert found.dtype == "Float64"
    assert found.array._mask.tolist() == [False, True, False]
    assert np.isnan(found.array._data[0])


@pytest.mark.parametrize("asked", [[True, False, True], [1.7], ["a.tif"], pd.Series([True, False, False])])
def test_rows_are_asked_for_by_numbers(asked: object, package: Package) -> None:
    with pytest.raises(SchemaError, match=r"images\(frame\[mask\].index\)"):
        package["frames"].images(asked)  # type: ignore[arg-type]
    frame = package["frames"].to_pandas(columns=["Well"])
    assert len(package["frames"].images(frame[frame["Well"] == "A01"].index)) == 2


@pytest.mark.parametrize(
    ("asked", "fix"), [({"images": "arrays"}, "array"), ({"dtype_backend": "numpy"}, "pyarrow")]
)
def test_a_way_of_showing_that_there_is_not_is_refused(
    asked: dict[str, str], fix: str, package: Package
) -> None:
    with pytest.raises(SchemaError, match=f"write {next(iter(asked))}='{fix}'"):
        package["frames"].to_pandas(**asked)  # type: ignore[arg-type]


def test_a_missing_table_is_a_key_error_too(package: Package) -> None:
    with pytest.raises(KeyError):
        package["nope"]
    with pytest.raises(VersionError, match="there is no table 0"):
        package[0]  # type: ignore[index]


def test_another_table_in_the_place_of_a_pinned_one_is_damage(package: Package, tmp_path: Path) -> None:
    import lancedb

    database = lancedb.connect(tmp_path / "p")
    database.drop_table("wells")
    database.create_table("wells", [{"Well": "EVIL", "Gene": "x", "Count": 1, "Area": 1.0}])
    with pytest.raises(DamageError, match="not there any more"):
        datapkg.open(tmp_path / "p")["wells"].to_pandas()


@pytest.mark.parametrize("harm", ["remove", "cut"])
def test_a_lost_data_file_is_damage(harm: str, package: Package, tmp_path: Path) -> None:
    (data,) = (tmp_path / "p" / "frames.lance" / "data").iterdir()
    data.unlink() if harm == "remove" else data.write_bytes(data.read_bytes()[:100])
    for ask in (package["frames"].to_pandas, lambda: package["frames"].images(range(len(package["frames"])))):
        with pytest.raises(DamageError) as caught:
            ask()
        assert "rustc" not in str(caught.value)
        assert "build with --rehash" in str(caught.value)


def test_the_current_folder_may_change_after_opening(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    opened = datapkg.open("p")
    monkeypatch.chdir("/")
    assert len(opened["wells"].to_pandas()) == 2


def test_a_folder_that_is_nearly_a_package_is_explained(package: Package, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="take its table 'frames'"):
        datapkg.open(tmp_path / "p" / "frames.lance")
    (tmp_path / "p" / "versions").rename(tmp_path / "gone")
    with pytest.raises(StoreError, match="incomplete copy"):
        datapkg.open(tmp_path / "p")


def test_conditions_columns_and_limits(package: Package) -> None:
    frames = package["frames"]
    frame = frames.to_pandas(columns=["Site", "path"], where="Well = 'A01' and size_y > 5", limit=5)
    assert list(frame.columns) == ["Site", "path"]
    assert frame.index.tolist() == [0, 2]
    assert frames.to_pandas(where="Well = 'A01'", limit=1).index.tolist() == [0]
    assert frames.to_pandas(where="Plate = 'nope'").empty
    assert frames.to_arrow(columns=["path"], limit=2).num_rows == 2


def test_rows_come_in_manifest_order_whatever_the_order_on_disk(package: Package) -> None:
    expected = package["frames"].to_pandas()
    shuffled = datapkg.open(package.uri)["frames"]
    shuffled.rows.order = RowOrder.of([0, 2, 1, 0, 0, 1, 0, 1, 1])
    found = shuffled.to_pandas()
    assert found["path"].tolist() == [expected["path"][i] for i in (2, 0, 1)]
    assert found.index.tolist() == [0, 1, 2]
    assert np.array_equal(shuffled.image(0), make.image(2))
    some = shuffled.to_pandas(columns=["path"], where="Plate = 'p1'", limit=5)
    assert (some.index.tolist(), some["path"].tolist()) == ([1, 2], expected["path"][:2].tolist())
    assert shuffled.to_pandas(where="Plate = 'p1'", limit=1).index.tolist() == [1]


def test_sources_and_versions_are_frames(package: Package) -> None:
    sources = package.sources()
    assert sources["path"].tolist()[0] == "wells.csv"
    assert sources["table"].tolist() == ["wells", "frames", "frames", "frames"]
    assert sources["sha256"].str.len().eq(64).all()
    listed = package.versions()
    assert listed["release"].tolist() == ["1.0.0"]
    assert isinstance(listed["created"].iloc[0], pd.Timestamp)


def test_time_travel(tmp_path: Path) -> None:
    manifest = make.folder(tmp_path)
    make.build(manifest, tmp_path / "p")
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    make.build(manifest, tmp_path / "p")
    new = datapkg.open(tmp_path / "p")
    old = new.checkout("1.0.0")
    assert (new.version, old.version) == (2, 1)
    assert old["wells"].to_pandas()["Well"].tolist() == ["005", "042"]
    assert new["wells"].to_pandas()["Well"].tolist() == ["B02"]
    assert datapkg.open(tmp_path / "p", as_of=old.created).version == 1
    assert datapkg.open(tmp_path / "p", as_of="2999-01-01").version == 2


def test_a_package_can_be_moved(package: Package, tmp_path: Path) -> None:
    expected = package["wells"].to_pandas()
    (tmp_path / "p").rename(tmp_path / "elsewhere")
    assert datapkg.open(tmp_path / "elsewhere")["wells"].to_pandas().equals(expected)


WRONG = {
    "table": (lambda p: p["frame"], VersionError, "did you mean 'frames'"),
    "column": (lambda p: p["wells"].to_pandas(columns=["gene"]), SchemaError, "did you mean 'Gene'"),
    "row": (lambda p: p["frames"].image(3), SchemaError, "rows are 0 to 2"),
    "images": (lambda p: p["wells"].image(0), SchemaError, "no image column"),
    "version": (lambda p: p.checkout(7), VersionError, "no version 7"),
    "release": (lambda p: p.checkout("2.0"), VersionError, "no release '2.0'"),
}


@pytest.mark.parametrize(("ask", "error", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_questions_have_clear_answers(
    ask: object, error: type[DatapkgError], message: str, package: Package
) -> None:
    with pytest.raises(error, match=message):
        ask(package)  # type: ignore[operator]


def test_what_cannot_be_opened_is_said(tmp_path: Path, package: Package) -> None:
    with pytest.raises(StoreError, match="no such folder"):
        datapkg.open(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="no place for a package"):
        datapkg.open("ftp://host/p")
    record = tmp_path / "p" / "versions" / "1.json"
    record.write_bytes(record.read_bytes().replace(b'"rows":2', b'"rows":3'))
    with pytest.raises(DamageError, match="damaged"):
        datapkg.open(tmp_path / "p")


def test_a_lost_state_of_a_table_is_damage_not_an_older_state(package: Package, tmp_path: Path) -> None:
    for path in (tmp_path / "p" / "wells.lance" / "_versions").glob("*.manifest"):
        path.unlink()
    with pytest.raises(DamageError, match="not there any more"):
        package["wells"].to_pandas()
