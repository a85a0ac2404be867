"""Every real file, good or bad, in a package of its own: exactly what is in it, or an error that says what is wrong.

Each build is a process's work, with 20 s and 2 GB: whatever a file does to a build, it is told and nothing else falls.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import make
import pyarrow.compute as pc
import pytest
from limited import Builder, Built
from real import NO_HEADER, NO_TABLES, TEXT, assert_image, assert_text, listed, rows_of, sha1, table_rows
from real_ch5 import NOT_REBUILT, rebuilt

import datapkg
from datapkg import Package

S = "SourceError"
REFUSED = {
    "ch5_bad_contour.ch5": (S, ",", "contour of object 0 cannot be read"),
    "ch5_bomb_virtual_shape.ch5": (S, ",", "planes of 100,000 x 100,000 pixels"),
    "ch5_channel_2d.ch5": (S, ",", "5 axes: channel, time, z, y and x"),
    "ch5_dangling_external.ch5": (S, ",", "/etc/passwd, which lies outside of the data root"),
    "ch5_external_escape.ch5": (S, ",", "outside of the data root"),
    "ch5_flipped_bytes.ch5": (S, ",", "damaged"),
    "ch5_inconsistent.ch5": (S, ",", "4 rows, but"),
    "ch5_truncated.ch5": (S, "", "cut short: it ends after 270,652 bytes"),
    "csv_dup_header.csv": (S, ":1", "names columns twice: `Cells`"),
    "csv_empty_colnames.csv": (S, ":1", "no name to columns 1, 2"),
    "csv_latin1.csv": (S, ":1", "byte 0xe8 is not UTF-8"),
    "csv_nul.csv": (S, ":2", "NUL"),
    "csv_ragged_long.csv": (S, ":3", "has 2 cells, but the header has 3"),
    "csv_unclosed_quote.csv": (S, ":2", "never closed"),
    "gz_bad_crc.csv.gz": (S, ":", "checksum"),
    "gz_trailing_garbage.csv.gz": (S, ":291", "other bytes follow"),
    "gz_truncated.csv.gz": (S, ":145", "cut off"),
    "hdf5_not_cellh5.ch5": (S, "", "no CellH5 movie"),
    "not_a_tiff.tif": (S, "", "PNG"),
    "not_gz.csv.gz": (S, "", "not compressed with gzip"),
    "tiff_bad_deflate_data.tif": (S, "", "cannot be decoded"),
    "tiff_bomb_100000x100000_uncompressed.tif": (S, "", "16 bytes"),
    "tiff_bomb_4e9.tif": (S, "", "36.9 EB"),
    "tiff_bomb_deflate_30000x30000.tif": (S, "", "900.0 MB"),
    "tiff_ifd_loop.tif": (S, "", "circle"),
    "tiff_ifd_offset_past_eof.tif": (S, "", "cut off"),
    "tiff_truncated_half.tif": (S, "", "cut off"),
    "tiff_truncated_header.tif": (S, "", "cut off"),
    "tiff_unknown_compression.tif": (S, "", "compression 65000"),
    "tiff_zero_width.tif": (S, "", "0 x 0"),
    "zero.ch5": (S, "", "empty (0 bytes)"),
    "zero.csv": (S, "", "empty (0 bytes)"),
    "zero.csv.gz": (S, "", "empty (0 bytes)"),
    "zero.tif": (S, "", "empty (0 bytes)"),
}
"""The error's class, where in the file it is, and a part of its text."""
WARNED = {
    "ch5_empty_plate.ch5": "no position",
    "ch5_interrupted_bioformats_write.ch5": "no plane of it was ever written",
    "ch5_softlink_cycle.ch5": "/nowhere, which is not there",
    "csv_empty_lines.csv": "blank lines, which are skipped",
    "csv_semicolon_decimalcomma.csv": "another delimiter than the suffix says",
}
"""Odd files that build, and a part of what the report says of them."""
REFUSAL_BYTES = 300 << 20
"""To refuse a file takes little memory, whatever it claims to hold."""
BOMB_ROWS = 50_000_000
ABSENT = [pytest.param({"file": "", "reference_reading": ""}, id="SOURCES.tsv is absent")]


def each(folder: str) -> list[object]:
    """One test for each row of SOURCES.tsv; where there is none, one that says so."""
    return [pytest.param(row, id=row["file"]) for row in listed(folder)] or ABSENT


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    builder = Builder()
    yield builder
    builder.close()


def build(builder: Builder, folder: Path, root: Path, file: str) -> Built:
    """One file as a package."""
    dialect = ", dialect: {header: false}" if file in NO_HEADER else ""
    manifest = make.manifest(folder, f'name: f, path: "{file}"{dialect}')
    return builder.build(manifest, folder / "p", root)


def assert_refused(built: Built, folder: Path, file: str, expected: tuple[str, str, str]) -> None:
    error, place, text = expected
    assert (built.died, built.error) == ("", error), built
    assert text in built.text
    assert built.where.startswith(file + place) and built.fix
    assert not (folder / "p").exists()
    assert built.grown < REFUSAL_BYTES, built


@pytest.mark.parametrize("row", each("open"))
def test_open_file(shared: Path, tmp_path: Path, builder: Builder, row: dict[str, str]) -> None:
    file, root = row["file"], shared / "open"
    built = build(builder, tmp_path, root, file)
    if file in NO_TABLES:
        assert_refused(built, tmp_path, file, NO_TABLES[file])
        return
    assert (built.died, built.error) == ("", ""), built
    package = datapkg.open(tmp_path / "p")
    if TEXT.search(file):
        assert_text(package["f"], root / file)
    elif file.endswith(".ch5"):
        assert_movie(package, root / "ch5" / "REFERENCE.tsv", file)
    else:
        assert built.warnings == ()
        assert_image(package["f"], root / file, row["reference_reading"])


def assert_movie(package: Package, references: Path, file: str) -> None:
    """Every dataset of the reference is put together again from the tables, byte for byte."""
    names = (Path(file).name,) if "_all_" not in file else ("00004_01.ch5", "00015_01.ch5")
    tables = table_rows(package)
    datasets = [
        row
        for row in rows_of(references)
        if row["file"] in names
        and not NOT_REBUILT.search(row["path"])
        and (len(names) == 1 or row["path"].startswith("sample/"))
    ]
    assert datasets
    for row in datasets:
        found = rebuilt(row["path"], row["dtype"], tables, package["f"])
        assert (sha1(found.tobytes()), str(found.shape)) == (row["sha1_12_of_bytes"], row["shape"]), row[
            "path"
        ]


@pytest.mark.parametrize("row", each("bad"))
def test_bad_file(shared: Path, tmp_path: Path, builder: Builder, row: dict[str, str]) -> None:
    file, root = row["file"], shared / "bad"
    built = build(builder, tmp_path, root, file)
    if file in REFUSED:
        assert_refused(built, tmp_path, file, REFUSED[file])
        return
    assert (built.died, built.error) == ("", ""), built
    assert any(WARNED[file] in told for told in built.warnings) if file in WARNED else not built.warnings
    package = datapkg.open(tmp_path / "p")
    if "bomb" in file:
        cells = package["f"].to_arrow()["a"]
        assert (len(cells), pc.min_max(cells).as_py()) == (BOMB_ROWS, {"min": 0, "max": 0})
        assert package["f"].described()[0]["why"] == "int64, because its 50000000 values are whole numbers"
    elif TEXT.search(file):
        assert_text(package["f"], root / file)
    else:
        assert file in WARNED


def test_the_bad_files_are_those_that_are_listed(shared: Path) -> None:
    files = {path.name for path in (shared / "bad").iterdir()} - {"SOURCES.tsv"}
    assert files == {row["file"] for row in listed("bad")}
    assert set(REFUSED) | set(WARNED) <= files


def test_a_file_may_have_any_name(shared: Path, tmp_path: Path, builder: Builder) -> None:
    name = "Größe & Form #1 (Kopie) 100%.csv"
    (tmp_path / "d").mkdir()
    shutil.copyfile(shared / "bad" / "odd_name.csv", tmp_path / "d" / name)
    assert build(builder, tmp_path, tmp_path / "d", name) == Built()
    package = datapkg.open(tmp_path / "p")
    assert_text(package["f"], tmp_path / "d" / name)
    assert package.sources()["path"].tolist() == [name]


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("os.kill(os.getpid(), 11)", "ended with status -11"),
        ("b'x' * (1 << 29)", "used more than 256 MB"),
        ("time.sleep(99)", "took more than 1 s"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_build_that_dies_grows_hangs_or_fails_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, said: str
) -> None:
    make.text(tmp_path / "datapkg" / "builder.py", "")
    make.text(
        tmp_path / "datapkg" / "__init__.py",
        f"import os, time\nclass DatapkgError(Exception): ...\ndef build(*a, **k):\n    held = {does}\n    time.sleep(0.3)\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("limited.SECONDS", 1.0 if "sleep" in does else 20.0)
    monkeypatch.setattr("limited.BYTES", 256 << 20)
    builder = Builder()
    assert said in builder.build(tmp_path, tmp_path, tmp_path).died
    builder.close()
