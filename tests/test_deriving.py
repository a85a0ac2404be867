"""Derived columns and tables: computed once, again only where they must be, and the same however they came about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import make_ch5
import make_derive
import numpy as np
import pytest
import stores
from make_derive import calls
from make_growth import Edit, data_files, same_as_clean, tif
from stores import BOTH
from test_increments import EDITS, data, manifest

import datapkg
from datapkg import compaction, hashes
from datapkg.errors import DeriveError, ManifestError

__all__ = ["data", "manifest"]


@pytest.fixture
def derived(manifest: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve plates as text and as images, with everything that can be derived of them, some rows in a task."""
    monkeypatch.setattr("datapkg.deriving.computing.TASKS", 4)
    make_derive.functions(data)
    return make_derive.manifest(manifest)


def column(package: Path, table: str, *names: str, version: int | None = None) -> list[Any]:
    rows = datapkg.open(package, version=version)[table].to_arrow(list(names)).to_pydict()
    return list(zip(*rows.values(), strict=True)) if len(names) > 1 else next(iter(rows.values()))


def test_values_are_what_the_functions_give(derived: Path, tmp_path: Path) -> None:
    make.build(derived, tmp_path / "p")
    images = [make.image(number) for number in range(12)]
    assert column(tmp_path / "p", "frames", "mean") == [float(np.float32(2 * one.mean())) for one in images]
    assert column(tmp_path / "p", "frames", "low", "high") == [
        (2 * one.min(), 2 * one.max()) for one in images
    ]
    frames = datapkg.open(tmp_path / "p")["frames"].to_pandas(["doubled"])
    assert "uint32 6x8" in str(frames.doubled)  # printed without a look at pixels
    for back, one in zip(frames.doubled, images, strict=True):
        assert (back.dtype, back.shape) == (np.dtype("uint32"), one.shape)
        np.testing.assert_array_equal(back, 2 * one.astype("uint32"))
    assert column(tmp_path / "p", "wells", "density")[:4] == [0, 2, 4, 20]


def test_derived_images_are_read_through_every_door(derived: Path, tmp_path: Path) -> None:
    make.build(derived, tmp_path / "p")
    package = datapkg.open(tmp_path / "p")
    wanted = [2 * make.image(number).astype("uint32") for number in range(12)]
    array = package["frames"].to_awkward("doubled")
    assert [np.asarray(one).tolist() for one in array] == [one.tolist() for one in wanted]
    found = package.sql("select Plate, doubled, mean from frames where mean > 190 order by Plate").to_pandas()
    assert len(found) == sum(2 * make.image(number).mean() > 190 for number in range(12))
    rows = [int(plate[1:]) for plate in found.Plate]
    for row, back in zip(rows, found.doubled, strict=True):
        np.testing.assert_array_equal(back, wanted[row])
    assert "uint32" in package["crops"].to_pandas()._repr_html_()


def test_a_derived_table_has_none_one_or_many_rows_for_each_with_its_origin(
    derived: Path, tmp_path: Path
) -> None:
    make.build(derived, tmp_path / "p")
    wanted = [
        (
            f"images/p{number:02}/A01.tif",
            0,
            f"images/p{number:02}/A01.tif",
            0,
            2 * int(make.image(number)[:2, :3].max()),
        )
        for number in range(12)
        for _ in range(2 * int(make.image(number)[0, 0]) % 3)
    ]
    assert {0, 1, 2} == {wanted.count(one) for one in wanted} | {0 if len({w[0] for w in wanted}) < 12 else 1}
    found = column(tmp_path / "p", "crops", "origin_path", "origin_row", "path", "page", "brightest")
    assert found == wanted
    crops = datapkg.open(tmp_path / "p")["crops"]
    assert crops.kind == "derived"
    assert [one.shape for one in crops.images(range(len(crops)))] == [(2, 3)] * len(crops)
    assert crops.to_arrow(["label"]).column(0)[0].as_py()["label"] == "2x3"


def test_every_row_is_computed_once_and_nothing_when_nothing_changed(
    derived: Path, data: Path, tmp_path: Path
) -> None:
    make.build(derived, tmp_path / "p")
    crops = len(datapkg.open(tmp_path / "p")["crops"])
    assert calls(data) == {"mean": 12, "doubled": 12, "span": 12, "cut": 12, "label": crops, "density": 36}
    assert not make.build(derived, tmp_path / "p").created
    assert not calls(data)


def test_one_changed_image_is_one_call_for_each_column(derived: Path, data: Path, tmp_path: Path) -> None:
    make.build(derived, tmp_path / "p")
    calls(data)
    before = data_files(tmp_path / "p")
    tif("p05", 99)(data)
    make.build(derived, tmp_path / "p")
    found = calls(data)
    assert {name: found[name] for name in ("mean", "doubled", "span", "cut", "density")} == {
        "mean": 1, "doubled": 1, "span": 1, "cut": 1, "density": 0
    }  # fmt: skip
    after = data_files(tmp_path / "p")
    assert len(after["frames"] - before["frames"]) == 4  # the row, and a file for each of three entries
    assert before["frames"] < after["frames"]
    assert before["wells"] == after["wells"]
    same_as_clean(derived, tmp_path / "p", tmp_path / "clean")


def test_one_changed_image_among_2000_is_one_call_for_each_column(
    derived: Path, data: Path, tmp_path: Path
) -> None:
    pixels = make.image(0)
    content = make.tiff(tmp_path / "one.tif", pixels).read_bytes()
    assert content.count(pixels.tobytes()) == 1
    (data / "images" / "many").mkdir()
    for number in range(12, 2000):
        other = (pixels + number).astype(pixels.dtype).tobytes()
        file = data / "images" / "many" / f"{number:04}.tif"
        file.write_bytes(content.replace(pixels.tobytes(), other))
    make.build(derived, tmp_path / "p")
    assert calls(data)["mean"] == 2000
    pixels[0, 0] = 8
    make.tiff(data / "images" / "many" / "1234.tif", pixels)
    make.build(derived, tmp_path / "p")
    assert calls(data) == {"mean": 1, "doubled": 1, "span": 1, "cut": 1, "label": 2 * 8 % 3}
    assert not make.build(derived, tmp_path / "p").created
    assert not calls(data)


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_a_chain_of_edits_gives_what_a_clean_build_gives(
    edits: list[Edit], derived: Path, data: Path, tmp_path: Path
) -> None:
    make.build(derived, tmp_path / "p")
    for number, edit in enumerate(edits):
        edit(data)
        assert make.build(derived, tmp_path / "p").created
        same_as_clean(derived, tmp_path / "p", tmp_path / f"clean{number}")


def test_many_small_changes_are_joined_with_what_was_derived(
    derived: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST", 2)
    make.build(derived, tmp_path / "p")
    calls(data)
    for number in range(8):
        tif(f"p{number % 5:02}", 50 + number)(data)
        make.build(derived, tmp_path / "p")
        assert calls(data)["mean"] == 1
    same_as_clean(derived, tmp_path / "p", tmp_path / "clean")
    assert datapkg.open(tmp_path / "p").verify(deep=True).ok


def test_a_table_that_is_stored_again_keeps_the_values_of_equal_sources(
    derived: Path, data: Path, tmp_path: Path
) -> None:
    make.build(derived, tmp_path / "p")
    calls(data)
    tif("p05", 98, (4, 5))(data)  # the other images need another form of storage
    make.text(data / "tables" / "p11.csv", "Well,Count,Area,Note\nx,1,0.5,good\n")
    report = make.build(derived, tmp_path / "p")
    assert len([warning for warning in report.warnings if "stored again" in warning]) == 2
    found = calls(data)
    assert (found["mean"], found["doubled"], found["span"], found["density"]) == (1, 1, 1, 1)
    same_as_clean(derived, tmp_path / "p", tmp_path / "clean")


def test_another_recipe_computes_its_own_column_and_those_made_of_it(
    derived: Path, data: Path, tmp_path: Path
) -> None:
    make.build(derived, tmp_path / "p")
    calls(data)
    make_derive.manifest(derived, make_derive.DERIVE.replace("times: 2", "times: 3"))
    before = data_files(tmp_path / "p")
    make.build(derived, tmp_path / "p")
    assert calls(data) == {"mean": 12}
    after = data_files(tmp_path / "p")
    assert (len(after["frames"] - before["frames"]), len(before["frames"] - after["frames"])) == (1, 1)
    same_as_clean(derived, tmp_path / "p", tmp_path / "clean")
    calls(data)
    make_derive.functions(data, "\n# another code\n")
    make.build(derived, tmp_path / "p")
    assert set(calls(data)) == {"mean", "doubled", "span", "cut", "label", "density"}
    assert column(tmp_path / "p", "frames", "mean", version=1)[0] == float(
        np.float32(2 * make.image(0).mean())
    )


def test_a_column_that_is_not_named_any_more_goes_and_comes_back(
    derived: Path, data: Path, tmp_path: Path
) -> None:
    make.build(derived, tmp_path / "p")
    digest = datapkg.open(tmp_path / "p").digest
    make_derive.manifest(
        derived, "".join(line for line in make_derive.DERIVE.splitlines(True) if "mean" not in line)
    )
    make.build(derived, tmp_path / "p")
    assert "mean" not in datapkg.open(tmp_path / "p")["frames"].columns
    same_as_clean(derived, tmp_path / "p", tmp_path / "clean")
    make_derive.manifest(derived, "")
    make.build(derived, tmp_path / "p")
    assert datapkg.open(tmp_path / "p").tables == ["wells", "frames"]
    same_as_clean(derived, tmp_path / "p", tmp_path / "clean2")
    make_derive.manifest(derived)
    assert make.build(derived, tmp_path / "p").digest == digest
    assert datapkg.open(tmp_path / "p").verify(deep=True).ok
    assert column(tmp_path / "p", "frames", "mean", version=1) == column(tmp_path / "p", "frames", "mean")


def test_the_number_of_workers_changes_nothing(derived: Path, data: Path, tmp_path: Path) -> None:
    derive = make_derive.DERIVE + (
        '  - {table: frames, column: noise, function: "f.py:noisy", input: image_array, output: image, seed: 3}\n'
        '  - {table: frames, column: batch, function: "f.py:Mean", input: image_array, output: float64, batch_size: 5}\n'
    )
    make_derive.manifest(derived, derive)
    digests = {make.build(derived, tmp_path / "inline").digest}
    for workers in (1, 2, 3):
        package = tmp_path / f"p{workers}"
        digests.add(datapkg.build(derived, package, workers=workers).digest)
    assert len(digests) == 1
    assert datapkg.open(tmp_path / "p2").diff(datapkg.open(tmp_path / "inline")).ok


def test_a_seed_depends_on_the_row_alone(derived: Path, data: Path, tmp_path: Path) -> None:
    entry = '{table: frames, column: noise, function: "f.py:noisy", input: image_array, output: image, seed: SEED}'
    make_derive.manifest(derived, f"derive:\n  - {entry.replace('SEED', '3')}\n")
    make.build(derived, tmp_path / "p")
    first = column(tmp_path / "p", "frames", "noise_digest")
    tif("p00", 44)(data)
    make.build(derived, tmp_path / "p")
    again = column(tmp_path / "p", "frames", "noise_digest")
    assert [one == other for one, other in zip(first, again, strict=True)] == [False] + [True] * 11
    make_derive.manifest(derived, f"derive:\n  - {entry.replace('SEED', '4')}\n")
    make.build(derived, tmp_path / "p")
    other = column(tmp_path / "p", "frames", "noise_digest")
    assert not set(other) & set(again)


def test_a_class_is_made_once_and_takes_batches(derived: Path, data: Path, tmp_path: Path) -> None:
    make_derive.manifest(
        derived,
        'derive: [{table: frames, column: m, function: "f.py:Mean", args: {times: 2}, input: image_array, '
        "output: float64, batch_size: 5}]\n",
    )
    make.build(derived, tmp_path / "p")
    assert calls(data) == {"made": 1, "batch": 3}
    assert column(tmp_path / "p", "frames", "m") == [2 * make.image(number).mean() for number in range(12)]


def test_a_build_that_remembers_looks_at_functions_too(
    derived: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "YOUNG_NS", -(10**18))
    make.build(derived, tmp_path / "p")
    assert not make.build(derived, tmp_path / "p").created
    make_derive.functions(data, "\ndef mean(image, times):\n    return 7.0\n")
    assert make.build(derived, tmp_path / "p").created
    assert column(tmp_path / "p", "frames", "mean") == [7.0] * 12


@BOTH
def test_a_package_in_a_bucket_computes_what_one_in_a_folder_does(
    derived: Path, data: Path, tmp_path: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    digest = make.build(derived, tmp_path / "p").digest
    assert make.build(derived, uri, **options).digest == digest
    calls(data)
    tif("p05", 99)(data)
    make_derive.manifest(derived, make_derive.DERIVE.replace("times: 2", "times: 3"))
    again = make.build(derived, uri, **options)
    assert calls(data)["doubled"] == 1
    assert again.digest == make.build(derived, tmp_path / "p").digest
    assert datapkg.open(uri).verify(deep=True).ok
    added = datapkg.open(uri).derive(
        "f.py:mean",
        table="frames",
        column="m",
        input="image_array",
        output="float32",
        folder=data,
        engine="inline",
        **options,
    )
    assert added["frames"].columns[-1] == "m"


def test_a_derived_table_may_not_take_the_name_of_one_that_a_movie_has(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    make_ch5.movie(data / "m0.ch5", ("P1", "A01", "0001"))
    make_derive.functions(data)
    manifest = make.manifest(data, 'name: movies, path: "*.ch5", type: ch5')
    entry = '{table: movies, into: INTO, function: "f.py:cut", input: image_array, output: {crop: image, brightest: int64}}'
    make_derive.manifest(manifest, f"derive:\n  - {entry.replace('INTO', 'cut')}\n")
    make.build(manifest, tmp_path / "p")
    package = datapkg.open(tmp_path / "p")
    assert package["cut"].columns[:7] == [
        "origin_path",
        "origin_row",
        "path",
        "plate",
        "well",
        "site",
        "kind",
    ]
    strange = next(name for name in package.tables if name.startswith("movies_features_"))
    make_derive.manifest(manifest, f"derive:\n  - {entry.replace('INTO', strange)}\n")
    with pytest.raises((DeriveError, ManifestError), match=strange):
        make.build(manifest, tmp_path / "p")


LATE = "\n\ndef scaled(image):\n    import beside\n\n    return beside.TIMES\n"
EARLY = "\n\nimport beside\n\ndef scaled(image):\n    return beside.TIMES\n"
SCALED = '{table: frames, column: m, function: "f.py:scaled", input: image_array, output: int32}'


@pytest.mark.parametrize("functions", [EARLY, LATE], ids=["at its top", "when it is called"])
@pytest.mark.parametrize("engine", ["inline", "local"])
def test_what_a_file_imports_from_beside_it_is_read_again(
    engine: str, functions: str, manifest: Path, data: Path, tmp_path: Path
) -> None:
    """Also in a process that has imported it for a build before."""
    make_derive.functions(data, functions)
    make_derive.manifest(manifest, f"derive:\n  - {SCALED}\n")
    for times in (2, 34, 5):
        make.text(data / "beside.py", f"TIMES = {times}\n")
        assert "frames.m" in datapkg.status(manifest, tmp_path / "p").derived
        datapkg.build(manifest, tmp_path / "p", engine=engine, workers=1)
        assert set(column(tmp_path / "p", "frames", "m")) == {times}
    assert not datapkg.status(manifest, tmp_path / "p").derived


def test_what_lies_beside_is_never_that_of_another_folder(manifest: Path, data: Path, tmp_path: Path) -> None:
    """Two files of functions in one process, each with a module of the same name beside it, first or last used."""
    entries = [
        f"{{table: frames, column: c{number}, function: '{folder}/f.py:scaled', input: image_array, output: int32}}"
        for number, folder in enumerate("abab")
    ]
    for folder, times in (("a", 2), ("b", 3)):
        make.text(data / folder / "f.py", LATE)
        make.text(data / folder / "beside.py", f"TIMES = {times}\n")
    make_derive.manifest(manifest, "derive:\n" + "".join(f"  - {entry}\n" for entry in entries))
    for _ in range(2):
        make.build(manifest, tmp_path / "p")
        for number, times in enumerate((2, 3, 2, 3)):
            assert set(column(tmp_path / "p", "frames", f"c{number}")) == {times}
        make.text(data / "b" / "f.py", LATE + "\n")


def test_a_module_beside_a_file_whose_name_is_taken_is_told(
    manifest: Path, data: Path, tmp_path: Path
) -> None:
    make_derive.functions(data, "\n\ndef scaled(image):\n    import types\n\n    return types.TIMES\n")
    make.text(data / "types.py", "TIMES = 2\n")
    make_derive.manifest(manifest, f"derive:\n  - {SCALED}\n")
    with pytest.raises(DeriveError, match=r"types.* is loaded already\n  fix: rename types.py"):
        datapkg.build(manifest, tmp_path / "p", workers=1)


WRONG = [
    ("{table: frames, column: mean, function: 'f.py:men', input: image_array, output: float32}", "did you mean 'mean'"),
    ("{table: frames, column: path, function: 'f.py:mean', input: image_array, output: float32}", "has a column 'path' already"),
    ("{table: frames, column: Image_Array, function: 'f.py:mean', input: image_array, output: float32}", "has a column 'image_array' already"),
    ("{table: frames, column: m, function: 'f.py:mean', input: image_aray, output: float32}", "did you mean 'image_array'"),
    ("{table: frames, column: m, function: 'f.py:mean', input: image_array}", "write output: image"),
    ("{table: frames, column: m, function: 'f.py:mean', args: {tims: 2}, input: image_array, output: float32}", "did you mean 'times'"),
    ("{table: frames, column: m, function: 'no_such:mean', input: image_array, output: float32}", "pip install no_such"),
    ("{table: frames, column: m, function: 'f.py:mean', input: image_array, output: int32}", r"which is no int32"),
    ("{table: frames, column: m, function: 'f.py:doubled', input: image_array, output: float32}", r"gave an array of uint32, shape \(6, 8\)"),
    ("{table: frames, column: m, function: 'f.py:mean', input: image_array, output: image}", "which is no image"),
    ("{table: frames, column: [a, b, c], function: 'f.py:span', input: doubled, output: [int8, int8, int8]}", "no column 'doubled'"),
    ("{table: frames, column: [a, b, c], function: 'f.py:span', input: image_array, output: [int32, int32, int32]}", "where 3 values are wanted"),
    ("{table: frames, into: c, function: 'f.py:cut', input: image_array, output: {crop: image}}", "with brightest, which output does not name"),
    ("{table: frames, into: c, function: 'f.py:mean', input: image_array, output: {crop: image}}", "neither a list of rows nor a mapping"),
    ("{table: frames, into: c, function: 'f.py:cut', input: image_array, output: {crop: image, path: string}}", "would have two columns 'path'"),
    ("{table: frames, column: m, function: 'f.py:density', input: image_array, output: float32}", "raised TypeError"),
    ("{table: wells, column: m, function: 'f.py:mean', input: Area, output: float32}", "row 0 of tables/p00.csv: the function f.py:mean raised AttributeError"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "said"), WRONG)
def test_what_is_wrong_is_told_with_its_place(entry: str, said: str, derived: Path, tmp_path: Path) -> None:
    make_derive.manifest(derived, "")
    make.build(derived, tmp_path / "p")
    before = make.tree(tmp_path / "p")
    make_derive.manifest(derived, f"derive:\n  - {entry}\n")
    with pytest.raises(DeriveError, match=said):
        make.build(derived, tmp_path / "p")
    assert make_derive.tree(tmp_path / "p") == before
