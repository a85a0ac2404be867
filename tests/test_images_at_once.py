"""Plain TIFFs that are read in one breath are stored as the long way stores them; any that is odd is left to it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from make_tiff import pixels, resource, source
from test_images_look import seen

from datapkg import ingest, one_pass
from datapkg.ingest import IngestTask, ScanTask
from datapkg.one_pass import OnePassTask, scan_and_store
from datapkg.places import Folder
from datapkg.progress import Counter
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
        looked = scan_and_store(task, lambda *told: None)
    tables = ImagesSource().decide(entry, [(one.file.path, one.scan) for one in looked.files]).tables
    stores = tuple(one.to_store() for one in looked.files)
    stored = ingest.ingest(
        IngestTask(Folder(tmp_path / "p"), "two", entry, tables, stores), lambda *told: None
    )
    assert looked.stored is not None and read == ["004.tif"]
    assert seen(looked.stored) == seen(next(iter(stored.values())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_once, "MOST_BYTES", 0)
        long = scan_and_store(replace(task, attempt="three"), lambda *told: None)
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
    looked = scan_and_store(task, lambda *told: None)
    assert len(looked.files) == 9 and len(tried) == at_once.MOST_ODD


def turned(content: bytes) -> bytes:
    """A TIFF as `tifffile` writes it, of one strip, with its tags behind the pixels, where other programs put them."""
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    end = at + 6 + 12 * count
    tags = {code: place for code, _, _, place in struct.iter_unpack("<HHII", content[at + 2 : end - 4])}
    start, size = tags[273], tags[279]
    moved = bytearray(content[:8] + content[start : start + size] + content[8:start])
    struct.pack_into("<I", moved, 4, at + size)
    for entry in range(at + size + 2, end + size - 4, 12):
        code, kind, number, place = struct.unpack_from("<HHII", moved, entry)
        if code == 273:
            struct.pack_into("<I", moved, entry + 8, 8)
        elif {2: 1, 3: 2, 4: 4, 5: 8}[kind] * number > 4:
            struct.pack_into("<I", moved, entry + 8, place + size)
    return bytes(moved)


@pytest.mark.parametrize("form", [lambda content: content, turned])
def test_pixels_are_read_to_where_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Callable[[bytes], bytes]
) -> None:
    """Of files alike, after the first; one with other tags, or of another length, is read as a whole."""
    (tmp_path / "data").mkdir()
    for number in range(12):
        path = tmp_path / "data" / f"{number:03}.tif"
        image = np.roll(pixels((200, 250), "uint16"), number)
        resolution = (2, 1) if number == 5 else (1, 1)
        about = f"frame {number:02}" + "!" * 64 * (number == 8)
        tifffile.imwrite(path, image, description=about, metadata=None, resolution=resolution)
        path.write_bytes(form(path.read_bytes()))
    given = tuple(found(path) for path in sorted((tmp_path / "data").iterdir()))
    task = OnePassTask(Folder(tmp_path / "p"), "one", ScanTask(resource(keep=("array",)), given))
    whole: list[str] = []
    read = at_once.read
    monkeypatch.setattr(at_once, "read", lambda file: whole.append(file.path) or read(file))
    looked = scan_and_store(task, lambda *told: None)
    assert whole == ["000.tif", "005.tif", "006.tif", "008.tif", "009.tif"]
    assert looked.stored is not None
    monkeypatch.setattr(at_once, "APART_BYTES", 1 << 30)
    copied = scan_and_store(replace(task, attempt="two"), lambda *told: None)
    monkeypatch.setattr(at_once, "MOST_BYTES", 0)
    long = scan_and_store(replace(task, attempt="three"), lambda *told: None)
    assert copied.stored is not None and long.stored is not None
    assert seen(looked.stored) == seen(copied.stored) == seen(long.stored)
    for other in (copied, long):
        assert [(one.scan, one.seen) for one in looked.files] == [(one.scan, one.seen) for one in other.files]


def test_a_file_that_changes_is_not_read_apart(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"headpixels--tail")
    now, room = found(path), np.empty(6, np.uint8)
    around = at_once.read_apart(now, 4, room)
    assert around is not None and (around.before, room.tobytes(), around.behind) == (
        b"head",
        b"pixels",
        b"--tail",
    )
    assert len(around) == 16 and around[11:16] == b"-tail"
    with pytest.raises(LookupError):
        around[3:11]
    path.write_bytes(b"headpixels--tail!")
    assert at_once.read_apart(now, 4, room) is None
    assert at_once.read_apart(replace(found(path), bytes=16), 4, room) is None  # longer than was found
    path.write_bytes(b"head")
    assert at_once.read_apart(found(path), 4, room) is None  # ends before its pixels


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_many_files_are_told_of_at_once_unless_a_library_decodes_them(
    tmp_path: Path, compression: str | None
) -> None:
    given = files(tmp_path, one_pass.JOINED + 40, compression=compression)
    told: list[tuple[str, int, int]] = []
    task = OnePassTask(Folder(tmp_path / "p"), "one", ScanTask(resource(keep=("array",)), given))
    scan_and_store(task, lambda path, done, files=1, /: told.append((path, done, files)))
    done = [(path, size, files) for path, size, files in told if size]
    assert sum(size for _, size, _ in done) == sum(file.bytes for file in given)
    assert sum(count for _, _, count in done) == len(given)
    if compression:
        assert [path for path, size, _ in told if not size] == [file.path for file in given]
        assert [count for _, _, count in done] == [1] * len(given)
    else:
        assert [count for _, _, count in done] == [1, one_pass.JOINED - 1, 40]  # the odd one waits with them


def test_steps_count_each_file_once(tmp_path: Path) -> None:
    given, steps = files(tmp_path, 2 * one_pass.JOINED), []
    counter = Counter("looking", len(given), sum(file.bytes for file in given), steps.append)
    task = OnePassTask(Folder(tmp_path / "p"), "one", ScanTask(resource(keep=("array",)), given))
    scan_and_store(task, counter)
    assert (steps[-1].files, steps[-1].bytes) == (steps[-1].all_files, steps[-1].all_bytes)
    assert [step.files for step in steps] == sorted(step.files for step in steps)
