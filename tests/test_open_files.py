"""Sets of real files whose tables join, and that build again as the same; test_every_file.py has each file alone."""

from __future__ import annotations

from pathlib import Path

import make
import numpy as np
import pandas as pd
from conftest import PROJECT

import datapkg
from datapkg import Package


def test_nf1_plate_2_builds_and_its_tables_join(shared: Path, tmp_path: Path) -> None:
    make.build(PROJECT / "tests" / "manifests" / "nf1_plate2.yaml", tmp_path / "p", root=shared / "open")
    package = datapkg.open(tmp_path / "p")
    profiles = package["profiles"].to_pandas()
    images, masks = package["images"].to_pandas(), package["masks"].to_pandas()
    assert profiles.shape == (5, 2076)
    assert (len(images), len(masks)) == (15, 15)
    assert {i.dtype.name for i in images["image_array"]} == {"uint16"}
    assert {i.dtype.name for i in masks["image_array"]} == {"uint8"}
    for channel in ("DAPI", "GFP", "RFP"):
        joined = profiles.merge(images, left_on=f"Image_FileName_{channel}", right_on="file_name")
        assert len(joined) == 5
        assert set(joined["Channel"]) == {channel}
        assert joined["image_array"].iloc[0].shape == (904, 1224)
    of_masks = masks.merge(images.assign(Stem=images["file_name"].str.removesuffix(".tif")), on="Stem")
    assert len(of_masks) == 15
    assert set(of_masks["Compartment"]) == {"Nuclei", "Cells", "Cytoplasm"}


def test_examplehuman_builds_and_its_tables_join(shared: Path, tmp_path: Path) -> None:
    make.build(PROJECT / "tests" / "manifests" / "examplehuman.yaml", tmp_path / "p", root=shared / "open")
    package = datapkg.open(tmp_path / "p")
    image = package["image"].to_pandas()
    nuclei, cells = package["nuclei"].to_pandas(), package["cells"].to_pandas()
    assert len(nuclei) == len(cells) == 289
    assert len(nuclei.merge(cells, on=["ImageNumber", "ObjectNumber"])) == 289
    frames = package["images"].to_pandas().set_index("file_name")
    for channel in ("DNA", "PH3", "cellbody"):
        (name,) = image[f"FileName_{channel}"]
        assert frames.loc[name, "image_array"].shape == (512, 512)


def test_movies_build_and_build_again_as_the_same(shared: Path, tmp_path: Path) -> None:
    manifest = make.manifest(tmp_path, 'name: movies, path: "ch5/*.ch5"')
    first = make.build(manifest, tmp_path / "p", root=shared / "open")
    again = make.build(manifest, tmp_path / "p", root=shared / "open")
    assert (again.created, again.sources.unchanged, again.digest) == (False, 5, first.digest)


def test_the_scene_this_project_came_from(tmp_path: Path) -> None:
    pixels = [make.image(seed, (1024, 1344), "uint8") for seed in range(3)]
    paths = [make.tiff(tmp_path / "frames" / f"{i}.tif", pixels[i]) for i in range(2)]
    manifest = make.manifest(tmp_path, 'name: frames, path: "frames/*.tif"')

    def expected(count: int) -> pd.DataFrame:
        files = [tmp_path / "frames" / f"{i}.tif" for i in range(count)]
        return pd.DataFrame(
            {
                "path": [f"frames/{path.name}" for path in files],
                "filesize_bytes": [path.stat().st_size for path in files],
                "image_bytes": [path.read_bytes() for path in files],
                "image_array": pixels[:count],
            }
        )

    def assert_holds(package: Package, count: int) -> None:
        columns = ["path", "filesize_bytes", "image_bytes", "image_array"]
        frame = package["frames"].to_pandas(columns=columns)
        wanted = expected(count)
        for found, image in zip(frame.pop("image_array"), wanted.pop("image_array"), strict=True):
            assert (found.dtype, found.shape) == (np.dtype("uint8"), (1024, 1344))
            assert np.array_equal(found, image)
        frame["image_bytes"] = frame["image_bytes"].array.load()
        pd.testing.assert_frame_equal(frame, wanted)

    assert make.build(manifest, tmp_path / "p").version == 1
    assert_holds(datapkg.open(tmp_path / "p"), 2)
    make.tiff(paths[0].with_name("2.tif"), pixels[2])
    assert make.build(manifest, tmp_path / "p").version == 2
    assert_holds(datapkg.open(tmp_path / "p"), 3)
    assert_holds(datapkg.open(tmp_path / "p", version=1), 2)
