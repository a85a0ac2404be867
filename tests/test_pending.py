"""What a build would do; and that files which are as they were are not read again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import make
import pytest
import test_cli

import datapkg
from datapkg import hashes, reading
from datapkg.errors import ManifestError, SourceError, StoreError

LONG_AGO = 1_600_000_000


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "YOUNG_NS", -(10**18))
    return make.folder(tmp_path)


@pytest.fixture
def package(manifest: Path, tmp_path: Path) -> Path:
    make.build(manifest, tmp_path / "p")
    return tmp_path / "p"


def test_before_the_first_build_everything_is_new(manifest: Path, tmp_path: Path) -> None:
    found = datapkg.status(manifest, tmp_path / "p")
    assert not found.ok
    assert str(found).splitlines() == [
        f"{tmp_path / 'p'}: no version yet; a build makes version 1 of little",
        "  wells: 1 new, it is new",
        "  frames: 3 new, it is new",
    ]
    assert not (tmp_path / "p").exists()


def test_after_it_nothing_is_to_do(manifest: Path, package: Path) -> None:
    before = make.tree(package)
    found = datapkg.status(manifest, package)
    assert found.ok
    assert str(found) == f"{package}: version 1 of little is up to date"
    assert make.tree(package) == before


def test_files_that_came_went_and_changed_are_listed(manifest: Path, package: Path) -> None:
    data = manifest.parent
    make.text(data / "wells.csv", "Well\nB02\n")
    make.tiff(data / "images" / "p1" / "B01_1.tif", make.image(9))
    (data / "images" / "p2" / "A01_1.tif").unlink()
    assert str(datapkg.status(manifest, package)).splitlines() == [
        f"{package}: a build makes version 2 of little",
        "  wells: 1 changed",
        "    ~ wells.csv",
        "  frames: 1 new, 1 gone",
        "    + images/p1/B01_1.tif",
        "    - images/p2/A01_1.tif",
        "warning   resource frames: 1 of 3 files of the last version are gone, first images/p2/A01_1.tif; "
        "if that is on purpose, build with --allow-removals",
    ]
    with pytest.raises(SourceError, match="1 of 3 files"):
        make.build(manifest, package)


def test_a_change_of_the_manifest_names_the_resources_that_it_touches(manifest: Path, package: Path) -> None:
    text = manifest.read_text("utf-8")
    manifest.write_text("title: other\n" + text, "utf-8")
    assert "nothing that its tables are made of" in str(datapkg.status(manifest, package))
    manifest.write_text(text.replace("path: wells.csv", "path: wells.csv, source: true"), "utf-8")
    told = str(datapkg.status(manifest, package))
    assert "wells: read again, since the manifest says something else of it" in told
    assert "frames" not in told
    only = make.manifest(manifest.parent, "name: wells, path: wells.csv")
    assert "table frames: not in the manifest any more" in str(datapkg.status(only, package))


def test_what_would_stop_a_build_is_said(manifest: Path, tmp_path: Path) -> None:
    make.text(tmp_path / "other" / "thesis.docx", "")
    with pytest.raises(StoreError, match="something else"):
        datapkg.status(manifest, tmp_path / "other")


def test_status_and_dry_run_on_the_command_line(manifest: Path, package: Path) -> None:
    for command in (("status",), ("build", "--dry-run")):
        assert "is up to date" in test_cli.run(*command, manifest, package).stdout
    found = json.loads(test_cli.run("status", manifest, package, "--json").stdout)
    assert (found["ok"], found["version"]) == (True, 1)
    assert found["resources"]["frames"] == {
        "added": [],
        "removed": [],
        "changed": [],
        "why": "",
        "moved": False,
    }


def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read from now on."""
    seen: list[str] = []
    real = reading.Reading.__init__

    def noted(self: reading.Reading, file: reading.SourceFile, *arguments: object, **options: object) -> None:
        seen.append(file.path)
        real(self, file, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(reading.Reading, "__init__", noted)
    return seen


def test_a_build_of_the_same_reads_no_file(
    manifest: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.build(manifest, package)
    seen = opened(monkeypatch)
    assert not make.build(manifest, package).created
    assert seen == []
    os.utime(manifest.parent / "wells.csv", (LONG_AGO, LONG_AGO))
    assert not make.build(manifest, package).created
    assert seen == ["wells.csv"]
    seen.clear()
    assert not make.build(manifest, package, rehash=True).created
    assert len(seen) == 4
    seen.clear()
    assert not make.build(manifest, package, locked=True).created
    assert len(set(seen)) == 4


def test_what_a_build_has_read_the_next_one_need_not_read(
    manifest: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_opened", None)
    assert not make.build(manifest, package).created


def test_a_new_file_that_does_not_fit_the_pattern_is_told_of_as_a_build_does(
    manifest: Path, package: Path
) -> None:
    make.tiff(manifest.parent / "images" / "p1" / "odd.tif", make.image(9))
    for ask in (datapkg.status, datapkg.build):
        with pytest.raises(ManifestError, match=r"images/p1/odd\.tif"):
            ask(manifest, package)


def test_a_plate_that_is_in_no_resource_is_told_of(manifest: Path, package: Path) -> None:
    manifest.write_text(manifest.read_text().replace("images/**/*.tif", "images/p[12]/*.tif"))
    make.build(manifest, package)
    make.tiff(manifest.parent / "images" / "p3" / "A01_1.tif", make.image(9))
    (told,) = datapkg.status(manifest, package).warnings
    assert told.startswith(
        "frames: 1 folder beside its own, with 1 file of its kind, in no resource: images/p3"
    )
