"""A package that came over in part, or may not be read: one clear error, which names the newest whole version."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import make
import numpy as np
import pytest
from test_cli import run

import datapkg
from datapkg.durable import sealed
from datapkg.errors import DamageError, StoreError, VersionError

WHOLE = "; version 1 is whole, and can be opened"


@pytest.fixture
def two(manifest: Path, package: Path) -> Path:
    """A package of two versions, which differ in the table of wells."""
    make.text(manifest.parent / "wells.csv", "Well,Gene,Count,Area\n005,AURKB,1,0.5\n")
    make.build(manifest, package)
    return package


def newest(folder: Path) -> Path:
    """The file that was written last."""
    return max(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)


def read(package: Path) -> object:
    return datapkg.open(package)["wells"].to_pandas()


def ask(package: Path) -> object:
    return datapkg.open(package).sql("from wells").to_pandas()


def look(package: Path) -> np.ndarray:
    return datapkg.open(package)["frames"].image(0)


LOST: dict[str, Callable[[Path], None]] = {
    "data": lambda package: newest(package / "wells.lance" / "data").unlink(),
    "cut data": lambda package: os.truncate(newest(package / "wells.lance" / "data"), 40),
    "list of files": lambda package: (package / "versions" / "2.files.json").unlink(),
    "record": lambda package: os.truncate(package / "versions" / "2.json", 40),
    "empty record": lambda package: os.truncate(package / "versions" / "2.json", 0),
}


@pytest.mark.parametrize("work", [read, ask])
@pytest.mark.parametrize("lose", LOST.values(), ids=LOST.keys())
def test_what_is_lost_is_told_with_the_newest_whole_version(
    lose: Callable[[Path], None], work: Callable[[Path], object], two: Path
) -> None:
    lose(two)
    with pytest.raises(DamageError) as told:
        work(two)
    assert told.value.fix.endswith(WHOLE)
    assert datapkg.open(two, version=1)["wells"].to_pandas()["Gene"][0] == "KIF11"


def test_images_that_are_lost_are_told_with_the_newest_whole_version(manifest: Path, package: Path) -> None:
    make.tiff(manifest.parent / "images" / "p2" / "A02_7.tif", make.image(9))
    make.build(manifest, package)
    newest(package / "frames.lance" / "data").unlink()
    with pytest.raises(DamageError) as told:
        datapkg.open(package)["frames"].image(3)
    assert told.value.fix.endswith(WHOLE)
    assert np.array_equal(look(package), make.image(0))


def test_where_nothing_is_whole_nothing_is_named(two: Path) -> None:
    for data in (two / "frames.lance" / "data").iterdir():
        data.unlink()
    with pytest.raises(DamageError) as told:
        look(two)
    assert "is whole" not in told.value.fix and "copy the package again" in told.value.fix


@pytest.mark.parametrize("name", ["versions/2.json", "versions/2.files.json", "releases/1.0.0.json"])
@pytest.mark.parametrize("what", ["folder", "loop"])
def test_a_file_that_cannot_be_read_is_damage(name: str, what: str, two: Path) -> None:
    (two / name).unlink()
    if what == "folder":
        (two / name).mkdir()
    else:
        (two / name).symlink_to(two / name)
    version = "1.0.0" if "releases" in name else None
    with pytest.raises(DamageError, match=r"cannot be read|missing or damaged"):
        datapkg.open(two, version=version)["wells"].to_pandas()
    done = run("show", two, *(["--version", version] if version else []))
    assert "Traceback" not in done.stderr and (done.returncode == 2 or "2.files" in name)
    assert not datapkg.verify(two).ok


def test_a_newer_format_says_which_datapkg_reads_it(two: Path) -> None:
    path = two / "versions" / "2.json"
    record = json.loads(path.read_text("utf-8"))
    del record["blake3"]
    path.write_bytes(sealed({**record, "format": 2, "datapkg": "9.1"}))
    with pytest.raises(VersionError, match=r"format 2 is newer .*\n  fix: install datapkg 9.1 or newer"):
        datapkg.open(two)
    assert datapkg.open(two, version=1).version == 1


WITHOUT_RIGHTS = """
import os, sys, datapkg
from datapkg.errors import StoreError

def ways(package):
    yield lambda: datapkg.open(package)["wells"].to_pandas()
    yield lambda: datapkg.open(package).sql("from wells").to_pandas()
    yield lambda: datapkg.open(package, version="1.0.0")["wells"].to_pandas()
    yield lambda: datapkg.open(package)["frames"].image(0)

package, name = sys.argv[1:]
for way in ways(package):
    way()  # all modules are loaded before the rights to them go
datapkg.verify(package)
os.chmod(os.path.join(package, name), 0)
if os.geteuid() == 0:
    os.seteuid(65534)
refused = []
for way in ways(package):
    try:
        way()
    except StoreError as error:
        refused.append(str(error))
print(*refused, sep="\\n")
try:
    print(datapkg.verify(package).ok)
except StoreError as error:
    print("StoreError")
"""


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "versions",
        "versions/2.json",
        "versions/2.files.json",
        "releases/1.0.0.json",
        "wells.lance",
        "wells.lance/data",
        "frames.lance/data",
    ],
)
def test_a_package_that_may_not_be_read_says_so(name: str, two: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:  # others may look into it, as they may not into tmp_path
        Path(folder).chmod(0o755)
        package = shutil.copytree(two, Path(folder) / "p")
        command = [sys.executable, "-c", WITHOUT_RIGHTS, str(package), name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        (package / name).chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "check the permissions" in done.stdout
    assert done.stdout.splitlines()[-1] in ("False", "StoreError")


def test_a_package_without_its_versions_is_told_as_a_part(two: Path) -> None:
    shutil.rmtree(two / "versions")
    with pytest.raises(StoreError, match="an incomplete copy"):
        datapkg.open(two)
