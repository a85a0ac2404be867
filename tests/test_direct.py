"""Pixels read without the engine are the ones that the engine reads, whatever was deleted, added or joined meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import make
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
from datapkg import Table, versions
from datapkg.errors import DamageError
from datapkg.loading import StoredImages
from datapkg.places import Folder

SHAPES = st.lists(st.integers(1, 24), min_size=2, max_size=3).map(tuple)
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64", "bool")


def loader(table: Table) -> StoredImages:
    found = table.opened.images(table.name, "image_array")
    assert isinstance(found, StoredImages)
    return found


def both_ways(table: Table) -> int:
    """Read scattered rows with and without the engine, and mapped; gives how many parts were read without the engine."""
    images = loader(table)
    rows = np.random.default_rng(0).permutation(np.arange(len(table)).repeat(2))
    with counted(table) as cost:
        direct = images.load(rows)
    with counted(table) as none, pytest.MonkeyPatch.context() as patch:
        patch.setattr("datapkg.direct.MAPPED_FROM", 0)
        mapped = images.load(rows)
    assert none.parts == [] or "image_array" not in table.opened.files.pixels.get(table.name, {})
    engine = images._read(np.unique(rows))
    for row, *both in zip(rows.tolist(), direct, mapped, strict=True):
        expected = engine[row]
        for image in both:
            assert (image is None) == (expected is None)
            if image is not None and expected is not None:
                assert image.dtype == expected.dtype
                assert np.array_equal(image, expected, equal_nan=image.dtype.kind == "f")
                assert not image.flags.writeable
    columns_both_ways(table, "image_array")
    return len(cost.parts)


def built(folder: Path, images: list[np.ndarray], more: str = "") -> Table:
    for number, image in enumerate(images):
        make.tiff(folder / "data" / f"{number:03}.tif", image, photometric="minisblack")
    make.build(make.manifest(folder / "data", f'name: frames, path: "*.tif"{more}'), folder / "p")
    return datapkg.open(folder / "p")["frames"]


@settings(max_examples=25, deadline=None)
@given(shape=SHAPES, dtype=st.sampled_from(DTYPES), number=st.integers(1, 9))
def test_equal_images_of_any_form_are_as_the_engine_reads_them(
    shape: tuple[int, ...], dtype: str, number: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    images = [make.image(seed, shape).astype(dtype) for seed in range(number)]
    both_ways(built(tmp_path_factory.mktemp("form"), images))


def test_large_equal_images_are_read_without_the_engine(tmp_path: Path) -> None:
    table = built(tmp_path, [make.image(seed, (64, 80)) for seed in range(7)])
    assert both_ways(table) == 1  # neighbours come in one request
    column = table.opened.files.pixels["frames"]["image_array"]
    assert (column["dtype"], column["shape"]) == ("uint16", [64, 80])
    with counted(table) as cost:
        table.images([6, 0, 3])
    assert (cost.requests, cost.bytes) == (3, 3 * 64 * 80 * 2)


def test_a_grown_package_reads_every_version_so(tmp_path: Path) -> None:
    data = plates(tmp_path)
    for number in range(12):
        tif(f"p{number:02}", number, (40, 60))(data)
    manifest, package = plates_manifest(data), tmp_path / "p"
    make.build(manifest, package)
    edits = [
        tif("p03", 50, (40, 60)),
        gone("images/p07/*.tif"),
        tif("p01a", 51, (40, 60)),
        lambda data: [tif(f"p{n:02}", 60 + n, (40, 60))(data) for n in (0, 5, 11)],
    ]
    for edit in edits:
        edit(data)
        make.build(manifest, package, allow_removals=True)
    for version in range(1, len(edits) + 2):
        table = datapkg.open(package, version=version)["frames"]
        assert both_ways(table) > 0
        for image, path in zip(table.images(range(len(table))), table.to_pandas()["path"], strict=True):
            if version == len(edits) + 1:
                stored = tifffile_read(data / path)
                assert np.array_equal(image, stored)


def tifffile_read(path: Path) -> np.ndarray:
    import tifffile

    found: np.ndarray = tifffile.imread(path)
    return found


def test_many_small_builds_that_are_joined_read_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    manifest = make.manifest(data, 'name: frames, path: "*.tif"')
    for number in range(20):
        make.tiff(data / f"{number:03}.tif", make.image(number, (40, 60)))
        make.build(manifest, tmp_path / "p")
    table = datapkg.open(tmp_path / "p")["frames"]
    assert len(set(table.rows.order.keys >> 32)) < 20
    assert both_ways(table) > 0


def test_a_release_that_was_checked_out_reads_so(tmp_path: Path) -> None:
    built(tmp_path, [make.image(seed, (64, 80)) for seed in range(3)])
    datapkg.checkout(tmp_path / "p", 1, tmp_path / "q")
    assert both_ways(datapkg.open(tmp_path / "q")["frames"]) > 0


def test_a_package_in_a_zip_file_reads_so_without_unpacking(tmp_path: Path) -> None:
    built(tmp_path, [make.image(seed, (64, 80)) for seed in range(3)])
    datapkg.export(tmp_path / "p", tmp_path / "p.datapkg.zip")
    table = datapkg.open(tmp_path / "p.datapkg.zip")["frames"]
    for row, image in zip((2, 0, 1), table.images([2, 0, 1]), strict=True):
        assert np.array_equal(image, make.image(row, (64, 80)))
    assert "unpacked" not in table.package.place.__dict__
    assert both_ways(table) > 0


def test_a_list_without_places_is_read_by_the_engine(tmp_path: Path) -> None:
    table = built(tmp_path, [make.image(seed, (64, 80)) for seed in range(3)])
    table.opened.files.pixels.clear()
    assert both_ways(table) == 0


def test_places_behind_the_end_of_a_file_are_not_believed(tmp_path: Path) -> None:
    table = built(tmp_path, [make.image(seed, (64, 80)) for seed in range(3)])
    column = table.opened.files.pixels["frames"]["image_array"]
    column["fragments"]["0"][-1] += 1 << 20
    assert both_ways(table) == 0


def test_a_file_that_was_cut_or_removed_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = built(tmp_path, [make.image(seed, (64, 80)) for seed in range(3)])
    (path,) = (tmp_path / "p" / "frames.lance" / "data").iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:20_000])
    with pytest.raises(DamageError, match=r"table frames of .*missing or damaged"):
        table.image(2)
    monkeypatch.setattr("datapkg.direct.MAPPED_FROM", 0)
    with pytest.raises(DamageError, match=r"table frames of .*missing or damaged"):
        table.image(0)
    for rest in (b"", None):
        path.write_bytes(rest) if rest is not None else path.unlink()
        with pytest.raises(DamageError, match=r"table frames of .*missing or damaged"):
            table.image(0)


def test_many_images_are_views_of_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datapkg.direct.MAPPED_FROM", 3 * 64 * 80 * 2)
    table = built(tmp_path, [make.image(seed, (64, 80)) for seed in range(5)])
    with counted(table) as cost:
        table.images([0, 4])
    assert cost.bytes == 2 * 64 * 80 * 2
    with counted(table) as cost:
        images = table.images([0, 4, 1])
    assert cost.bytes == 0
    (path,) = (tmp_path / "p" / "frames.lance" / "data").iterdir()
    path.unlink()  # as a removal of old versions does beside a reader
    for row, image in zip((0, 4, 1), images, strict=True):
        assert np.array_equal(image, make.image(row, (64, 80)))


def test_a_verified_read_goes_by_the_rows(tmp_path: Path) -> None:
    built(tmp_path, [make.image(seed, (64, 80)) for seed in range(3)])
    (path,) = (tmp_path / "p" / "frames.lance" / "data").iterdir()
    column = datapkg.open(tmp_path / "p")["frames"].opened.files.pixels["frames"]["image_array"]
    begin = column["fragments"]["0"][2]
    content = bytearray(path.read_bytes())
    content[begin + 5] ^= 1
    path.write_bytes(content)
    checked = datapkg.open(tmp_path / "p", verify=True)["frames"]
    with pytest.raises(DamageError):
        checked.image(0)
    assert not datapkg.verify(tmp_path / "p").ok


def test_an_older_reader_passes_the_places_over(tmp_path: Path) -> None:
    table = built(tmp_path, [make.image(seed, (64, 80)) for seed in range(3)])
    folder = Folder(tmp_path / "p")
    record = versions.read_record(folder, 1)
    document = json.loads(versions.files_content(folder, record))
    assert document["pixels"]["frames"]["image_array"]["fragments"].keys() == {"0"}
    assert document.keys() >= {"version", "files", "runs"}
    assert table.package.digest == record.digest


def test_one_image_needs_no_engine(tmp_path: Path) -> None:
    built(tmp_path, [make.image(seed, (64, 80)) for seed in range(3)])
    script = (
        "import datapkg, sys\n"
        f"image = datapkg.open({str(tmp_path / 'p')!r})['frames'].image(1)\n"
        "print(image.shape, sorted({'lance', 'lancedb', 'pandas', 'awkward', 'duckdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(64, 80) []"


@pytest.mark.parametrize("more", ["", ", array: packed"])
@pytest.mark.parametrize("sides", [(64, 64), (64, 48)])
def test_many_images_need_nothing_but_numpy(more: str, sides: tuple[int, int], tmp_path: Path) -> None:
    built(tmp_path, [make.image(seed, (64, side)) for seed, side in enumerate(sides)], more)
    script = (
        "import datapkg, sys\n"
        f"images = datapkg.open({str(tmp_path / 'p')!r})['frames'].images([1, 0])\n"
        "print(len(images), sorted({'lance', 'pandas', 'numpy.ma'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 []"


@MOTO
def test_one_image_in_a_bucket_costs_one_request_when_warm(
    tmp_path: Path,
    uri: str,
    options: dict[str, Any],
    reached: stores.ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = [make.image(seed, (64, 80)) for seed in range(5)]
    for number, image in enumerate(images):
        make.tiff(tmp_path / "data" / f"{number}.tif", image)
    make.build(make.manifest(tmp_path / "data", 'name: frames, path: "*.tif"'), uri, **options)
    table = datapkg.open(uri)["frames"]
    for row, most in ((3, 3), (1, 1), (0, 1)):
        before = reached.requests()
        image = table.image(row)
        assert reached.requests() - before <= most
        assert np.array_equal(image, images[row])
    monkeypatch.setattr("datapkg.direct.MAPPED_FROM", 0)  # nothing to map in a bucket
    assert all(np.array_equal(image, images[row]) for row, image in enumerate(table.images(range(5))))
