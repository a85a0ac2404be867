"""A pull of some tables or rows is a package that holds together: its own digest, its origin told, no key that points to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import numpy as np
import pandas as pd
import pytest
import stores
from hypothesis import given, settings
from hypothesis import strategies as st
from make_kept import multi, pages
from make_sets import spread
from stores import MOTO

import datapkg
from datapkg.copying.lost_files import LostFiles
from datapkg.errors import DamageError, SchemaError, StoreError, VersionError
from datapkg.places import place
from datapkg.records import Selection

SCHEMA = "schema: {primaryKey: [Id], foreignKeys: [{fields: [Image], reference: {resource: frames, fields: [file_name]}}]}"


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample screen: tables, images and movies with keys between them."""
    package = tmp_path_factory.mktemp("screen") / "screen.datapkg"
    make.build(make.PROJECT / "manifests" / "screen.yaml", package)
    return package


def test_one_plate_is_a_package_of_its_own(screen: Path, tmp_path: Path) -> None:
    whole = datapkg.open(screen)
    where = "Plate = 'LT0001_02' and Well = 'C06'"
    done = datapkg.pull(screen, tmp_path / "q", where=where)
    checked = datapkg.verify(tmp_path / "q", deep=True)
    assert checked.ok, checked.faults
    part = datapkg.open(tmp_path / "q")
    assert (part.version, part.digest, part.name) == (1, done.digest, "screen")
    assert part.digest not in (whole.digest, "")
    assert part.record.taken_from == Selection("screen.datapkg", 1, whole.digest, tuple(whole.tables), where)
    frames, all_frames = part["frames"].to_pandas(), whole["frames"].to_pandas(where=where)
    assert frames.drop(columns=["image_array", "image_bytes", "metadata"]).equals(
        all_frames.drop(columns=["image_array", "image_bytes", "metadata"]).reset_index(drop=True)
    )
    for one, other in zip(frames.image_array, all_frames.image_array, strict=True):
        assert np.array_equal(one, other)
    assert sorted(part.sources().path.unique()) == sorted(
        path for path in whole.sources().path.unique() if path in set(part.sources().path)
    )
    assert set(part["movies"].to_pandas().well) == {"C06"}
    assert part["movies"].stack(plate="LT0001_02", well="C06", site="1", channel="primary").ndim == 3
    assert len(part["movies_channels"]) == 2  # what is told of a movie as a whole stays with it
    assert len(part["movies"].tracks()) > 0
    assert set(part["features"].to_pandas().Metadata_Well) == {"C06"}
    assert part["features"].with_images().image_array.notna().all()


def test_the_same_content_has_the_same_digest_wherever_it_is_from(screen: Path, tmp_path: Path) -> None:
    first = datapkg.pull(screen, tmp_path / "a", tables=["frames"], where="Well = 'C06'")
    datapkg.pull(screen, tmp_path / "b", tables=["frames", "platemap"])
    again = datapkg.pull(tmp_path / "b", tmp_path / "c", tables=["frames"], where="Well = 'C06'")
    assert first.digest == again.digest
    assert datapkg.open(tmp_path / "b")["frames"].digest == datapkg.open(screen)["frames"].digest
    assert datapkg.open(tmp_path / "b").tables == ["platemap", "frames"]
    assert datapkg.verify(tmp_path / "b", deep=True).ok
    chosen = datapkg.pull(screen, tmp_path / "d", where="Well = 'C06' or Well <> 'C06'")
    assert datapkg.open(tmp_path / "d").digest == chosen.digest


def test_keys_never_point_to_what_was_left_out(tmp_path: Path) -> None:
    for plate in ("p1", "p2"):
        for seed in range(2):
            make.tiff(tmp_path / plate / f"{plate}_{seed}.tif", make.image(seed))
    rows = ["a,p1_0.tif", "b,p2_0.tif", "c,", "d,p2_1.tif", "e,p1_1.tif"]
    make.text(tmp_path / "cells.csv", "Id,Image\n" + "\n".join(rows) + "\n")
    make.text(tmp_path / "notes.csv", "Cell,Note\na,x\nb,y\nc,z\n")
    notes = "schema: {foreignKeys: [{fields: [Cell], reference: {resource: cells, fields: [Id]}}]}"
    manifest = make.manifest(
        tmp_path,
        f"name: notes, path: notes.csv, {notes}",
        f"name: cells, path: cells.csv, {SCHEMA}",
        'name: frames, path: "*/*.tif", pattern: "{Plate}/{Name}.tif"',
        "name: genes, path: cells.csv",
    )
    make.build(manifest, tmp_path / "p")
    done = datapkg.pull(tmp_path / "p", tmp_path / "q", where="Plate = 'p1'")
    part = datapkg.open(tmp_path / "q")
    assert part["cells"].to_pandas().Id.to_list() == ["a", "c", "e"]
    assert part["notes"].to_pandas().Cell.to_list() == ["a", "c"]
    assert len(part["genes"]) == 5
    assert "genes: all 5 rows" in done.notes
    assert part["cells"].promises == datapkg.open(tmp_path / "p")["cells"].promises
    assert part["cells"].with_images().image_array.notna().to_list() == [True, False, True]
    datapkg.pull(tmp_path / "p", tmp_path / "r", tables=["cells"])
    with pytest.raises(SchemaError, match="no foreign key of it leads"):
        datapkg.open(tmp_path / "r")["cells"].with_images()


def test_derived_columns_and_tables_come_along(tmp_path: Path) -> None:
    make.text(tmp_path / "f.py", "def bright(image):\n    return float(image.mean())\n")
    make.text(tmp_path / "g.py", "def rows(image):\n    return [{'first': int(r[0])} for r in image[:2]]\n")
    for seed in range(5):
        make.tiff(tmp_path / f"{seed}.tif", make.image(seed, (4, 6)))
    manifest = make.manifest(tmp_path, 'name: frames, path: "*.tif"')
    manifest.write_text(
        manifest.read_text()
        + "derive:\n"
        + '  - {table: frames, column: bright, function: "f.py:bright", input: image_array, output: float32}\n'
        + '  - {table: frames, column: soft, function: "datapkg.functions:blur", args: {sigma: 1}, input: image_array}\n'
        + '  - {table: frames, into: lines, function: "g.py:rows", input: image_array, output: {first: int32}}\n'
    )
    make.build(manifest, tmp_path / "p")
    datapkg.pull(tmp_path / "p", tmp_path / "q", where="path = '1.tif' or path = '3.tif'")
    checked = datapkg.verify(tmp_path / "q", deep=True)
    assert checked.ok, checked.faults
    part, whole = datapkg.open(tmp_path / "q"), datapkg.open(tmp_path / "p")
    assert (
        part["frames"].to_pandas().bright.to_list()
        == whole["frames"].to_pandas().bright.iloc[[1, 3]].to_list()
    )
    assert np.array_equal(part["frames"].image(1, column="soft"), whole["frames"].image(3, column="soft"))
    assert part["lines"].to_pandas().origin_path.to_list() == ["1.tif", "1.tif", "3.tif", "3.tif"]
    assert part["frames"].lineage == whole["frames"].lineage


def test_files_kept_beside_images_come_with_them(tmp_path: Path) -> None:
    for plate in ("p1", "p2"):
        (tmp_path / plate).mkdir()
        spread(tmp_path / plate, make.image(1, (3, 1, 1, 8, 9)))
    manifest = make.manifest(tmp_path, 'name: frames, path: "*/*.ome.tif", keep: bytes')
    make.build(manifest, tmp_path / "p")
    whole = datapkg.open(tmp_path / "p")
    assert (len(whole["frames"]), len(whole["frames_files"])) == (2, 4)
    datapkg.pull(tmp_path / "p", tmp_path / "q", tables=["frames"], where="path = 'p1/s_t0.ome.tif'")
    part = datapkg.open(tmp_path / "q")
    assert (len(part["frames"]), len(part["frames_files"])) == (1, 2)
    assert np.array_equal(part["frames"].image(0), whole["frames"].image(0))
    assert datapkg.verify(tmp_path / "q", deep=True).ok


@settings(max_examples=25)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.sampled_from(["abc", "a", "b", "x"]))
def test_rows_and_order_are_those_of_the_condition(values: list[str], wanted: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        for number, start in enumerate(range(0, len(values), 5)):
            make.text(data / f"{number}.csv", "Kind\n" + "\n".join(values[start : start + 5]) + "\n")
        make.build(make.manifest(data, 'name: t, path: "*.csv"'), data / "p")
        where = f"Kind in ({', '.join(repr(one) for one in wanted)})"
        if not set(wanted).intersection(values):
            with pytest.raises(SchemaError, match="no row fulfils the condition"):
                datapkg.pull(data / "p", data / "q", where=where)
            return
        datapkg.pull(data / "p", data / "q", where=where)
        checked = datapkg.verify(data / "q", deep=True)
        assert checked.ok, checked.faults
        assert datapkg.open(data / "q")["t"].to_pandas().Kind.to_list() == [
            one for one in values if one in wanted
        ]


def test_rows_that_were_changed_by_later_builds_are_taken_as_they_are(tmp_path: Path) -> None:
    for seed in range(8):
        make.tiff(tmp_path / f"{seed}.tif", make.image(seed))
    manifest = make.manifest(tmp_path, 'name: frames, path: "*.tif"')
    make.build(manifest, tmp_path / "p")
    make.tiff(tmp_path / "2.tif", make.image(20))
    make.tiff(tmp_path / "9.tif", make.image(9))
    make.build(manifest, tmp_path / "p")
    datapkg.pull(tmp_path / "p", tmp_path / "q", where="path >= '2.tif' and path <> '4.tif'")
    part = datapkg.open(tmp_path / "q")["frames"]
    paths = part.to_pandas().path.to_list()
    assert paths == ["2.tif", "3.tif", "5.tif", "6.tif", "7.tif", "9.tif"]
    assert np.array_equal(part.image(0), make.image(20))
    datapkg.pull(tmp_path / "p", tmp_path / "old", version=1, where="path = '2.tif'")
    assert np.array_equal(datapkg.open(tmp_path / "old")["frames"].image(0), make.image(2))
    assert datapkg.verify(tmp_path / "q", deep=True).ok


def test_a_part_is_not_built_upon_nor_mixed_with_another(
    package: Path, manifest: Path, tmp_path: Path
) -> None:
    where = "Plate = 'p1'"
    datapkg.pull(package, tmp_path / "q", where=where)
    assert datapkg.pull(package, tmp_path / "q", where=where).versions == ()
    before = make.tree(tmp_path / "q")
    with pytest.raises(VersionError, match="holds a package already"):
        datapkg.pull(package, tmp_path / "q", where="Plate = 'p2'")
    with pytest.raises(VersionError, match="another one from version 1 on"):
        datapkg.pull(package, tmp_path / "q")
    with pytest.raises(StoreError, match="rows that were chosen from p"):
        make.build(manifest, tmp_path / "q")
    assert make.tree(tmp_path / "q") == before
    datapkg.push(tmp_path / "q", tmp_path / "copy")
    assert datapkg.open(tmp_path / "copy").record.taken_from is not None


@pytest.mark.parametrize(
    ("given", "error", "what"),
    [
        ({"where": "Nowhere = 1"}, SchemaError, "which is no column"),
        ({"where": "Well = 'c06'"}, SchemaError, "no row fulfils the condition Well = 'c06'"),
        ({"where": "Plate = "}, SchemaError, "makes no sense"),
        ({"where": "Site = 'x'"}, SchemaError, "compares"),
        ({"tables": ["frame"]}, VersionError, "no table 'frame'"),
        ({"tables": []}, SchemaError, "no table is named"),
        ({"tables": ["wells"], "where": "Plate = 'p1'"}, SchemaError, "which is no column"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(
    given: dict[str, Any], error: type[Exception], what: str, package: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=what):
        datapkg.pull(package, tmp_path / "q", **given)
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize("table", ["wells", "frames"])
def test_damage_is_found_before_anything_is_published(table: str, package: Path, tmp_path: Path) -> None:
    data = next((package / f"{table}.lance" / "data").iterdir())
    content = bytearray(data.read_bytes())
    content[10] ^= 1
    data.write_bytes(content)
    with pytest.raises(DamageError, match="not what was written"):
        datapkg.pull(package, tmp_path / "q", where="Plate = 'p1'")
    with pytest.raises(StoreError):
        datapkg.open(tmp_path / "q")


@MOTO
def test_damaged_rows_of_a_bucket_are_found_by_their_digests(
    package: Path, uri: str, tmp_path: Path, reached: stores.ObjectStore
) -> None:
    datapkg.push(package, uri)
    data = next(one.name for one in place(uri).entries("frames.lance/data"))
    content = bytearray(place(uri).read(data))
    pixels = make.image(0).tobytes()
    at = bytes(content).find(pixels, bytes(content).find(pixels) + 1)  # of the array, after those of the file
    assert at > 0
    content[at] ^= 1
    place(uri).put(data, bytes(content))
    with pytest.raises(DamageError, match=r"not what was written|pixels"):
        datapkg.pull(uri, tmp_path / "q", tables=["frames"], where="Well = 'A01'")
    datapkg.pull(uri, tmp_path / "r", tables=["frames"], where="Well = 'A02'")
    assert datapkg.verify(tmp_path / "r", deep=True).ok


@MOTO
def test_a_part_is_pulled_from_a_bucket_into_a_bucket(
    package: Path, uri: str, reached: stores.ObjectStore
) -> None:
    datapkg.push(package, uri)
    done = datapkg.pull(uri, f"{uri} p1", where="Plate = 'p1'")
    checked = datapkg.verify(f"{uri} p1", deep=True)
    assert checked.ok
    assert done.digest == checked.digest
    taken = datapkg.open(f"{uri} p1").record.taken_from
    assert taken is not None
    assert taken.address == uri
    assert isinstance(datapkg.open(f"{uri} p1")["frames"].to_pandas(), pd.DataFrame)


@pytest.mark.parametrize("keep", ["bytes", "[bytes, array]"])
@pytest.mark.parametrize(
    ("where", "chosen"),
    [
        ("page = 2", [2, 5]),
        ("page >= 1 and path <> 'a.tif'", [4, 5]),
        ("path = 'a.tif' or page = 2", [0, 1, 2, 5]),
        ("path = 'c.tif'", [6]),
        ("page = 0", [0, 3, 6]),
    ],
)
def test_a_row_of_a_file_of_several_images_comes_with_its_file(
    where: str, chosen: list[int], keep: str, tmp_path: Path
) -> None:
    for number, name in enumerate("ab"):
        multi(tmp_path / "data" / f"{name}.tif", pages(number))
    multi(tmp_path / "data" / "c.tif", pages(2, 1))
    make.build(make.manifest(tmp_path / "data", f'name: frames, path: "*.tif", keep: {keep}'), tmp_path / "p")
    whole = datapkg.open(tmp_path / "p")["frames"]
    datapkg.pull(tmp_path / "p", tmp_path / "q", where=where)
    for verify in (False, True):
        part = datapkg.open(tmp_path / "q", verify=verify)["frames"]
        for image, row in zip(part.images(range(len(chosen))), chosen, strict=True):
            assert np.array_equal(image, whole.image(row))
    rows = part.to_pandas(columns=["path", "image_bytes"])
    for name in "abc":
        files = [one for one in rows["image_bytes"][rows["path"] == f"{name}.tif"] if one is not None]
        assert files == [(tmp_path / "data" / f"{name}.tif").read_bytes()] * len(files)
        assert len(files) == (f"{name}.tif" in set(rows["path"]))
    assert datapkg.verify(tmp_path / "q", deep=True).ok


def test_a_row_whose_file_was_left_behind_shows_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As earlier pulls did with the files of rows that were chosen without their first."""
    monkeypatch.setattr(LostFiles, "_whole", lambda self, at, batch: batch)
    for number, name in enumerate("ab"):
        multi(tmp_path / "data" / f"{name}.tif", pages(number))
    make.build(make.manifest(tmp_path / "data", 'name: frames, path: "*.tif", keep: bytes'), tmp_path / "p")
    for where, sound in (("path = 'a.tif' or page = 2", 3), ("page = 2", 0)):
        datapkg.pull(tmp_path / "p", tmp_path / where, where=where)
        part = datapkg.open(tmp_path / where)["frames"]
        part.opened.files.placed.clear()  # earlier lists said nothing of places
        for row in range(sound):
            assert np.array_equal(part.image(row), pages(0)[row])
        with pytest.raises(DamageError, match=f"row {sound}: its file is not in the package"):
            part.image(sound)
