"""Image resources from manifest to package: sets of files, what is kept of them, and the limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import make
import make_raster
import make_sets
import numpy as np
import pytest

import datapkg
from datapkg.errors import SourceError


def whole() -> np.ndarray[Any, Any]:
    """Three time points of two channels."""
    return make.image(4, (3, 2, 1, 8, 9))


def a_set(tmp_path: Path, options: str = "", glob: str = "*.tif") -> tuple[Path, list[Path]]:
    """A manifest of a set of three files, and an image beside it."""
    files = make_sets.spread(tmp_path / "data" / "set", whole())
    make.tiff(tmp_path / "data" / "set" / "alone.tif")
    manifest = make.manifest(tmp_path / "data", f'name: frames, path: "set/{glob}"{options}')
    return manifest, files


def test_a_set_is_one_row_and_one_source(tmp_path: Path) -> None:
    manifest, _ = a_set(tmp_path)
    make.build(manifest, tmp_path / "p")
    pkg = datapkg.open(tmp_path / "p")
    frames = pkg["frames"].to_pandas()
    assert frames["file_name"].tolist() == ["alone.tif", "s_t0.ome.tif"]
    assert np.array_equal(frames["image_array"].iloc[1], whole()[:, :, 0])
    assert pkg.tables == ["frames", "frames_files"] and pkg["frames_files"].kind == "files"
    sources = pkg.sources()
    groups = {(row.group, row.path) for row in sources.itertuples()}
    lead = "set/s_t0.ome.tif"
    assert groups == {("set/alone.tif",) * 2, *((lead, f"set/s_t{t}.ome.tif") for t in range(3))}
    assert len(sources) == 5  # the lead gives rows to two tables


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_images_come_back_from_kept_files_alone(tmp_path: Path, engine: str) -> None:
    for rows in ("image", "plane"):
        manifest, _ = a_set(tmp_path, f", keep: bytes, rows: {rows}")
        make.build(manifest, tmp_path / rows, engine=engine, workers=1)
        table = datapkg.open(tmp_path / rows)["frames"]
        assert "image_array" not in table.columns
        planes = [table.image(i) for i in range(1, len(table))]
        assert np.array_equal(np.concatenate([p.reshape(-1) for p in planes]), whole().reshape(-1))


@pytest.mark.parametrize("glob", ["*.tif", "s_t0*.tif"])
def test_a_change_of_any_member_is_a_change_and_none_is_none(tmp_path: Path, glob: str) -> None:
    manifest, files = a_set(tmp_path, glob=glob)
    assert make.build(manifest, tmp_path / "p").created
    assert not make.build(manifest, tmp_path / "p").created
    for number, file in enumerate(files, start=2):
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        report = make.build(manifest, tmp_path / "p")
        assert (report.created, report.version) == (True, number)
        assert report.digest == make.build(manifest, tmp_path / "clean" / str(number)).digest
    assert not make.build(manifest, tmp_path / "p").created
    files[2].unlink()
    with pytest.raises(SourceError, match=r"s_t2\.ome\.tif"):
        make.build(manifest, tmp_path / "p", allow_removals=True)


def test_which_file_leads_follows_what_is_matched(tmp_path: Path) -> None:
    a_set(tmp_path)
    digests = []
    for glob in ("s_t1*", "s_t[12]*", "s_t*", "s_t0*", "s_t2*", "s_t1*"):
        manifest = make.manifest(tmp_path / "data", f'name: frames, path: "set/{glob}", type: images')
        digests.append(make.build(manifest, tmp_path / "p", allow_removals=True).digest)
        assert digests[-1] == make.build(manifest, tmp_path / "clean" / str(len(digests))).digest
    assert digests[0] == digests[1] == digests[5] and digests[2] == digests[3]
    assert len(set(digests)) == 3


def test_all_formats_come_back_from_kept_files(tmp_path: Path) -> None:
    image = make_raster.smooth(samples=3)
    (tmp_path / "data").mkdir()
    for suffix in ("png", "jpg", "jp2", "webp", "bmp", "gif", "ppm"):
        make_raster.pillow(tmp_path / "data" / f"a.{suffix}", image)
    (tmp_path / "data" / "a.apng").write_bytes(make_raster.animation("png", [image, image[::-1]]))
    (tmp_path / "data" / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(image, lossless=True))
    manifest = make.manifest(tmp_path / "data", 'name: frames, path: "a.*", type: images')
    make.build(manifest, tmp_path / "p")
    make.build(
        make.manifest(tmp_path / "data", 'name: frames, path: "a.*", type: images, keep: bytes'),
        tmp_path / "q",
    )
    both, kept = (datapkg.open(tmp_path / name)["frames"] for name in "pq")
    assert len(both) == len(kept) == 9
    for i in range(9):
        assert np.array_equal(both.image(i), kept.image(i))


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_the_limit_reaches_the_workers(tmp_path: Path, engine: str) -> None:
    manifest = make.manifest(tmp_path / "data", "name: frames, path: a.tif")
    make.tiff(tmp_path / "data" / "a.tif", make.image(1, (30, 40)))
    with pytest.raises(SourceError, match="more than the limit"):
        make.build(manifest, tmp_path / "p", max_image_bytes=2399, engine=engine, workers=1)
    assert not (tmp_path / "p").exists()
    assert make.build(manifest, tmp_path / "p", max_image_bytes=2400, engine=engine, workers=1).created
    assert not make.build(manifest, tmp_path / "p", max_image_bytes=1).created  # a limit changes no value
