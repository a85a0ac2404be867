"""What the documents say is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import PROJECT
from typer.main import get_command

from datapkg.cli import app
from datapkg.manifest import load

README = (PROJECT / "README.md").read_text("utf-8")
PAGES = [
    path for folder in (PROJECT, PROJECT / "docs", PROJECT / "docs" / "adr") for path in folder.glob("*.md")
]


def test_every_command_is_in_the_readme_and_no_other() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    table = README[README.index("## The command line") :]
    assert set(re.findall(r"\| `datapkg (\w+)", table)) == commands


def test_the_manifest_of_the_readme_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.S)
    path = tmp_path / "manifest.yaml"
    path.write_text(text.replace("../data", "."), "utf-8")
    manifest = load.load(path).manifest
    assert [resource.name for resource in manifest.resources] == ["profiles", "frames", "movies"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datapkg

    monkeypatch.chdir(PROJECT)
    target = str(tmp_path / "screen.datapkg")
    datapkg.build("manifests/screen.yaml", target, engine="inline")
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) >= 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(block.replace("screen.datapkg", target), names)
    assert names["frames"].image_array.iloc[0].dtype == "uint16"  # type: ignore[attr-defined]


def test_the_lock_has_hashes_and_names_no_index() -> None:
    lock = (PROJECT / "requirements.lock").read_text("utf-8")
    assert lock.count("==") > 50
    assert lock.count("--hash=sha256:") > lock.count("==")
    assert "://" not in lock
    assert "--index" not in lock
