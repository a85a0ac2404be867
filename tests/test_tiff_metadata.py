"""The metadata column: everything as found, and always JSON."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import make_tiff as make
import numpy as np
import pytest
import tifffile

from datapkg.sources.tiff.metadata import as_json


def metadata(path: Path, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(row["metadata"]) for row in make.rows(path, **options)]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ((72, 1), [72, 1]),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (np.uint16(7), 7),
        (np.float32(0.5), 0.5),
        (tifffile.PHOTOMETRIC.RGB, 2),
        (b"text\0\0", "text"),
        (b"\x00\xff", {"base64": "AP8="}),
        (np.eye(2), [[1.0, 0.0], [0.0, 1.0]]),
        (np.zeros(300_000), {"left_out": "300000 numbers"}),
        (bytes([255]) * 100_000, {"left_out": "100000 bytes"}),
        (datetime(2024, 5, 6, 7, 8), "2024-05-06T07:08:00"),
        ({1: None, "a": {True}}, {"1": None, "a": [True]}),
    ],
)
def test_every_value_has_a_form_in_json(value: object, said: object) -> None:
    assert as_json(value) == said
    json.dumps(as_json(value), allow_nan=False)


def test_tags_are_as_found(tmp_path: Path) -> None:
    extra = [(65000, 12, 2, (float("nan"), 1.5), True), (65001, 7, 3, b"\xff\x00\x01", True)]
    how = {
        "software": "Zen µ".encode(),
        "datetime": "2024:05:06 07:08:09",
        "resolution": (300, 1),
        "extratags": extra,
    }
    (found,) = metadata(make.tiff(tmp_path / "a.tif", make.pixels((4, 6)), metadata=None, **how))
    tags = found["tags"]
    assert (tags["ImageWidth"], tags["ImageLength"], tags["BitsPerSample"]) == (6, 4, 16)
    assert (tags["Software"], tags["DateTime"], tags["XResolution"]) == (
        "Zen µ",
        "2024:05:06 07:08:09",
        [300, 1],
    )
    assert (tags["65000"], tags["65001"]) == (["NaN", 1.5], {"base64": "/wAB"})


def test_where_many_strips_stand_is_summarised_and_says_so(tmp_path: Path) -> None:
    (found,) = metadata(make.tiff(tmp_path / "a.tif", make.pixels((64, 64)), rowsperstrip=1))
    offsets = found["tags"]["StripOffsets"]
    assert offsets["left_out"] == "64 numbers"
    assert offsets["last"] == offsets["first"] + 63 * 128


def test_of_further_pages_the_tags_that_differ_are_kept(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for n in range(3):
            writer.write(
                make.pixels((4, 6)), datetime=f"2024:05:06 07:08:0{n}", software="Zen", metadata=None
            )
    (found,) = metadata(tmp_path / "a.tif")
    assert found["tags"]["DateTime"] == "2024:05:06 07:08:00"
    assert found["pages"] == [{"page": n, "DateTime": f"2024:05:06 07:08:0{n}"} for n in (1, 2)]
    planes = metadata(tmp_path / "a.tif", rows="plane")
    assert [plane["tags"]["DateTime"][-1] for plane in planes] == ["0", "1", "2"]


def test_a_second_description_is_kept_beside_the_first(tmp_path: Path) -> None:
    file = make.tiff(tmp_path / "a.tif", make.pixels((4, 6)), description="by hand")
    (found,) = metadata(file)
    assert found["tags"]["ImageDescription"] == ["by hand", '{"shape": [4, 6]}']
