"""Images of many forms that are read without the engine are the ones that the engine reads, in every layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import make
import make_ch5
import make_derive
import numpy as np
import pytest
import stores
from by_engine import columns_both_ways
from costs import counted
from hypothesis import given, settings
from hypothesis import strategies as st
from make_growth import gone, plates, plates_manifest, tif
from stores import MOTO

import datapkg
from datapkg import Table, store
from datapkg.errors import DamageError
from datapkg.loading import StoredImages
from datapkg.store.forms import as_text

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "float16", "float32", "float64")
GREY = st.tuples(st.integers(1, 90), st.integers(1, 90))
FORMS = st.one_of(
    st.lists(GREY, min_size=1, max_size=6),
    st.lists(st.tuples(GREY, st.just(3)).map(lambda form: (*form[0], form[1])), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(1, 60), st.just(70)), min_size=1, max_size=6),
    st.lists(st.one_of(st.just((40, 50)), st.just((3, 40, 50))), min_size=2, max_size=5),
)


def built(folder: Path, images: list[np.ndarray], more: str = "") -> Table:
    for number, image in enumerate(images):
        rgb = image.ndim == 3 and image.shape[-1] == 3
        make.tiff(folder / "data" / f"{number:03}.tif", image, photometric="rgb" if rgb else "minisblack")
    make.build(make.manifest(folder / "data", f'name: frames, path: "*.tif"{more}'), folder / "p")
    return datapkg.open(folder / "p")["frames"]


def noise(seed: int, shape: tuple[int, ...], dtype: str, bits: int = 8) -> np.ndarray:
    """An image whose numbers need so many bits."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 1 << min(bits, 7 if dtype == "int8" else bits), shape).astype(dtype)


def loader(table: Table, column: str = "image_array") -> StoredImages:
    found = table.opened.images(table.name, column)
    assert isinstance(found, StoredImages)
    return found


def both_ways(table: Table, column: str = "image_array") -> int:
    """Read rows by the engine and without it, one, some and all; how many bytes were read without it."""
    images = loader(table, column)
    everything = images._read(np.arange(len(table)))
    rng = np.random.default_rng(0)
    with counted(table) as cost:
        for rows in (rng.permutation(len(table)), rng.choice(len(table), 3), [len(table) - 1]):
            for row, image in zip(rows, images.load(np.array(rows)), strict=True):
                same(image, everything[row])
    columns_both_ways(table, column)
    return sum(cost.parts)


def same(image: np.ndarray | None, expected: np.ndarray | None) -> None:
    assert (image is None) == (expected is None)
    if image is not None and expected is not None:
        assert (image.dtype, image.shape) == (expected.dtype, expected.shape)
        assert image.tobytes() == expected.tobytes()
        assert not image.flags.writeable


def kind(table: Table, column: str = "image_array") -> set[str]:
    said = table.opened.files.placed.get(table.name, {}).get(column, {})
    return {entry["kind"] for entry in said.values()}


@settings(max_examples=40, deadline=None)
@given(
    forms=FORMS,
    dtype=st.sampled_from(DTYPES),
    bits=st.integers(1, 16),
    array=st.sampled_from(["nested", "packed"]),
)
def test_images_of_any_forms_are_as_the_engine_reads_them(
    forms: list[tuple[int, ...]], dtype: str, bits: int, array: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    images = [noise(seed, shape, dtype, bits) for seed, shape in enumerate(forms)]
    table = built(tmp_path_factory.mktemp("forms"), images, f", array: {array}, keep: array")
    both_ways(table)
    for image, expected in zip(table.images(range(len(images))), images, strict=True):
        same(image, expected)


LAYOUTS: dict[str, tuple[str, Callable[[int], np.ndarray], str]] = {
    "widths differ": ("chunks", lambda seed: noise(seed, (300, 400 + seed), "uint16", 11), ""),
    "plain bytes": ("chunks", lambda seed: noise(seed, (300, 400 + seed), "uint8"), ""),
    "colours": ("chunks", lambda seed: noise(seed, (90 + seed, 100 + seed, 3), "uint8"), ""),
    "small": ("chunks", lambda seed: noise(seed, (6, 8), "uint16", 12), ""),
    "heights differ": ("lines", lambda seed: noise(seed, (300 + seed, 400), "uint16"), ""),
    "dtypes differ": ("lines", lambda seed: noise(seed, (90, 100), ("uint8", "uint16")[seed % 2]), ""),
    "ranks differ": ("lines", lambda seed: noise(seed, ((90, 100), (2, 90, 100))[seed % 2], "uint8"), ""),
    "packed": ("values", lambda seed: noise(seed, (300 + seed, 400), "uint16"), ", array: packed"),
}


@pytest.fixture(params=LAYOUTS, ids=lambda name: name.replace(" ", "_"))
def layout(request: pytest.FixtureRequest) -> tuple[str, Callable[[int], np.ndarray], str]:
    return LAYOUTS[request.param]


def test_every_layout_is_read_without_the_engine(
    layout: tuple[str, Callable[[int], np.ndarray], str], tmp_path: Path
) -> None:
    how, image, more = layout
    table = built(tmp_path, [image(seed) for seed in range(9)], more)
    assert kind(table) == {how}
    assert both_ways(table) > 0
    with counted(table) as cost:
        same(table.image(4), image(4))
    assert len(cost.parts) == 1  # what there is of an index was read before
    assert cost.requests == 1
    with counted(table) as all_rows:
        assert sum(batch.num_rows for batch in table.to_batches(columns=["image_array"])) == 9
    assert all_rows.requests == len(all_rows.parts) or how == "values"
    assert datapkg.verify(tmp_path / "p", deep=True).ok


def test_a_package_that_grew_and_shrank_reads_every_version_so(
    layout: tuple[str, Callable[[int], np.ndarray], str], tmp_path: Path
) -> None:
    _, image, more = layout
    data = plates(tmp_path)
    manifest, package = plates_manifest(data), tmp_path / "p"
    manifest.write_text(manifest.read_text().replace('path: "images', f'keep: array{more}, path: "images'))
    for number in range(12):
        make.tiff(data / "images" / f"p{number:02}" / "A01_1.tif", image(number), photometric="minisblack")
    make.build(manifest, package)
    edits = [
        tif("p03", 50, (40, 60)),
        gone("images/p07/*.tif"),
        tif("p01a", 51, (44, 63)),
        lambda data: [tif(f"p{n:02}", 60 + n, (40, 60 + n))(data) for n in (0, 5, 11)],
    ]
    for edit in edits:
        edit(data)
        make.build(manifest, package, allow_removals=True)
    for version in range(1, len(edits) + 2):
        both_ways(datapkg.open(package, version=version)["frames"])
    datapkg.checkout(package, 2, tmp_path / "old")
    assert both_ways(datapkg.open(tmp_path / "old")["frames"]) == both_ways(
        datapkg.open(package, version=2)["frames"]
    )


def test_many_pages_and_fragments_are_found(tmp_path: Path) -> None:
    images = [noise(seed, (700, 900 + seed), "uint16", 12) for seed in range(24)]
    table = built(tmp_path, images, ", keep: array")
    entries = table.opened.files.placed["frames"]["image_array"].values()
    assert sum(len(entry["pages"]) for entry in entries) > 5 * len(entries)
    assert both_ways(table) > 0
    assert datapkg.verify(tmp_path / "p", deep=True).ok


@pytest.mark.parametrize("more", [", array: packed, keep: array", ", keep: bytes"])
def test_a_value_that_is_alone_in_its_page_is_read_without_the_engine(more: str, tmp_path: Path) -> None:
    large = [noise(seed, (2100, 2100 + seed), "uint16", 16) for seed in range(3)]
    small = [noise(seed, (50, 60), "uint16") for seed in range(3)]
    table = built(tmp_path, [*large, *small, noise(7, (2100, 2100), "uint16", 16)], more)
    column = "image_bytes" if "bytes" in more else "image_array"
    pages = [entry["pages"] for entry in table.opened.files.placed["frames"][column].values()]
    assert any(store.LONE in places[3::4] for places in pages)
    rows = [6, 0, 3, 2]
    with counted(table) as cost:
        found = table.images(rows)
    assert cost.bytes == sum(cost.parts) > 0
    for row, image in zip(rows, found, strict=True):
        same(image, noise(7, (2100, 2100), "uint16", 16) if row == 6 else [*large, *small][row])
    if "bytes" in more:
        taken = table.take(np.array(rows), ["image_bytes"]).column(0).to_pylist()
        assert taken == [(tmp_path / "data" / f"{row:03}.tif").read_bytes() for row in rows]


def test_derived_images_are_read_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number in range(6):
        make.tiff(data / f"{number}.tif", noise(number, (50, 60 + number), "uint16"))
    make_derive.functions(data)
    derive = """
derive:
  - {table: frames, column: twice, function: "f.py:doubled", input: image_array, output: image}
  - {table: frames, into: crops, function: "f.py:cut", input: image_array, output: {crop: image, brightest: int32}}
"""
    manifest = make.manifest(data, 'name: frames, path: "*.tif"')
    manifest.write_text(manifest.read_text() + derive)
    make.build(manifest, tmp_path / "p")
    pkg = datapkg.open(tmp_path / "p")
    assert kind(pkg["frames"], "twice") == {"values"}
    assert both_ways(pkg["frames"], "twice") > 0
    assert len(pkg["crops"]) == 5
    both_ways(pkg["crops"], "crop")
    make.tiff(data / "2.tif", noise(9, (70, 61), "uint16"))
    make.tiff(data / "2a.tif", noise(10, (70, 61), "uint16"))
    functions = data / "f.py"
    functions.write_text(functions.read_text().replace('astype("uint32") * 2', 'astype("uint32") * 3'))
    make.build(manifest, tmp_path / "p")
    for version, times in ((1, 2), (2, 3)):
        frames = datapkg.open(tmp_path / "p", version=version)["frames"]
        both_ways(frames, "twice")
        for image, twice in zip(
            frames.images(range(6)), frames.images(range(6), column="twice"), strict=True
        ):
            assert np.array_equal(image.astype("uint32") * times, twice)


def test_planes_of_movies_are_read_so(tmp_path: Path) -> None:
    (data := tmp_path / "data").mkdir()
    for number in range(2):
        make_ch5.movie(data / f"{number}.ch5", ("P1", "A01", f"003{number}"))
    make.build(make.manifest(tmp_path / "data", 'name: movies, path: "*.ch5"'), tmp_path / "p")
    assert both_ways(datapkg.open(tmp_path / "p")["movies"]) > 0


def test_a_list_without_places_is_read_by_the_engine(tmp_path: Path) -> None:
    table = built(tmp_path, [noise(seed, (30, 40 + seed), "uint16") for seed in range(3)])
    table.opened.files.placed.clear()
    assert both_ways(table) == 0


@pytest.mark.parametrize("name", ["widths differ", "heights differ", "packed"])
def test_places_behind_the_end_of_a_file_are_not_believed(name: str, tmp_path: Path) -> None:
    _, image, more = LAYOUTS[name]
    table = built(tmp_path, [image(seed) for seed in range(3)], more)
    (entry,) = table.opened.files.placed["frames"]["image_array"].values()
    entry["pages"][1:] = [place + (1 << 30) for place in entry["pages"][1:]]
    assert both_ways(table) == 0


def test_a_kind_that_is_not_known_is_the_engines(tmp_path: Path) -> None:
    table = built(tmp_path, [noise(seed, (30, 40 + seed), "uint16") for seed in range(3)])
    (entry,) = table.opened.files.placed["frames"]["image_array"].values()
    entry["kind"] = "spirals"
    assert both_ways(table) == 0


@pytest.mark.parametrize("name", ["widths differ", "plain bytes", "heights differ", "packed"])
def test_files_that_were_cut_or_harmed_are_damage(name: str, tmp_path: Path) -> None:
    how, image, more = LAYOUTS[name]
    table = built(tmp_path, [image(seed) for seed in range(3)], f"{more}, keep: array")
    (path,) = (tmp_path / "p" / "frames.lance" / "data").iterdir()
    content = path.read_bytes()
    (entry,) = table.opened.files.placed["frames"]["image_array"].values()
    if how == "chunks":
        harmed = bytearray(content)
        harmed[entry["pages"][3]] ^= 1
        harmed[entry["pages"][3] + 4] ^= 64  # how long a chunk's numbers are
        path.write_bytes(harmed)
        with pytest.raises(DamageError, match="damaged"):
            table.image(0)
    path.write_bytes(content[:2000])
    with pytest.raises(DamageError, match=r"table frames of .*missing or damaged"):
        datapkg.open(tmp_path / "p")["frames"].image(2)
    path.unlink()
    with pytest.raises(DamageError, match=r"table frames of .*missing or damaged"):
        datapkg.open(tmp_path / "p")["frames"].image(2)


def test_a_form_of_images_that_makes_no_sense_is_damage(tmp_path: Path) -> None:
    table = built(tmp_path, [noise(seed, (30, 40 + seed), "uint16") for seed in range(3)])
    (entry,) = table.opened.files.placed["frames"]["image_array"].values()
    entry["rows"] = as_text(np.array([0, 9, 0], np.uint16))
    with pytest.raises(DamageError, match="list of its files is damaged"):
        table.image(0)


def test_an_index_that_does_not_lead_through_its_chunks_is_refused() -> None:
    entries = np.array([(10 << 4) | 10, (3 << 4)], "<u4").tobytes()
    begins, firsts = store.index_of(entries, 1500)
    assert (begins.tolist(), firsts.tolist()) == ([0, 88, 120], [0, 1024, 1500])
    for wrong in (1000, 1024):
        with pytest.raises(ValueError, match="damaged"):
            store.index_of(entries, wrong)


def test_a_zip_file_gives_them_without_unpacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    built(tmp_path, [noise(seed, (30, 40 + seed), "uint16") for seed in range(3)])
    datapkg.export(tmp_path / "p", tmp_path / "p.datapkg.zip")
    table = datapkg.open(tmp_path / "p.datapkg.zip")["frames"]
    same(table.image(2), noise(2, (30, 42), "uint16"))
    assert not (tmp_path / "cache" / "unpacked").exists()


@MOTO
def test_one_image_of_every_layout_costs_three_requests_cold_and_one_warm(
    layout: tuple[str, Callable[[int], np.ndarray], str],
    tmp_path: Path,
    uri: str,
    options: dict[str, Any],
    reached: stores.ObjectStore,
) -> None:
    """Cold counts all from the opened package on, the list of files with it; also where rows came and went."""
    _, image, more = layout
    for number in range(8):
        make.tiff(tmp_path / "data" / f"{number}.tif", image(number), photometric="minisblack")
    manifest = make.manifest(tmp_path / "data", f'name: frames, path: "*.tif", keep: array{more}')
    make.build(manifest, uri, **options)
    make.tiff(tmp_path / "data" / "5.tif", image(11), photometric="minisblack")
    make.tiff(tmp_path / "data" / "8.tif", image(12), photometric="minisblack")
    make.build(manifest, uri, **options)
    for version, rows in ((1, (3, 7, 0)), (2, (3, 7, 0))):
        table = datapkg.open(uri, version=version)["frames"]
        for row, most in zip(rows, (3, 1, 1), strict=True):
            before = reached.requests()
            found = table.image(row)
            assert reached.requests() - before <= most
            same(found, image(row))
