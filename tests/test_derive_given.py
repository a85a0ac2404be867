"""Files that arguments name, such as weights of a model: another file is another recipe."""

from __future__ import annotations

from pathlib import Path

import make
import make_derive
import pytest
from make_derive import calls
from test_increments import data, manifest

import datapkg
from datapkg.errors import DeriveError, LockedError, ManifestError

__all__ = ["data", "manifest"]
OWN = """

def scaled(image, weights, more=None):
    called("scaled")
    return float(image.mean()) * float(Path(weights).read_text())


class Scaled:
    def __init__(self, weights):
        called("made")
        self.times = [float(path.read_text()) for path in sorted(Path(weights["all"]).glob("*.txt"))]

    def __call__(self, images):
        called("batch")
        return [float(image.mean()) * sum(self.times) for image in images]
"""
FILE = '{table: frames, column: m, function: "f.py:scaled", args: {weights: {file: w/a.txt}}, input: image_array, output: float64}'
FOLDER = '{table: frames, column: m, function: "f.py:Scaled", args: {weights: {all: {folder: w}}}, input: image_array, output: float64}'


@pytest.fixture
def given(manifest: Path, data: Path) -> Path:
    make_derive.functions(data, OWN)
    make.text(data / "w" / "a.txt", "2")
    make.text(data / "w" / "b.txt", "3")
    return manifest


def derive(manifest: Path, entry: str) -> Path:
    return make_derive.manifest(manifest, f"derive:\n  - {entry}\n")


def first(package: Path) -> float:
    return float(datapkg.open(package)["frames"].to_arrow(["m"])["m"][0].as_py() / make.image(0).mean())


@pytest.mark.parametrize(("entry", "times"), [(FILE, (2, 7)), (FOLDER, (5, 10))])
def test_values_are_computed_again_where_a_file_is_another(
    entry: str, times: tuple[int, int], given: Path, data: Path, tmp_path: Path
) -> None:
    derive(given, entry)
    make.build(given, tmp_path / "p")
    assert first(tmp_path / "p") == pytest.approx(times[0])
    calls(data)
    make.text(data / "f2.txt", "nobody reads this")
    assert not make.build(given, tmp_path / "p").created
    make.text(data / "w" / "a.txt", "2")  # the same again
    assert not make.build(given, tmp_path / "p").created
    assert not calls(data)
    make.text(data / "w" / "a.txt", "7")
    (told,) = datapkg.status(given, tmp_path / "p").derived.values()
    assert told == f"the file {'w/a.txt' if entry == FILE else 'w'}, which an argument names, is another"
    with pytest.raises(LockedError, match="derived"):
        make.build(given, tmp_path / "locked", locked=True)
    report = make.build(given, tmp_path / "p")
    assert (report.version, first(tmp_path / "p")) == (2, pytest.approx(times[1]))
    assert report.digest == make.build(given, tmp_path / "clean").digest
    (made,) = datapkg.open(tmp_path / "p")["frames"].lineage
    old = datapkg.open(tmp_path / "p", version=1)["frames"].lineage[0]
    assert made["files"].keys() == old["files"].keys()
    assert made["files"] != old["files"]


def test_files_of_an_allowed_folder(given: Path, data: Path, tmp_path: Path) -> None:
    make.text(tmp_path / "models" / "w.txt", "4")
    derive(given, FILE.replace("w/a.txt", '"@models/w.txt"'))
    make.build(given, tmp_path / "p", allow={"models": tmp_path / "models"})
    assert first(tmp_path / "p") == pytest.approx(4)
    with pytest.raises(ManifestError, match=r"manifest.yaml:\d+:\d+: @models is no folder of allow"):
        make.build(given, tmp_path / "p")
    (data / "out.txt").symlink_to(tmp_path / "models" / "w.txt")
    derive(given, FILE.replace("w/a.txt", "out.txt"))
    with pytest.raises(DeriveError, match=r"file out.txt: lies outside of the manifest's folder"):
        make.build(given, tmp_path / "p")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("w/c.txt", "there is no file 'w/c.txt' beside the manifest"),
        ("w", "there is no file 'w' beside the manifest"),
        ("../w.txt", "lies outside of the manifest's folder\n.*list its folder under allow"),
        ("/etc/passwd", "lies outside of the manifest's folder"),
    ],
)
def test_a_file_that_is_not_there_or_outside_is_told_with_its_line(name: str, said: str, given: Path) -> None:
    derive(given, FILE.replace("w/a.txt", name))
    with pytest.raises(ManifestError, match=rf"manifest.yaml:\d+:\d+: .*{said}"):
        make.build(given, given.parent / "p")
