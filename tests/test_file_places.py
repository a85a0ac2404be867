"""Images of kept files of several, and of files that repeat, are found without the engine: the ones that it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest
import stores
from costs import counted
from make_kept import FORMS, TIFFS, Form, few, multi, pages, singles, tiffs
from make_sets import spread
from stores import MOTO

import datapkg
from datapkg import Table, compaction
from datapkg.errors import DamageError
from datapkg.loading import DecodedImages


@pytest.fixture(params=FORMS, ids=lambda name: name.replace(" ", "_"))
def form(request: pytest.FixtureRequest) -> Form:
    return FORMS[request.param]


def frames(package: Path | str, version: int | None = None) -> Table:
    return datapkg.open(package, version=version)["frames"]


def by_engine(package: Path | str, version: int | None = None) -> list[np.ndarray]:
    table = frames(package, version)
    table.opened.files.pixels.clear()
    table.opened.files.placed.clear()
    return table.images(range(len(table)))


def same(found: np.ndarray, expected: np.ndarray) -> None:
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert np.array_equal(found, expected)


def both_ways(package: Path, version: int | None = None) -> Table:
    """Read rows with and without the engine, one, some and all; the engine is not asked for anything."""
    expected = by_engine(package, version)
    table = frames(package, version)
    rng = np.random.default_rng(0)
    with counted(table) as cost:
        for rows in ([len(table) - 1], rng.choice(len(table), 3), rng.permutation(len(table))):
            for row, image in zip(rows, table.images(rows), strict=True):
                same(image, expected[row])
    assert cost.bytes == sum(cost.parts) > 0
    return table


def test_every_form_is_read_as_the_engine_reads_it(form: Form, tmp_path: Path) -> None:
    form.write(tmp_path / "data", 24)
    make.build(make.manifest(tmp_path / "data", form.resource), tmp_path / "p")
    table = both_ways(tmp_path / "p")
    said = table.opened.files.placed.get("frames", {}).get("image_bytes", {})
    assert {one["kind"] for one in said.values()} == ({form.kind} if form.kind else set())
    assert datapkg.verify(tmp_path / "p", deep=True).ok
    checked = datapkg.open(tmp_path / "p", verify=True)["frames"]
    for row in (0, len(table) - 1):
        same(checked.image(row), table.image(row))


def edited(manifest: Path, package: Path | str, step: int) -> None:
    """A build after files were changed, removed and added: of several images and of one."""
    data = manifest.parent
    if step == 1:
        multi(data / "003.tif", pages(70, 4))
        (data / "007.tif").unlink()
        make.tiff(data / "000a.tif", make.image(71))
    elif step == 2:
        multi(data / "005a.tif", pages(72, 1))
        make.tiff(data / "002.tif", make.image(73))
    make.build(manifest, package, allow_removals=True)


@pytest.mark.parametrize("write", [tiffs, singles, lambda at, count: tiffs(at, 8 * count, few)])
def test_every_version_of_a_package_is_read_so(write: Any, tmp_path: Path) -> None:
    write(tmp_path / "data", 16)
    manifest = make.manifest(tmp_path / "data", TIFFS)
    for step in range(3):
        edited(manifest, tmp_path / "p", step)
    for version in (1, 2, 3):
        both_ways(tmp_path / "p", version)
    datapkg.checkout(tmp_path / "p", 2, tmp_path / "old")
    both_ways(tmp_path / "old")


def test_files_whose_rows_come_apart_when_fragments_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file of a row is in another fragment, the engine reads it, as before."""
    monkeypatch.setattr(compaction, "MOST", 1)
    monkeypatch.setattr(compaction, "TASK_BYTES", 4000)
    manifest = make.manifest(tmp_path / "data", TIFFS)
    for number in range(6):
        multi(tmp_path / "data" / f"{number}.tif", pages(number, 5))
        make.build(manifest, tmp_path / "p")
    table = frames(tmp_path / "p")
    expected = [image for number in range(6) for image in pages(number, 5)]
    for row, image in enumerate(table.images(range(30))):
        same(image, expected[row])
    for row in range(30):
        same(table.image(row), expected[row])


def test_a_package_of_before_reads_as_it_did(tmp_path: Path) -> None:
    tiffs(tmp_path / "data", 8)
    make.build(make.manifest(tmp_path / "data", TIFFS), tmp_path / "p")
    expected = by_engine(tmp_path / "p")
    table = frames(tmp_path / "p")
    for entry in table.opened.files.placed["frames"]["image_bytes"].values():
        del entry["places"]
    for row, image in enumerate(table.images(range(len(expected)))):
        same(image, expected[row])


def test_a_row_that_is_one_of_several_in_its_file_is_found_where_nobody_says_which(tmp_path: Path) -> None:
    """So do rows stand in packages that were pulled by a condition, before builds said places."""
    multi(tmp_path / "data" / "a.tif", pages(0))
    multi(tmp_path / "data" / "b.tif", pages(1, 1))
    make.build(make.manifest(tmp_path / "data", TIFFS), tmp_path / "p")
    datapkg.pull(tmp_path / "p", tmp_path / "q", where="page = 0")
    table = frames(tmp_path / "q")
    assert table.opened.files.pixels["frames"]["image_bytes"]["dtype"] == "blobs"
    for image, number in zip(table.images([0, 1]), (0, 1), strict=True):
        same(image, pages(number)[0])


def test_places_that_make_no_sense_are_damage(tmp_path: Path) -> None:
    tiffs(tmp_path / "data", 4)
    make.build(make.manifest(tmp_path / "data", TIFFS), tmp_path / "p")
    for wrong in ("", "eNpjYEAAJhxsAABsAAU=", "eNpjYEAAJhxs"):
        table = frames(tmp_path / "p")
        (entry,) = table.opened.files.placed["frames"]["image_bytes"].values()
        entry["places"] = wrong
        with pytest.raises(DamageError, match="list of its files is damaged"):
            table.image(1)


def test_a_kind_of_page_that_is_not_known_is_the_engines(tmp_path: Path) -> None:
    tiffs(tmp_path / "data", 4)
    make.build(make.manifest(tmp_path / "data", TIFFS), tmp_path / "p")
    expected = by_engine(tmp_path / "p")
    table = frames(tmp_path / "p")
    (entry,) = table.opened.files.placed["frames"]["image_bytes"].values()
    entry["kind"] = "spirals"
    with counted(table) as cost:
        same(table.image(2), expected[2])
    assert cost.bytes > sum(cost.parts)


def test_files_beside_pixels_say_no_places(tmp_path: Path) -> None:
    tiffs(tmp_path / "data", 8)
    resource = TIFFS.replace("keep: bytes", "keep: [bytes, array]")
    make.build(make.manifest(tmp_path / "data", resource), tmp_path / "p")
    table = frames(tmp_path / "p")
    assert all("places" not in one for one in table.opened.files.placed["frames"]["image_bytes"].values())


def test_a_column_of_a_pattern_is_no_place(tmp_path: Path) -> None:
    for plane in range(3):
        multi(tmp_path / "data" / f"a_{plane}.tif", pages(plane))
    resource = 'name: frames, path: "*.tif", pattern: "{name}_{z:d}.tif", keep: bytes'
    make.build(make.manifest(tmp_path / "data", resource), tmp_path / "p")
    table = frames(tmp_path / "p")
    assert table.to_pandas()["z"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for row in range(9):
        same(table.image(row), pages(row // 3)[row % 3])


def test_no_row_is_looked_at_for_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiffs(tmp_path / "data", 8)
    make.build(make.manifest(tmp_path / "data", TIFFS), tmp_path / "p")
    for verify in (False, True):
        table = datapkg.open(tmp_path / "p", verify=verify)["frames"]
        loader = table.opened.images("frames", "image_array")
        assert isinstance(loader, DecodedImages)
        monkeypatch.setattr(loader.facts, "_read", None)
        same(table.image(2), pages(1)[1])


@MOTO
def test_one_image_of_every_form_costs_three_requests_cold_and_one_warm(
    form: Form, tmp_path: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    """Cold counts all from the opened package on, the list of files with it."""
    form.write(tmp_path / "data", 16)
    make.build(make.manifest(tmp_path / "data", form.resource), uri, **options)
    expected = by_engine(uri)
    table = frames(uri)
    for row, most in zip((4, len(table) - 1, 0, 5), (3, 2, 1, 1), strict=True):
        before = reached.requests()
        found = table.image(row)
        assert reached.requests() - before <= most
        same(found, expected[row])


@MOTO
def test_so_it_is_where_rows_came_and_went(
    tmp_path: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    tiffs(tmp_path / "data", 12)
    manifest = make.manifest(tmp_path / "data", TIFFS)
    for step in range(3):
        edited(manifest, uri, step)
    for version in (1, 2, 3):
        expected = by_engine(uri, version)
        for row in range(0, len(expected), 4):
            table = frames(uri, version)
            for most in (3, 1):
                before = reached.requests()
                found = table.image(row)
                assert reached.requests() - before <= most
                same(found, expected[row])


@MOTO
def test_a_verified_read_asks_for_no_more_than_the_file_and_its_hash(
    tmp_path: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    tiffs(tmp_path / "data", 12)
    make.build(make.manifest(tmp_path / "data", TIFFS), uri, **options)
    table = datapkg.open(uri, verify=True)["frames"]
    before = reached.requests()
    same(table.image(2), pages(1)[1])
    assert reached.requests() - before <= 8


def test_what_is_behind_the_last_image_that_is_wanted_is_not_decoded(tmp_path: Path) -> None:
    multi(tmp_path / "data" / "a.tif", pages(0, 6))
    make.build(make.manifest(tmp_path / "data", TIFFS), tmp_path / "p")
    table = frames(tmp_path / "p")
    loader = table.opened.images("frames", table.image_column)
    assert isinstance(loader, DecodedImages)
    seen = []
    named = loader._named
    loader._named = lambda content, path: (seen.append(one[0]) or one for one in named(content, path))  # type: ignore[assignment,func-returns-value,method-assign]
    for image, row in zip(table.images([1, 3]), (1, 3), strict=True):
        same(image, pages(0, 6)[row])
    assert len(seen) == 4


@MOTO
def test_an_image_of_three_files_costs_a_request_for_each_when_warm(
    tmp_path: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    for number in range(4):
        (tmp_path / "data" / f"p{number}").mkdir(parents=True)
        spread(tmp_path / "data" / f"p{number}", make.image(number, (3, 1, 1, 8, 9)))
    manifest = make.manifest(tmp_path / "data", 'name: frames, path: "*/*.ome.tif", keep: bytes')
    make.build(manifest, uri, **options)
    for verify in (False, True):
        table = datapkg.open(uri, verify=verify)["frames"]
        for row, most in ((2, 14), (3, 3), (0, 3)):
            before = reached.requests()
            found = table.image(row)
            assert reached.requests() - before <= most
            assert np.array_equal(found.reshape(3, 8, 9), make.image(row, (3, 1, 1, 8, 9)).reshape(3, 8, 9))
