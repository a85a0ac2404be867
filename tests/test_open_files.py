"""Real files through whole packages: every cell, every pixel, and sets whose tables join."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
from pathlib import Path
from typing import Any

import make
import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT

import datapkg
from datapkg import Package

TEXT = re.compile(r"\.(csv|tsv|txt)(\.gz)?$")
NO_TABLES = {
    "idr0013/idr0013-study.txt": "key/value lines of different lengths",
    "cytominer_b/J21-2/Cells.csv": "564 cells in a row under a header of 586",
}
EMPTY = ("cytominer_b/E17-4/Cells.csv", "cytominer_b/E17-4/Nuclei.csv")
NO_HEADER = ("idr_stream/idr0013-screenA-plates.tsv",)
READING = re.compile(r"series=(\d+) pages=\d+ axes=(\w+) shape=\(([\d, ]+)\) dtype=(\w+) sha1=([0-9a-f]{12})")


def listed(shared: Path) -> list[dict[str, str]]:
    with open(shared / "open" / "SOURCES.tsv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def tables(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Package, dict[str, str]]:
    """One package of every text table there is, each file a resource; and the file of each table."""
    files = {}
    resources = []
    for row in listed(shared):
        if TEXT.search(row["file"]) and row["file"] not in NO_TABLES and row["file"] not in EMPTY:
            name = f"t{len(files)}"
            files[name] = row["file"]
            dialect = ", dialect: {header: false}" if row["file"] in NO_HEADER else ""
            resources.append(f'name: {name}, path: "{row["file"]}"{dialect}')
    folder = tmp_path_factory.mktemp("tables")
    manifest = make.manifest(folder, *resources)
    make.build(manifest, folder / "p", root=shared / "open")
    return datapkg.open(folder / "p"), files


def raw_cells(path: Path) -> list[list[str]]:
    """A text table as Python's own csv module reads it."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    delimiter = "\t" if text.split("\n", 1)[0].count("\t") > text.split("\n", 1)[0].count(",") else ","
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]


def assert_cell(raw: str, value: Any, where: str) -> None:
    """The stored value is the one that stood in the file: text as it was, numbers in value."""
    if isinstance(value, str):
        assert value == raw, where
    elif value is None:
        assert raw in ("", "NA", "NaN", "nan", "NULL", "null", "N/A", "#N/A"), where
    elif isinstance(value, bool):
        assert raw.lower() == str(value).lower(), where
    elif isinstance(value, int):
        assert raw == str(value), where
    else:
        assert float(raw) == value, where


def test_every_cell_of_every_text_table_comes_back(
    shared: Path, tables: tuple[Package, dict[str, str]]
) -> None:
    package, files = tables
    assert len(files) > 35
    for name, file in files.items():
        header, *rows = raw_cells(shared / "open" / file)
        if file in NO_HEADER:
            header, rows = [f"field{i + 1}" for i in range(len(header))], [header, *rows]
        header = ["index" if i == 0 and not cell else cell for i, cell in enumerate(header)]
        found = package[name].to_arrow()
        assert found.column_names == header, file
        assert found.num_rows == len(rows), file
        for i, column in enumerate(header):
            for number, value in enumerate(found[column].to_pylist()):
                assert_cell(rows[number][i], value, f"{file}: row {number}, column {column}")


def test_every_tiff_comes_back_as_tifffile_reads_it(shared: Path, tmp_path: Path) -> None:
    expected = {
        row["file"]: found for row in listed(shared) if (found := READING.match(row["reference_reading"]))
    }
    assert len(expected) > 100
    manifest = make.manifest(
        tmp_path, *(f'name: i{i}, path: "{file}", keep: array' for i, file in enumerate(expected))
    )
    make.build(manifest, tmp_path / "p", root=shared / "open")
    package = datapkg.open(tmp_path / "p")
    for i, (file, reading) in enumerate(expected.items()):
        table = package[f"i{i}"]
        image = table.image(0)
        shape = tuple(int(length) for length in reading[3].rstrip(",").split(","))
        assert (image.shape, image.dtype.name) == (shape, reading[4]), file
        assert hashlib.sha1(image.tobytes()).hexdigest()[:12] == reading[5], file
        assert len(table) == int(reading[1]), file
        assert table.to_pandas(columns=["axes"])["axes"].iloc[0] == reading[2], file


def test_nf1_plate_2_builds_and_its_tables_join(shared: Path, tmp_path: Path) -> None:
    make.build(PROJECT / "tests" / "manifests" / "nf1_plate2.yaml", tmp_path / "p", root=shared / "open")
    package = datapkg.open(tmp_path / "p")
    profiles = package["profiles"].to_pandas()
    images, masks = package["images"].to_pandas(), package["masks"].to_pandas()
    assert profiles.shape == (5, 2076)
    assert (len(images), len(masks)) == (15, 15)
    assert {i.dtype.name for i in images["image_array"]} == {"uint16"}
    assert {i.dtype.name for i in masks["image_array"]} == {"uint8"}
    for channel in ("DAPI", "GFP", "RFP"):
        joined = profiles.merge(images, left_on=f"Image_FileName_{channel}", right_on="file_name")
        assert len(joined) == 5
        assert set(joined["Channel"]) == {channel}
        assert joined["image_array"].iloc[0].shape == (904, 1224)
    of_masks = masks.merge(images.assign(Stem=images["file_name"].str.removesuffix(".tif")), on="Stem")
    assert len(of_masks) == 15
    assert set(of_masks["Compartment"]) == {"Nuclei", "Cells", "Cytoplasm"}


def test_examplehuman_builds_and_its_tables_join(shared: Path, tmp_path: Path) -> None:
    make.build(PROJECT / "tests" / "manifests" / "examplehuman.yaml", tmp_path / "p", root=shared / "open")
    package = datapkg.open(tmp_path / "p")
    image = package["image"].to_pandas()
    nuclei, cells = package["nuclei"].to_pandas(), package["cells"].to_pandas()
    assert len(nuclei) == len(cells) == 289
    assert len(nuclei.merge(cells, on=["ImageNumber", "ObjectNumber"])) == 289
    frames = package["images"].to_pandas().set_index("file_name")
    for channel in ("DNA", "PH3", "cellbody"):
        (name,) = image[f"FileName_{channel}"]
        assert frames.loc[name, "image_array"].shape == (512, 512)


def test_movies_build_and_build_again_as_the_same(shared: Path, tmp_path: Path) -> None:
    manifest = make.manifest(tmp_path, 'name: movies, path: "ch5/*.ch5"')
    first = make.build(manifest, tmp_path / "p", root=shared / "open")
    again = make.build(manifest, tmp_path / "p", root=shared / "open")
    assert (again.created, again.sources.unchanged, again.digest) == (False, 5, first.digest)
    package = datapkg.open(tmp_path / "p")
    with open(shared / "open" / "ch5" / "REFERENCE.tsv", encoding="utf-8", newline="") as file:
        reference = {(row["file"], row["path"]): row for row in csv.DictReader(file, delimiter="\t")}
    planes = package["movies"].to_pandas(where="path = 'ch5/00004_01.ch5'")
    for kind in ("channel", "region"):
        stack = np.stack(planes[planes["kind"] == kind]["image_array"].tolist())
        path = next(p for f, p in reference if f == "00004_01.ch5" and p.endswith(f"/1/image/{kind}"))
        row = reference["00004_01.ch5", path]
        assert hashlib.sha1(stack.tobytes()).hexdigest()[:12] == row["sha1_12_of_bytes"]


def test_the_scene_this_project_came_from(tmp_path: Path) -> None:
    pixels = [make.image(seed, (1024, 1344), "uint8") for seed in range(3)]
    paths = [make.tiff(tmp_path / "frames" / f"{i}.tif", pixels[i]) for i in range(2)]
    manifest = make.manifest(tmp_path, 'name: frames, path: "frames/*.tif"')

    def expected(count: int) -> pd.DataFrame:
        files = [tmp_path / "frames" / f"{i}.tif" for i in range(count)]
        return pd.DataFrame(
            {
                "path": [f"frames/{path.name}" for path in files],
                "filesize_bytes": [path.stat().st_size for path in files],
                "image_bytes": [path.read_bytes() for path in files],
                "image_array": pixels[:count],
            }
        )

    def assert_holds(package: Package, count: int) -> None:
        columns = ["path", "filesize_bytes", "image_bytes", "image_array"]
        frame = package["frames"].to_pandas(columns=columns)
        wanted = expected(count)
        for found, image in zip(frame.pop("image_array"), wanted.pop("image_array"), strict=True):
            assert (found.dtype, found.shape) == (np.dtype("uint8"), (1024, 1344))
            assert np.array_equal(found, image)
        pd.testing.assert_frame_equal(frame, wanted)

    assert make.build(manifest, tmp_path / "p").version == 1
    assert_holds(datapkg.open(tmp_path / "p"), 2)
    make.tiff(paths[0].with_name("2.tif"), pixels[2])
    assert make.build(manifest, tmp_path / "p").version == 2
    assert_holds(datapkg.open(tmp_path / "p"), 3)
    assert_holds(datapkg.open(tmp_path / "p", version=1), 2)
