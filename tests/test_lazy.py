"""Lazy columns in the hands of a pandas user: whatever is not a look at a cell reads no pixel."""

from __future__ import annotations

import copy
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lance
import make
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from costs import counted
from make_lazy import SIDE, build, images, no_pixel

import datapkg
from datapkg import Table
from datapkg.errors import DamageError, SchemaError, StoreError, VersionError
from datapkg.lazy import LazyArray, lazy_column


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("lazy"))


@pytest.fixture
def frames(folder: Path) -> Table:
    return datapkg.open(folder)["frames"]


MOVES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "slice": lambda frame: frame[2:5],
    "mask": lambda frame: frame[frame["Plate"] == "p1"],
    "sort": lambda frame: frame.sort_values("Well", ascending=False, kind="stable"),
    "merge": lambda frame: pd.DataFrame({"Well": ["A01", "A03"]}).merge(frame, on="Well"),
    "head of groups": lambda frame: frame.groupby("Well").head(1),
    "first of groups": lambda frame: frame.groupby("Well", as_index=False)[list(frame)].first(),
    "concat": lambda frame: pd.concat([frame[5:], frame[:2]]),
    "copy": lambda frame: frame.copy(),
    "deep copy": copy.deepcopy,
    "pickle": lambda frame: pickle.loads(pickle.dumps(frame)),
    "reindex": lambda frame: frame.reindex([7, 0]),
    "drop duplicates": lambda frame: frame.drop_duplicates("image_array"),
    "sample": lambda frame: frame.sample(5, random_state=1),
    "set index": lambda frame: frame.set_index("path").reset_index(),
    "melt": lambda frame: frame.melt(["path", "image_array"], ["size_x"]).drop(columns="value"),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_moving_rows_reads_no_pixel_and_keeps_each_image_with_its_row(
    move: Callable[[pd.DataFrame], pd.DataFrame], frames: Table
) -> None:
    with no_pixel(frames):
        moved = move(frames.to_pandas())
        assert moved["image_array"].dtype == "datapkg[image]"
        assert not moved["image_array"].isna().any()
    whole = dict(zip(frames.to_pandas(["path"])["path"], images(), strict=True))
    assert len(moved)
    for path, image in zip(moved["path"], moved["image_array"], strict=True):
        assert np.array_equal(image, whole[path])


def test_a_cell_is_a_read_only_array_and_is_read_alone(frames: Table) -> None:
    frame = frames.to_pandas()
    with counted(frames) as cost:
        cell = frame["image_array"].iloc[3]
    assert cost.bytes < 1.1 * cell.nbytes
    assert (type(cell), cell.dtype, cell.shape) == (np.ndarray, np.dtype("uint16"), (SIDE, SIDE))
    assert not cell.flags.writeable
    assert np.array_equal(cell, images()[3])


def test_printing_shows_dtype_and_shape_and_reads_no_pixel(frames: Table) -> None:
    frame = frames.to_pandas()
    with no_pixel(frames):
        size = (Path(frames.package.uri).parent / "data" / "p0" / "A00.tif").stat().st_size
        for text in (repr(frame[["image_array", "image_bytes"]]), frame.to_html(), frame.to_string()):
            assert "uint16 300x300" in text
            assert f"{size:,} bytes" in text
        array = frame["image_array"].array
        assert repr(array) == (
            f"<LazyArray>\n[{', '.join(['uint16 300x300'] * 8)}]\nLength: 8, dtype: datapkg[image]"
        )
        assert repr(frame["image_array"]).splitlines()[0].split(maxsplit=1) == ["0", "uint16 300x300"]
        frame.info(buf=io.StringIO(), memory_usage="deep")
        assert frame.memory_usage(deep=True)["image_array"] == 8 * 12


def test_metadata_is_text_and_bytes_are_the_file(frames: Table, folder: Path) -> None:
    frame = frames.to_pandas()
    assert frame["image_bytes"].iloc[0] == (folder.parent / "data" / "p0" / "A00.tif").read_bytes()
    assert json.loads(frame["metadata"].iloc[0])
    assert frame["metadata"].astype("str").str.len().gt(2).all()
    assert "..." in repr(frame["metadata"].array)


def test_images_are_equal_where_their_pixels_are(frames: Table, tmp_path: Path) -> None:
    with no_pixel(frames):
        column = frames.to_pandas()["image_array"]
        assert column.duplicated().tolist() == [False, False, False, True, False, False, False, True]
        assert (column == column.iloc[[3, 1, 2, 0, 4, 5, 6, 7]].array).all()
        assert column.nunique() == 6
        assert column.equals(datapkg.open(frames.package.uri)["frames"].to_pandas()["image_array"])
        assert column.value_counts().tolist() == [2, 2, 1, 1, 1, 1]
    assert (column.array == images()[3]).tolist() == [True, False, False, True, *[False] * 4]
    assert column.isin([images()[1]]).tolist() == [False, True, *[False] * 6]
    assert (column.array != images()[0][:-1]).all()
    other = datapkg.open(build(tmp_path, first=3))["frames"].to_pandas()["image_array"]
    assert (column.array == other.array).sum() == sum(
        np.array_equal(one, two) for one, two in zip(images(), images(3), strict=True)
    )


def test_load_reads_a_column_in_few_large_requests(frames: Table) -> None:
    array = frames.to_pandas()["image_array"].array[[5, 0, 5, 2]]
    repr(array)
    with counted(frames) as cost:
        loaded = array.load()
    assert cost.bytes < 1.1 * 3 * SIDE * SIDE * 2  # each image once
    assert [np.array_equal(cell, images()[n]) for cell, n in zip(loaded, [5, 0, 5, 2], strict=True)] == [
        True
    ] * 4
    frame = frames.to_pandas()
    frame["image_array"] = frame["image_array"].array.load()
    assert frame["image_array"].dtype == object
    assert np.array_equal(np.stack(frame["image_array"]), np.stack(images()))


def test_images_of_one_shape_stack(frames: Table, tmp_path: Path) -> None:
    frame = frames.to_pandas()
    stacked = frame["image_array"].array.stack()
    assert (stacked.dtype, stacked.shape) == (np.dtype("uint16"), (8, SIDE, SIDE))
    assert np.array_equal(stacked, np.stack(images()))
    with pytest.raises(SchemaError, match="cell 1 is missing"):
        frame["image_array"].reindex([0, 99]).array.stack()
    with pytest.raises(SchemaError, match="no images"):
        frame["metadata"].array.stack()
    mixed = frame["image_array"].array[:1]._concat_same_type([frame["image_array"].array[:1]] * 2)
    mixed[1] = np.zeros((2, 2), "u1")
    with pytest.raises(SchemaError, match=r"cell 1 is uint8 \(2, 2\)"):
        mixed.stack()


def test_missing_cells_of_joins(frames: Table) -> None:
    wells = pd.DataFrame({"path": ["p0/A00.tif", "nowhere.tif"], "n": [1, 2]})
    with no_pixel(frames):
        joined = wells.merge(frames.to_pandas(), how="left", on="path")
        assert joined["image_array"].isna().tolist() == [False, True]
        assert "None" in repr(joined["image_array"])
    assert joined["image_array"].iloc[1] is None
    assert joined["image_array"].array.load()[1] is None
    assert [cell is None for cell in joined["image_bytes"]] == [False, True]
    assert len(joined.dropna(subset="image_array")) == 1
    filled = joined["image_array"].array.fillna(images()[2])
    assert np.array_equal(filled[1], images()[2])


def test_own_images_can_stand_beside_stored_ones(frames: Table) -> None:
    frame = frames.to_pandas()
    own = np.full((2, 3), 7, "uint8")
    array = frame["image_array"].array.copy()
    array[1] = own
    assert repr(array[:2]).splitlines()[1] == "[uint16 300x300, uint8 2x3]"
    assert np.array_equal(array[1], own)
    assert not array[1].flags.writeable
    assert np.array_equal(frame["image_array"].iloc[1], images()[1])
    back = pickle.loads(pickle.dumps(array[1:3]))
    assert np.array_equal(back[0], own) and np.array_equal(back[1], images()[2])
    assert len(pickle.dumps(array[2:4])) < 1000
    blurred = frame["image_array"].map(lambda image: image.astype("float32") / 2)
    assert repr(blurred.array[:1]).splitlines()[1] == "[float32 300x300]"
    assert frame["image_array"].map(np.mean).dtype == "float64"
    with pytest.raises(TypeError, match="cannot hold"):
        array[0] = "text"


def test_a_frame_is_pickled_by_address_and_version(frames: Table, tmp_path: Path) -> None:
    frame = frames.to_pandas(["path", "image_array"])
    pickle_path = tmp_path / "frame.pickle"
    frame.to_pickle(pickle_path)
    assert pickle_path.stat().st_size < 5000
    code = (
        f"import pandas as pd, sys; frame = pd.read_pickle({str(pickle_path)!r}); "
        "assert 'lance' not in sys.modules; print(frame.image_array.iloc[4].sum())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == images()[4].sum()


def test_a_pickled_frame_does_not_take_another_package_for_its_own(tmp_path: Path) -> None:
    package = build(tmp_path)
    content = pickle.dumps(datapkg.open(package)["frames"].to_pandas(["image_array"]))
    package.rename(tmp_path / "elsewhere")
    moved = pickle.loads(content)
    with pytest.raises(StoreError, match="no such folder"):
        moved["image_array"].iloc[0]
    for file in (tmp_path / "data").rglob("*.tif"):
        file.unlink()
    build(tmp_path, first=20)
    with pytest.raises(VersionError, match="version 1 is not the one that this was read from"):
        pickle.loads(content)["image_array"].iloc[0]


def test_a_package_that_moves_away_is_told_when_pixels_are_touched(tmp_path: Path) -> None:
    package = build(tmp_path)
    frame = datapkg.open(package)["frames"].to_pandas()
    package.rename(tmp_path / "elsewhere")
    for ask in (lambda: frame["image_array"].iloc[0], lambda: repr(frame), frame["image_array"].array.load):
        with pytest.raises(StoreError, match=r"not there any more\n  fix: open it at its new place"):
            ask()


def test_a_file_that_is_lost_later_is_damage(tmp_path: Path) -> None:
    package = build(tmp_path)
    frame = datapkg.open(package)["frames"].to_pandas()
    for data in (package / "frames.lance" / "data").iterdir():
        data.unlink()
    with pytest.raises(DamageError, match=r"table frames of .*missing or damaged"):
        frame["image_array"].iloc[0]


def test_images_of_several_packages_and_versions_stand_in_one_frame(tmp_path: Path) -> None:
    package = build(tmp_path / "a")
    for file in (tmp_path / "a" / "data" / "p1").iterdir():
        file.unlink()
    build_again = tmp_path / "a" / "data" / "manifest.yaml"
    make.build(build_again, package, allow_removals=True)
    new, old = datapkg.open(package), datapkg.open(package, version=1)
    other = datapkg.open(build(tmp_path / "b", ", array: packed", first=9))
    parts = [each["frames"].to_pandas() for each in (new, old, other)]
    whole = pd.concat(parts, keys=["new", "old", "other"])
    assert whole["image_array"].dtype == "datapkg[image]"
    assert len(whole) == 4 + 8 + 8
    wanted = [*images()[:4], *images(), *images(9)]
    for found, image in zip(whole["image_array"], wanted, strict=True):
        assert np.array_equal(found, image)
    shuffled = whole.sample(frac=1, random_state=3)
    assert np.array_equal(shuffled.loc[("other", 2), "image_array"], images(9)[2])


KEPT = {"nested": "", "packed": ", array: packed", "files": ", keep: bytes", "array": ", keep: array"}


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("more", KEPT.values(), ids=KEPT.keys())
def test_every_way_of_keeping_images_gives_the_same_column(more: str, verify: bool, tmp_path: Path) -> None:
    opened = datapkg.open(build(tmp_path, more), verify=verify, as_of="2999-01-01")
    table = opened.checkout(1)["frames"]
    frame = table.to_pandas()
    assert "uint16 300x300" in repr(frame["image_array"])
    assert np.array_equal(frame["image_array"].array.stack(), np.stack(images()))
    eager = table.to_pandas(["image_array"], images="array")["image_array"]
    assert eager.dtype == object
    assert np.array_equal(np.stack(eager.to_list()), np.stack(images()))
    assert (
        table.to_pandas(["image_array"], where="Well = 'A02'")["image_array"].iloc[1].sum()
        == images()[6].sum()
    )


def test_images_of_other_shapes_and_types_come_as_their_own(tmp_path: Path) -> None:
    wanted = [make.image(1, (4, 5), "uint8"), make.image(2, (3, 6)), make.image(3, (2, 4, 5), "uint8")]
    for number, image in enumerate(wanted):
        make.tiff(tmp_path / f"{number}.tif", image, metadata={"axes": "ZYX"[-image.ndim :]})
    make.build(make.manifest(tmp_path, 'name: frames, path: "*.tif"'), tmp_path / "p")
    column = datapkg.open(tmp_path / "p")["frames"].to_pandas()["image_array"]
    assert repr(column.array).splitlines()[1] == "[uint8 4x5, uint16 3x6, uint8 2x4x5]"
    for found, image in zip(column, wanted, strict=True):
        assert (found.dtype, found.shape, found.tobytes()) == (image.dtype, image.shape, image.tobytes())


def without_image(frames: Table, row: int, tmp_path: Path) -> Table:
    """The same table, but for an image that its row does not have."""
    record = frames.package.record
    columns = tuple(
        replace(c, nulls=1) if c.name in ("image_array", "image_digest", "dtype", "shape") else c
        for c in frames.record.columns
    )
    lacking = datapkg.open(frames.package.uri)
    lacking.opened.record = replace(record, tables=(replace(frames.record, columns=columns),))
    lacking.opened.files.pixels.clear()
    rows = frames.rows.pinned.lance.to_table()
    for name in ("image_array", "image_digest", "dtype", "shape"):
        column = rows.column(name).combine_chunks()
        kept = pa.concat_arrays([column[:row], pa.nulls(1, column.type), column[row + 1 :]])
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), kept)
    table = lacking["frames"]
    table.rows.pinned.__dict__["lance"] = lance.write_dataset(rows, tmp_path / "lacking")
    return table


def test_a_row_without_an_image_has_a_missing_cell(frames: Table, tmp_path: Path) -> None:
    table = without_image(frames, 2, tmp_path)
    with no_pixel(table):
        column = table.to_pandas()["image_array"]
        assert column.isna().tolist() == [row == 2 for row in range(8)]
        assert "None" in repr(column)
        assert (column == column).tolist() == [row != 2 for row in range(8)]
    assert column.iloc[2] is None
    assert np.array_equal(column.iloc[3], images()[3])
    assert np.array_equal(np.stack(column.dropna().to_list()), np.delete(np.stack(images()), 2, 0))


def test_a_file_stands_in_the_row_of_its_first_image(tmp_path: Path) -> None:
    import tifffile

    for name in ("a", "b"):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as writer:
            for seed in range(3):
                writer.write(make.image(seed, (20 + seed, 30)), photometric="minisblack", metadata=None)
    make.build(make.manifest(tmp_path, 'name: frames, path: "*.tif", keep: bytes'), tmp_path / "p")
    frame = datapkg.open(tmp_path / "p")["frames"].to_pandas()
    assert frame["image_bytes"].isna().tolist() == [False, True, True, False, True, True]
    assert frame["image_bytes"].iloc[4] is None
    assert frame["image_bytes"].array[1:4].load()[2] == (tmp_path / "b.tif").read_bytes()
    assert repr(frame["image_bytes"].array[3:]).count("None") == 2
    for row in (5, 0, 4):
        assert np.array_equal(frame["image_array"].iloc[row], make.image(row % 3, (20 + row % 3, 30)))


def test_a_lazy_column_is_made_of_any_rows(frames: Table) -> None:
    column = lazy_column(frames.opened, "frames", "image_array", np.array([3, -1, 3]))
    assert isinstance(column, LazyArray)
    assert column.isna().tolist() == [False, True, False]
    assert np.array_equal(column[2], images()[3])
    with pytest.raises(ValueError, match="'Well' of table frames has no lazy cells"):
        lazy_column(frames.opened, "frames", "Well", np.array([0]))


def test_arithmetic_is_for_arrays_not_for_columns(frames: Table) -> None:
    column: Any = frames.to_pandas()["image_array"]
    for ask in (lambda: column / 2, lambda: column > 2, column.sum, lambda: column < column):
        with pytest.raises(TypeError):
            ask()
