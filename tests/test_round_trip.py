"""Random tables and images through whole packages: built from files that other libraries wrote, and opened again."""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import make
import make_text
import pytest
import tifffile
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

import datapkg

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = (
    *make_text.MISSING,
    *make_text.BOOLS,
    "",
    "005",
    "+5",
    "1E5",
    "-0",
    "1.50",
    ".5",
    "1e400",
    "inf",
    "T",
    "yes",
)
NAMES = ("a.b", "_rowid", "`x`", "100%", "A", "a b", '"q"')
DTYPES = [[name] for name in (
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64",
)]  # fmt: skip
MIXED = [["uint8", "uint16", "int16"], ["uint8", "float32"], ["int32", "float64"]]


@dataclass(frozen=True)
class Written:
    """A table as Python's csv module wrote it, in one file or several, and the manifest's words for that."""

    header: list[str]
    parts: list[list[list[str]]]
    dialect: dict[str, Any]
    encoding: str
    zipped: bool
    options: dict[str, Any]

    def texts(self) -> list[str]:
        """The files' text."""
        written = [io.StringIO(newline="") for _ in self.parts]
        for text, rows in zip(written, self.parts, strict=True):
            csv.writer(text, **self.options).writerows([self.header, *rows])
        return [text.getvalue() for text in written]

    def is_read_by_python(self) -> bool:
        """Python's writer leaves a lone carriage return without quotes, and its reader then ends the row there."""
        read = [csv.reader(io.StringIO(text, newline=""), **self.options) for text in self.texts()]
        return [list(rows) for rows in read] == [[self.header, *rows] for rows in self.parts]

    def files(self, folder: Path) -> None:
        """Write the parts."""
        for number, text in enumerate(self.texts()):
            content = text.encode(self.encoding)
            name = f"{number}.csv.gz" if self.zipped else f"{number}.csv"
            (folder / name).write_bytes(gzip.compress(content, mtime=0) if self.zipped else content)


def characters(encoding: str) -> st.SearchStrategy[str]:
    """What a cell may be made of; a NUL and a mark of byte order are no text."""
    codec = "latin-1" if encoding == "latin-1" else "utf-8"
    return st.one_of(
        st.sampled_from(" ,;|\t\"'~\\\r\n#."),
        st.characters(codec=codec, exclude_characters="\0\ufeff"),
    )


@st.composite
def tables(draw: st.DrawFn) -> Written:
    """A table and a way to write it."""
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    text = st.text(characters(encoding), max_size=6)
    number = st.one_of(st.integers(-(2**64), 2**65).map(str), st.floats(allow_nan=False).map(repr))
    kinds = [
        text,
        number,
        st.sampled_from(WORDS),
        st.integers(-9, 9).map(str),
        st.sampled_from(["true", "False", ""]),
    ]
    header = draw(
        st.lists(st.one_of(st.sampled_from(NAMES), text.filter(bool)), min_size=1, max_size=4, unique=True)
    )
    row = st.tuples(*(draw(st.sampled_from(kinds)) for _ in header)).map(list)
    parts = draw(st.lists(st.lists(row, max_size=4), min_size=1, max_size=3))
    delimiter, quote = draw(st.sampled_from(",;\t|")), draw(st.sampled_from("\"'~"))
    doubled = draw(st.booleans())
    options = {
        "delimiter": delimiter,
        "quotechar": quote,
        "doublequote": doubled,
        "escapechar": None if doubled else "\\",
        "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    }
    dialect = {"delimiter": delimiter, "quoteChar": quote, "doubleQuote": doubled}
    if not doubled:
        dialect["escapeChar"] = "\\"
    written = Written(header, parts, dialect, encoding, draw(st.booleans()), options)
    assume(written.is_read_by_python())
    return written


def same(one: object, other: object) -> bool:
    """Equal to the last bit."""
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack("<d", one) == struct.pack("<d", other)
    return type(one) is type(other) and one == other


@FEW
@given(tables())
def test_a_table_comes_back_as_it_was_written(written: Written) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        written.files(folder)
        encoding = f", encoding: {written.encoding}" if written.encoding == "latin-1" else ""
        dialect = json.dumps(written.dialect)
        manifest = make.manifest(folder, f'name: t, path: ["*.csv*"], dialect: {dialect}{encoding}')
        make.build(manifest, folder / "p")
        found = datapkg.open(folder / "p")["t"].to_arrow().drop_columns(["source_path", "source_row"])
    rows = [row for part in written.parts for row in part]
    assert found.column_names == written.header
    assert found.num_rows == len(rows)
    for at, column in enumerate(found.columns):
        cells = [row[at] for row in rows]
        kind = make_text.naive_type(cells)
        assert str(column.type) == kind
        assert all(map(same, column.to_pylist(), make_text.naive_values(cells, kind)))


@st.composite
def images(draw: st.DrawFn) -> list[NDArray[Any]]:
    """Ragged images: of one dtype, or of several that fit into one."""
    dtypes = draw(st.sampled_from([*DTYPES, *MIXED]))
    shapes = arrays.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=5)
    each = st.sampled_from(dtypes).flatmap(lambda dtype: arrays.arrays(dtype, shapes))
    return draw(st.lists(each, min_size=1, max_size=5))


@FEW
@given(images(), st.sampled_from(["image", "plane"]), st.booleans())
def test_images_come_back_bit_for_bit(made: list[NDArray[Any]], rows: str, big_endian: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number, pixels in enumerate(made):
            make.tiff(
                folder / f"{number}.tif",
                pixels,
                photometric="minisblack",
                byteorder=">" if big_endian else "<",
            )
        expected = [tifffile.imread(folder / f"{number}.tif") for number in range(len(made))]
        make.build(make.manifest(folder, f'name: i, path: "*.tif", rows: {rows}'), folder / "p")
        table = datapkg.open(folder / "p")["i"]
        paths = table.to_arrow(columns=["path"])["path"].to_pylist()
        found = table.images(range(len(table)))
    for number, (pixels, read) in enumerate(zip(made, expected, strict=True)):
        mine = [image for path, image in zip(paths, found, strict=True) if path == f"{number}.tif"]
        assert {image.dtype for image in mine} == {pixels.dtype}
        assert b"".join(image.tobytes() for image in mine) == pixels.tobytes()
        if rows == "image":
            assert [image.shape for image in mine] == [read.shape]


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(), images())
def test_the_number_of_workers_changes_nothing(written: Written, made: list[NDArray[Any]]) -> None:
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        folder = Path(place)
        written.files(folder)
        for number, pixels in enumerate(made):
            make.tiff(folder / f"{number}.tif", pixels, photometric="minisblack")
        table = (
            f'name: t, path: ["*.csv*"], dialect: {json.dumps(written.dialect)}, encoding: {written.encoding}'
        )
        manifest = make.manifest(folder, table, 'name: i, path: "*.tif"')
        one = make.build(manifest, folder / "0")
        make.tasks_of_one_file(patch)  # so that there is something to share
        digests = {make.build(manifest, folder / str(n), engine="local", workers=n).digest for n in (1, 2, 3)}
    assert digests == {one.digest}
