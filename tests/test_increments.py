"""Builds that read only what changed: the same content as a clean build gives, in the rows that were there."""

from __future__ import annotations

from pathlib import Path

import make
import make_ch5
import make_growth
import make_sets
import pandas as pd
import pytest
from make_growth import Edit, csv, data_files, gone, moved, same_as_clean, tif

import datapkg
from datapkg import access, compaction, ingest
from datapkg.errors import SchemaError
from datapkg.report import Report
from datapkg.sources.images import at_once


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_growth.plates(tmp_path)


@pytest.fixture
def manifest(data: Path) -> Path:
    return make_growth.plates_manifest(data)


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
    seen, seen_at_once = ingest.Reading, at_once.read
    monkeypatch.setattr(
        ingest, "Reading", lambda file, *a, **k: read.append(file.path) or seen(file, *a, **k)
    )
    monkeypatch.setattr(at_once, "read", lambda file: read.append(file.path) or seen_at_once(file))
    tif("p05", 99)(data)
    csv("p07b.csv", "Well,Count,Area\nx,1,\n")(data)
    report = make.build(manifest, tmp_path / "p")
    assert set(read) == {"images/p05/A01.tif", "tables/p07b.csv"}
    assert report.sources.unchanged == 23
    after = data_files(tmp_path / "p")
    for table in ("wells", "frames", "_sources"):
        assert before[table] < after[table]
        assert len(after[table] - before[table]) == 1


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
