"""The command line: exit statuses, plain messages, JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import make
import pytest

import datapkg

Done = subprocess.CompletedProcess[str]


def run(*arguments: object, cwd: Path | None = None, **environment: str) -> Done:
    """Run the command as a user does."""
    command = [sys.executable, "-c", "from datapkg.cli import main; main()", *map(str, arguments)]
    env = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"} | environment
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=120, check=False)


def assert_error(done: Done, status: int, *said: str) -> None:
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    for text in said:
        assert text in done.stderr


def test_build_prints_a_report_and_makes_the_default_package(manifest: Path, tmp_path: Path) -> None:
    done = run("build", manifest, "--workers", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("little.datapkg: version 1 (release 1.0.0) of little\n")
    for part in ("wells", "frames", "images", "keep: bytes", "array: packed", "sources   4 files", "digest"):
        assert part in done.stdout
    assert "looking at frames: 3 files" in done.stderr
    assert datapkg.open(tmp_path / "little.datapkg").digest in done.stdout
    again = run("build", manifest, cwd=tmp_path)
    assert "nothing changed; version 1" in again.stdout


def test_python_runs_it_as_a_module(manifest: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "datapkg", "build", str(manifest), "p", "--engine", "inline"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("p: version 1 (release 1.0.0) of little\n")
    usage = [sys.executable, "-m", "datapkg", "build"]
    done = subprocess.run(usage, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "datapkg build" in done.stderr
    assert "__main__" not in done.stderr


def test_a_build_leaves_nothing_in_the_temporary_folder(manifest: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    done = run("build", manifest, tmp_path / "p", "--workers", 2, TMPDIR=str(temporary))
    assert (done.returncode, list(temporary.iterdir())) == (0, []), done.stderr
    make.text(manifest.parent / "wells.csv", "Well,Gene\n005\n")
    assert_error(run("build", manifest, tmp_path / "p", TMPDIR=str(temporary)), 2, "wells.csv")
    assert list(temporary.iterdir()) == []


def test_build_as_json(manifest: Path, tmp_path: Path) -> None:
    done = run("build", manifest, tmp_path / "p", "--engine", "inline", "--json")
    report = json.loads(done.stdout)
    assert (report["version"], report["created"], report["release"]) == (1, True, "1.0.0")
    assert [table["name"] for table in report["tables"]] == ["wells", "frames"]


def test_root_and_allow_take_the_data_from_elsewhere(manifest: Path, tmp_path: Path) -> None:
    elsewhere = manifest.rename(tmp_path / "manifest.yaml")
    assert_error(run("build", elsewhere, tmp_path / "p"), 2, "wells.csv")
    assert run("build", elsewhere, tmp_path / "p", "--root", tmp_path / "data").returncode == 0
    allowed = make.manifest(tmp_path, 'name: w, path: "@plates/wells.csv"', head="allow: {plates: null}\n")
    done = run("build", allowed, tmp_path / "q", "--allow", f"plates={tmp_path / 'data'}")
    assert done.returncode == 0, done.stderr
    assert_error(run("build", allowed, tmp_path / "q", "--allow", "plates"), 2, "NAME=FOLDER")


def test_check_finds_every_mistake_and_writes_nothing(tmp_path: Path) -> None:
    bad = make.text(
        tmp_path / "bad.yaml", "nam: x\nresources:\n  - {name: t, pth: a.csv}\n  - {name: T, path: no.csv}\n"
    )
    done = run("check", bad, cwd=tmp_path)
    assert_error(done, 1, "bad.yaml:1:1", "did you mean 'name'", "bad.yaml:3:", "did you mean 'path'")
    as_json = json.loads(run("check", bad, "--json").stdout)
    assert as_json["ok"] is False
    assert len(as_json["mistakes"]) >= 3
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]
    assert_error(run("build", bad, tmp_path / "p"), 2, "bad.yaml:1:1", "bad.yaml:3:")


def test_check_of_a_good_manifest(manifest: Path) -> None:
    done = run("check", manifest)
    assert done.returncode == 0
    assert "no mistakes" in done.stdout
    assert json.loads(run("check", manifest, "--json").stdout) == {
        "ok": True,
        "files": {"wells": 1, "frames": 3},
        "warnings": [],
    }


def test_a_manifest_that_is_not_there_is_status_2(tmp_path: Path) -> None:
    assert_error(run("check", tmp_path / "no.yaml"), 2, "no.yaml")
    assert_error(run("build", tmp_path / "no.yaml"), 2, "no.yaml")


def test_show_tells_the_keys_that_a_table_keeps(tmp_path: Path) -> None:
    make.text(tmp_path / "wells.csv", "Plate,Well,Control\nP,A01,\nP,A02,A01\n")
    keys = "primaryKey: [Plate, Well], uniqueKeys: [Well]"
    reference = "foreignKeys: [{fields: Control, reference: {fields: Well}}]"
    manifest = make.manifest(tmp_path, f"name: wells, path: wells.csv, schema: {{{keys}, {reference}}}")
    make.build(manifest, tmp_path / "p")
    kept = ["primaryKey [Plate, Well]", "uniqueKeys [Well]", "foreignKeys [Control] -> wells [Well]"]
    shown = run("show", tmp_path / "p", "wells").stdout
    assert [line for line in shown.splitlines() if line.startswith("promised")] == [
        f"promised  {k}" for k in kept
    ]
    assert json.loads(run("show", tmp_path / "p", "wells", "--json").stdout)["promises"] == kept


def test_show_a_package_and_a_table(package: Path) -> None:
    shown = run("show", package)
    assert "version 1 (release 1.0.0) of little" in shown.stdout
    assert "frames" in shown.stdout
    table = run("show", package, "wells")
    assert "leading zero" in table.stdout
    assert json.loads(run("show", package, "--json").stdout)["tables"][1]["rows"] == 3
    columns = json.loads(run("show", package, "wells", "--json").stdout)["columns"]
    assert [column["type"] for column in columns] == ["string", "string", "int64", "double"]
    assert_error(run("show", package, "well"), 2, "did you mean 'wells'")
    assert_error(run("show", package.parent), 2, "no datapkg package")
    assert_error(run("show", package, "--version", "9"), 2, "no version 9")


def test_log_lists_versions_newest_first(package: Path, manifest: Path) -> None:
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    make.build(manifest, package)
    lines = run("log", package).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["version", "2", "1"]
    assert "1.0.0" in lines[2]
    assert [entry["version"] for entry in json.loads(run("log", package, "--json").stdout)] == [2, 1]


def test_checkout_copies_a_version(package: Path, tmp_path: Path) -> None:
    done = run("checkout", package, "1.0.0", tmp_path / "copy")
    assert done.returncode == 0
    assert datapkg.open(tmp_path / "copy").digest in done.stdout
    assert_error(run("checkout", package, "1", tmp_path / "copy"), 2, "is there already")
    assert_error(run("checkout", package, "7", tmp_path / "other"), 2, "no version 7")
    make.text(tmp_path / "file", "")
    assert_error(
        run("checkout", package, "1", tmp_path / "file" / "x"),
        2,
        f"{tmp_path / 'file' / 'x'}: a file is in the way",
    )


def test_init_writes_a_manifest_that_builds(manifest: Path, tmp_path: Path) -> None:
    manifest.unlink()
    done = run("init", tmp_path / "data", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "data.yaml" in done.stdout
    assert run("check", tmp_path / "data.yaml").returncode == 0
    built = run("build", tmp_path / "data.yaml", tmp_path / "p", "--engine", "inline")
    assert built.returncode == 0, built.stderr
    assert_error(run("init", tmp_path / "data", cwd=tmp_path), 2, "is there already")
    assert_error(run("init", tmp_path / "nowhere", cwd=tmp_path), 2, "nowhere")


def test_usage_errors_are_status_2() -> None:
    assert_error(run("biuld"), 2, "build")
    assert_error(run("build"), 2)
    assert_error(run("build", "a", "--workers", "0"), 2)


def test_help_and_version() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in ("init", "check", "build", "show", "log", "checkout"):
        assert command in done.stdout
    assert run("--version").stdout.startswith("datapkg 0.")


def test_ctrl_c_is_130_and_leaves_nothing_half_visible(tmp_path: Path) -> None:
    for number in range(400):
        make.tiff(tmp_path / "data" / f"{number:03}.tif", make.image(number, (400, 400)))
    manifest = make.manifest(tmp_path / "data", 'name: frames, path: "*.tif"')
    command = [sys.executable, "-c", "from datapkg.cli import main; main()", "build", str(manifest), "p"]
    temporary = tmp_path / "t"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
    )
    assert process.stderr is not None
    process.stderr.readline()
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert list(temporary.iterdir()) == []
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "nothing is half-made" in said
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(("size", "status"), [("1.5 kB", 0), ("90", 2), ("much", 2)])
def test_the_limit_of_an_image_is_written_as_people_write_sizes(
    manifest: Path, tmp_path: Path, size: str, status: int
) -> None:
    done = run("build", manifest, tmp_path / "p", "--engine", "inline", "--max-image-bytes", size)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert status == 0 or "--max-image-bytes" in done.stderr
