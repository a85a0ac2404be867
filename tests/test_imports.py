"""What is imported when: checked by what is loaded, never by a clock."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import datapkg

HEAVY = {"lance", "lancedb", "pandas", "numpy", "pyarrow", "awkward", "duckdb", "h5py", "tifffile", "skimage"}
HEAVY |= {"pydantic", "ruamel", "blake3", "imagecodecs", "scipy", "obstore"}


def loaded_after(code: str) -> set[str]:
    """Top-level modules that `code` loads, beside those of Python alone."""
    script = f"import sys; before = set(sys.modules)\n{code}\nimport json; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_import_datapkg_loads_nothing_but_the_standard_library() -> None:
    assert loaded_after("import datapkg") <= {"datapkg", *sys.stdlib_module_names}


def test_help_loads_no_library_that_reads_data() -> None:
    code = "import sys; sys.argv = ['datapkg', '--help']\nfrom datapkg.cli import main\ntry: main()\nexcept SystemExit: pass"
    assert not loaded_after(code) & HEAVY


@pytest.mark.parametrize("name", ["build", "open", "Package", "Table", "DatapkgError"])
def test_public_names_are_there(name: str) -> None:
    import datapkg

    assert name in dir(datapkg)
    assert getattr(datapkg, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    import datapkg

    with pytest.raises(AttributeError, match="opne"):
        datapkg.opne  # noqa: B018


def test_no_public_name_is_a_modules_name() -> None:
    modules = {path.stem for path in Path(datapkg.__file__).parent.iterdir()}
    assert not modules & set(datapkg.NAMES)
