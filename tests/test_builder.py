"""From manifest to package: versions, what is unchanged, what fails and leaves no trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lance
import lancedb
import make
import numpy as np
import pytest

import datapkg
from datapkg import builder, versions
from datapkg.errors import (
    DatapkgError,
    ManifestError,
    SchemaError,
    SourceError,
    StoreError,
    VersionError,
)
from datapkg.places import STAGING, Folder


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return make.folder(tmp_path)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return tmp_path / "little.datapkg"


def test_a_first_build_makes_version_1_and_its_release(manifest: Path, package: Path) -> None:
    report = make.build(manifest, package)
    assert (report.version, report.release, report.created) == (1, "1.0.0", True)
    assert [(t.name, t.kind, t.rows, t.files) for t in report.tables] == [
        ("wells", "table", 2, 1),
        ("frames", "images", 3, 3),
    ]
    assert report.sources.files == 4
    assert "leading zeros" in report.tables[0].why["Well"]
    assert report.warnings == ()
    opened = datapkg.open(package)
    assert (opened.version, opened.release, opened.digest) == (1, "1.0.0", report.digest)


def test_a_build_of_the_same_writes_nothing(manifest: Path, package: Path) -> None:
    first = make.build(manifest, package)
    before = make.tree(package)
    again = make.build(manifest, package)
    assert not again.created
    assert (again.version, again.digest, again.sources.unchanged) == (1, first.digest, 4)
    assert make.tree(package) == before


def test_touched_and_reformatted_files_change_nothing(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    before = make.tree(package)
    os.utime(manifest.parent / "wells.csv", (1, 1))
    manifest.write_text("# a comment\n" + manifest.read_text("utf-8"), "utf-8")
    assert not make.build(manifest, package).created
    assert make.tree(package) == before


def test_changed_content_makes_the_next_version_and_keeps_the_first(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    first = datapkg.open(package)["wells"].to_pandas()
    make.text(manifest.parent / "wells.csv", "Well,Gene,Count,Area\n005,KIF11,1,0.5\n042,,2,9.5\n")
    report = make.build(manifest, package)
    assert (report.version, report.created, report.release) == (2, True, None)
    assert [t.written for t in report.tables] == [True, False]
    assert any("release 1.0.0 is version 1" in warning for warning in report.warnings)
    assert datapkg.open(package)["wells"].to_pandas()["Area"].tolist() == [0.5, 9.5]
    assert datapkg.open(package, version=1)["wells"].to_pandas().equals(first)
    assert datapkg.open(package, version="1.0.0").version == 1


def test_facts_alone_make_a_version_of_the_same_tables_and_digest(manifest: Path, package: Path) -> None:
    first = make.build(manifest, package)
    tables = {name: list((package / f"{name}.lance" / "data").iterdir()) for name in ("wells", "frames")}
    manifest.write_text("title: Now with a title\n" + manifest.read_text("utf-8"), "utf-8")
    second = make.build(manifest, package)
    assert (second.version, second.created, second.digest) == (2, True, first.digest)
    assert {name: list((package / f"{name}.lance" / "data").iterdir()) for name in tables} == tables


def test_a_missing_release_name_is_made_by_a_build_of_the_same(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    (package / "releases" / "1.0.0.json").unlink()
    report = make.build(manifest, package)
    assert (report.created, report.release) == (False, "1.0.0")
    assert versions.releases(Folder(package)) == {"1.0.0": 1}


def test_removed_and_added_files(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    (manifest.parent / "images" / "p2" / "A01_1.tif").unlink()
    with pytest.raises(SourceError, match="1 of 3 files of the last version are gone"):
        make.build(manifest, package)
    make.tiff(manifest.parent / "images" / "p1" / "B01_1.tif", make.image(7))
    report = make.build(manifest, package, allow_removals=True)
    assert report.version == 2
    paths = datapkg.open(package)["frames"].to_pandas(columns=["path"])["path"].tolist()
    assert paths == ["images/p1/A01_1.tif", "images/p1/A02_1.tif", "images/p1/B01_1.tif"]


def test_a_clean_build_and_a_chain_of_builds_agree(manifest: Path, package: Path, tmp_path: Path) -> None:
    make.build(manifest, package)
    make.tiff(manifest.parent / "images" / "p0" / "A01_1.tif", make.image(5, (3, 9)))
    chained = make.build(manifest, package)
    clean = make.build(manifest, tmp_path / "clean")
    assert chained.digest == clean.digest
    one, other = (
        datapkg.open(package)["frames"].to_pandas(),
        datapkg.open(tmp_path / "clean")["frames"].to_pandas(),
    )
    assert [i.tobytes() for i in one.pop("image_array")] == [i.tobytes() for i in other.pop("image_array")]
    assert one.equals(other)


def test_the_number_of_workers_does_not_show(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {
        make.build(manifest, tmp_path / f"w{workers}", engine="local", workers=workers).digest
        for workers in (1, 2, 3)
    }
    make.tasks_of_one_file(monkeypatch)
    digests.add(make.build(manifest, tmp_path / "small_tasks").digest)
    assert len(digests) == 1
    frames = datapkg.open(tmp_path / "small_tasks")["frames"]
    assert len(frames.rows.pinned.lance.get_fragments()) == 3
    assert frames.to_pandas()["path"].is_monotonic_increasing


def test_plain_lancedb_lists_and_reads_the_tables(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    database = lancedb.connect(package)
    assert set(database.list_tables().tables) == {"_sources", "frames", "wells"}
    nested = database.open_table("frames").to_arrow()["image_array"].to_pylist()
    assert np.array_equal(np.array(nested, "u2"), np.stack([make.image(seed) for seed in range(3)]))


def test_names_that_lance_cannot_hold_come_back_true(tmp_path: Path, package: Path) -> None:
    names = ["a.b", "100%", "_rowid", "`q`", "Well", "well", "x y", "größe"]
    make.text(tmp_path / "odd.csv", ",".join(names) + "\n" + ",".join(str(i) for i in range(8)) + "\n")
    make.build(make.manifest(tmp_path, "name: odd, path: odd.csv"), package)
    odd = datapkg.open(package)["odd"]
    assert odd.columns == names
    assert list(odd.to_pandas().columns) == names
    assert odd.to_arrow(columns=["a.b"]).column_names == ["a.b"]
    assert len(odd.to_pandas(where="`a.b` = 0 and `100%` = 1 and well = 5 and Well = 4")) == 1
    assert "a%2Eb" in lance.dataset(str(package / "odd.lance")).schema.names


BAD: dict[str, tuple[str, type[DatapkgError], str]] = {
    "a missing file": ("name: t, path: nowhere.csv", ManifestError, "nowhere.csv"),
    "a pattern of nothing": ('name: t, path: "no/*.csv"', ManifestError, "no/"),
    "a truncated TIFF": ("name: t, path: cut.tif", SourceError, "cut.tif"),
    "prose": ("name: t, path: prose.csv", SourceError, "prose.csv"),
    "other HDF5": ("name: t, path: other.ch5", SourceError, "other.ch5"),
    "an unknown key": ("name: t, pth: wells.csv", ManifestError, "did you mean 'path'"),
    "a name used twice": ("name: Wells, path: wells.csv", ManifestError, "[Ww]ells"),
}


@pytest.mark.parametrize(("resource", "error", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_message_and_leaves_the_package_alone(
    resource: str, error: type[DatapkgError], message: str, manifest: Path, package: Path
) -> None:
    import h5py

    data = manifest.parent
    whole = make.tiff(data / "whole.tif", make.image(1, (64, 64))).read_bytes()
    (data / "cut.tif").write_bytes(whole[: len(whole) // 2])
    make.text(data / "prose.csv", "Dear reader,\nthis is no table\x00 at all\n")
    with h5py.File(data / "other.ch5", "w") as file:
        file["x"] = [1]
    make.build(manifest, package)
    before = make.tree(package)
    good = manifest.read_text("utf-8")
    manifest.write_text(good + f"  - {{{resource}}}\n", "utf-8")
    with pytest.raises(error, match=message):
        make.build(manifest, package)
    assert make.tree(package) == before
    with pytest.raises(error, match=message):
        make.build(manifest, package.with_name("fresh"))
    assert not package.with_name("fresh").exists()


def test_a_folder_that_is_something_else_is_refused(manifest: Path, package: Path, tmp_path: Path) -> None:
    make.text(package / "thesis.docx", "years of work")
    with pytest.raises(StoreError, match="something else than a package"):
        make.build(manifest, package)
    assert [p.name for p in package.iterdir()] == ["thesis.docx"]
    with pytest.raises(StoreError, match="is a file"):
        make.build(manifest, make.text(tmp_path / "file", ""))


def test_another_package_is_refused(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    manifest.write_text(manifest.read_text("utf-8").replace("name: little", "name: other"), "utf-8")
    with pytest.raises(StoreError, match="holds the package 'little', not 'other'"):
        make.build(manifest, package)


def test_two_tables_of_one_name_are_refused(tmp_path: Path, package: Path) -> None:
    make.text(tmp_path / "a.csv", "x\n1\n")
    make.build(make.manifest(tmp_path, "name: a, path: a.csv"), package)
    content = make.manifest(tmp_path, "name: a, path: a.csv", "name: A, path: a.csv")
    with pytest.raises(ManifestError):
        make.build(content, package)
    with pytest.raises(SchemaError, match="two tables would be named"):
        tables = [builder.Content(versions.read_record(Folder(package), 1).tables[0], ())]
        builder._refuse_clashes(tables * 2)


def test_two_builders_at_once_publish_one_version(manifest: Path, package: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: make.build(manifest, package), range(2)))
    assert [report.version for report in reports] == [1, 1]
    assert sorted(report.created for report in reports) == [False, True]
    assert versions.numbers(Folder(package)) == [1]


def test_the_loser_of_a_race_with_other_content_says_so(
    manifest: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.build(manifest, package)
    real = versions.publish

    def overtaken(*arguments: object) -> bool:
        monkeypatch.setattr(versions, "publish", real)
        make.text(manifest.parent / "wells.csv", "Well\nB02\n")
        make.build(manifest, package)
        return real(*arguments)  # type: ignore[arg-type]

    make.text(manifest.parent / "wells.csv", "Well\nC03\n")
    monkeypatch.setattr(versions, "publish", overtaken)
    with pytest.raises(VersionError, match="another build made version 2"):
        make.build(manifest, package)
    assert datapkg.open(package, version=2)["wells"].to_pandas()["Well"].tolist() == ["B02"]


def test_what_other_clients_commit_is_no_version(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    expected = datapkg.open(package)["wells"].to_pandas()
    lancedb.connect(package).open_table("wells").delete("true")
    assert datapkg.open(package)["wells"].to_pandas().equals(expected)
    (warning,) = make.build(manifest, package).warnings
    assert warning.startswith(
        "table wells: another program, or a build that was stopped, has made 1 later states since version 1"
    )
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    make.build(manifest, package)
    assert datapkg.open(package)["wells"].to_pandas()["Well"].tolist() == ["B02"]
    assert datapkg.open(package, version=1)["wells"].to_pandas().equals(expected)


def test_a_build_killed_at_any_time_leaves_versions_whole(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    expected = datapkg.open(package, version=1)["wells"].to_pandas()
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    command = [sys.executable, "-c", "import sys, datapkg; datapkg.build(*sys.argv[1:], engine='inline')"]
    for wait_s in (0.3, 0.6, 0.9, 1.2, 1.5):
        process = subprocess.Popen([*command, str(manifest), str(package)], stderr=subprocess.DEVNULL)
        time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert datapkg.open(package, version=1)["wells"].to_pandas().equals(expected)
    assert make.build(manifest, package).version == 2
    assert datapkg.open(package)["wells"].to_pandas()["Well"].tolist() == ["B02"]


def test_a_full_disk_is_one_message_and_no_trace(manifest: Path, package: Path) -> None:
    make.tiff(manifest.parent / "images" / "p1" / "Z01_1.tif", make.image(1, (900, 900)))
    limited = (
        "import resource, signal, sys, datapkg\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
        "from datapkg.cli import main\n"
        "sys.argv = ['datapkg', 'build', *sys.argv[1:], '--engine', 'inline']\n"
        "main()\n"
    )
    command = [sys.executable, "-c", limited, str(manifest), str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "allowed size" in done.stderr
    assert "Traceback" not in done.stderr
    assert not package.exists()


def test_a_target_that_cannot_be_written_is_one_message(manifest: Path, tmp_path: Path) -> None:
    locked = Path("/sys")  # not even root makes folders there
    if os.geteuid() != 0:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="may not be written"):
        make.build(manifest, locked / "p")


def test_a_file_in_the_way_of_the_target_is_one_message(manifest: Path, tmp_path: Path) -> None:
    make.text(tmp_path / "file", "")
    with pytest.raises(StoreError):
        make.build(manifest, tmp_path / "file" / "package")


def test_staging_is_gone_after_success_and_failure(manifest: Path, package: Path) -> None:
    make.build(manifest, package)
    make.text(manifest.parent / "wells.csv", "Well\nB02,too,many\n")
    with pytest.raises(SourceError):
        make.build(manifest, package)
    assert not [p.name for p in package.iterdir() if p.name.startswith(STAGING)]


def test_a_movie_is_read_again_if_a_file_that_it_links_to_changes(tmp_path: Path, package: Path) -> None:
    import h5py

    data = tmp_path / "data"
    (data / "parts").mkdir(parents=True)
    with h5py.File(data / "parts" / "one.ch5", "w") as file:
        file["plate/P/experiment/A01/position/1/image/channel"] = np.zeros((1, 1, 1, 2, 2), "u1")
    with h5py.File(data / "all.ch5", "w") as file:
        file["sample/0/plate"] = h5py.ExternalLink("parts/one.ch5", "/plate")
    manifest = make.manifest(data, "name: movies, path: all.ch5")
    make.build(manifest, package)
    assert make.build(manifest, package).sources.unchanged == 1
    with h5py.File(data / "parts" / "one.ch5", "r+") as file:
        file["plate/P/experiment/A01/position/1/image/channel"][...] = 7
    assert make.build(manifest, package).version == 2
    assert datapkg.open(package)["movies"].image(0).max() == 7
    (data / "parts" / "one.ch5").unlink()
    assert any("leads" in warning for warning in make.build(manifest, package).warnings)
