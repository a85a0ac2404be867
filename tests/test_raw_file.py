"""Large equal images in a data file of their own: as the engine writes and reads them, and as it says where they lie."""

from __future__ import annotations

import json
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datapkg import store
from datapkg.encoding import decoded
from datapkg.errors import StoreError
from datapkg.places import Folder
from datapkg.store import raw_file
from datapkg.store.raw_pages import form_of

Image = NDArray[Any]
ATTEMPT = "a" * 32
FORMS = {
    "uint16": ("uint16", (256, 128)),
    "odd": ("uint8", (257, 301)),
    "rgb": ("uint8", (181, 199, 3)),
    "many axes": ("float32", (2, 3, 61, 67)),
    "line": ("int64", (9001,)),
    "half": ("float16", (211, 203)),
    "signed": ("int8", (300, 300)),
    "tall": ("uint32", (20_000, 1)),
}


def images(dtype: str, shape: tuple[int, ...], count: int) -> list[Image]:
    random = np.random.default_rng(count)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return [np.frombuffer(random.bytes(size), dtype).reshape(shape) for _ in range(count)]


def column(given: Sequence[Image | None], dtype: str, shape: tuple[int, ...]) -> pa.Array:
    kind = pa.from_numpy_dtype(dtype)
    for length in reversed(shape):
        kind = pa.list_(kind, length)
    values = np.concatenate(
        [np.zeros(shape, dtype).reshape(-1) if one is None else one.reshape(-1) for one in given]
    )
    found = pa.array(values)
    for length in reversed(shape[1:]):
        found = pa.FixedSizeListArray.from_arrays(found, length)
    mask = pa.array([one is None for one in given])
    return pa.FixedSizeListArray.from_arrays(found, shape[0], mask=mask).cast(kind)


def batch(
    given: Sequence[Image | None], dtype: str, shape: tuple[int, ...], first: int = 0
) -> pa.RecordBatch:
    """Rows of images, with what is said of them and a number."""
    there = [one is not None for one in given]
    return pa.record_batch(
        {
            "number": pa.array(range(first, first + len(given)), pa.int64()),
            "image_array": column(given, dtype, shape),
            "dtype": pa.array([dtype if one else None for one in there], pa.string()),
            "shape": pa.array([list(shape) if one else None for one in there], pa.list_(pa.int32())),
        }
    )


def written(folder: Path, batches: Sequence[pa.RecordBatch]) -> store.Fragment:
    package = Folder(folder)
    package.begin(ATTEMPT)
    found = store.write_fragment(package, ATTEMPT, "t", batches[0].schema, batches)
    assert found is not None
    data = package.staging(ATTEMPT).local("t.lance/data")
    assert sorted(path.name for path in data.iterdir()) == sorted(
        Path(file.path).name for file in found.files
    )
    return found


def committed(folder: Path, batches: Sequence[pa.RecordBatch]) -> tuple[store.Fragment, lance.LanceDataset]:
    fragment = written(folder, batches)
    store.commit(Folder(folder), ATTEMPT, "t", batches[0].schema, [fragment])
    return fragment, lance.dataset(str(folder / "t.lance"))


def same(table: pa.Table, expected: Sequence[Image | None]) -> None:
    rows = table.combine_chunks()
    found = decoded(
        rows["image_array"].combine_chunks(), rows["dtype"].to_pylist(), rows["shape"].to_pylist()
    )
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        assert one is None or other is None or (one.dtype == other.dtype and one.tobytes() == other.tobytes())


@pytest.mark.parametrize("name", FORMS)
def test_the_engine_reads_what_was_put_in(name: str, tmp_path: Path) -> None:
    form = FORMS[name]
    given = images(*form, 7)
    parts = [batch(given[:3], *form), batch(given, *form).slice(3, 1), batch(given[4:], *form, 4)]
    fragment, dataset = committed(tmp_path, parts)
    assert len(fragment.files) == 2
    same(dataset.to_table(), given)
    same(dataset.take([6, 0, 3]), [given[at] for at in (6, 0, 3)])
    same(dataset.to_table(filter="number in (1, 5)"), [given[1], given[5]])
    assert dataset.to_table(columns=["number"])["number"].to_pylist() == list(range(7))
    dataset.validate()


@pytest.mark.parametrize("name", FORMS)
def test_pixels_lie_where_it_is_said(name: str, tmp_path: Path) -> None:
    form = FORMS[name]
    given = images(*form, 5)
    fragment = written(tmp_path, [batch(given[:2], *form), batch(given[2:], *form, 2)])
    pages = fragment.pixels["image_array"]
    content = Folder(tmp_path).staging(ATTEMPT).read(pages.path)
    size, found = given[0].nbytes, []
    for rows, begin in zip(pages.places[::2], pages.places[1::2], strict=True):
        assert begin % 64 == 0
        found += [content[begin + size * at : begin + size * (at + 1)] for at in range(rows)]
    assert found == [one.tobytes() for one in given]


@pytest.mark.parametrize("name", FORMS)
def test_the_file_is_as_the_engine_would_write_it(name: str, tmp_path: Path) -> None:
    form = FORMS[name]
    given = batch(images(*form, 3), *form)
    fragment = written(tmp_path, [given])
    alone = given.select(["image_array"])
    (plain,) = lance.fragment.write_fragments(
        alone, str(tmp_path / "plain.lance"), data_storage_version="2.2"
    )
    ours = Folder(tmp_path).staging(ATTEMPT).local(fragment.pixels["image_array"].path)
    theirs = tmp_path / "plain.lance/data" / plain.files[0].path
    assert ours.read_bytes() == theirs.read_bytes()


def test_pages_end_where_the_engines_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_file, "PAGE_BYTES", 150_000)
    form = FORMS["odd"]
    given = images(*form, 10)
    fragment, dataset = committed(tmp_path, [batch([one], *form, at) for at, one in enumerate(given)])
    assert fragment.pixels["image_array"].places[::2] == (2, 2, 2, 2, 2)
    same(dataset.to_table(), given)
    same(dataset.take([9, 4]), [given[9], given[4]])


@pytest.mark.parametrize("gap", [{0}, {4}, {1, 2}, {0, 1, 2, 3, 4}], ids=str)
def test_where_an_image_is_missing_the_engine_writes_them(gap: set[int], tmp_path: Path) -> None:
    form = FORMS["odd"]
    given = [None if at in gap else one for at, one in enumerate(images(*form, 5))]
    whole = batch(given, *form)
    fragment, dataset = committed(tmp_path, [whole.slice(0, 2), whole.slice(2)])
    assert not fragment.pixels
    same(dataset.to_table(), given)


def _nothing(*_: Any) -> None:
    return None


def _strange(*_: Any) -> None:
    raise ValueError("the end of a data file is not known")


def _cut(*_: Any) -> bytes:
    return b"LANC"


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("_model", _nothing),
        ("places_of", _nothing),
        ("LEAST_BYTES", 1 << 30),
        ("_said", _strange),
        ("_end", _cut),
    ],
    ids=["no model", "no places", "too small", "an end of another form", "an end of other words"],
)
def test_an_engine_that_is_not_understood_writes_them(
    attribute: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw_file._model.cache_clear()
    monkeypatch.setattr(raw_file, attribute, value)
    form = FORMS["rgb"]
    given = images(*form, 4)
    fragment, dataset = committed(tmp_path, [batch(given[:3], *form), batch(given[3:], *form, 3)])
    same(dataset.to_table(), given)
    assert fragment.pixels["image_array"].shape == form[1]


def test_an_engine_that_reads_the_end_otherwise_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_file.RawColumn, "_understood", lambda _: False)
    form = FORMS["uint16"]
    given = images(*form, 4)
    fragment, dataset = committed(tmp_path, [batch(given[:3], *form), batch(given[3:], *form, 3)])
    same(dataset.to_table(), given)
    assert len(fragment.files) == 2


def test_a_column_alone_is_a_fragment(tmp_path: Path) -> None:
    form = FORMS["line"]
    given = images(*form, 3)
    rows = batch(given, *form).select(["image_array"])
    fragment, dataset = committed(tmp_path, [rows])
    assert len(fragment.files) == 1
    found = dataset.to_table()["image_array"].combine_chunks()
    assert found.flatten().to_numpy().tobytes() == b"".join(one.tobytes() for one in given)


def test_several_columns_have_a_file_each(tmp_path: Path) -> None:
    first, second = FORMS["uint16"], FORMS["odd"]
    given, others = images(*first, 3), images(*second, 3)
    rows = batch(given, *first)
    rows = rows.append_column("mask", column(others, *second))
    fragment, dataset = committed(tmp_path, [rows])
    assert len(fragment.files) == 3
    same(dataset.to_table(), given)
    found = dataset.to_table(columns=["mask"])["mask"].combine_chunks()
    while pa.types.is_fixed_size_list(found.type):
        found = found.flatten()
    assert found.to_numpy().tobytes() == b"".join(one.tobytes() for one in others)


def test_what_the_engine_does_with_other_files_it_does_with_these(tmp_path: Path) -> None:
    form = FORMS["uint16"]
    given = images(*form, 8)
    _, dataset = committed(tmp_path, [batch(given, *form)])
    dataset.delete("number = 3")
    kept = [one for at, one in enumerate(given) if at != 3]
    same(dataset.to_table(), kept)
    dataset.optimize.compact_files(materialize_deletions_threshold=0.0)
    same(lance.dataset(dataset.uri).to_table(), kept)
    dataset.update({"number": "number + 100"}, where="number = 5")
    same(lance.dataset(dataset.uri).to_table(filter="number = 105"), [given[5]])


def test_small_and_very_large_images_are_the_engines(tmp_path: Path) -> None:
    form = "uint8", (64, 64)
    assert len(written(tmp_path, [batch(images(*form, 4), *form)]).files) == 1
    assert not raw_file._fits(column(images("uint8", (4, 4), 1), "uint8", (4, 4)).type)
    assert not raw_file._fits(pa.list_(pa.list_(pa.uint8(), 1 << 14), 1 << 13))
    assert raw_file._fits(pa.list_(pa.list_(pa.uint8(), 1 << 13), 1 << 13))
    assert not raw_file._fits(pa.list_(pa.list_(pa.uint8(), 1 << 13)))


def test_an_image_that_lacks_pixels_is_refused(tmp_path: Path) -> None:
    form = FORMS["uint16"]
    rows = batch(images(*form, 1), *form)
    values = pa.array(np.zeros(256 * 128, "u2"), mask=np.arange(256 * 128) == 5)
    holed = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(values, 128), 256)
    rows = rows.set_column(1, "image_array", holed)
    with pytest.raises(StoreError, match="lacks some of its pixels"):
        written(tmp_path, [rows])
    assert not list(Folder(tmp_path).staging(ATTEMPT).local("t.lance/data").iterdir())


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: raw_file.RawColumn, content: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(raw_file.RawColumn, "_write", full)
    form = FORMS["uint16"]
    with pytest.raises(StoreError, match="the disk is full"):
        written(tmp_path, [batch(images(*form, 2), *form)])


@pytest.mark.parametrize("room", [70_000, 4 * (64 << 10), 4 * (64 << 10) + 100])
def test_a_file_that_may_not_grow_is_said(room: int, tmp_path: Path) -> None:
    """Also where it is so at the very end, when what waited to be written is."""
    form = FORMS["uint16"]
    rows = batch(images(*form, 4), *form)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(StoreError, match="grow over the allowed size"):
            written(tmp_path, [rows])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    left = Folder(tmp_path).staging(ATTEMPT).local("t.lance/data").iterdir()
    assert all(path.stat().st_size < 64 << 10 for path in left)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.lists(st.integers(1, 90), min_size=1, max_size=3),
    dtype=st.sampled_from(["uint8", "int16", "uint32", "float64"]),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    page=st.sampled_from([1, 10_000, 8 << 20]),
)
def test_any_form_comes_back(
    shape: list[int], dtype: str, lengths: list[int], page: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    form = dtype, (*shape[:-1], shape[-1] + 64)
    given = images(*form, sum(lengths))
    parts, first = [], 0
    for length in lengths:
        parts.append(batch(given[first : first + length], *form, first))
        first += length
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_file, "LEAST_BYTES", 512)
        patch.setattr(raw_file, "PAGE_BYTES", page)
        fragment, dataset = committed(tmp_path_factory.mktemp("p"), parts)
    same(dataset.to_table(), given)
    same(dataset.take([first - 1, 0]), [given[-1], given[0]])
    assert json.loads(fragment.metadata)["physical_rows"] == first


def test_forms_of_columns() -> None:
    assert form_of(pa.list_(pa.list_(pa.uint16(), 3), 2)) == ("uint16", (2, 3))
    assert form_of(pa.list_(pa.string(), 3)) == ("", ())
    assert form_of(pa.uint16()) == ("", ())
