"""A data repository's own gate: every step runs, what is wrong ends it, and the difference reads well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import make
import pytest
from conftest import PROJECT
from ruamel.yaml import YAML
from test_cli import assert_error, run

import datapkg
from datapkg.errors import ManifestError, StoreError, VersionError


@pytest.fixture
def published(tmp_path: Path, manifest: Path) -> Path:
    """The package of the manifest as it is, under release 1.0.0; the build writes the lock."""
    make.build(manifest, tmp_path / "published")
    return tmp_path / "published"


def test_all_steps_pass_and_nothing_stays(
    manifest: Path, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    before = make.tree(tmp_path)
    report = datapkg.ci(manifest, against=published, workers=1)
    assert report.ok
    assert [(step.name, step.status) for step in report.steps] == [
        ("check", 0),
        ("build --locked", 0),
        ("verify", 0),
    ]
    assert report.difference is not None
    assert report.difference.ok
    assert "release 1.0.0 -> this build" in str(report)
    assert "The content is equal." in report.as_markdown()
    assert make.tree(tmp_path) == before


def test_a_changed_file_is_not_what_the_lock_says(manifest: Path, published: Path) -> None:
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    report = datapkg.ci(manifest, against=published, workers=1)
    assert not report.ok
    assert [(step.name, step.status) for step in report.steps] == [("check", 0), ("build --locked", 1)]
    assert "wells.csv" in report.as_markdown()
    assert "| build --locked | not as it should be |" in report.as_markdown()


def test_a_mistake_in_the_manifest_ends_it(manifest: Path, published: Path) -> None:
    (manifest.parent / "wells.csv").unlink()
    report = datapkg.ci(manifest, workers=1)
    assert [(step.name, step.status) for step in report.steps] == [("check", 1)]
    assert "wells.csv" in str(report)


def test_without_a_lock_the_build_is_an_error(manifest: Path) -> None:
    report = datapkg.ci(manifest, workers=1)
    assert [(step.name, step.status) for step in report.steps] == [("check", 0), ("build --locked", 2)]
    assert "lock" in report.steps[-1].said
    assert "| build --locked | failed |" in report.as_markdown()


def test_what_cannot_be_tried_at_all_is_an_error(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"none\.yaml"):
        datapkg.ci(tmp_path / "none.yaml")
    with pytest.raises(StoreError, match="no such folder"):
        datapkg.ci(manifest, against=tmp_path / "nothing")


def test_the_command_shows_what_changed_since_the_release(
    manifest: Path, published: Path, tmp_path: Path
) -> None:
    make.text(manifest.parent / "wells.csv", "Well,Gene,Count,Area\n005,A|B,1,0.5\n042,,3,1.5\n")
    make.build(manifest, tmp_path / "trial")
    summary = tmp_path / "summary.md"
    done = run("ci", manifest, tmp_path / "kept", "--against", published, "--summary", summary)
    assert done.returncode == 0, done.stderr
    assert "release 1.0.0 -> this build" in done.stdout
    text = summary.read_text()
    assert "| verify | passed |" in text
    assert "| wells | changed | - | - | 2 | 2 | - |" in text
    assert "```diff" in text
    assert "A|B" in text
    assert len(datapkg.open(tmp_path / "kept").tables) == 2
    as_json = json.loads(run("ci", manifest, "--against", published, "--json").stdout)
    assert (as_json["ok"], len(as_json["steps"])) == (True, 3)
    assert_error(run("ci", manifest, "--summary", tmp_path / "no" / "s.md"), 2, "summary cannot be written")


def test_diff_compares_with_the_last_release_by_default(
    manifest: Path, published: Path, tmp_path: Path
) -> None:
    alone = run("diff", published)
    assert_error(alone, 2, "no version before 1 has a release name", "datapkg log")
    make.text(manifest.parent / "wells.csv", "Well,Gene,Count,Area\n005,KIF11,7,0.5\n")
    make.build(manifest, published)
    done = run("diff", published, "--format", "markdown")
    assert done.returncode == 0, done.stderr
    assert "version 1 (release 1.0.0) -\\> version 2" in done.stdout
    assert run("diff", published, "1", "2", "--format", "markdown").stdout == done.stdout
    assert datapkg.open(published).diff().as_markdown() + "\n" == done.stdout
    assert json.loads(run("diff", published, "--format", "json").stdout) == json.loads(
        run("diff", published, "1", "--json").stdout
    )
    assert_error(run("diff", published, "1", "--format", "markdown", "--json"), 2, "--format")
    other = run("diff", published, "--other", published)
    assert other.returncode == 0, other.stderr
    with pytest.raises(VersionError, match="no version before 1"):
        datapkg.open(published, version=1).diff()


def test_the_workflow_proves_and_publishes(manifest: Path, published: Path, tmp_path: Path) -> None:
    workflow = YAML(typ="safe").load((PROJECT / "docs" / "ci" / "data-repository.yml").read_text("utf-8"))
    steps = {step["name"]: step for step in workflow["jobs"]["package"]["steps"] if "name" in step}
    assert workflow["on"]["pull_request"] is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "datapkg").write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from datapkg.cli import main; main()" "$@"\n'
    )
    (tmp_path / "bin" / "datapkg").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "MANIFEST": str(manifest),
        "PUBLISHED": str(published),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "shown.md"),
    }
    for name in ("prove", "show", "publish"):
        done = subprocess.run(
            ["bash", "-e", "-c", steps[name]["run"]],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert "| verify | passed |" in (tmp_path / "shown.md").read_text()
    assert datapkg.open(published).version == 1
    assert {"--edit-last", "--body-file", "summary.md"} <= set(steps["comment"]["run"].split())


def test_the_hooks_name_commands_that_are_there() -> None:
    hooks = YAML(typ="safe").load((PROJECT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    for hook in hooks:
        assert run(*hook["entry"].split()[1:], "--help").returncode == 0
        assert f"id: {hook['id']}" in (PROJECT / "docs" / "ci.md").read_text("utf-8")
