"""A table's rows as batches, for polars, Awkward and torch, and as the Lance dataset."""

from __future__ import annotations

import multiprocessing
import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import awkward as ak
import make
import make_versions
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

import datapkg
from datapkg import Package
from datapkg.doors.awkward import to_awkward
from datapkg.doors.optional import optional
from datapkg.errors import DamageError, ExportError, SchemaError, StoreError


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return datapkg.open(make_versions.package(tmp_path_factory.mktemp("versions")))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Images of one shape, of several widths, packed ones, and of bools."""
    folder = tmp_path_factory.mktemp("shapes")
    for number in range(3):
        make.tiff(folder / f"same{number}.tif", make.image(number))
        make.tiff(folder / f"wide{number}.tif", make.image(number, (3, 4 + number), "uint8"))
        make.tiff(folder / f"flag{number}.tif", make.image(number) > 100, photometric="minisblack")
    kinds = [f'name: {name}, path: "{name}*.tif", keep: array' for name in ("same", "wide", "flag")]
    packed = 'name: packed, path: ["same*.tif", "wide*.tif"], keep: array, array: packed'
    files = 'name: files, path: "wide*.tif", keep: bytes'
    make.build(make.manifest(folder, *kinds, packed, files), folder / "p")
    return datapkg.open(folder / "p")


def test_batches_hold_about_the_bytes_asked_for_and_all_rows_in_order(versions: Package) -> None:
    frames = versions["frames"]
    batches = list(frames.to_batches(["file_name", "image_array"], batch_bytes=300))
    assert len(batches) > 5 and max(batch.nbytes for batch in batches) < 900
    expected = frames.to_arrow(["file_name", "image_array"])
    assert pa.Table.from_batches(batches).to_pylist() == expected.to_pylist()
    chosen = [batch.take([len(batch) - 1]).column("image_array")[0] for batch in batches]
    assert [one.as_py() for one in chosen] == [batch.column("image_array")[-1].as_py() for batch in batches]
    some = pa.Table.from_batches(versions["cells"].to_batches(["Cells.Area"], where="Well = 'A03'", limit=2))
    assert some.to_pydict() == {"Cells.Area": [0.25, 1.25]}
    with pytest.raises(SchemaError, match="batch_bytes"):
        frames.to_batches(batch_bytes=0)


def test_polars_has_the_same_rows_in_order(versions: Package) -> None:
    lazy = versions["cells"].to_polars()
    assert isinstance(lazy, pl.LazyFrame)
    assert_frame_equal(lazy.collect(), pl.from_arrow(versions["cells"].to_arrow()))  # type: ignore[arg-type]
    two = versions["cells"].to_polars(["File", "Cells.Area"], where="Well <> 'A02'", limit=5)
    assert two.select("Cells.Area").collect().to_series().to_list()[2] == 0.25
    assert two.select(pl.len()).collect().item() == 5


@pytest.mark.parametrize(
    "ask",
    [
        lambda f: f.filter(pl.col("U") > 20),
        lambda f: f.filter(pl.col("Cells.Area") > 1).select("File"),
        lambda f: f.filter(pl.col("Cells.Area").is_null() | (pl.col("well") == "a2")),
        lambda f: f.filter(pl.col("Day") == pl.date(2024, 2, 3)),
        lambda f: f.head(7).filter(pl.col("Ok")),
        lambda f: f.filter(pl.col("Ok")).head(3),
        lambda f: f.filter(pl.col("Ok")).tail(3).select("Well", "File"),
        lambda f: f.filter(pl.col("File").str.contains("p0[24]")).group_by("Well", maintain_order=True).len(),
        lambda f: f.filter(pl.col("U") == -1),
        lambda f: f.filter(pl.lit(False)).select("File"),
    ],
)
def test_polars_conditions_mean_what_they_mean_in_memory(ask: Any, versions: Package) -> None:
    lazy = versions["cells"].to_polars()
    assert_frame_equal(ask(lazy).collect(), ask(lazy.collect().lazy()).collect())


def test_polars_reads_pixels_of_the_rows_wanted_alone(versions: Package) -> None:
    frames = versions["frames"]
    found = frames.to_polars().filter(pl.col("file_name") == "p02_1.tif").select("image_array").collect()
    assert found["image_array"][0].to_list() == make.image(121).tolist()
    plan = frames.to_polars().filter(pl.col("Row") == 1).select("file_name").explain()
    assert 'SELECTION: col("Row") == 1' in plan and "PROJECT 2/24 COLUMNS" in plan


def test_awkward_has_exact_types_and_no_options(shapes: Package, versions: Package) -> None:
    same = shapes["same"].to_awkward("image_array")
    assert str(same.type) == "3 * 6 * 8 * uint16"
    assert np.array_equal(ak.to_numpy(same)[1], make.image(1))
    wide = shapes["wide"].to_awkward("image_array")
    assert str(wide.type) == "3 * var * var * uint8"
    assert wide[2].to_list() == make.image(2, (3, 6), "uint8").tolist()
    assert str(versions["cells"].to_awkward("Cells.Area").type) == "20 * ?float64"
    assert str(versions["cells"].to_awkward("Well", limit=3).type) == "3 * string"
    assert str(versions["frames"].to_awkward("shape", where="Plate = 1").type) == "4 * var * int32"


def test_awkward_has_packed_images_and_bools_as_they_are(shapes: Package) -> None:
    packed = shapes["packed"].to_awkward("image_array")
    assert str(packed.type) == "6 * var * var * uint16"
    assert packed[0].to_list() == make.image(0).tolist()
    files = shapes["files"].to_awkward("image_array", where="path = 'wide1.tif'")
    assert str(files.type) == "1 * 3 * 5 * uint8"
    flags = shapes["flag"].to_awkward("image_array")
    assert str(flags.type) == "3 * 6 * 8 * bool"
    assert flags[2].to_list() == (make.image(2) > 100).tolist()


def test_awkward_takes_over_one_batch_without_a_copy() -> None:
    pixels = np.arange(48, dtype="u2")
    rows = pa.FixedSizeListArray.from_arrays(pa.array(pixels), 8)
    ragged = pa.LargeListArray.from_arrays(pa.array([0, 2, 6], pa.int64()), rows)
    array = to_awkward(pa.chunked_array([ragged]))
    assert str(array.type) == "2 * var * 8 * uint16"
    assert np.shares_memory(np.asarray(ak.flatten(array, axis=None)), pixels)


def test_awkward_marks_what_is_missing_and_only_that() -> None:
    kind = pa.list_(pa.list_(pa.uint8(), 2), 1)
    array = to_awkward(pa.chunked_array([pa.array([[[1, 2]], None, [[3, 4]]], kind)]))
    assert str(array.type) == "3 * option[1 * 2 * uint8]"
    assert array.to_list() == [[[1, 2]], None, [[3, 4]]]
    structs = pa.array([[{"label": "a", "score": 0.5}], []])
    assert str(to_awkward(pa.chunked_array([structs])).type) == "2 * var * {label: string, score: float64}"
    assert str(to_awkward(pa.chunked_array([], pa.large_list(pa.int16()))).type) == "0 * var * int16"


def test_an_image_read_twice_is_one_column_in_awkward(shapes: Package) -> None:
    with pytest.raises(SchemaError, match="did you mean 'image_array'"):
        shapes["same"].to_awkward("image_aray")


def test_torch_rows_are_dicts_read_together(versions: Package) -> None:
    rows = versions["frames"].to_torch(["file_name", "image_array", "Row"])
    assert len(rows) == 20
    item = rows[9]
    assert item["file_name"] == "p02_1.tif" and item["Row"] == 1
    assert np.array_equal(item["image_array"], make.image(121)) and item["image_array"].flags.writeable
    batch = rows.__getitems__([19, 0, 19])
    assert [one["file_name"] for one in batch] == ["p05_3.tif", "p00_0.tif", "p05_3.tif"]
    assert rows[-1]["file_name"] == "p05_3.tif"
    with pytest.raises(IndexError):
        rows[20]
    stats = versions["frames"].rows.pinned.lance.io_stats_incremental
    stats()
    rows.__getitems__(list(range(16)))
    assert stats().read_iops <= 16


def test_torch_rows_can_be_chosen_and_transformed(versions: Package) -> None:
    chosen = versions["cells"].to_torch(["File"], where="Well = 'A01'", transform=name_of)
    assert [chosen[i] for i in range(len(chosen))] == [f"p{plate:02}_1.tif" for plate in (0, 1, 2, 4, 5)]
    assert len(versions["cells"].to_torch(limit=3)) == 3
    assert list(chosen) == [chosen[i] for i in range(5)]


def name_of(item: dict[str, Any]) -> Any:
    return item["File"]


def read_there(rows: Any, queue: Any) -> None:
    """What a worker of a DataLoader does."""
    try:
        queue.put([(item["file_name"], item["image_array"].sum()) for item in rows.__getitems__([3, 9])])
    except StoreError as error:
        queue.put(str(error))


@pytest.mark.parametrize("how", ["spawn", "fork"])
def test_torch_rows_are_safe_in_worker_processes(how: str, versions: Package) -> None:
    rows = versions["frames"].to_torch(["file_name", "image_array"])
    assert rows[0]["file_name"] == "p00_0.tif"
    context: Any = multiprocessing.get_context(how)
    queue = context.Queue()
    with pytest.warns() if how == "fork" else no_warning():
        worker = context.Process(target=read_there, args=(rows, queue))
        worker.start()
    found = queue.get(timeout=120)
    worker.join()
    if how == "spawn":
        assert found == [("p00_3.tif", make.image(203).sum()), ("p02_1.tif", make.image(121).sum())]
    else:
        assert 'multiprocessing_context="spawn"' in found


def no_warning() -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_torch_rows_are_small_when_pickled(versions: Package) -> None:
    rows = versions["frames"].to_torch(["file_name"])
    assert rows[5]["file_name"] == "p01_1.tif"
    pickled = pickle.dumps(rows)
    assert len(pickled) < 1000
    assert pickle.loads(pickled)[5] == rows[5]


@pytest.mark.skipif(
    find_spec("torch") is None, reason="torch is not installed: it is large, and no dependency"
)
def test_a_data_loader_with_workers_reads_all_batches_in_order(versions: Package) -> None:
    from torch.utils.data import DataLoader

    rows = versions["frames"].to_torch(["file_name", "image_array", "Row"])
    batches = list(DataLoader(rows, batch_size=6, num_workers=2, multiprocessing_context="spawn"))
    assert [len(batch["file_name"]) for batch in batches] == [6, 6, 6, 2]
    assert batches[1]["file_name"][3] == "p02_1.tif" and batches[1]["Row"].tolist() == [2, 3, 0, 1, 2, 3]
    assert str(batches[1]["image_array"].dtype) == "torch.uint16"
    assert np.array_equal(batches[1]["image_array"][3].numpy(), make.image(121))


def test_the_lance_dataset_is_the_pinned_one(versions: Package) -> None:
    dataset = versions["cells"].lance
    assert dataset.count_rows() == 20
    assert "Cells%2EArea" in dataset.schema.names
    old = versions.checkout(1)["cells"].lance
    assert old.version < dataset.version and old.count_rows() == 20


def test_a_door_whose_library_is_missing_says_how_to_install_it() -> None:
    with pytest.raises(ExportError, match="pip install 'lance-datapkg\\[no_such_thing\\]'"):
        optional("no_such_thing")


def test_a_verified_package_hashes_files_before_it_hands_out_the_dataset(package: Path) -> None:
    (path,) = package.glob("wells.lance/data/*")
    content = bytearray(path.read_bytes())
    content[content.index(b"KIF11")] ^= 1
    path.write_bytes(content)
    assert datapkg.open(package)["wells"].lance.count_rows() == 2
    with pytest.raises(DamageError):
        _ = datapkg.open(package, verify=True)["wells"].lance
    with pytest.raises(DamageError):
        datapkg.open(package, verify=True).datafusion()
