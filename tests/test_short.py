"""Short builds start no worker; what may harm a process, or takes long, is left to workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import make_ch5
import pytest
import tifffile

import datapkg
from datapkg import short
from datapkg.engine import local


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions that workers were asked for."""
    asked: list[str] = []
    call = local._Pool.__call__

    def noted(self: Any, function: Any, tasks: Any, *rest: Any) -> Any:
        given = list(tasks)
        asked.extend([function.__name__] * len(given))
        return call(self, function, given, *rest)

    monkeypatch.setattr(local._Pool, "__call__", noted)
    return asked


def files(folder: Path) -> Path:
    make.text(folder / "data" / "wells.csv", "Well,Count\nA01,1\n")
    for number in range(3):
        make.tiff(folder / "data" / f"{number}.tif", make.image(number, (8, 8)))
    return make.manifest(folder / "data", 'name: frames, path: "*.tif"', "name: wells, path: wells.csv")


def test_a_short_build_starts_no_worker_and_gives_the_same(tmp_path: Path, pool: list[str]) -> None:
    manifest = files(tmp_path)
    report = datapkg.build(manifest, tmp_path / "p")
    assert pool == []
    assert datapkg.build(manifest, tmp_path / "q", workers=2).digest == report.digest
    assert pool  # who asks for workers gets them


def test_one_changed_image_starts_no_worker(tmp_path: Path, pool: list[str]) -> None:
    manifest = files(tmp_path)
    datapkg.build(manifest, tmp_path / "p")
    make.tiff(tmp_path / "data" / "1.tif", make.image(9, (8, 8)))
    assert datapkg.build(manifest, tmp_path / "p").version == 2
    assert pool == []


@pytest.mark.parametrize("kind", ["a movie", "a picture", "JPEG in a TIFF", "a cut TIFF"])
def test_a_library_that_a_file_may_crash_runs_in_a_worker(kind: str, tmp_path: Path, pool: list[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    if kind == "a movie":
        make_ch5.movie(data / "a.ch5")
    elif kind == "JPEG in a TIFF":
        tifffile.imwrite(data / "a.tif", make.image(1, (16, 16)).astype("u1"), compression="jpeg")
    else:
        make.tiff(data / "a.tif", make.image(1, (16, 16)))
        content = (data / "a.tif").read_bytes()
        if kind == "a cut TIFF":
            (data / "a.tif").write_bytes(content[:-40])
        else:
            (data / "a.tif").rename(data / "a.png")
    (path,) = data.iterdir()
    manifest = make.manifest(data, f"name: them, path: {path.name}")
    try:
        datapkg.build(manifest, tmp_path / "p")
    except datapkg.SourceError:
        assert kind in ("a cut TIFF", "a picture")
    assert pool[:1] == ["scan_and_store"]


@pytest.mark.parametrize("limit", ["MOST_FILES", "MOST_BYTES", "MOST_PIXELS"])
def test_what_takes_long_is_done_by_workers(
    limit: str, tmp_path: Path, pool: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short, limit, 2)
    report = datapkg.build(files(tmp_path), tmp_path / "p")
    assert "scan_and_store" in pool and report.created
