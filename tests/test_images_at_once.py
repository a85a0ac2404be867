"""Plain TIFFs that are read in one breath are stored as the long way stores them; any that is odd is left to it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from make_tiff import pixels, resource, source
from test_images_look import seen

from datapkg import ingest
from datapkg.ingest import IngestTask, ScanTask
from datapkg.one_pass import OnePassTask, scan_and_store
from datapkg.places import Folder
from datapkg.reading import SourceFile
from datapkg.sources.images import at_once
from datapkg.sources.images.source import ImagesSource


def found(path: Path) -> SourceFile:
    """A file as a search finds it."""
    stat = path.stat()
    told = stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
    return replace(source(path, path.parent), stat=told)


def files(folder: Path, count: int = 9, **how: Any) -> tuple[SourceFile, ...]:
    """Plain TIFFs of one kind, each with a description of its own, and one of another kind among them."""
    (folder / "data").mkdir()
    for number in range(count):
        path = folder / "data" / f"{number:03}.tif"
        image = np.roll(pixels((24, 31), "uint16"), number)
        tifffile.imwrite(path, image, description=f"frame {number}", metadata=None, **how)
    tifffile.imwrite(folder / "data" / "004.tif", pixels((24, 31), "uint16"), imagej=True)
    return tuple(found(path) for path in sorted((folder / "data").iterdir()))


@pytest.mark.parametrize(
    "how", [{}, {"compression": "lzw", "predictor": True}, {"byteorder": ">"}, {"rowsperstrip": 5}]
)
@pytest.mark.parametrize(
    "options", [{}, {"keep": ("array",)}, {"keep": ("bytes",)}, {"rows": "plane"}, {"array": "packed"}]
)
def test_rows_are_those_of_the_long_way(tmp_path: Path, how: dict[str, Any], options: dict[str, Any]) -> None:
    read: list[str] = []
    entry, given = resource(**options), files(tmp_path, **how)
    task = OnePassTask(Folder(tmp_path / "p"), "one", ScanTask(entry, given))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            ingest, "Reading", lambda file, *a, **k: read.append(file.path) or seen_long(file, *a, **k)
        )
        looked = scan_and_store(task, lambda path, done: None)
    tables = ImagesSource().decide(entry, [(one.file.path, one.scan) for one in looked.files]).tables
    stores = tuple(one.to_store() for one in looked.files)
    stored = ingest.ingest(
        IngestTask(Folder(tmp_path / "p"), "two", entry, tables, stores), lambda path, done: None
    )
    assert looked.stored is not None and read == ["004.tif"]
    assert seen(looked.stored) == seen(next(iter(stored.values())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_once, "MOST_BYTES", 0)
        long = scan_and_store(replace(task, attempt="three"), lambda path, done: None)
    assert [(one.scan, one.seen) for one in looked.files] == [(one.scan, one.seen) for one in long.files]


seen_long = ingest.Reading


def test_a_file_that_is_not_what_was_found_is_left_to_the_long_way(tmp_path: Path) -> None:
    (file, *_) = files(tmp_path)
    assert at_once.read(file) == file.local.read_bytes()
    content = file.local.read_bytes()
    file.local.write_bytes(content[:-1] + b"x")
    os.utime(file.local, ns=(1, 1))  # the disk's clock may stand still for a moment
    assert at_once.read(file) is None  # written to: as long as it was
    now = found(file.local)
    assert at_once.read(now) is not None
    (tmp_path / "other").write_bytes(content)
    os.replace(tmp_path / "other", file.local)  # noqa: PTH105
    assert at_once.read(now) is None  # another has its place
    file.local.unlink()
    assert at_once.read(now) is None


def test_files_that_are_never_plain_are_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(at_once, "read", lambda file: tried.append(file.path))
    (tmp_path / "data").mkdir()
    for number in range(9):
        tifffile.imwrite(tmp_path / "data" / f"{number}.tif", pixels((4, 5), "uint16"), imagej=True)
    given = tuple(found(path) for path in sorted((tmp_path / "data").iterdir()))
    task = OnePassTask(Folder(tmp_path / "p"), "one", ScanTask(resource(), given))
    looked = scan_and_store(task, lambda path, done: None)
    assert len(looked.files) == 9 and len(tried) == at_once.MOST_ODD
