"""Columns of encoded images in databases, as tables of images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest
import tifffile
from make_sqlite import built, database, encoded, galaxies, read
from PIL import Image

import datapkg
from datapkg.errors import DatapkgError

TABLE = "create table t (id integer primary key, label text, img blob)"


@pytest.mark.parametrize("keep", ["bytes", "array", "[bytes, array]"])
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_images_come_back_with_their_rows(form: str, keep: str, tmp_path: Path) -> None:
    pixels = [make.image(seed, (5 + seed, 8)) for seed in range(3)]
    rows = [(10 * at, f"l{at}", encoded(one, form)) for at, one in enumerate(pixels, 1)]
    database(tmp_path / "x.db", TABLE, rows=rows, into="t")
    table = built(tmp_path, f"name: t, path: x.db, image: img, keep: {keep}")["t"]
    frame = table.to_pandas()
    assert frame["id"].tolist() == [10, 20, 30]
    assert frame["label"].tolist() == ["l1", "l2", "l3"]
    assert frame["path"].tolist() == ["x.db/t/10", "x.db/t/20", "x.db/t/30"]
    assert [one.tobytes() for one in table.images([0, 1, 2])] == [one.tobytes() for one in pixels]
    assert frame["image_array"].iloc[2].shape == (7, 8)
    if "bytes" in keep:
        assert frame["image_bytes"].iloc[1] == rows[1][2]


def test_jpegs_are_decoded_as_others_decode_them(tmp_path: Path) -> None:
    galaxies(tmp_path / "x.db", 70)
    table = built(tmp_path, "name: galaxies, path: x.db, image: img")["galaxies"]
    for at, (content,) in enumerate(read(tmp_path / "x.db", "select img from galaxies order by id")):
        assert np.array_equal(table.image(at), np.asarray(Image.open(io.BytesIO(content))))
    assert datapkg.open(tmp_path / "p", verify=True)["galaxies"].to_pandas(images="array").shape[0] == 70


def test_a_query_joins_what_is_known_of_images(tmp_path: Path) -> None:
    database(
        tmp_path / "x.db",
        TABLE,
        "create table wells (label text, gene text)",
        "insert into wells values ('a', 'KIF11')",
        rows=[(1, "a", encoded(make.image(), "PNG"))],
        into="t",
    )
    query = "select t.id, gene, img as picture from t join wells using (label) order by t.id"
    frame = built(tmp_path, f'name: cells, path: x.db, image: picture, query: "{query}"')["cells"].to_pandas()
    assert frame[["id", "gene", "path"]].to_numpy().tolist() == [[1, "KIF11", "x.db/cells/1"]]


def test_what_the_database_says_of_an_image_is_kept(tmp_path: Path) -> None:
    content = encoded(make.image(), "PNG")
    table = "create table t (path text, pixel_size_x_um real, channel_names text, sha256 text, size_y int, img blob)"
    rows = [("plate/a.png", 0.5, '["DAPI"]', "of another file", 6, content)]
    database(tmp_path / "x.db", table, rows=rows, into="t")
    row: dict[str, Any] = built(tmp_path, "name: t, path: x.db, image: img")["t"].to_arrow().to_pylist()[0]
    assert (row["path"], row["file_name"], row["pixel_size_x_um"]) == ("plate/a.png", "a.png", 0.5)
    assert (row["channel_names"], row["size_y"]) == (["DAPI"], 6)
    assert row["sql_sha256"] == "of another file"
    assert row["sha256"] != "of another file"


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("image_digest", "00", "the image is not what `image_digest` says of it"),
        ("size_x", 7, "the image is not what `size_x` says of it: 7, but it has 8"),
        ("path", 5, "`path` holds whole numbers, but in a table of images it is text"),
        ("channel_names", "DAPI", "no JSON list of names"),
        ("image_array", "x", "has a name that image tables need"),
    ],
)
def test_what_does_not_fit_the_image_is_refused(
    column: str, value: object, what: str, tmp_path: Path
) -> None:
    rows = [(value, encoded(make.image(), "PNG"))]
    database(tmp_path / "x.db", f"create table t ({column}, img blob)", rows=rows, into="t")
    with pytest.raises(DatapkgError, match=what):
        built(tmp_path, "name: t, path: x.db, image: img")


def test_pages_of_a_blob_are_rows(tmp_path: Path) -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for seed, shape in ((1, (6, 8)), (2, (4, 4))):
            writer.write(make.image(seed, shape), metadata=None)
    database(tmp_path / "x.db", TABLE, rows=[(5, "a", file.getvalue())], into="t")
    table = built(tmp_path, "name: t, path: x.db, image: img, keep: bytes")["t"]
    assert table.to_pandas()["id"].tolist() == [5, 5]
    assert [one.shape for one in table.images([0, 1])] == [(6, 8), (4, 4)]


def test_rows_without_an_image_are_refused_or_skipped(tmp_path: Path) -> None:
    rows = [(1, "a", encoded(make.image(), "PNG")), (2, "b", None), (3, "c", b"")]
    database(tmp_path / "x.db", TABLE, rows=rows, into="t")
    with pytest.raises(DatapkgError, match=r"x\.db, row 2: has no image"):
        built(tmp_path, "name: t, path: x.db, image: img")
    package = built(tmp_path, "name: t, path: x.db, image: img, empty: skip")
    assert package["t"].to_pandas()["id"].tolist() == [1]
    assert package.warnings == ["x.db: 2 rows without an image, left out"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"no image at all", "row 2: not an image that is read: its first bytes are 6e 6f 20 69"),
        ("text", "row 2: the column 'img' holds 'text', which is no encoded image but text"),
        (5, "holds '5', which is no encoded image but a number"),
        (encoded(make.image(), "PNG")[:-20], r"x\.db, row 2"),
    ],
)
def test_what_is_no_image_is_told_of_with_its_row(content: object, what: str, tmp_path: Path) -> None:
    rows = [(1, "a", encoded(make.image(), "PNG")), (2, "b", content)]
    database(tmp_path / "x.db", TABLE, rows=rows, into="t")
    with pytest.raises(DatapkgError, match=what):
        built(tmp_path, "name: t, path: x.db, image: img")
