"""The layers of pyproject.toml hold, and no module has grown out of one idea."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT

MODULES = sorted((PROJECT / "datapkg").rglob("*.py"))
TESTS = sorted((PROJECT / "tests").rglob("*.py"))


def test_imports_point_down() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_a_module_is_one_idea_and_a_function_fits_a_screen(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= 400
    long = [
        f"{node.name}: {size}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        and (size := (node.end_lineno or 0) - node.lineno - (ast.get_docstring(node) or "").count("\n")) > 50
    ]
    assert not long


@pytest.mark.parametrize("path", TESTS, ids=lambda p: p.name)
def test_a_test_file_stays_readable(path: Path) -> None:
    assert path.read_text("utf-8").count("\n") <= 400
