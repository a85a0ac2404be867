"""What `status` says of derived columns: what would be computed, and why; nothing that a manifest names is run for it."""

from __future__ import annotations

from pathlib import Path

import make
import make_derive
import pytest
from make_derive import calls
from make_growth import tif
from test_deriving import derived
from test_increments import data, manifest

import datapkg
from datapkg.cli.progress import Lines
from datapkg.deriving.code import code_of

__all__ = ["data", "derived", "manifest"]


def due(manifest: Path, package: Path) -> dict[str, str]:
    return dict(datapkg.status(manifest, package).derived)


def test_everything_is_new_at_first_and_nothing_later(derived: Path, data: Path, tmp_path: Path) -> None:
    make.text(data / "f.py", "raise SystemExit('status must not import this')\n")
    assert due(derived, tmp_path / "p") == dict.fromkeys(
        ["frames.mean", "frames.doubled", "frames.low, high", "crops", "crops.label", "wells.density"],
        "it is new",
    )
    make_derive.functions(data)
    make.build(derived, tmp_path / "p")
    assert datapkg.status(derived, tmp_path / "p").ok
    assert not due(derived, tmp_path / "p")


def test_a_changed_file_and_a_changed_recipe_are_told(derived: Path, data: Path, tmp_path: Path) -> None:
    make.build(derived, tmp_path / "p")
    calls(data)
    tif("p05", 99)(data)
    one = "1 file is new or changed"
    names = ("frames.mean", "frames.doubled", "frames.low, high", "crops", "crops.label")
    assert due(derived, tmp_path / "p") == dict.fromkeys(names, one)
    make_derive.manifest(derived, make_derive.DERIVE.replace("times: 2", "times: 3"))
    assert due(derived, tmp_path / "p")["frames.mean"] == "its arguments are others"
    make_derive.functions(data, "\nimport pandas\n")
    assert due(derived, tmp_path / "p")["crops"] == "the code of its function is another"
    assert "frames.mean: computed, since the code of its function is another" in str(
        datapkg.status(derived, tmp_path / "p")
    )
    assert not calls(data)


def test_what_is_not_named_any_more_is_told(derived: Path, tmp_path: Path) -> None:
    make.build(derived, tmp_path / "p")
    make_derive.manifest(
        derived, make_derive.DERIVE.splitlines(True)[0] + make_derive.DERIVE.splitlines(True)[1]
    )
    found = datapkg.status(derived, tmp_path / "p")
    assert (found.gone, found.dropped) == (("crops",), ("wells.density", "frames.doubled", "frames.low"))
    assert not found.ok


def test_code_is_the_file_and_what_it_imports_from_beside_it(tmp_path: Path) -> None:
    make.text(tmp_path / "f.py", "import numpy\nfrom beside import x\n")
    make.text(tmp_path / "beside.py", "import yaml_of_nobody\nfrom skimage import filters\n")
    make.text(tmp_path / "other.py", "1\n")
    first = code_of("f.py:g", tmp_path)
    assert set(first.imported) == {"numpy", "scikit-image"}
    make.text(tmp_path / "other.py", "2\n")
    assert code_of("f.py:g", tmp_path) == first
    make.text(tmp_path / "beside.py", "from skimage import filters\n")
    assert code_of("f.py:g", tmp_path).digest != first.digest


def test_code_is_what_is_imported_when_a_function_is_called_and_packages_beside_it(tmp_path: Path) -> None:
    make.text(tmp_path / "f.py", "def g(image):\n    from tools.cut import c\n    return c(image)\n")
    make.text(tmp_path / "tools" / "__init__.py", "")
    make.text(tmp_path / "tools" / "cut.py", "from . import deep\nimport scipy\n\ndef c(image): ...\n")
    make.text(tmp_path / "tools" / "deep" / "__init__.py", "import beside\n")
    make.text(tmp_path / "beside.py", "X = 1\n")
    codes = [code_of("f.py:g", tmp_path)]
    assert list(codes[0].imported) == ["scipy"]
    for path in ("tools/cut.py", "tools/deep/__init__.py", "beside.py"):
        make.text(tmp_path / path, (tmp_path / path).read_text() + "\n")
        codes.append(code_of("f.py:g", tmp_path))
    assert len({code.digest for code in codes}) == 4


def test_code_of_a_package_that_is_not_installed_is_all_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.text(tmp_path / "mine" / "__init__.py", "")
    make.text(tmp_path / "mine" / "f.py", "from mine.other import x\n")
    make.text(tmp_path / "mine" / "other.py", "x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    first = code_of("mine.f:g", tmp_path)
    make.text(tmp_path / "mine" / "other.py", "x = 2\n")
    assert code_of("mine.f:g", tmp_path).digest != first.digest


@pytest.mark.parametrize("function", ["skimage.filters:gaussian", "numpy:size"])
def test_an_installed_function_is_known_by_its_distribution(function: str, tmp_path: Path) -> None:
    code = code_of(function, tmp_path)
    assert list(code.own) in (["scikit-image"], ["numpy"])
    assert code.digest
    assert not code.imported


def test_a_function_of_pythons_own_is_known_by_its_version(tmp_path: Path) -> None:
    assert list(code_of("math:sqrt", tmp_path).own) == ["python"]
    assert code_of("no_such_module:f", tmp_path).digest == ""


def test_progress_counts_rows(derived: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make.build(derived, tmp_path / "p", progress=Lines())
    said = capsys.readouterr().err.splitlines()
    assert {"computing frames.mean: 12 rows", "storing frames.mean: 12 rows"} <= set(said)
    assert any(line.startswith("looking at frames: 12 files, ") for line in said)
