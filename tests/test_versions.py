"""Records: sealed, created once, found by number, name and time."""

from __future__ import annotations

import errno
import os
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg import versions
from datapkg.durable import sealed, unsealed
from datapkg.errors import DamageError, StoreError, VersionError
from datapkg.places import Folder
from datapkg.records import FilesList, Pin, Record, TableRecord, record_document

PIN = Pin(1, "t.lance/_versions/1.manifest", "00", "attempt-a")
SOURCES = TableRecord("_sources", "sources", "", 0, "00", "", PIN, {}, ())


def publish(package: Path, created: str, attempt: str = "a", digest: str = "d") -> bool:
    (package / "versions").mkdir(parents=True, exist_ok=True)
    number = (versions.numbers(Folder(package)) or [0])[-1] + 1
    return versions.publish(Folder(package), *documents(number, created, attempt, digest))


def documents(number: int, created: str, attempt: str, digest: str = "d") -> tuple[Record, FilesList]:
    files = FilesList(number, {"t": [["data", "t.lance/data/x", 3, attempt]]}, {"t": [0, 0, 3]})
    record = Record(
        format=1,
        name="screen",
        version=number,
        created=created,
        attempt=attempt,
        datapkg="0.1.0",
        readers={},
        manifest="name: screen\n",
        manifest_digest="m",
        facts="f",
        digest=digest,
        files=versions.files_digest(files),
        previous=None,
        sources=SOURCES,
        tables=(TableRecord("t", "table", "t", 3, "00", "s", PIN, {}, ()),),
    )
    return record, files


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.integers() | st.text() | st.none() | st.lists(st.integers()),
        min_size=1,
        max_size=4,
    )
)
def test_a_sealed_document_comes_back(document: dict[str, object]) -> None:
    assert unsealed(sealed(document), "here") == document


@given(st.data())
def test_any_changed_byte_of_a_sealed_document_is_noticed(data: st.DataObject) -> None:
    content = sealed({"version": 2, "name": "größe"})
    at = data.draw(st.integers(0, len(content) - 1))
    bit = data.draw(st.integers(0, 7))
    damaged = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
    with pytest.raises(DamageError, match="damaged"):
        unsealed(damaged, "here")
    with pytest.raises(DamageError):
        unsealed(content[:at], "here")


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    assert publish(tmp_path, "2026-11-01T10:00:00.000000+00:00")
    record, files = documents(1, "2026-11-01T10:00:00.000000+00:00", "a")
    assert versions.read_record(Folder(tmp_path), 1) == record
    assert asdict(versions.read_files(Folder(tmp_path), record)) == asdict(files)


def test_of_two_builders_one_wins_and_the_other_leaves_nothing(tmp_path: Path) -> None:
    assert publish(tmp_path, "2026-11-01T10:00:00.000000+00:00", "one")
    record, files = documents(1, "2026-11-01T10:00:01.000000+00:00", "two")
    assert not versions.publish(Folder(tmp_path), record, files)
    assert sorted(p.name for p in (tmp_path / "versions").iterdir()) == ["1.files.json", "1.json"]
    assert versions.read_record(Folder(tmp_path), 1).attempt == "one"


def test_a_builder_killed_before_its_list_had_its_name_has_published(tmp_path: Path) -> None:
    publish(tmp_path, "2026-11-01T10:00:00.000000+00:00", "one")
    folder = tmp_path / "versions"
    (folder / "1.files.json").rename(folder / ".1-one.files.json")
    record = versions.read_record(Folder(tmp_path), 1)
    assert versions.read_files(Folder(tmp_path), record).files["t"][0][3] == "one"
    (folder / "1.files.json").write_bytes(sealed({"version": 1, "files": {}, "runs": {}}))
    assert versions.read_files(Folder(tmp_path), record).files["t"][0][3] == "one"


def test_a_lost_list_of_files_is_damage(tmp_path: Path) -> None:
    publish(tmp_path, "2026-11-01T10:00:00.000000+00:00")
    (tmp_path / "versions" / "1.files.json").unlink()
    with pytest.raises(DamageError, match="list of its files"):
        versions.read_files(Folder(tmp_path), versions.read_record(Folder(tmp_path), 1))


def test_versions_are_found_by_number_name_and_time(tmp_path: Path) -> None:
    for day in (1, 2, 4):
        publish(tmp_path, f"2026-11-0{day}T10:00:00.000000+00:00")
    assert versions.name_release(Folder(tmp_path), "1.0.0", 2)
    package = Folder(tmp_path)
    assert versions.resolve(package) == 3
    assert versions.resolve(package, 1) == 1
    assert versions.resolve(package, "1.0.0") == 2
    assert versions.resolve(package, as_of="2026-11-03") == 2
    assert versions.resolve(package, as_of="2026-11-02") == 2
    assert versions.resolve(package, as_of="2026-11-02T09:59:59") == 1
    assert versions.resolve(package, as_of="2026-11-02T10:00:00+00:00") == 2
    assert versions.resolve(package, as_of="2026-11-04T10:30:00+01:00") == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"version": 9}, "no version 9"),
        ({"version": "1.0.1"}, r"did you mean '1.0.0'"),
        ({"as_of": "2025-01-01"}, "no version yet"),
        ({"as_of": "yesterday"}, "no date"),
        ({"as_of": 3}, "as_of 3 is no date or time"),
        ({"version": 1, "as_of": "2026-11-01"}, "cannot both"),
    ],
)
def test_a_version_that_is_not_there_is_one_clear_error(
    asked: dict[str, object], message: str, tmp_path: Path
) -> None:
    publish(tmp_path, "2026-11-01T10:00:00.000000+00:00")
    versions.name_release(Folder(tmp_path), "1.0.0", 1)
    with pytest.raises(VersionError, match=message):
        versions.resolve(Folder(tmp_path), **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("as_of", "version"),
    [("20261102", 2), (date(2026, 11, 1), 1), ("9999-12-31", 3), (datetime(2026, 11, 2, 11), 2)],
)
def test_days_and_times_in_every_form(as_of: str | date, version: int, tmp_path: Path) -> None:
    for day in (1, 2, 4):
        publish(tmp_path, f"2026-11-0{day}T10:00:00.000000+00:00")
    assert versions.resolve(Folder(tmp_path), as_of=as_of) == version


def test_members_of_a_later_datapkg_are_left_alone(tmp_path: Path) -> None:
    publish(tmp_path, "2026-11-01T10:00:00.000000+00:00")
    record = versions.read_record(Folder(tmp_path), 1)
    document = record_document(record)
    document["lineage"] = {"function": "f"}
    document["tables"][0]["derived"] = True
    document["tables"][0]["pin"]["region"] = "eu"
    (tmp_path / "versions" / "1.json").write_bytes(sealed(document))
    assert versions.read_record(Folder(tmp_path), 1) == record


@pytest.mark.parametrize("path", ["../evil", "/etc/passwd", "t.lance/../../evil", "versions/1.json"])
def test_a_files_list_names_nothing_outside_of_its_tables(path: str, tmp_path: Path) -> None:
    publish(tmp_path, "2026-11-01T10:00:00.000000+00:00")
    record, _ = documents(1, "2026-11-01T10:00:00.000000+00:00", "a")
    files = FilesList(1, {"t": [["data", path, 3, "00"]]}, {})
    (tmp_path / "versions" / "1.files.json").write_bytes(sealed(asdict(files)))
    with pytest.raises(DamageError, match="no place for one"):
        versions.read_files(Folder(tmp_path), replace(record, files=versions.files_digest(files)))


def test_a_strange_or_damaged_release_file_stops_nothing(tmp_path: Path) -> None:
    publish(tmp_path, "2026-11-01T10:00:00.000000+00:00")
    versions.name_release(Folder(tmp_path), "1.0.0", 1)
    (tmp_path / "releases" / "notes.txt").write_text("mine")
    (tmp_path / "releases" / "2.0.0.json").write_text("{}")
    assert versions.releases(Folder(tmp_path)) == {"1.0.0": 1}
    assert not versions.name_release(Folder(tmp_path), "2.0.0", 1)
    with pytest.raises(DamageError):
        versions.resolve(Folder(tmp_path), "2.0.0")


def test_a_record_is_made_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refused)
    assert publish(tmp_path, "2026-11-01T10:00:00.000000+00:00")
    record, files = documents(1, "2026-11-01T10:00:01.000000+00:00", "two")
    assert not versions.publish(Folder(tmp_path), record, files)
    assert sorted(p.name for p in (tmp_path / "versions").iterdir()) == ["1.files.json", "1.json"]
    (tmp_path / "versions" / ".2.json.claim").touch()
    with pytest.raises(StoreError, match=r"delete .*2\.json\.claim"):
        publish(tmp_path, "2026-11-01T10:00:02.000000+00:00")


def test_what_is_no_package_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such folder"):
        versions.resolve(Folder(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match="no datapkg package"):
        versions.resolve(Folder(tmp_path))


def test_a_release_name_never_moves_and_is_unique_without_case(tmp_path: Path) -> None:
    publish(tmp_path, "2026-11-01T10:00:00.000000+00:00")
    assert versions.name_release(Folder(tmp_path), "v1-Beta", 1)
    assert not versions.name_release(Folder(tmp_path), "V1-beta", 2)
    assert versions.releases(Folder(tmp_path)) == {"v1-Beta": 1}


def test_a_newer_format_says_which_datapkg_reads_it(tmp_path: Path) -> None:
    publish(tmp_path, "2026-11-01T10:00:00.000000+00:00")
    record = replace(versions.read_record(Folder(tmp_path), 1), format=2, datapkg="3.0.0")
    (tmp_path / "versions" / "1.json").write_bytes(sealed(record_document(record)))
    with pytest.raises(VersionError, match=r"install datapkg 3\.0\.0"):
        versions.read_record(Folder(tmp_path), 1)


def test_times_increase_even_if_the_clock_goes_back() -> None:
    future = "2999-01-01T00:00:00.000000+00:00"
    assert versions.next_time(future) == "2999-01-01T00:00:00.000001+00:00"
    assert versions.next_time(None) < future
