"""The real files: which there are, what is in them by other programs' reading, and how a package is held against that."""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import struct
from pathlib import Path
from typing import Any

import make_text
from conftest import SHARED

from datapkg import Package, Table

TEXT = re.compile(r"\.(csv|tsv|txt)(\.gz)?$")
READING = re.compile(
    r"series=(\d+) pages=(\d+) axes=(\w+) shape=\(([\d, ]+)\) dtype=(\w+) sha1=([0-9a-f]{12})$"
)
NO_HEADER = ("idr_stream/idr0013-screenA-plates.tsv",)
NO_TABLES = {
    "idr0013/idr0013-study.txt": ("SourceError", ":1", "sheet of keys and values"),
    "cytominer_b/E17-4/Cells.csv": ("SourceError", "", "is empty"),
    "cytominer_b/E17-4/Nuclei.csv": ("SourceError", "", "is empty"),
    "cytominer_b/J21-2/Cells.csv": ("SourceError", ":2", "has 564 cells, but the header has 586"),
}
"""Files of `open` that are no tables: the error's class, the place in the file, a part of the text."""


def listed(folder: str = "open") -> list[dict[str, str]]:
    """The rows of a folder's SOURCES.tsv; none where the real files are absent."""
    return rows_of(SHARED / folder / "SOURCES.tsv")


def rows_of(path: Path) -> list[dict[str, str]]:
    """A tab-separated table, by plain means."""
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def text_cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a text table, as Python's own csv module reads them."""
    content = path.read_bytes()
    raw = gzip.decompress(content) if path.suffix == ".gz" else content
    delimiter = "\t" if ".csv" not in path.name else ";" if "semicolon" in path.name else ","
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    header, *rows = make_text.csv_rows(raw, delimiter, encoding)
    if path.as_posix().endswith(NO_HEADER):
        header, rows = [f"field{i + 1}" for i in range(len(header))], [header, *rows]
    return [name if name or i else "index" for i, name in enumerate(header)], rows


def assert_text(table: Table, path: Path) -> None:
    """Every column has the type that the rules give to its cells one by one, and every cell its value, to the last bit."""
    header, rows = text_cells(path)
    found = table.to_arrow()
    assert found.column_names == header
    assert found.num_rows == len(rows)
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    for name, cells, column in zip(header, columns, found.columns, strict=True):
        kind = make_text.naive_type(cells)
        assert str(column.type) == kind, name
        expected = make_text.naive_values(cells, kind)
        assert all(map(_same, column.to_pylist(), expected)), name


def _same(one: object, other: object) -> bool:
    """Equal to the last bit."""
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack("<d", one) == struct.pack("<d", other)
    return type(one) is type(other) and one == other


def assert_image(table: Table, path: Path, said: str) -> None:
    """The first image is the one of the reference reading; file, pages and series are as the file has them."""
    reading = READING.match(said)
    assert reading is not None, said
    image = table.image(0)
    assert (*image.shape,) == tuple(int(length) for length in reading[4].rstrip(",").split(","))
    assert (image.dtype.name, sha1(image.tobytes())) == (reading[5], reading[6])
    assert len(table) == int(reading[1])
    rows = table.to_arrow(columns=["axes", "filesize_bytes", "sha256", "image_bytes"]).to_pylist()
    content = path.read_bytes()
    assert (rows[0]["axes"], rows[0]["filesize_bytes"]) == (reading[3], len(content))
    assert (rows[0]["image_bytes"], rows[0]["sha256"]) == (content, hashlib.sha256(content).hexdigest())


def sha1(content: bytes) -> str:
    """As much of it as the references have."""
    return hashlib.sha1(content).hexdigest()[:12]


def table_rows(package: Package) -> dict[str, list[dict[str, Any]]]:
    """All tables' rows without pixels."""
    return {
        name: package[name]
        .to_arrow(columns=[c for c in package[name].columns if c != "image_array"])
        .to_pylist()
        for name in package.tables
    }
