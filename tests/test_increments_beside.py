"""Builds that read only what changed, beside other things: gc, locks, older packages, files that go together."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import lance
import make
import make_ch5
import make_growth
import pyarrow as pa
import pytest
import test_reclaiming
from make_growth import csv, gone, same_as_clean, tif

import datapkg
from datapkg import compaction, hashes, listing, versions
from datapkg.errors import LockedError, SourceError
from datapkg.places import Folder
from datapkg.source_list import LATER, SOURCES_SCHEMA
from datapkg.store import PinnedTable


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_growth.plates(tmp_path)


@pytest.fixture
def manifest(data: Path) -> Path:
    return make_growth.plates_manifest(data)


def test_gc_leaves_what_the_newest_version_stands_on(manifest: Path, data: Path, tmp_path: Path) -> None:
    make.build(manifest, tmp_path / "p")
    for number in range(4):
        csv(f"p{number:02}.csv", f"Well,Count,Area\nx{number},{number},\n")(data)
        tif(f"p{number:02}", 50 + number)(data)
        make.build(manifest, tmp_path / "p")
    for days in (0, 2, 40):
        test_reclaiming.gc(tmp_path / "p", after=days * 86_400.0, keep_last=1)
    opened = datapkg.open(tmp_path / "p")
    assert versions.numbers(Folder(tmp_path / "p")) == [5]
    assert opened.verify(deep=True).ok
    same_as_clean(manifest, tmp_path / "p", tmp_path / "clean")


def test_a_locked_build_on_top_of_others_proves_the_same_as_one_in_an_empty_folder(
    manifest: Path, data: Path, tmp_path: Path
) -> None:
    make.build(manifest, tmp_path / "p")
    tif("p05", 99)(data)
    digest = make.build(manifest, tmp_path / "p").digest
    assert make.build(manifest, tmp_path / "q", locked=True).digest == digest
    csv("p05.csv", "Well,Count,Area\nx,1,\n")(data)
    with pytest.raises(LockedError, match=r"p05\.csv of wells is another"):
        make.build(manifest, tmp_path / "p", locked=True)


def without_what_later_ones_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build as the first datapkg did, whose `_sources` had fewer columns."""
    schema = pa.schema([field for field in SOURCES_SCHEMA if field.name not in LATER])
    monkeypatch.setattr(listing, "SOURCES_SCHEMA", schema)
    monkeypatch.setattr(listing, "COLUMNS", [one for one in listing.COLUMNS if one.name not in LATER])


def test_a_package_of_an_older_datapkg_loses_no_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, package = tmp_path / "data", tmp_path / "p"
    for folder in ("a", "b"):
        (data / folder).mkdir(parents=True)
        for number in range(2):
            make_ch5.movie(data / folder / f"{number}.ch5", ("P1", f"A0{number}", "0001"))
    manifest = make.manifest(data, 'name: a, path: "a/*.ch5"', 'name: b, path: "b/*.ch5"')
    with monkeypatch.context() as patch:
        without_what_later_ones_keep(patch)
        make.build(manifest, package)
    for folder in ("a", "b"):  # the second change is made to a package whose first resource is of today
        make_ch5.movie(data / folder / "2.ch5", ("P1", "B01", "0001"), frames=4)
        report = make.build(manifest, package)
        clean = make.build(manifest, tmp_path / f"clean-{folder}")
        assert any(f"3 files, first {folder}/0.ch5" in told for told in report.warnings)
        assert [table.image_bytes for table in report.tables] == [one.image_bytes for one in clean.tables]
        assert report.digest == clean.digest
    same_as_clean(manifest, package, tmp_path / "clean")


@pytest.mark.parametrize("name", ["p12.csv", "p12.csv.gz"])
def test_an_empty_file_that_was_skipped_is_refused_when_the_manifest_says_so(
    name: str, data: Path, tmp_path: Path
) -> None:
    entry = 'name: wells, path: ["tables/*.csv", "tables/*.csv.gz"]'
    (data / "tables" / "p.csv.gz").write_bytes(gzip.compress(b"Well,Count,Area\nx,1,\n"))
    nothing = b"\n\n"
    (data / "tables" / name).write_bytes(gzip.compress(nothing) if name.endswith("gz") else nothing)
    manifest = make.manifest(data, f"{entry}, empty: skip")
    make.build(manifest, tmp_path / "p")
    make.manifest(data, entry)
    with pytest.raises(SourceError, match=rf"tables/{name}.*is empty"):
        make.build(manifest, tmp_path / "p")


def test_rows_in_the_manifest_are_not_taken_for_those_of_another_resource(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "YOUNG_NS", -(10**18))
    for first, second in ((1, 2), (2, 1)):
        manifest = make.manifest(
            tmp_path, f"name: one, data: [{{x: {first}}}]", f"name: other, data: [{{x: {second}}}]"
        )
        make.build(manifest, tmp_path / "p")
    package = datapkg.open(tmp_path / "p")
    assert [package[name].to_pandas().x.tolist() for name in ("one", "other")] == [[2], [1]]
    assert not make.build(manifest, tmp_path / "p", rehash=True).created


def test_files_that_go_together_are_read_together(
    manifest: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.build(manifest, tmp_path / "p")
    for number in (1, 4, 5, 6, 9):
        csv(f"p{number:02}.csv", "Well,Count,Area\n" + "x,1,\n" * number)(data)
    gone("tables/p07.csv")(data)
    requests = []
    take = PinnedTable.take

    def counted(table: PinnedTable, addresses: Any, columns: Any) -> Any:
        if table.table == "wells":
            requests.append(len(addresses))
        return take(table, addresses, columns)

    monkeypatch.setattr(PinnedTable, "take", counted)
    make.build(manifest, tmp_path / "p")
    assert requests == [18]
    same_as_clean(manifest, tmp_path / "p", tmp_path / "clean")


def test_what_takes_nothing_on_the_disk_is_joined_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST", 2)
    monkeypatch.setattr(compaction, "BATCH_BYTES", 8 << 10)
    header, row = (
        ",".join("abcdefgh"),
        "1,2,3,4,5,6,7,8",
    )  # 64 bytes a row in memory, next to none on the disk
    manifest = make.manifest(tmp_path / "data", 'name: wells, path: "*.csv"')
    requests = []
    take = PinnedTable.take

    def counted(table: PinnedTable, addresses: Any, columns: Any) -> Any:
        if table.table == "wells":
            requests.append(len(addresses))
        return take(table, addresses, columns)

    monkeypatch.setattr(PinnedTable, "take", counted)
    for number in range(5):
        make.text(tmp_path / "data" / f"{number}.csv", "\n".join([header, *[row] * 500]))
        make.build(manifest, tmp_path / "p")
    assert sum(requests) == 1500
    assert max(requests) <= 128
    same_as_clean(manifest, tmp_path / "p", tmp_path / "clean")


def test_what_another_program_did_to_the_list_of_sources_is_told(
    manifest: Path, data: Path, tmp_path: Path
) -> None:
    make.build(manifest, tmp_path / "p")
    lance.dataset(str(tmp_path / "p" / "_sources.lance")).delete("path = 'tables/p03.csv'")
    tif("p05", 99)(data)
    assert any("_sources: another program" in told for told in make.build(manifest, tmp_path / "p").warnings)
    same_as_clean(manifest, tmp_path / "p", tmp_path / "clean")
