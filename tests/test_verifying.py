"""Whatever is changed, cut or taken away in a package is found, and named with its place."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import make
import pytest

import datapkg
from datapkg import versions
from datapkg.durable import sealed, unsealed
from datapkg.errors import StoreError, VersionError
from datapkg.places import Folder
from datapkg.records import record_document


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a package of two versions; the first is the release 1.0.0."""
    folder = tmp_path_factory.mktemp("whole")
    manifest = make.folder(folder)
    make.build(manifest, folder / "p")
    make.text(manifest.parent / "wells.csv", "Well,Count\nB02,1\nB03,2\nB04,3\n")
    make.build(manifest, folder / "p")
    return folder


@pytest.fixture
def package(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole / "p", tmp_path / "p"))


def flip(path: Path, at: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


def data_file(package: Path, table: str, content: bytes = b"") -> Path:
    """The largest data file of a table, or the one that holds some bytes."""
    files = sorted((package / f"{table}.lance" / "data").iterdir(), key=lambda path: path.stat().st_size)
    return next(path for path in reversed(files) if content in path.read_bytes())


def used(package: Path) -> list[str]:
    """Every file that verification must miss: those of tables, records, lists and releases."""
    listed = {
        path
        for record in versions.all_records(Folder(package))
        for files in versions.read_files(Folder(package), record).files.values()
        for _, path, _, _ in files
    }
    ours = [path for folder in ("versions", "releases") for path in (package / folder).iterdir()]
    return sorted([*listed, *(path.relative_to(package).as_posix() for path in ours)])


def test_a_whole_package_is_ok_at_every_depth(package: Path, whole: Path) -> None:
    before = make.tree(package)
    opened = datapkg.open(package)
    outcome = opened.verify(deep=True, digest=opened.digest, sources=whole / "data" / "manifest.yaml")
    assert outcome.ok, outcome
    assert list(outcome.faults.columns) == ["file", "table", "source", "row", "what"]
    assert len(outcome.faults) == 0
    assert outcome.versions == (1, 2)
    assert outcome.unused == ()
    assert (outcome.files, outcome.digest) == (11, opened.digest)
    assert "versions 1 and 2 are as written (files, rows and sources)" in str(outcome)
    assert "latest_version_hint.json" in " ".join(outcome.notes)
    assert make.tree(package) == before


def test_each_file_that_is_cut_or_gone_is_named(package: Path) -> None:
    for name in used(package):
        path = package / name
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        assert any(fault.file == name for fault in datapkg.verify(package).found), name
        path.unlink()
        found = datapkg.verify(package)
        if not name.startswith("releases/"):  # that a release is gone is not claimed to be noticed
            assert any(fault.file == name for fault in found.found), (name, found)
        path.write_bytes(content)
    assert datapkg.verify(package).ok


def test_one_version_alone_is_verified_if_named(package: Path) -> None:
    data_file(package, "wells", b"KIF11").write_bytes(b"")
    assert not datapkg.verify(package).ok
    assert datapkg.verify(package, version=2).ok
    fault = datapkg.verify(package, version="1.0.0").faults.iloc[0]
    assert (fault.table, fault.what) == ("wells", "has 0 bytes where 1,212 were written (version 1)")
    with pytest.raises(VersionError):
        datapkg.verify(package, version=7)


def test_a_record_of_another_version_or_history_is_found(package: Path) -> None:
    original = (package / "versions" / "1.json").read_bytes()
    (package / "versions" / "1.json").write_bytes((package / "versions" / "2.json").read_bytes())
    assert "is the record of version 2" in str(datapkg.verify(package))
    document = unsealed(original, "") | {"created": "2020-01-01T00:00:00.000000+00:00"}
    (package / "versions" / "1.json").write_bytes(sealed(document))
    assert "made after another version 1" in str(datapkg.verify(package))
    record = replace(versions.read_record(Folder(package), 2), digest="00" * 32)
    (package / "versions" / "2.json").write_bytes(sealed(record_document(record)))
    assert "its digest is not that of its tables" in str(datapkg.verify(package, version=2))
    (package / "versions" / "2.json").write_bytes(sealed({"format": 1, "tables": 3}))
    assert "is no record of a version" in str(datapkg.verify(package))


def test_a_missing_record_is_noticed(package: Path) -> None:
    (package / "versions" / "1.json").unlink()
    assert "the record of version 1 is missing" in str(datapkg.verify(package))


@pytest.mark.parametrize("witness", ["a release", "the list of its files", "the descriptor"])
def test_a_missing_newest_record_is_noticed_by_what_names_it(witness: str, package: Path) -> None:
    datapkg.release(package, "2.0.0")
    (package / "versions" / "2.json").unlink()
    if witness != "the list of its files":
        (package / "versions" / "2.files.json").unlink()
    if witness != "a release":
        (package / "releases" / "2.0.0.json").unlink()
    if witness == "the descriptor":
        (package / "datapackage.json").write_text('{"version": "2"}')
    outcome = datapkg.verify(package)
    assert [fault.what for fault in outcome.found if "version 2" in fault.what], outcome


def test_the_descriptor_is_a_courtesy(package: Path) -> None:
    for content in (b"{", b"[]", b'{"version": 3}', b""):
        (package / "datapackage.json").write_bytes(content)
        assert datapkg.verify(package).ok
    (package / "datapackage.json").unlink()
    assert "datapackage.json is not there" in str(datapkg.verify(package))


def test_a_lost_pin_is_a_fault(package: Path) -> None:
    tag = next((package / "frames.lance" / "_refs" / "tags").iterdir())
    flip(tag, tag.read_bytes().index(b'"version": 1') + 11)
    (fault,) = datapkg.verify(package).found
    assert (fault.file, fault.table) == (tag.relative_to(package).as_posix(), "frames")
    tag.unlink()
    assert not datapkg.verify(package).ok


def test_files_of_no_version_are_named_and_are_no_fault(package: Path) -> None:
    import lance

    lance.dataset(str(package / "wells.lance")).delete("true")
    (package / ".building-0123").mkdir()
    (package / "versions" / ".3-abc.files.json").touch()
    (package / "wells.lance" / "_versions" / "latest_version_hint.json").write_text("nonsense")
    outcome = datapkg.verify(package)
    assert outcome.ok
    kinds = {Path(path).parent.name for path in outcome.unused}
    assert kinds >= {"_versions", "_transactions", "versions", ""}
    assert "files that no version uses" in str(outcome)


def test_deep_names_the_image_that_was_changed(package: Path) -> None:
    pixels = make.image(1).tobytes()
    path = data_file(package, "frames", pixels)
    flip(path, path.read_bytes().index(pixels) + 7)
    outcome = datapkg.verify(package, deep=True)
    row = outcome.faults[outcome.faults.row.notna()].iloc[0]
    assert (row.table, row.source, row.row) == ("frames", "images/p1/A02_1.tif", 1)
    assert (
        "its image_bytes are not those of its sha256" in row.what
    )  # the first place of the pixels is the file


def test_deep_names_the_source_and_column_of_a_changed_cell(package: Path) -> None:
    path = data_file(package, "wells", b"B02B03B04")
    flip(path, path.read_bytes().index(b"B02B03B04") + 5)
    found = datapkg.verify(package, deep=True, version=2)
    assert "table wells, source wells.csv: its rows do not have its digest" in str(found)
    assert "table wells: the column Well does not have its digest" in str(found)


def test_deep_survives_a_damaged_list_of_sources(package: Path) -> None:
    for path in (package / "_sources.lance" / "data").iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    assert "its list of sources is damaged" in str(datapkg.verify(package, deep=True))


def test_deep_finds_rows_that_a_forged_record_vouches_for(package: Path, whole: Path, tmp_path: Path) -> None:
    """A record whose hashes all agree, over rows that are not what their digests say."""
    other = make.folder(tmp_path)
    make.text(other.parent / "wells.csv", "Well,Count\nB02,1\nB03,2\nB05,3\n")
    make.build(other, tmp_path / "other")
    theirs, ours = (datapkg.open(p).record for p in (tmp_path / "other", package))
    wells = replace(
        theirs.table("wells"), digest=ours.table("wells").digest, columns=ours.table("wells").columns
    )
    frames = theirs.table("frames")
    forged = replace(theirs, digest=ours.digest, tables=(wells, frames))
    (tmp_path / "other" / "versions" / "1.json").write_bytes(sealed(record_document(forged)))
    assert datapkg.verify(tmp_path / "other", digest=ours.digest).ok
    assert "do not have the table's digest" in str(datapkg.verify(tmp_path / "other", deep=True))


def test_a_digest_of_a_paper_holds_or_not(package: Path) -> None:
    first = datapkg.open(package, version=1).digest
    assert datapkg.verify(package, version="1.0.0", digest=first.upper()[:12]).ok
    wrong = datapkg.verify(package, digest=first)
    assert f"not {first}; version 1 has it" in str(wrong)
    for nonsense in ("cafe", "x" * 64, "a" * 65):
        with pytest.raises(VersionError, match="is no digest"):
            datapkg.verify(package, digest=nonsense)


def test_a_damaged_release_file_is_a_fault_not_an_error(package: Path) -> None:
    flip(package / "releases" / "1.0.0.json", 14)
    (fault,) = datapkg.verify(package, version="1.0.0").found
    assert fault.file == "releases/1.0.0.json"


def test_a_copy_of_one_version_is_whole(package: Path, tmp_path: Path) -> None:
    datapkg.checkout(package, 2, tmp_path / "copy")
    assert datapkg.verify(tmp_path / "copy", deep=True).ok
    note = tmp_path / "copy" / "versions" / "1.removed.json"
    flip(note, 20)
    assert [fault.file for fault in datapkg.verify(tmp_path / "copy").found] == ["versions/1.removed.json"]


def test_what_is_no_package_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        datapkg.verify(tmp_path)


def test_the_outcome_as_json(package: Path) -> None:
    data_file(package, "frames").write_bytes(b"")
    as_json = json.loads(json.dumps(datapkg.verify(package).as_json()))
    assert as_json["ok"] is False
    assert set(as_json["faults"][0]) == {"file", "table", "source", "row", "what"}
