"""Images by row position: each read once, in few large requests, in the order asked."""

from __future__ import annotations

from pathlib import Path

import lance
import make
import numpy as np
import pyarrow as pa
import pytest
import tifffile

import datapkg
from datapkg import Table
from datapkg.errors import DamageError
from datapkg.loading import DecodedImages, StoredImages, request_rows


def frames(folder: Path, more: str) -> Table:
    make.build(make.manifest(folder / "data", f'name: frames, path: "*.tif"{more}'), folder / "p")
    return datapkg.open(folder / "p")["frames"]


@pytest.mark.parametrize("more", ["", ", array: packed", ", keep: bytes"])
def test_images_come_in_the_order_asked_by_requests_of_16_mb(
    more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(10):
        make.tiff(tmp_path / "data" / f"{seed}.tif", make.image(seed, (1500, 1200)))
    table = frames(tmp_path, more)
    asked: list[list[int]] = []
    take = type(table.rows.pinned).take

    def noted(self: object, at: np.ndarray, columns: list[str]) -> object:
        if any(column.startswith("image_") for column in columns):
            asked.append(at.tolist())
        return take(self, at, columns)

    monkeypatch.setattr(type(table.rows.pinned), "take", noted)
    table.opened.files.pixels.clear()
    table.opened.files.placed.clear()
    wanted = [9, 0, 3, 9, 4, 8, 1, 2]
    for row, image in zip(wanted, table.images(wanted), strict=True):
        assert np.array_equal(image, make.image(row, (1500, 1200)))
    rows = [row & 0xFFFFFFFF for request in asked for row in request]
    assert len(rows) == 7  # one of the eight is asked for twice
    assert max(map(len, asked)) in ((4,) if "packed" not in more else (4, 5))
    assert all(request == sorted(request) for request in asked)


def test_a_file_is_read_once_for_all_of_its_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    for name in "abc":
        with tifffile.TiffWriter(tmp_path / "data" / f"{name}.tif") as writer:
            for seed in range(4):
                writer.write(
                    make.image(ord(name) + seed, (9 + seed, 7)), photometric="minisblack", metadata=None
                )
    table = frames(tmp_path, ", keep: bytes")
    loader = table.opened.images("frames", "image_array")
    assert isinstance(loader, DecodedImages)
    decoded = []
    decode = DecodedImages._decoded
    monkeypatch.setattr(
        DecodedImages,
        "_decoded",
        lambda self, content, row: decoded.append(row) or decode(self, content, row),
    )
    for row, image in zip([11, 4, 6, 8], table.images([11, 4, 6, 8]), strict=True):
        assert np.array_equal(image, make.image(ord("abc"[row // 4]) + row % 4, (9 + row % 4, 7)))
    assert decoded == [4, 8]
    assert loader.file_rows.tolist() == [0] * 4 + [4] * 4 + [8] * 4


def test_a_file_that_holds_fewer_images_than_its_rows_say_is_damage(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with tifffile.TiffWriter(tmp_path / "data" / "a.tif") as writer:
        for seed in range(2):
            writer.write(make.image(seed, (9, 7 + seed)), photometric="minisblack", metadata=None)
    table = frames(tmp_path, ", keep: bytes")
    short = make.tiff(tmp_path / "short.tif", make.image(0, (9, 7))).read_bytes()
    rows = table.rows.pinned.lance.to_table()
    place = rows.schema.get_field_index("image_bytes")
    rows = rows.set_column(place, rows.schema.field(place), pa.array([short, None], pa.large_binary()))
    table.rows.pinned.__dict__["lance"] = lance.write_dataset(rows, tmp_path / "short")
    table.opened.files.placed.clear()  # so that the engine is asked
    with pytest.raises(DamageError, match="row 1: its file does not hold this image any more"):
        table.images([0, 1])


def test_small_images_are_asked_for_many_at_a_time(package: Path) -> None:
    table = datapkg.open(package)["frames"]
    loader = table.opened.images("frames", "image_array")
    assert isinstance(loader, StoredImages)
    assert loader.step > 100_000
    assert request_rows(table.rows, 0) == (16 << 20) * 3
