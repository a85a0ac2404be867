"""Functions run from their source, whatever bytecode Python kept of them: it cannot tell an edit at once of one letter."""

from __future__ import annotations

import os
import py_compile
from pathlib import Path

import make
import pytest

import datapkg
from datapkg.report import Report


def written(path: Path, content: str) -> None:
    """Write a module, with a time that all have; where there was one, its bytecode is kept."""
    if path.exists():
        os.utime(path, (10**9, 10**9))
        py_compile.compile(str(path))
        assert len(content) == path.stat().st_size
    os.utime(make.text(path, content), (10**9, 10**9))


def built(function: str, package: Path, engine: str) -> tuple[list[int], Report]:
    derive = f"{{table: t, column: m, function: '{function}', input: n, output: int64}}"
    manifest = make.manifest(package.parent / "data", 'name: t, path: "*.csv"')
    manifest.write_text(f"{manifest.read_text()}derive:\n  - {derive}\n")
    report = datapkg.build(manifest, package, engine=engine, workers=1)
    return datapkg.open(package)["t"].to_pandas()["m"].tolist(), report


OWN = "def scaled(n):\n    return n * 2\n"
LATE = "def scaled(n):\n    import besides\n\n    return n * besides.TIMES\n"
OF_PACKAGE = "from besides.times import TIMES\n\ndef scaled(n):\n    return n * TIMES\n"


@pytest.mark.parametrize(
    ("function", "edited"),
    [(OWN, "f.py"), (LATE, "besides.py"), (OF_PACKAGE, "besides/times.py")],
    ids=["its file", "a module beside it", "a package beside it"],
)
@pytest.mark.parametrize("engine", ["inline", "local"])
def test_bytecode_of_what_a_file_was_is_not_run(
    engine: str, function: str, edited: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    make.text(data / "t.csv", "n\n1\n2\n")
    if "/" in edited:
        make.text(data / "besides" / "__init__.py", "")
    written(data / "f.py", function)
    times = function if edited == "f.py" else "TIMES = 2\n"
    written(data / edited, times)
    assert built("f.py:scaled", tmp_path / "p", engine)[0] == [2, 4]
    written(data / edited, times.replace("2", "3"))
    assert built("f.py:scaled", tmp_path / "p", engine)[0] == [3, 6]


def test_no_bytecode_is_written_beside_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    data = tmp_path / "data"
    make.text(data / "t.csv", "n\n1\n2\n")
    make.text(data / "f.py", LATE)
    make.text(data / "besides.py", "TIMES = 2\n")
    for engine in ("inline", "local"):
        assert built("f.py:scaled", tmp_path / engine, engine)[0] == [2, 4]
    assert {path.name for path in data.iterdir()} - {"manifest.lock"} == {
        "t.csv",
        "f.py",
        "besides.py",
        "manifest.yaml",
    }


def test_bytecode_of_what_a_module_was_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is imported by its name, from a project that is not installed; each build has a process of its own."""
    code = tmp_path / "code"
    monkeypatch.setenv("PYTHONPATH", f"{code}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(code)
    make.text(tmp_path / "data" / "t.csv", "n\n1\n2\n")
    make.text(code / "scaling_of_mine" / "__init__.py", "")
    module = code / "scaling_of_mine" / "whole.py"
    written(module, OWN)
    assert built("scaling_of_mine.whole:scaled", tmp_path / "p", "local")[0] == [2, 4]
    written(module, OWN.replace("2", "3"))
    assert built("scaling_of_mine.whole:scaled", tmp_path / "p", "local")[0] == [3, 6]
