"""What the documents say is true."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import PROJECT
from typer.main import get_command

from datapkg.cli import app
from datapkg.manifest import load

README = (PROJECT / "README.md").read_text("utf-8")
REMOTE = (PROJECT / "docs" / "remote.md").read_text("utf-8")
CH5 = (PROJECT / "docs" / "ch5.md").read_text("utf-8")
IMAGE_SIZES = {"size_y", "size_z", "size_c"}
PAGES = [
    path for folder in (PROJECT, PROJECT / "docs", PROJECT / "docs" / "adr") for path in folder.glob("*.md")
]


def test_every_command_is_in_the_readme_and_no_other() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    table = README[README.index("## The command line") :]
    assert set(re.findall(r"\| `datapkg (\w+)", table)) == commands


def test_the_manifest_of_the_readme_is_one(tmp_path: Path) -> None:
    text, _, derived = re.findall(r"```yaml\n(.*?)```", README, re.S)
    path = tmp_path / "manifest.yaml"
    path.write_text(text.replace("../data", ".") + derived, "utf-8")
    (tmp_path / "f.py").write_text("")
    manifest = load.load(path).manifest
    assert [resource.name for resource in manifest.resources] == ["profiles", "frames", "movies"]
    assert [entry.columns or entry.into for entry in manifest.derive] == [("smooth",), ("bright",), "nuclei"]


@pytest.mark.parametrize("page", [README, REMOTE], ids=["README.md", "remote.md"])
def test_the_addresses_that_pages_show_are_a_manifest(page: str, tmp_path: Path) -> None:
    (text,) = [one for one in re.findall(r"```yaml\n(.*?)```", page, re.S) if "s3://" in one]
    path = tmp_path / "manifest.yaml"
    path.write_text("name: far\n" + text.replace("sha256:...", f"sha256:{'0' * 64}"), "utf-8")
    kinds = {resource.name: resource.type for resource in load.load(path).manifest.resources}
    assert kinds == {"wells": "table", "frames": "images", "masks": "images"}


@pytest.mark.parametrize("name", sorted(re.findall(r"`(manifests/[^`]+)`", REMOTE)))
def test_the_published_sets_are_there_with_their_locks(name: str) -> None:
    assert (PROJECT / name).is_file() and (PROJECT / name).with_suffix(".lock").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sample package."""
    import datapkg

    target = str(tmp_path_factory.mktemp("sample") / "screen.datapkg")
    datapkg.build(PROJECT / "manifests" / "screen.yaml", target, engine="inline")
    return target


def run_python(page: str, sample: str) -> dict[str, Any]:
    """Run a page's Python, block after block, on the sample; returns its names. No example shows an empty frame."""
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) >= 3
    names: dict[str, Any] = {}
    for block in blocks:
        for part in ast.parse(block.replace("screen.datapkg", sample)).body:
            if isinstance(part, ast.Expr):
                shown = eval(ast.unparse(part.value), names)
                unchanged = "diff(" in ast.unparse(part)
                assert unchanged or not isinstance(shown, pd.DataFrame) or len(shown), ast.unparse(part)
            else:
                exec(ast.unparse(part), names)
    return names


def test_the_python_of_the_readme_runs(sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    names = run_python(README, sample)
    assert names["frames"].image_array.iloc[0].dtype == "uint16"
    assert names["movie"].shape == (6, 96, 128)


def test_the_python_of_the_page_on_ch5_runs(sample: str) -> None:
    names = run_python(CH5, sample)
    assert len(names["measured"]) == len(names["timed"]) == len(names["objects"]) > 0
    assert len(names["steps"]) == len(names["edges"]) > 0
    assert set(names["steps"]["t_to"] - names["steps"]["t_from"]) == {1}
    assert names["thumbnails"].shape == (len(names["dividing"]), 48, 48)
    assert names["mothers"]["track_id"].nunique() >= 2


def test_the_page_on_ch5_names_every_column(sample: str) -> None:
    import datapkg

    package = datapkg.open(sample)
    for name in package:
        if name.startswith("movies") and not name.startswith("movies_features_"):
            known = set(re.findall(r"`([a-z0-9_]+)`", CH5))
            left = set(package[name].columns) - known - IMAGE_SIZES
            if name in ("movies_channels", "movies_regions"):  # all fields of the file
                left = set()
            assert {column for column in left if not column.startswith("classifier_")} == set(), name


def test_the_manifest_of_the_page_on_ch5_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", CH5, re.S)
    path = tmp_path / "manifest.yaml"
    path.write_text(f"name: m\n{text}", "utf-8")
    (movies,) = load.load(path).manifest.resources
    assert (movies.channels, movies.regions, movies.frames) == (("primary",), (0,), ("0-9", 12))


@pytest.mark.parametrize(("name", "least"), [("requirements.lock", 50), ("requirements.lowest.lock", 3)])
def test_a_lock_has_hashes_and_names_no_index(name: str, least: int) -> None:
    lock = (PROJECT / name).read_text("utf-8")
    assert lock.count("==") >= least
    assert lock.count("--hash=sha256:") > lock.count("==")
    assert "://" not in lock
    assert "--index" not in lock


def test_the_lowest_lock_is_that_of_the_bounds() -> None:
    bounds = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    allowed = dict(bound.split(">=") for bound in bounds)
    lock = dict(
        re.findall(r"^(\w+)==([\d.]+)", (PROJECT / "requirements.lowest.lock").read_text("utf-8"), re.M)
    )
    assert set(lock) == {"numpy", "pandas", "pyarrow"}
    for name, locked in lock.items():
        assert f"{locked}.".startswith(f"{allowed[name]}."), name
