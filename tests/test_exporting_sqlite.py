"""A package as a SQLite database: any client reads it, and a build takes it back equal."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import make
import numpy as np
import pytest
from conftest import PROJECT
from make_sqlite import built, galaxies, read
from PIL import Image

import datapkg
from datapkg.errors import ExportError
from datapkg.reader import Package


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample package, and its export."""
    folder = tmp_path_factory.mktemp("screen")
    make.build(PROJECT / "manifests" / "screen.yaml", folder / "screen.datapkg")
    datapkg.export(folder / "screen.datapkg", folder / "screen.db")
    return folder


def equal_tables(one: Package, other: Package) -> None:
    """All columns that both have are equal, and the second has all of the first."""
    for name in one.tables:
        columns = one[name].columns
        assert one[name].to_arrow(columns).equals(other[name].to_arrow(columns)), name


def back(database: Path, original: Package) -> Package:
    """What a build makes of an export."""
    images = [name for name in original.tables if "image_digest" in original[name].columns]
    return built(
        database.parent,
        *(
            f"name: {name}, path: {database.name}, table: {name}" + ", image: img" * (name in images)
            for name in original.tables
        ),
    )


def test_every_value_and_type_of_the_sample_comes_back(screen: Path) -> None:
    original = datapkg.open(screen / "screen.datapkg")
    returned = back(screen / "screen.db", original)
    equal_tables(original, returned)
    for name in ("platemap", "features"):  # of one source each, so that their rows are of one source here too
        assert returned[name].digest == original[name].digest
    assert returned["frames"].to_pandas()["id"].tolist() == list(range(1, 49))
    assert returned.verify(deep=True).ok


def test_keys_and_references_are_those_of_the_manifest(screen: Path) -> None:
    database = screen / "screen.db"
    assert read(database, "pragma foreign_key_check") == []
    assert read(database, "pragma integrity_check") == [("ok",)]
    keys = read(
        database, 'select "table", "from", "to" from pragma_foreign_key_list(\'features\') order by 1, 2'
    )
    assert ("platemap", "Metadata_Well", "Well") in keys
    assert ("frames", "Image_FileName_H2B", "file_name") in keys
    with closing(sqlite3.connect(database)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("insert into platemap select * from platemap limit 1")
    (plan,) = read(database, "explain query plan select img from frames where path = 'x'")
    assert "USING INDEX" in plan[3]


def test_the_database_says_what_it_is(screen: Path) -> None:
    about = dict(read(screen / "screen.db", "select key, value from _datapkg"))
    package = datapkg.open(screen / "screen.datapkg")
    assert (about["package"], about["release"], about["digest"]) == ("screen", "1.0.0", package.digest)
    assert about["manifest"] == package.manifest


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the command `sqlite3` is not installed")
def test_the_sqlite3_command_finds_a_galaxy_by_id(tmp_path: Path) -> None:
    galaxies(tmp_path / "in.db", 200)
    built(tmp_path, "name: galaxies, path: in.db, image: img")
    datapkg.export(tmp_path / "p", tmp_path / "out.db")
    picture = tmp_path / "galaxy.jpg"
    query = f"select ra, size, encoded, writefile('{picture}', img) from galaxies where id = 1396"
    asked = ["sqlite3", str(tmp_path / "out.db"), query]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)
    ra, size, encoded, written = done.stdout.strip().split("|")
    assert (float(ra), encoded, size) == (pytest.approx(199 / 3), "file", written)
    assert np.array_equal(Image.open(picture), datapkg.open(tmp_path / "p")["galaxies"].image(199))


def test_thousands_of_jpegs_go_in_and_out_equal(tmp_path: Path) -> None:
    galaxies(tmp_path / "in.db", 3000)
    first = built(tmp_path, "name: galaxies, path: in.db, image: img, keep: bytes")
    done = datapkg.export(tmp_path / "p", tmp_path / "out.db")
    asked = "select id, ra, img from galaxies order by id"
    assert read(tmp_path / "out.db", asked) == read(tmp_path / "in.db", asked)
    assert done.notes == ()
    (tmp_path / "second").mkdir()
    (tmp_path / "out.db").rename(tmp_path / "second" / "in.db")
    second = built(tmp_path / "second", "name: galaxies, path: in.db, image: img, keep: bytes")
    assert second["galaxies"].columns == first["galaxies"].columns
    equal_tables(first, second)


def test_an_id_that_does_not_ascend_is_a_column_as_others(tmp_path: Path) -> None:
    query = "select -id as id, img from galaxies order by galaxies.id"
    galaxies(tmp_path / "in.db", 5)
    package = built(tmp_path, f'name: galaxies, path: in.db, image: img, query: "{query}"')
    datapkg.export(tmp_path / "p", tmp_path / "out.db")
    assert read(tmp_path / "out.db", "select id_1, id from galaxies order by id_1")[:2] == [(1, -3), (2, -10)]
    equal_tables(package, built(tmp_path, "name: galaxies, path: out.db, image: img", into="q"))


def test_what_sqlite_cannot_hold_is_said_or_refused(tmp_path: Path) -> None:
    make.text(tmp_path / "t.csv", "Well,well,n\n1,2,18446744073709551615\n")
    make.text(tmp_path / "wide.csv", ",".join(f"c{at}" for at in range(2001)) + "\n")
    built(tmp_path, "name: t, path: t.csv", "name: wide, path: wide.csv")
    with pytest.raises(ExportError, match=r"at most 2,000 columns, and table wide has 2,001"):
        datapkg.export(tmp_path / "p", tmp_path / "x.db")
    done = datapkg.export(tmp_path / "p", tmp_path / "x.db", tables=["t"])
    assert read(tmp_path / "x.db", "select * from t") == [(1, 2, "18446744073709551615")]
    assert done.notes == ("table t: SQLite's names do not differ in case alone, so well is well_1",)


def test_images_of_other_kinds_are_encoded_without_loss(tmp_path: Path) -> None:
    import tifffile

    for name, shape, dtype in (
        ("a.tif", (6, 8), "uint16"),
        ("b.tif", (2, 6, 8), "float32"),
        ("c.tif", (1, 3, 4, 5), "int16"),
        ("d.tif", (5, 6, 3), "uint8"),
    ):
        photometric = "rgb" if name == "d.tif" else "minisblack"
        tifffile.imwrite(tmp_path / name, make.image(1, shape, dtype), photometric=photometric)
    original = built(tmp_path, 'name: t, path: "*.tif", keep: array, array: packed')
    datapkg.export(tmp_path / "p", tmp_path / "x.db")
    forms = read(tmp_path / "x.db", "select file_name, encoded from t order by id")
    assert forms == [("a.tif", "png"), ("b.tif", "tiff"), ("c.tif", "tiff"), ("d.tif", "png")]
    returned = built(tmp_path, "name: t, path: x.db, image: img, keep: array, array: packed", into="q")
    for at in range(4):
        assert returned["t"].image(at).dtype == original["t"].image(at).dtype
        assert np.array_equal(returned["t"].image(at), original["t"].image(at))
    assert returned["t"].to_pandas()["axes"].tolist() == original["t"].to_pandas()["axes"].tolist()
    assert returned["t"].to_pandas()["sql_sha256"].tolist() == original["t"].to_pandas()["sha256"].tolist()


def test_a_reference_to_what_is_not_unique_is_an_index(tmp_path: Path) -> None:
    make.text(tmp_path / "a.csv", "Well\nA1\nA1\n")
    make.text(tmp_path / "b.csv", "Well\nA1\n")
    key = "schema: {foreignKeys: [{fields: Well, reference: {resource: a, fields: Well}}]}"
    built(tmp_path, "name: a, path: a.csv", f"name: b, path: b.csv, {key}")
    done = datapkg.export(tmp_path / "p", tmp_path / "x.db")
    assert done.notes == (
        "b: the reference to a is an index, and no foreign key of SQLite: 1 values stand there more than once",
    )
    assert read(tmp_path / "x.db", "pragma foreign_key_check") == []
    assert read(tmp_path / "x.db", "select name from pragma_index_list('b')") == [("b: Well",)]


@pytest.mark.parametrize("once", [True, False])
def test_a_reference_finds_its_column_among_names_that_differ_in_case(tmp_path: Path, once: bool) -> None:
    second = "q" if once else "p"
    make.text(tmp_path / "a.csv", f"Well,well\nA1,p\nA1,{second}\n")
    make.text(tmp_path / "b.csv", "Ref\np\n")
    key = "schema: {foreignKeys: [{fields: Ref, reference: {resource: a, fields: well}}]}"
    built(tmp_path, "name: a, path: a.csv", f"name: b, path: b.csv, {key}")
    datapkg.export(tmp_path / "p", tmp_path / "x.db")
    assert read(tmp_path / "x.db", "pragma foreign_key_check") == []
    keys = read(tmp_path / "x.db", "select \"to\" from pragma_foreign_key_list('b')")
    assert keys == [("well_1",)] * once


def test_zeros_that_lose_their_sign_are_told_of(tmp_path: Path) -> None:
    make.text(tmp_path / "a.csv", "x,n\n-0.0,1\n0.5,2\n-0.0,3\n")
    built(tmp_path, "name: a, path: a.csv")
    done = datapkg.export(tmp_path / "p", tmp_path / "x.db")
    assert done.notes == ("2 zeros of a.x lose their minus: SQLite keeps none",)
