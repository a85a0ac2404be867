"""Workers start while the files of a first build are found, where they are many, and never where that is not known."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import make
import pytest

import datapkg
from datapkg.engine import inline, local
from datapkg.errors import DatapkgError, SourceError
from datapkg.locate import search
from datapkg.locate.tree import Tree

FILES = 6


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many workers there were each time that some were woken, and how many folders had been listed then."""
    counts: list[int] = []
    wake = local._Pool.wake

    def noted(self: Any, function: Any, what: Any) -> None:
        wake(self, function, what)
        counts.append(len(multiprocessing.active_children()))

    monkeypatch.setattr(local._Pool, "wake", noted)
    monkeypatch.setattr(search, "MANY", FILES)
    return counts


def manifest(folder: Path, files: int) -> Path:
    for number in range(files):
        make.tiff(folder / "data" / f"{number % 4}" / f"{number:03}.tif", make.image(number, (8, 8)))
    return make.manifest(folder / "data", 'name: frames, path: "*/*.tif"')


def test_workers_are_there_before_all_files_are_found(
    woken: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    walk = Tree.walk

    def watched(*args: Any) -> Iterator[Any]:
        yield from walk(*args)
        seen.append(len(woken))  # at each folder's end, the last is that of the root

    monkeypatch.setattr(Tree, "walk", watched)
    datapkg.build(manifest(tmp_path, 2 * FILES), tmp_path / "p", workers=2)
    assert woken == [2]
    assert seen == [0, 1, 1, 1, 1]
    assert datapkg.open(tmp_path / "p")["frames"].to_pandas().shape[0] == 2 * FILES


def test_no_worker_is_woken_for_few_files_nor_for_a_second_build(woken: list[int], tmp_path: Path) -> None:
    few = manifest(tmp_path, FILES - 1)
    datapkg.build(few, tmp_path / "p", workers=2)
    manifest(tmp_path, 2 * FILES)
    datapkg.build(few, tmp_path / "p", workers=2)
    datapkg.build(few, tmp_path / "p", workers=2)
    assert not woken


def test_a_plan_that_fails_ends_the_workers_and_leaves_nothing(woken: list[int], tmp_path: Path) -> None:
    many = manifest(tmp_path, FILES)
    make.text(many.parent / "0" / "empty.tif", "")
    with pytest.raises(SourceError, match="empty"):
        datapkg.build(many, tmp_path / "p", workers=2)
    assert woken == [2]
    assert not multiprocessing.active_children()
    assert not (tmp_path / "p").exists()


def test_a_build_that_is_interrupted_while_workers_start_leaves_nothing(
    woken: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Any) -> None:
        raise KeyboardInterrupt

    many = manifest(tmp_path, FILES)
    monkeypatch.setattr(search.Search, "checked_files", interrupted)
    with pytest.raises(KeyboardInterrupt):
        datapkg.build(many, tmp_path / "p", workers=2)
    assert woken == [2]
    assert not multiprocessing.active_children()
    assert not (tmp_path / "p").exists()


def test_a_locked_build_of_other_files_ends_its_workers(woken: list[int], tmp_path: Path) -> None:
    many = manifest(tmp_path, FILES)
    datapkg.build(many, tmp_path / "p", workers=2)
    make.tiff(many.parent / "1" / "001.tif", make.image(99, (8, 8)))
    with pytest.raises(DatapkgError, match="is another"):
        datapkg.build(many, tmp_path / "q", workers=2, locked=True)
    assert woken == [2, 2]
    assert not multiprocessing.active_children()
    assert not (tmp_path / "q").exists()


def test_the_engine_inline_is_told_and_starts_nothing(woken: list[int], tmp_path: Path) -> None:
    datapkg.build(manifest(tmp_path, FILES), tmp_path / "p", engine="inline")
    assert not woken
    assert inline.Here().workers == 1
