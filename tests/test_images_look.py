"""Image files are read once: rows that are stored while headers are looked at are those of a second pass."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import make_raster
import numpy as np
import pytest
import tifffile
from make_tiff import pixels, resource, source
from numpy.typing import NDArray

import datapkg
from datapkg import ingest
from datapkg.errors import SourceError
from datapkg.ingest import IngestTask, ScanTask
from datapkg.one_pass import Looked, OnePassTask, scan_and_store
from datapkg.places import Folder
from datapkg.sources.images.source import ImagesSource
from tests import make

Images = dict[str, NDArray[Any]]


def ignore(path: str, done: int, files: int = 1, /) -> None:
    """No progress is wanted."""


def both(folder: Path, **options: Any) -> tuple[Looked, dict[str, ingest.Ingested]]:
    """What one pass over a folder's files gives, and what a second pass stores."""
    data = folder / "data"
    files = tuple(source(path, data) for path in sorted(data.iterdir()))
    entry = resource(**options)
    looked = scan_and_store(OnePassTask(Folder(folder / "p"), "one", ScanTask(entry, files)), ignore)
    tables = ImagesSource().decide(entry, [(one.file.path, one.scan) for one in looked.files]).tables
    stores = tuple(one.to_store() for one in looked.files)
    stored = ingest.ingest(IngestTask(Folder(folder / "p"), "two", entry, tables, stores), ignore)
    kept = looked.rows_of(tables)
    return (looked if kept else Looked(looked.files)), stored


def seen(stored: ingest.Ingested) -> object:
    """All that a version keeps of stored rows."""
    assert stored.fragment is not None
    return (
        stored.fragment.rows,
        stored.rows,
        stored.digests,
        stored.sums.digests(),
        stored.sums.nulls,
        stored.held,
    )


def written(folder: Path, images: Images) -> None:
    """TIFFs of these images; of three dimensions, a page for each plane."""
    (folder / "data").mkdir()
    for name, image in images.items():
        tifffile.imwrite(folder / "data" / f"{name}.tif", image, photometric="minisblack")


EQUAL = {f"{i:03}": pixels((8, 9), "uint16") + i for i in range(70)}
RAGGED = {f"{i:03}": pixels((8 + i % 5, 9 + i % 3), "uint16") for i in range(70)}
LARGE = {f"{i:03}": pixels((300, 300 + i % 2), "uint16") for i in range(7)}
LATE = EQUAL | {"025": pixels((9, 9), "uint16")}
MIXED = EQUAL | {"030": pixels((2, 8, 9), "uint16"), "031": pixels((300, 300), "uint16")}


BOTH: dict[str, Any] = {"keep": ("bytes", "array")}


@pytest.mark.parametrize(
    ("images", "options", "right"),
    [
        (EQUAL, BOTH, True),
        (EQUAL, {"keep": ("array",), "rows": "plane"}, True),
        (RAGGED, BOTH, True),
        (RAGGED, {"keep": ("bytes",)}, True),
        (LARGE, BOTH, True),
        (LATE, BOTH, False),
        (LATE, {"array": "packed"}, True),
        (MIXED, {"rows": "plane"}, False),
        (MIXED, {"keep": ("bytes",), "rows": "plane"}, True),
    ],
)
def test_what_is_stored_on_the_way_is_what_a_second_pass_stores(
    tmp_path: Path, images: Images, options: dict[str, Any], right: bool
) -> None:
    written(tmp_path, images)
    looked, stored = both(tmp_path, **options)
    assert (looked.stored is not None) is right
    if looked.stored is not None:
        assert seen(looked.stored) == seen(stored["frames"])


def test_files_of_other_kinds_among_small_ones_keep_their_order(tmp_path: Path) -> None:
    written(tmp_path, EQUAL)
    make_raster.pillow(tmp_path / "data" / "010.png", pixels((8, 9), "uint16"))
    (tmp_path / "data" / "020.tif").write_bytes(b"")
    tifffile.imwrite(
        tmp_path / "data" / "030.tif", pixels((8, 9), "uint16"), description="ImageJ=1.5", metadata=None
    )
    looked, stored = both(tmp_path, empty="skip", pattern="{Number:d}.{kind}")
    assert looked.stored is not None
    assert seen(looked.stored) == seen(stored["frames"])


def test_each_image_file_is_opened_once_by_a_build_but_for_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, EQUAL)
    manifest = make.manifest(tmp_path, 'name: frames, path: "data/*.tif"')
    opened: list[str] = []
    import sys

    def hear(event: str, found: tuple[Any, ...]) -> None:
        if event == "open" and listening and isinstance(found[0], str | os.PathLike):
            opened.append(os.fspath(found[0]))

    listening = True
    sys.addaudithook(hear)
    report = make.build(manifest, tmp_path / "p")
    listening = False
    tiffs = [path for path in opened if path.endswith(".tif")]
    assert len(tiffs) == len(EQUAL) + 5 and report.version == 1
    frames = datapkg.open(tmp_path / "p")["frames"]
    assert all(np.array_equal(frames.image(i), image) for i, image in enumerate(EQUAL.values()))


def test_a_damaged_file_among_small_ones_is_named(tmp_path: Path) -> None:
    written(tmp_path, EQUAL)
    path = tmp_path / "data" / "066.tif"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SourceError) as caught:
        both(tmp_path)
    assert caught.value.where == "066.tif"
