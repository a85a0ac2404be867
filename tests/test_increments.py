"""Builds that read only what changed: the same content as a clean build gives, in the rows that were there."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import make
import make_ch5
import make_sets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import test_reclaiming

import datapkg
from datapkg import access, compaction, hashes, ingest, listing, locking, versions
from datapkg.errors import LockedError, SchemaError, SourceError
from datapkg.places import Folder
from datapkg.report import Report
from datapkg.source_list import LATER, SOURCES_SCHEMA

Edit = Callable[[Path], Any]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve plates as text tables and as images, in manifest order by their names."""
    folder = tmp_path / "data"
    for number in range(12):
        rows = "".join(f"{number:02}-{row},{number * 10 + row},0.5\n" for row in range(3))
        make.text(folder / "tables" / f"p{number:02}.csv", "Well,Count,Area\n" + rows)
        make.tiff(folder / "images" / f"p{number:02}" / "A01.tif", make.image(number))
    return folder


@pytest.fixture
def manifest(data: Path) -> Path:
    return make.manifest(
        data,
        'name: wells, path: "tables/*.csv", source: true',
        'name: frames, path: "images/*/*.tif", pattern: "{Plate}/{Well}.tif"',
    )


def csv(name: str, content: str) -> Edit:
    return lambda data: make.text(data / "tables" / name, content)


def tif(name: str, *given: Any, **how: Any) -> Edit:
    return lambda data: make.tiff(data / "images" / name / "A01.tif", make.image(*given, **how))


def gone(pattern: str) -> Edit:
    return lambda data: [path.unlink() for path in data.glob(pattern)]


def moved(old: str, new: str) -> Edit:
    return lambda data: (data / old).rename(data / new)


EDITS = {
    "a table in the middle changes": [csv("p05.csv", "Well,Count,Area\nx,1,\ny,2,0.25\n")],
    "a table comes in the middle": [csv("p05b.csv", "Well,Count,Area\nx,1,\n")],
    "a table comes first": [csv("a.csv", "Well,Count,Area\nx,1,\n")],
    "a table goes": [gone("tables/p03.csv")],
    "a table moves to the end": [moved("tables/p03.csv", "tables/z.csv")],
    "a table loses its rows": [csv("p05.csv", "Well,Count,Area\n")],
    "two tables come one after the other": [
        csv("p05b.csv", "Well,Count,Area\nx,1,\n"),
        csv("p05c.csv", "Well,Count,Area\ny,1,\n"),
        gone("tables/p05b.csv"),
    ],
    "a late text value comes and goes": [
        csv("p11.csv", "Well,Count,Area\nx,many,0.5\n"),
        csv("p11.csv", "Well,Count,Area\nx,1,0.5\n"),
    ],
    "a column comes and goes": [
        csv("p04.csv", "Well,Count,Area,Note\nx,1,0.5,good\n"),
        csv("p04.csv", "Well,Count,Area\nx,1,0.5\n"),
    ],
    "nulls come and go": [
        csv("p04.csv", "Well,Count,Area\nx,,\n,1,0.5\n"),
        csv("p04.csv", "Well,Count,Area\nx,2,0.5\n"),
    ],
    "an image changes": [tif("p05", 99)],
    "an image comes in the middle": [tif("p05b", 98)],
    "an image goes": [gone("images/p03/A01.tif")],
    "an image of another shape comes and goes": [
        tif("p05b", 98, (4, 5)),
        gone("images/p05b/A01.tif"),
    ],
    "an image of a wider dtype comes and goes": [
        tif("p05b", 98, dtype="uint32"),
        gone("images/p05b/A01.tif"),
    ],
    "most images change": [lambda data: [tif(f"p{n:02}", 100 + n)(data) for n in range(1, 12)]],
}


def same_as_clean(manifest: Path, package: Path, clean: Path) -> None:
    """Hold a package that grew against one that is built at once: everything but names and places on the disk."""
    make.build(manifest, clean)
    grown, fresh = (
        versions.read_record(Folder(p), versions.numbers(Folder(p))[-1]) for p in (package, clean)
    )
    assert grown.digest == fresh.digest
    bare = [[asdict(replace(t, pin=None)) for t in (*r.tables, r.sources)] for r in (grown, fresh)]
    assert bare[0] == bare[1]
    assert (grown.warnings, grown.facts) == (fresh.warnings, fresh.facts)
    locks = [locking.lock_of_version(Folder(p), r) for p, r in ((package, grown), (clean, fresh))]
    assert locks[0] == locks[1]
    one, other = datapkg.open(package), datapkg.open(clean)
    for name in one.tables:
        assert len(one[name]) == len(other[name])
        for a, b in zip(
            one[name].to_pandas(images="array").to_dict("records"),
            other[name].to_pandas(images="array").to_dict("records"),
            strict=True,
        ):
            pd.testing.assert_series_equal(pd.Series(plain(a)), pd.Series(plain(b)))
    assert one.verify(deep=True).ok
    assert one.diff(other).ok


def plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: (value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
        for name, value in row.items()
    }


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_a_chain_of_edits_gives_what_a_clean_build_gives(
    edits: list[Edit], manifest: Path, data: Path, tmp_path: Path
) -> None:
    make.build(manifest, tmp_path / "p")
    for number, edit in enumerate(edits):
        edit(data)
        report = make.build(manifest, tmp_path / "p")
        assert report.created
        same_as_clean(manifest, tmp_path / "p", tmp_path / f"clean{number}")


def test_only_what_changed_is_read_and_written(
    manifest: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.build(manifest, tmp_path / "p")
    before = data_files(tmp_path / "p")
    read = []
    seen = ingest.Reading
    monkeypatch.setattr(
        ingest, "Reading", lambda file, *a, **k: read.append(file.path) or seen(file, *a, **k)
    )
    tif("p05", 99)(data)
    csv("p07b.csv", "Well,Count,Area\nx,1,\n")(data)
    report = make.build(manifest, tmp_path / "p")
    assert set(read) == {"images/p05/A01.tif", "tables/p07b.csv"}
    assert report.sources.unchanged == 23
    after = data_files(tmp_path / "p")
    for table in ("wells", "frames", "_sources"):
        assert before[table] < after[table]
        assert len(after[table] - before[table]) == 1


def data_files(package: Path) -> dict[str, set[str]]:
    record = versions.read_record(Folder(package), versions.numbers(Folder(package))[-1])
    listed = versions.read_files(Folder(package), record).files
    return {name: {path for role, path, _, _ in files if role == "data"} for name, files in listed.items()}


def test_a_table_that_must_change_its_form_is_stored_again_and_the_report_says_why(
    manifest: Path, data: Path, tmp_path: Path
) -> None:
    make.build(manifest, tmp_path / "p")
    csv("p11.csv", "Well,Count,Area\nx,many,0.5\n")(data)
    assert notes(make.build(manifest, tmp_path / "p")) == [
        "table wells: all of its rows are stored again, since `Count` was int64 and is string now"
    ]
    tif("p05", 98, (4, 5))(data)
    assert notes(make.build(manifest, tmp_path / "p")) == [
        "table frames: all of its rows are stored again, since `image_array` needs another form of storage for its images"
    ]
    assert not make.build(manifest, tmp_path / "p").warnings


def notes(report: Report) -> list[str]:
    return [warning for warning in report.warnings if "stored again" in warning]


def test_keys_hold_over_rows_that_stay_and_rows_that_come(data: Path, tmp_path: Path) -> None:
    manifest = make.manifest(
        data, 'name: wells, path: "tables/*.csv", source: true, schema: {primaryKey: [Well]}'
    )
    make.build(manifest, tmp_path / "p")
    csv("p05.csv", "Well,Count,Area\nnew,1,\n07-1,2,0.25\n")(data)
    with pytest.raises(SchemaError) as raised:
        make.build(manifest, tmp_path / "p")
    assert "07-1 at tables/p07.csv:3, which stands at tables/p05.csv:3 too" in str(raised.value)
    csv("p05.csv", "Well,Count,Area\nnew,1,\n05-1,2,0.25\n")(data)
    make.build(manifest, tmp_path / "p")
    same_as_clean(manifest, tmp_path / "p", tmp_path / "clean")


def test_another_order_of_the_list_costs_no_reading(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import make_frictionless

    paths = [f"tables/p{n:02}.csv" for n in range(12)]
    entry = {"name": "wells", "path": paths, "profile": "tabular-data-resource", "format": "csv"}
    manifest = make_frictionless.descriptor(data, entry)
    make.build(manifest, tmp_path / "p")
    make_frictionless.descriptor(data, {**entry, "path": [paths[3], *paths[:3], *paths[4:]]})
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "Reading", None)
        report = make.build(manifest, tmp_path / "p")
    assert report.created
    same_as_clean(manifest, tmp_path / "p", tmp_path / "clean")


@pytest.mark.parametrize("keep", ["[bytes]", "[bytes, array]", "[array], array: packed"])
def test_images_in_every_form_follow(keep: str, data: Path, tmp_path: Path) -> None:
    manifest = make.manifest(
        data, f'name: frames, path: "images/*/*.tif", pattern: "{{Plate}}/{{Well}}.tif", keep: {keep}'
    )
    make.build(manifest, tmp_path / "p")
    tif("p05", 99, (4, 5))(data)
    gone("images/p07/A01.tif")(data)
    tif("p01b", 98)(data)
    assert not notes(make.build(manifest, tmp_path / "p")) or "packed" not in keep
    same_as_clean(manifest, tmp_path / "p", tmp_path / "clean")


def test_movies_follow(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(3):
        make_ch5.movie(data / f"m{number}.ch5", ("P1", f"A0{number + 1}", "0001"))
    manifest = make.manifest(data, 'name: movies, path: "*.ch5", type: ch5')
    make.build(manifest, tmp_path / "p")
    make_ch5.movie(data / "m1b.ch5", ("P1", "B01", "0001"), frames=4)
    (data / "m2.ch5").unlink()
    report = make.build(manifest, tmp_path / "p", allow_removals=True)
    assert "m0.ch5: " in str(report.warnings)  # said of a file that was not read
    same_as_clean(manifest, tmp_path / "p", tmp_path / "clean")


def test_sets_of_files_follow(tmp_path: Path) -> None:
    data = tmp_path / "data"
    planes = make.image(1, (2, 2, 1, 6, 8))
    for name in ("a", "b", "c"):
        make_sets.spread(data / name, planes, axis="c")
    manifest = make.manifest(data, 'name: frames, path: "*/*.tif"')
    make.build(manifest, tmp_path / "p")
    for path in (data / "b").iterdir():
        path.unlink()
    make_sets.spread(data / "b", planes + 1, axis="c")
    make_sets.spread(data / "d", planes + 2, axis="c")
    make.build(manifest, tmp_path / "p")
    same_as_clean(manifest, tmp_path / "p", tmp_path / "clean")


def test_old_versions_read_as_before(manifest: Path, data: Path, tmp_path: Path) -> None:
    make.build(manifest, tmp_path / "p")
    old = datapkg.open(tmp_path / "p")["wells"].to_pandas()
    for number in range(4):
        csv(f"p{number:02}.csv", f"Well,Count,Area\nx{number},{number},\n")(data)
        tif(f"p{number:02}", 50 + number)(data)
        make.build(manifest, tmp_path / "p")
    pd.testing.assert_frame_equal(datapkg.open(tmp_path / "p", version=1)["wells"].to_pandas(), old)
    assert datapkg.open(tmp_path / "p").verify(deep=True).ok
    datapkg.checkout(tmp_path / "p", 3, tmp_path / "q")
    assert datapkg.open(tmp_path / "q").verify(deep=True).ok
    assert datapkg.open(tmp_path / "p").diff(3, datapkg.open(tmp_path / "q")).ok


def test_many_small_changes_leave_few_pieces(
    manifest: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST", 3)
    monkeypatch.setattr(access, "SCANNED_ROWS", 2)
    make.build(manifest, tmp_path / "p")
    pieces = []
    for number in range(14):
        csv(f"p{number % 12:02}.csv", f"Well,Count,Area\nx{number},{number},\ny,,0.5\n")(data)
        tif(f"p{number % 12:02}", 50 + number)(data)
        make.build(manifest, tmp_path / "p")
        pieces.append({name: len(files) for name, files in data_files(tmp_path / "p").items()})
    assert [max(one[name] for one in pieces) for name in ("wells", "frames", "_sources")] == [4, 4, 4]
    same_as_clean(manifest, tmp_path / "p", tmp_path / "clean")
    for version in range(1, 16):
        assert datapkg.open(tmp_path / "p", version=version).verify(deep=True, version=version).ok


def test_large_fragments_are_left_alone(
    manifest: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST", 1)
    monkeypatch.setattr(compaction, "TASK_BYTES", 1000)
    make.build(manifest, tmp_path / "p")
    first = data_files(tmp_path / "p")["frames"]
    for number in range(5):
        tif("p03", 50 + number)(data)
        make.build(manifest, tmp_path / "p")
        assert first <= data_files(tmp_path / "p")["frames"]


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
    monkeypatch.setattr(listing, "asdict", lambda row: {name: getattr(row, name) for name in schema.names})


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
