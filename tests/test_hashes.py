"""The memory of hashes: right, or silent."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from datapkg import hashes
from datapkg.files import Files
from datapkg.reading import MISSING, SourceFile

LONG_AGO = 1_600_000_000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "YOUNG_NS", -(10**18))
    return tmp_path / "cache"


def file(tmp_path: Path, name: str = "a.csv", content: bytes = b"x") -> SourceFile:
    path = tmp_path / "data" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return SourceFile(name, path, path.parent, len(content))


def test_a_file_that_was_hashed_is_recalled(cache: Path, tmp_path: Path) -> None:
    one, other = file(tmp_path), file(tmp_path, "b.csv")
    hashes.remember(Files.of([one, other]), ["11", "22"], time.time_ns())
    assert hashes.recalled(Files.of([one, other])) == ["11", "22"]
    assert hashes.recalled(Files.of([])) == []


@pytest.mark.parametrize("change", ["content", "mtime", "another file in its place", "gone"])
def test_a_file_that_changed_is_not(change: str, cache: Path, tmp_path: Path) -> None:
    one = file(tmp_path)
    hashes.remember(Files.of([one]), ["11"], time.time_ns())
    if change == "content":
        Path(one.local).write_bytes(b"y")
    elif change == "mtime":
        os.utime(one.local, (LONG_AGO, LONG_AGO))
    elif change == "gone":
        Path(one.local).unlink()
    else:
        stat = Path(one.local).stat()
        Path(file(tmp_path, "b.csv").local).replace(one.local)
        os.utime(one.local, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert hashes.recalled(Files.of([one])) == [""]


def test_a_file_touched_just_now_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    one = file(tmp_path)
    hashes.remember(Files.of([one]), ["11"], time.time_ns())
    assert hashes.recalled(Files.of([one])) == [""]


def test_a_missing_member_is_not_remembered(cache: Path, tmp_path: Path) -> None:
    gone = SourceFile("a.ch5", tmp_path / "data" / "a.ch5", tmp_path / "data", MISSING)
    hashes.remember(Files.of([gone]), [""], time.time_ns())
    assert hashes.recalled(Files.of([gone])) == [""]


def test_without_a_cache_folder_files_are_just_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("in the way")
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    one = file(tmp_path)
    hashes.remember(Files.of([one]), ["11"], time.time_ns())
    assert hashes.recalled(Files.of([one])) == [""]


def test_a_damaged_memory_is_no_memory(cache: Path, tmp_path: Path) -> None:
    cache.mkdir()
    (cache / "hashes.sqlite").write_bytes(b"no database at all" * 100)
    one = file(tmp_path)
    hashes.remember(Files.of([one]), ["11"], time.time_ns())
    assert hashes.recalled(Files.of([one])) == [""]
