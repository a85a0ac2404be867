"""What all exports share: they appear whole or not at all, and overwrite nothing unasked."""

from __future__ import annotations

import json
import re
import resource
import signal
from pathlib import Path

import make
import pytest
from typer.testing import CliRunner

import datapkg
from datapkg.cli import app
from datapkg.cli.giving import FORMS
from datapkg.errors import DamageError, ExportError
from datapkg.exporting import FORMATS

FOLDERS = [name for name, form in FORMATS.items() if form.folder is not False]
ALL = pytest.mark.parametrize("form", FORMATS)
WORDS = ("citation", "schema-org")
"""Forms that hold no rows."""
ROWS = pytest.mark.parametrize("form", [name for name in FORMATS if name not in WORDS])
HEAD = "licenses: [{name: CC0-1.0}]\ncontributors: [{title: A Lab}]\n"


@pytest.fixture
def package(manifest: Path, tmp_path: Path) -> Path:
    """A package that says what every form asks for."""
    make.text(manifest.parent / "profiles.csv", "Metadata_Well,Area\nA01,0.5\nA02,1.5\n")
    entry = "  - {name: profiles, path: profiles.csv}\n"
    make.text(manifest, HEAD + manifest.read_text("utf-8") + entry)
    make.build(manifest, tmp_path / "p")
    return tmp_path / "p"


def target(form: str, folder: Path) -> Path:
    return folder / f"out{(*FORMATS[form].suffixes, '')[0] if FORMATS[form].folder is False else ''}"


@ALL
def test_nothing_is_overwritten_unasked(form: str, package: Path, tmp_path: Path) -> None:
    dest = target(form, tmp_path / "x")
    make.text(dest, "years of work")
    with pytest.raises(ExportError, match="is there already"):
        datapkg.export(package, dest, to=form)
    assert make.tree(tmp_path / "x") == {dest.name: b"years of work"}


@ALL
def test_an_export_takes_the_place_of_another_when_asked(form: str, package: Path, tmp_path: Path) -> None:
    dest = target(form, tmp_path / "x")
    first = datapkg.export(package, dest, to=form)
    before = make.tree(tmp_path / "x")
    assert datapkg.export(package, dest, to=form, overwrite=True).bytes == first.bytes
    assert list(make.tree(tmp_path / "x")) == list(before)


@pytest.mark.parametrize("form", FOLDERS)
def test_a_folder_that_no_export_made_is_never_replaced(form: str, package: Path, tmp_path: Path) -> None:
    make.text(tmp_path / "x" / "mine.txt", "years of work")
    with pytest.raises(ExportError, match="no export made it"):
        datapkg.export(package, tmp_path / "x", to=form, overwrite=True)
    assert make.tree(tmp_path / "x") == {"mine.txt": b"years of work"}


@ROWS
def test_a_damaged_package_gives_no_export(form: str, package: Path, tmp_path: Path) -> None:
    for file in package.rglob("*.lance/data/*"):
        content = bytearray(file.read_bytes())
        content[len(content) // 3] ^= 1
        file.write_bytes(content)
    with pytest.raises(DamageError):
        datapkg.export(package, target(form, tmp_path / "x"), to=form)
    assert make.tree(tmp_path / "x") == {}


@ALL
def test_a_full_disk_leaves_nothing(form: str, package: Path, tmp_path: Path) -> None:
    """A limit on the size of files is a full disk that every machine has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, hard))
        with pytest.raises(ExportError):
            datapkg.export(package, target(form, tmp_path / "x"), to=form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert make.tree(tmp_path / "x") == {}


@ROWS
def test_ctrl_c_leaves_nothing(form: str, package: Path, tmp_path: Path) -> None:
    def stop(step: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        datapkg.export(package, target(form, tmp_path / "x"), to=form, progress=stop)
    assert make.tree(tmp_path / "x") == {}


@ALL
def test_the_command_line_does_the_same(form: str, package: Path, tmp_path: Path) -> None:
    dest = target(form, tmp_path / "x")
    done = CliRunner().invoke(app, ["export", str(package), str(dest), "--to", form, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["form"], told["version"], told["path"]) == (form, 1, str(dest))
    assert told["bytes"] > 0


def test_the_help_names_all_forms() -> None:
    assert set(re.findall(r"[a-z-]{3,}", FORMS)) == set(FORMATS)


def test_the_suffix_says_the_form(package: Path, tmp_path: Path) -> None:
    assert datapkg.export(package, tmp_path / "x.sqlite3").form == "sqlite"
    with pytest.raises(ExportError, match=r"\.what does not say which form is meant"):
        datapkg.export(package, tmp_path / "x.what")
    with pytest.raises(ExportError, match=r"there is no form 'sqlit'\n  fix: did you mean 'sqlite'\?"):
        datapkg.export(package, tmp_path / "x.what", to="sqlit")


def test_an_older_version_is_exported(package: Path, tmp_path: Path) -> None:
    make.text(tmp_path / "data" / "wells.csv", "Well\nB02\n")
    make.build(tmp_path / "data" / "manifest.yaml", package)
    done = datapkg.export(package, tmp_path / "x.db", version="1.0.0", tables=["wells"])
    assert (done.version, done.tables) == (1, ("wells",))
    with pytest.raises(ExportError, match="there is no table 'well'"):
        datapkg.export(package, tmp_path / "y.db", tables=["well"])
    with pytest.raises(ExportError, match=r"tables is the text 'wells'\n  fix: write tables=\['wells'\]"):
        datapkg.export(package, tmp_path / "y.db", tables="wells")


def test_nothing_is_written_into_the_package(package: Path) -> None:
    with pytest.raises(ExportError, match="lies inside of the package"):
        datapkg.export(package, package / "x.db")
