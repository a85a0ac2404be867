"""A package in one zip file: opened, asked and verified as it is; tables are unpacked into the cache, safely."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import make
import pytest
from typer.testing import CliRunner

import datapkg
from datapkg.cli import app
from datapkg.errors import DamageError, DatapkgError, ExportError, StoreError
from datapkg.places.unpacked import unpacked_folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test."""
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def packed(package: Path, tmp_path: Path) -> Path:
    """Version 2 of a package in a zip file; version 1 is the release 1.0.0."""
    make.text(tmp_path / "data" / "wells.csv", "Well,Gene,Count,Area\n005,KIF11,1,0.5\n")
    make.build(tmp_path / "data" / "manifest.yaml", package)
    datapkg.export(package, tmp_path / "x.datapkg.zip")
    return tmp_path / "x.datapkg.zip"


def rewritten(packed: Path, change: dict[str, bytes | None], more: dict[str, bytes] | None = None) -> Path:
    """The same zip file with some members changed (None: without them), whatever their check sums."""
    target = packed.with_name("changed.zip")
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(target, "w") as new:
        for one in old.infolist():
            content = next((c for end, c in change.items() if one.filename.endswith(end)), old.read(one))
            if content is not None:
                new.writestr(one.filename, content)
        for name, content in (more or {}).items():
            new.writestr(name, content)
    return target


@pytest.mark.parametrize("name", ["x.datapkg", "files-download", "x.ZIP"])
def test_it_is_known_by_its_content(packed: Path, name: str) -> None:
    """Archives and browsers give downloads names of their own; `export --to zip` takes any name too."""
    renamed = packed.rename(packed.with_name(name))
    assert datapkg.open(renamed).digest == datapkg.open(f"file://{renamed}").digest
    assert datapkg.verify(renamed).ok
    again = renamed.with_name("again.datapkg")
    datapkg.export(renamed, again, to="zip")
    assert datapkg.open(again).digest == datapkg.open(renamed).digest


def test_it_opens_as_the_folder_does(packed: Path, package: Path, cache: Path) -> None:
    folder, zipped = datapkg.open(package), datapkg.open(packed)
    assert (zipped.version, zipped.digest, zipped.tables) == (2, folder.digest, folder.tables)
    assert list(zipped.versions()["version"]) == [2]
    assert not unpacked_folder().exists()  # nothing is unpacked before rows are asked for
    assert zipped["wells"].to_pandas().equals(folder["wells"].to_pandas())
    assert zipped["frames"].image(2).tobytes() == folder["frames"].image(2).tobytes()
    assert zipped.sql("select count(*) as n from frames").to_pandas()["n"].tolist() == [3]
    assert zipped.diff(folder).ok
    assert len(list(unpacked_folder().iterdir())) == 1


def test_equal_images_are_read_without_unpacking(package: Path, tmp_path: Path) -> None:
    for seed in range(3):
        make.tiff(tmp_path / "big" / f"{seed}.tif", make.image(seed, (64, 64)))
    make.build(make.manifest(tmp_path / "big", 'name: t, path: "*.tif", keep: array'), tmp_path / "q")
    datapkg.export(tmp_path / "q", tmp_path / "q.zip")
    images = datapkg.open(tmp_path / "q.zip")["t"].images([2, 0])
    assert [one.tobytes() for one in images] == [make.image(seed, (64, 64)).tobytes() for seed in (2, 0)]
    assert not unpacked_folder().exists()
    with (
        zipfile.ZipFile(tmp_path / "q.zip") as old,
        zipfile.ZipFile(tmp_path / "r.zip", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for one in old.infolist():
            new.writestr(one.filename, old.read(one))
    assert datapkg.open(tmp_path / "r.zip")["t"].image(1).tobytes() == make.image(1, (64, 64)).tobytes()
    assert len(list(unpacked_folder().iterdir())) == 1


def test_nothing_is_deflated_and_the_same_version_is_the_same_file(
    packed: Path, package: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(packed) as file:
        assert {one.compress_type for one in file.infolist()} == {zipfile.ZIP_STORED}
        assert {one.date_time for one in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    shutil.copytree(package, tmp_path / "copy")
    datapkg.export(tmp_path / "copy", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_an_older_version_is_exported_by_name(package: Path, tmp_path: Path) -> None:
    first = datapkg.open(package).digest
    make.text(tmp_path / "data" / "wells.csv", "Well\nB02\n")
    make.build(tmp_path / "data" / "manifest.yaml", package)
    datapkg.export(package, tmp_path / "x.zip", version="1.0.0")
    opened = datapkg.open(tmp_path / "x.zip")
    assert (opened.version, opened.release, opened.digest) == (1, "1.0.0", first)


def test_an_unzipped_file_is_a_package_with_manifest_and_lock(packed: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed) as file:
        file.extractall(tmp_path / "out")
    assert datapkg.verify(tmp_path / "out" / "little.datapkg", deep=True).ok
    report = make.build(
        tmp_path / "out" / "little.datapkg.yaml", tmp_path / "q", locked=True, root=tmp_path / "data"
    )
    assert report.digest == datapkg.open(packed).digest


def test_checkout_makes_a_folder_that_goes_on(packed: Path, tmp_path: Path) -> None:
    datapkg.checkout(packed, 2, tmp_path / "copy")
    assert not make.build(tmp_path / "data" / "manifest.yaml", tmp_path / "copy").created


def test_the_command_line_takes_it(packed: Path) -> None:
    for command in (["show"], ["log"], ["verify"], ["verify", "--deep"], ["sql", "select * from wells"]):
        done = CliRunner().invoke(app, [command[0], str(packed), *command[1:]])
        assert done.exit_code == 0, done.output
    assert CliRunner().invoke(app, ["diff", str(packed), "2"]).exit_code == 0


def test_it_is_only_read(packed: Path, tmp_path: Path) -> None:
    before = packed.read_bytes()
    make.text(tmp_path / "data" / "wells.csv", "Well\nB03\n")
    with pytest.raises(StoreError, match="is one zip file, which is only read"):
        make.build(tmp_path / "data" / "manifest.yaml", packed)
    with pytest.raises(StoreError, match="only read"):
        datapkg.release(packed, "2.0.0")
    assert packed.read_bytes() == before


def test_every_flipped_byte_of_a_table_is_found(packed: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed) as file:
        tables = [one for one in file.infolist() if "/data/" in one.filename]
    content = packed.read_bytes()
    for one in tables:
        at = one.header_offset + 30 + len(one.filename) + one.file_size // 2
        damaged = bytearray(content)
        damaged[at] ^= 1
        (tmp_path / "bad.zip").write_bytes(damaged)
        found = datapkg.verify(tmp_path / "bad.zip")
        assert [fault.file for fault in found.found] == [one.filename.partition("/")[2]]
        with pytest.raises(DamageError, match="the zip file is damaged"):
            for name in datapkg.open(tmp_path / "bad.zip"):
                datapkg.open(tmp_path / "bad.zip")[name].to_arrow()
    assert list(unpacked_folder().glob("*")) == []


def test_a_member_with_another_content_is_never_unpacked(packed: Path) -> None:
    """Its check sum is right: whoever changed it made the zip file anew."""
    with zipfile.ZipFile(packed) as file:
        name = next(one.filename for one in file.infolist() if "/data/" in one.filename)
        content = bytearray(file.read(name))
    content[len(content) // 2] ^= 1
    for other, what in (
        (bytes(content), "is not what was written"),
        (bytes(1 << 20), "is not what was written"),
        (None, "is missing"),
    ):
        with pytest.raises(DamageError, match=what):
            datapkg.open(rewritten(packed, {name: other}))["wells"].to_arrow()
        assert list(unpacked_folder().glob("*")) == []


@pytest.mark.parametrize("name", ["../evil", "/evil", "little.datapkg/../../evil", "a\\..\\evil"])
def test_what_leads_out_is_refused(name: str, packed: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is in no package: the file is not to be trusted"):
        datapkg.open(rewritten(packed, {}, {name: b"x"}))
    assert not list(tmp_path.rglob("*evil*"))


def test_a_link_is_refused(packed: Path) -> None:
    link = zipfile.ZipInfo("little.datapkg/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(packed, "a") as file:
        file.writestr(link, "/etc/passwd")
    with pytest.raises(StoreError, match="not to be trusted"):
        datapkg.open(packed)


@pytest.mark.parametrize("size", [0, 10, 1000, -100, -1])
def test_a_file_that_is_cut_or_none_is_told_of(size: int, packed: Path) -> None:
    packed.write_bytes(packed.read_bytes()[:size])
    with pytest.raises(DamageError, match="the zip file is damaged, or not whole"):
        datapkg.open(packed)


def test_a_zip_of_something_else_is_no_package(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(StoreError, match="is no datapkg package"):
        datapkg.open(tmp_path / "x.zip")
    with pytest.raises(StoreError, match="there is no such file"):
        datapkg.open(tmp_path / "y.zip")


def test_two_threads_and_two_processes_unpack_at_once(packed: Path, cache: Path) -> None:
    code = "import sys, datapkg; print(len(datapkg.open(sys.argv[1])['frames'].to_arrow()))"
    others = [
        subprocess.Popen([sys.executable, "-c", code, str(packed)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(datapkg.open(packed)["frames"].to_arrow())))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.communicate()[0].strip() for one in others] == ["3", "3"]
    assert found == [3, 3]
    assert len(list(unpacked_folder().iterdir())) == 1


def test_a_copy_that_lost_a_file_is_made_again(packed: Path) -> None:
    datapkg.open(packed)["wells"].to_arrow()
    next(unpacked_folder().rglob("*.lance/data/*")).unlink()
    assert len(datapkg.open(packed)["wells"].to_arrow()) == 1
    assert len(datapkg.open(packed)["frames"].to_arrow()) == 3


def test_the_cache_is_bounded(
    packed: Path, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datapkg.open(packed)["wells"].to_arrow()
    (old,) = unpacked_folder().iterdir()
    stopped = unpacked_folder() / "growing-stopped"
    stopped.mkdir()
    for one, seconds in ((old, 2 * 3600), (stopped, 48 * 3600)):
        then = one.stat().st_mtime - seconds
        os.utime(one, (then, then))
    datapkg.export(package, tmp_path / "first.zip", version=1)
    monkeypatch.setenv("DATAPKG_UNPACKED_BYTES", "1")
    datapkg.open(tmp_path / "first.zip")["wells"].to_arrow()
    (kept,) = unpacked_folder().iterdir()
    assert kept != old  # what was used in the last hour stays, whatever it takes
    assert len(datapkg.open(packed)["wells"].to_arrow()) == 1
    assert len(list(unpacked_folder().iterdir())) == 2


def test_gc_removes_the_unpacked_copy(packed: Path) -> None:
    datapkg.open(packed)["wells"].to_arrow()
    assert datapkg.gc(packed, dry_run=True).bytes > 1000
    assert datapkg.gc(packed).bytes > 1000
    assert list(unpacked_folder().iterdir()) == []
    assert len(datapkg.open(packed)["wells"].to_arrow()) == 1


def test_a_lazy_frame_of_it_travels(packed: Path) -> None:
    frame = pickle.loads(pickle.dumps(datapkg.open(packed)["frames"].to_pandas()))
    assert frame.image_array.iloc[0].tobytes() == make.image(0).tobytes()


def test_a_zip_holds_all_tables(package: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="a zip holds a whole version"):
        datapkg.export(package, tmp_path / "x.zip", tables=["wells"])


def test_a_cache_that_cannot_be_written_is_told_of(packed: Path, cache: Path) -> None:
    make.text(cache / "unpacked", "a file in the way of the folder")
    with pytest.raises(DatapkgError, match="a file is in the way of a folder"):
        datapkg.open(packed)["wells"].to_arrow()


def test_files_beyond_4_gib_and_65_535_members_are_found(packed: Path, package: Path, tmp_path: Path) -> None:
    """The second generation of the format (Zip64): here behind a hole, which takes no room, and with empty members."""
    large = tmp_path / "large.zip"
    with open(large, "wb") as file:
        file.truncate((4 << 30) + 7)
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(large, "a") as new:
        for one in old.infolist():
            new.writestr(one.filename, old.read(one))
        for number in range(66_000):
            new.writestr(zipfile.ZipInfo(f"little.datapkg/more/{number}"), b"")
    assert large.stat().st_size > 4 << 30
    opened = datapkg.open(large)
    assert opened.digest == datapkg.open(packed).digest
    assert opened["frames"].image(2).tobytes() == datapkg.open(package)["frames"].image(2).tobytes()
    assert opened["wells"].to_pandas().equals(datapkg.open(package)["wells"].to_pandas())
    assert datapkg.verify(large).ok


def test_the_file_holds_the_descriptor_of_its_version(package: Path, tmp_path: Path) -> None:
    datapkg.export(package, tmp_path / "x.datapkg.zip")
    with zipfile.ZipFile(tmp_path / "x.datapkg.zip") as file:
        (name,) = [one for one in file.namelist() if one.endswith("/datapackage.json")]
        assert file.read(name) == (package / "datapackage.json").read_bytes()
    assert not datapkg.open(tmp_path / "x.datapkg.zip").verify().notes


def test_a_stop_within_a_file_is_told_as_a_stop(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile._ZipWriteFile, "write", stopped)
    monkeypatch.setattr(zipfile._ZipWriteFile, "close", lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        datapkg.export(package, tmp_path / "x.datapkg.zip")
    assert not list(tmp_path.glob("*x.datapkg.zip*"))
