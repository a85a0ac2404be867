"""What holds for a package in a folder holds in a bucket."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest
import stores
from stores import BOTH, MOTO
from test_cli import run

import datapkg
from datapkg import removed, versions
from datapkg.cache import cache_folder
from datapkg.places import place

WELLS = "Well,Count\nB02,1\nB03,2\n"

OPENING = 2
"""The list of versions, and a record."""
STATE = 3
"""The list of a version's files, the table's state, and one of the engine's own."""


@BOTH
def test_a_package_lives_in_a_bucket_as_in_a_folder(
    manifest: Path, tmp_path: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    local = make.build(manifest, tmp_path / "p")
    first = make.build(manifest, uri, **options)
    assert (first.version, first.created, first.digest, first.package) == (1, True, local.digest, uri)
    assert not make.build(manifest, uri, **options).created
    make.text(manifest.parent / "wells.csv", WELLS)
    second = make.build(manifest, uri, **options)
    assert (second.version, second.digest) == (2, make.build(manifest, tmp_path / "p").digest)
    opened, kept = datapkg.open(uri), datapkg.open(tmp_path / "p")
    assert opened["wells"].to_pandas().equals(kept["wells"].to_pandas())
    for one, other in zip(opened["frames"].images([2, 0]), kept["frames"].images([2, 0]), strict=True):
        assert np.array_equal(one, other)
    assert opened["frames"].to_pandas(columns=["path"], where="Plate = 'p2'").path.to_list() == [
        "images/p2/A01_1.tif"
    ]
    assert opened.diff(1).as_json() == kept.diff(1).as_json()
    assert opened.diff(kept).ok
    assert datapkg.release(uri, "2.0.0", **options) == 2
    assert (datapkg.open(uri, version="1.0.0").version, datapkg.open(uri, version="2.0.0").version) == (1, 2)
    assert opened.versions().release.to_list() == ["1.0.0", "2.0.0"]
    assert datapkg.verify(uri, deep=True).ok
    assert datapkg.status(manifest, uri).ok
    assert sorted(make.tree(tmp_path / "p").keys() - {"releases/2.0.0.json"}) != []
    assert {name.partition("/")[0] for name in stores.listed(reached, uri)} == {
        path.name for path in (tmp_path / "p").iterdir()
    }
    assert not list((cache_folder() / "building").glob("*/*"))


@BOTH
def test_large_images_are_read_in_parts(tmp_path: Path, uri: str, options: dict[str, Any]) -> None:
    images = [make.image(seed, (700, 900)) for seed in range(4)]
    for seed, image in enumerate(images):
        make.tiff(tmp_path / f"{seed}.tif", image)
    manifest = make.manifest(tmp_path, 'name: frames, path: "*.tif"')
    make.build(manifest, uri, **options)
    opened = datapkg.open(uri, verify=True)
    assert np.array_equal(opened["frames"].image(3), images[3])
    assert datapkg.verify(uri, deep=True).ok
    assert not make.build(manifest, uri, **options).created


@MOTO
def test_a_packages_workers_read_and_write_it_too(
    manifest: Path, uri: str, reached: stores.ObjectStore
) -> None:
    told: list[str] = []
    report = datapkg.build(manifest, uri, workers=2, progress=lambda step: told.append(step.doing))
    assert {"looking at frames", "uploading"} <= set(told), set(told)
    assert datapkg.verify(uri, deep=True).digest == report.digest


@MOTO
@pytest.mark.parametrize(
    ("how", "shapes", "dtypes", "cold"),
    [
        ("", [(300, 400)], ["uint16"], 1),  # straight from where the list of files says
        (", array: packed", [(300, 400), (310, 390)], ["uint16", "uint8"], 2),
        (", keep: bytes", [(300, 400), (310, 390)], ["uint16"], 2),
        ("", [(300, 400), (310, 390)], ["uint16"], 2),  # an index, and the pixels
        ("", [(300, 400)], ["uint8", "uint16"], 1),
    ],
)
def test_what_opening_and_reading_one_image_cost(
    how: str,
    shapes: list[tuple[int, int]],
    dtypes: list[str],
    cold: int,
    tmp_path: Path,
    uri: str,
    reached: stores.ObjectStore,
) -> None:
    images = [make.image(seed, shapes[seed % len(shapes)], dtypes[seed % len(dtypes)]) for seed in range(30)]
    for seed, image in enumerate(images):
        make.tiff(tmp_path / f"{seed:02}.tif", image)
    make.build(make.manifest(tmp_path, f'name: frames, path: "*.tif"{how}'), uri)

    def cost(read: Callable[[], Any]) -> int:
        before = reached.requests()
        read()
        return reached.requests() - before

    assert cost(lambda: datapkg.open(uri)) == OPENING
    frames = datapkg.open(uri)["frames"]
    assert cost(lambda: frames.rows.pinned.lance) <= STATE
    assert cost(lambda: frames.image(7)) == cold
    assert cost(lambda: frames.image(20)) == 1
    lazy = frames.to_pandas(columns=["image_array"]).image_array
    assert cost(lambda: lazy.iloc[3]) == 1
    for seed in (3, 7, 20):
        assert np.array_equal(frames.image(seed), images[seed])
        assert frames.image(seed).dtype == images[seed].dtype


@BOTH
def test_gc_gives_back_versions_and_what_stopped_builds_left(
    manifest: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    manifest.write_text(manifest.read_text().replace('version: "1.0.0"\n', ""))
    for number in range(3):
        make.text(manifest.parent / "wells.csv", f"Well\nB{number:02}\n")
        make.build(manifest, uri, **options)
    lies = place(uri)
    staging = lies.staging("stopped")
    staging.put("wells.lance/data/x", b"rows")
    lies.put("versions/.4-00ff.files.json", b"{}")
    lies.put(".building-00ff.probe", b"1")
    planned = datapkg.gc(uri, dry_run=True, keep_last=1, grace="0s")
    assert (planned.removed, len(planned.paths)) == ((1, 2), 3)
    done = datapkg.gc(uri, keep_last=1, grace="0s")
    assert (done.removed, sorted(done.paths)) == ((1, 2), sorted(planned.paths))
    assert (versions.numbers(lies), staging.exists()) == ([3], False)
    assert datapkg.verify(uri, deep=True).ok
    assert removed.removed(lies, 2).whole
    removed.bring_back(lies, 2)
    assert datapkg.open(uri, version=2)["wells"].to_pandas().Well.to_list() == ["B01"]


@BOTH
def test_a_version_is_copied_out_of_a_bucket(
    manifest: Path, tmp_path: Path, uri: str, options: dict[str, Any]
) -> None:
    report = make.build(manifest, uri, **options)
    assert datapkg.checkout(uri, 1, tmp_path / "out") == report.digest
    assert datapkg.verify(tmp_path / "out", deep=True).ok
    assert datapkg.open(tmp_path / "out").release == "1.0.0"


@MOTO
def test_the_command_line_takes_addresses(manifest: Path, uri: str, reached: stores.ObjectStore) -> None:
    built = run("build", manifest, uri, "--json", "--workers", "1")
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["package"] == uri
    assert "up to date" in run("status", manifest, uri).stdout
    assert run("release", uri, "first").returncode == 0
    assert json.loads(run("log", uri, "--json").stdout)[0]["version"] == 1
    assert run("diff", uri, "1", "1", "--exit-code").returncode == 0


@BOTH
def test_only_what_changed_is_stored_again(
    tmp_path: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    data = tmp_path / "data"
    for seed in range(6):
        make.tiff(data / f"{seed}.tif", make.image(seed, (120, 200)))
    manifest = make.manifest(data, 'name: frames, path: "*.tif"')
    make.build(manifest, uri, **options)
    before = {name: size for name, size in sizes(uri).items() if name.startswith("frames.lance/data/")}
    make.tiff(data / "3.tif", make.image(30, (120, 200)))
    (data / "5.tif").unlink()
    make.tiff(data / "9.tif", make.image(9, (120, 200)))
    report = make.build(manifest, uri, allow_removals=True, **options)
    clean = make.build(manifest, tmp_path / "clean")
    assert (report.version, report.digest) == (2, clean.digest)
    now = {name: size for name, size in sizes(uri).items() if name.startswith("frames.lance/data/")}
    assert before.items() < now.items()
    assert sum(now.values()) - sum(before.values()) < sum(before.values()) // 2
    assert any(name.startswith("frames.lance/_deletions/") for name in sizes(uri))
    kept, built = datapkg.open(tmp_path / "clean")["frames"], datapkg.open(uri)["frames"]
    for one, other in zip(built.images(range(6)), kept.images(range(6)), strict=True):
        assert np.array_equal(one, other)
    assert datapkg.verify(uri, deep=True).ok
    assert datapkg.gc(uri, grace="0s").paths == ()


def sizes(uri: str) -> dict[str, int]:
    return {entry.name: entry.bytes for entry in place(uri).entries()}
