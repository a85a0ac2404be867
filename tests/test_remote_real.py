"""The published manifests: their files are fetched from a copy of the origins, and held to their locks."""

from __future__ import annotations

import csv
from pathlib import Path

import make
import pytest
from make_web import Site

import datapkg
from datapkg.lock import read_lock
from datapkg.manifest.load import load

MANIFESTS = make.PROJECT / "manifests"
RAW = "https://raw.githubusercontent.com"
MOVED = {
    "cell_health/idr0080-screenA-annotation.csv": f"{RAW}/IDR/idr0080-way-perturbation/74e537fe/screenA/idr0080-screenA-annotation.csv"
}
"""Origins that the list of files tells in other words."""
SETS = [
    "nf1-plate2",
    "examplehuman",
    "cell-health",
    "phenotypic-profiling",
    "idr0020-barr-chtog",
    "ome-artificial",
]


def origins(shared: Path) -> dict[str, tuple[str, str]]:
    """Where each of the shared files comes from: its path there and its sha256, by address."""
    found = {}
    with open(shared / "open" / "SOURCES.tsv", encoding="utf-8", newline="") as listed:
        for row in csv.DictReader(listed, delimiter="\t"):
            repository, _, rest = row["origin"].partition("@")
            commit, _, path = rest.partition(":")
            address = MOVED.get(row["file"], f"{RAW}/{repository}/{commit}/{path}")
            if path and " " not in address:
                found[address] = row["file"], row["sha256"]
    return found


@pytest.fixture
def folder_mirror(shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    places = [f"{address}={shared}/open/{file}" for address, (file, _) in origins(shared).items()]
    monkeypatch.setenv("DATAPKG_MIRROR", "\n".join(places))
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", SETS)
def test_a_published_set_is_what_its_lock_says(folder_mirror: None, name: str, tmp_path: Path) -> None:
    manifest = MANIFESTS / f"{name}.yaml"
    report = make.build(manifest, tmp_path / "p", locked=True)
    assert report.release == "1.0.0"
    assert datapkg.open(tmp_path / "p").digest == read_lock(manifest).digest


@pytest.mark.parametrize("name", SETS)
def test_the_lock_has_the_hashes_of_the_origins(shared: Path, name: str) -> None:
    known = origins(shared)
    sources = read_lock(MANIFESTS / f"{name}.yaml").sources
    assert sources and [source.sha256 for source in sources] == [known[source.path][1] for source in sources]


@pytest.mark.parametrize("name", SETS)
def test_a_published_set_says_whose_it_is(name: str) -> None:
    manifest = load(MANIFESTS / f"{name}.yaml").manifest
    assert manifest.licenses and manifest.contributors and manifest.sources and manifest.title
    assert manifest.citation or name == "ome-artificial"


def test_a_server_gives_the_same_as_a_folder(
    shared: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = []
    for address, (file, _) in origins(shared).items():
        if "/tests/data/cellprofiler/ExampleHuman/" in address:
            places.append(f"{address}={site.put(file, (shared / 'open' / file).read_bytes())}")
    monkeypatch.setenv("DATAPKG_MIRROR", " ".join(places))
    make.build(MANIFESTS / "examplehuman.yaml", tmp_path / "p", locked=True)
    assert len(site.asked) == 9
    package = datapkg.open(tmp_path / "p")
    shown = package["image"].with_images()
    assert shown.image_DNA.iloc[0].shape == (512, 512)
    assert datapkg.verify(tmp_path / "p", sources=MANIFESTS / "examplehuman.yaml").ok
    assert len(site.asked) == 9
