"""The columns that every image table has."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from datapkg.encoding import PackedLayout
from datapkg.packing.value import unpack
from datapkg.pixels import ImageLayout, common_layout, image_digest
from datapkg.sources.base import Column
from datapkg.sources.image_columns import ImageFacts, file_bytes, image_arrays, image_columns

LAYOUT = ImageLayout("uint8", (None, 3))


def test_arrays_fit_their_columns_in_order() -> None:
    images = [np.zeros((2, 3), "uint8"), np.ones((4, 3), "uint8")]
    facts = [
        ImageFacts("uint8", (2, 3), "YX"),
        ImageFacts("uint8", (4, 3), "YX", 0.5, 0.25, None, ("DAPI", None), "{}"),
    ]
    arrays = image_arrays(
        list(zip(facts, images, strict=True)), common_layout([("uint8", i.shape) for i in images]), ("array",)
    )
    columns = image_columns(LAYOUT, ("array",))
    assert list(arrays) == [c.name for c in columns]
    assert [a.type for a in arrays.values()] == [c.type for c in columns]
    assert arrays["image_array"].to_pylist() == [i.tolist() for i in images]
    assert arrays["image_digest"].to_pylist() == [image_digest(i) for i in images]
    assert arrays["pixel_size_x_um"].to_pylist() == [None, 0.5]
    assert arrays["channel_names"].to_pylist() == [None, ["DAPI", None]]
    assert arrays["size_y"].to_pylist() == [2, 4]


def test_only_what_is_kept_has_a_column() -> None:
    def kept(*keep: str) -> list[str]:
        return [c.name for c in image_columns(LAYOUT, keep) if c.name in ("image_bytes", "image_array")]

    assert kept("bytes", "array") == ["image_bytes", "image_array"]
    assert (kept("bytes"), kept("array")) == (["image_bytes"], ["image_array"])


def test_the_formats_own_columns_stand_between_sizes_and_pixel_sizes() -> None:
    names = [c.name for c in image_columns(LAYOUT, ("array",), where=[Column("series", pa.int32(), "int32")])]
    assert names[names.index("series") - 1 : names.index("series") + 2] == [
        "size_t",
        "series",
        "pixel_size_x_um",
    ]


def test_packed_images_stand_in_one_binary_column() -> None:
    image = np.zeros((2, 3), "uint8")
    nested, packed = (image_columns(layout, ("array",)) for layout in (LAYOUT, PackedLayout()))
    assert [c.name for c in packed] == [c.name for c in nested]
    assert (packed[0].type, packed[0].logical) == (pa.large_binary(), nested[0].logical)
    facts = ImageFacts("uint8", (2, 3), "YX")
    stored = image_arrays([(facts, image)], PackedLayout(), ("array",))["image_array"]
    assert np.array_equal(unpack(stored[0].as_py()), image)


def test_a_files_bytes_stand_in_its_first_row_only() -> None:
    assert file_bytes(memoryview(b"abc"), 10).to_pylist() == [b"abc"] + [None] * 9
    assert file_bytes(memoryview(b"abc"), 1).null_count == 0
    assert file_bytes(None, 2).to_pylist() == [None, None]
    assert len(file_bytes(memoryview(b"abc"), 0)) == 0


@pytest.mark.parametrize(
    ("axes", "shape", "c"),
    [("YX", (4, 5), 1), ("CYX", (2, 4, 5), 2), ("YXS", (4, 5, 3), 3), ("CYXS", (2, 4, 5, 3), 6)],
)
def test_samples_count_as_channels(axes: str, shape: tuple[int, ...], c: int) -> None:
    assert ImageFacts("uint8", shape, axes).size("C") == c
