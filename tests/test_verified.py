"""A verified read gives what was written, or an error: never another value."""

from __future__ import annotations

import struct
from pathlib import Path

import make
import pytest

import datapkg
from datapkg.errors import DamageError
from datapkg.rows import RowOrder

KEPT = ["bytes", "array", "[bytes, array]"]


def build(tmp_path: Path, keep: str = "[bytes, array]") -> Path:
    data = tmp_path / "data"
    for seed in range(4):
        make.tiff(data / f"{seed}.tif", make.image(seed, (20, 30)))
    make.build(make.manifest(data, f'name: frames, path: "*.tif", keep: {keep}'), tmp_path / "p")
    return tmp_path / "p"


def change(package: Path, content: bytes, which: int = 0) -> None:
    """Change one bit where some content is stored, the first or a later time."""
    for path in (package / "frames.lance" / "data").iterdir():
        stored = bytearray(path.read_bytes())
        at = -1
        for _ in range(which + 1):
            at = stored.find(content, at + 1)
        if at >= 0:
            stored[at + 3] ^= 1
            path.write_bytes(stored)
            return
    raise AssertionError("not there")


@pytest.mark.parametrize("keep", KEPT)
def test_a_whole_package_reads_as_ever(keep: str, tmp_path: Path) -> None:
    package = build(tmp_path, keep)
    plain, verified = (datapkg.open(package, verify=verify)["frames"] for verify in (False, True))
    assert verified.to_arrow().equals(plain.to_arrow())
    assert verified.to_arrow(limit=2).equals(plain.to_arrow(limit=2))
    assert list(verified.to_pandas(where="path = '2.tif'").path) == ["2.tif"]
    assert list(verified.to_pandas(["path"]).columns) == ["path"]
    assert len(verified.to_pandas([])) == 4
    for image, seed in zip(verified.images([3, 1]), [3, 1], strict=True):
        assert image.tobytes() == make.image(seed, (20, 30)).tobytes()


def test_changed_pixels_are_an_error_that_names_the_row(tmp_path: Path) -> None:
    package = build(tmp_path, "array")
    change(package, make.image(2, (20, 30)).tobytes())
    assert len(datapkg.open(package)["frames"].images([2])) == 1  # the engine does not notice
    frames = datapkg.open(package, verify=True)["frames"]
    assert frames.image(1).tobytes() == make.image(1, (20, 30)).tobytes()
    with pytest.raises(
        DamageError, match=r"table frames, row 2: its pixels are not those of its image_digest"
    ):
        frames.images([1, 2])
    for read in (
        lambda: frames.to_pandas(["image_array"], images="array"),
        lambda: frames.to_pandas(["image_array"])["image_array"].iloc[2],
        frames.to_pandas(["image_array"])["image_array"].array.load,
    ):
        with pytest.raises(DamageError, match="row 2"):
            read()


def test_a_changed_image_file_is_an_error_that_names_the_row(tmp_path: Path) -> None:
    package = build(tmp_path)
    change(package, (tmp_path / "data" / "3.tif").read_bytes())
    frames = datapkg.open(package, verify=True)["frames"]
    assert len(frames.to_arrow(["image_bytes"], limit=3)) == 3
    with pytest.raises(
        DamageError, match=r"table frames, row 3: its image_bytes are not those of its sha256"
    ):
        frames.to_arrow(["image_bytes"])


def test_where_columns_have_no_proof_the_files_are_hashed_first(tmp_path: Path) -> None:
    package = build(tmp_path, "array")
    change(package, make.image(2, (20, 30)).tobytes())
    frames = datapkg.open(package, verify=True)["frames"]
    for columns, where in ((["path"], None), (["image_array"], "path = '0.tif'"), (["image_digest"], None)):
        with pytest.raises(DamageError, match=r"its file frames.lance/data/.* is not what was written"):
            frames.to_arrow(columns, where)


def test_a_file_with_several_images_is_verified(tmp_path: Path) -> None:
    import numpy as np
    import tifffile

    data = tmp_path / "data"
    data.mkdir()
    with tifffile.TiffWriter(data / "a.tif") as writer:
        for seed in range(2):
            writer.write(make.image(seed, (20 + seed, 30)), photometric="minisblack", metadata=None)
    make.build(make.manifest(data, "name: frames, path: a.tif, keep: bytes"), tmp_path / "p")
    frames = datapkg.open(tmp_path / "p", verify=True)["frames"]
    assert all(
        np.array_equal(image, make.image(i, image.shape)) for i, image in enumerate(frames.images([0, 1]))
    )


def test_another_version_is_verified_too(tmp_path: Path) -> None:
    package = build(tmp_path, "array")
    change(package, make.image(2, (20, 30)).tobytes())
    with pytest.raises(DamageError):
        datapkg.open(package, verify=True).checkout(1)["frames"].to_pandas()


def test_rows_that_lie_in_another_order_are_verified_too(tmp_path: Path) -> None:
    rows = "".join(f"{number},{number / 7!r}\n" for number in range(4000))
    make.text(tmp_path / "n.csv", "a,b\n" + rows)
    make.build(make.manifest(tmp_path, "name: n, path: n.csv"), tmp_path / "p")
    order = RowOrder.of([0, 2000, 2000, 0, 0, 2000])
    whole = datapkg.open(tmp_path / "p", verify=True)["n"]
    whole.rows.order = order
    assert whole.to_pandas()["a"].tolist() == [*range(2000, 4000), *range(2000)]
    (data,) = (tmp_path / "p" / "n.lance" / "data").iterdir()
    stored = bytearray(data.read_bytes())
    at = stored.index(struct.pack("<d", 3001 / 7))
    stored[at] ^= 1
    data.write_bytes(stored)
    damaged = datapkg.open(tmp_path / "p", verify=True)["n"]
    damaged.rows.order = order
    for read in (damaged.to_pandas, damaged.to_arrow, lambda: damaged.to_arrow(limit=5)):
        with pytest.raises(DamageError, match="is not what was written"):
            read()
