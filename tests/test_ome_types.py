"""What OME-XML says, as ome-types reads it: on real files and on made ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import make_sets
import make_tiff as make
import numpy as np
import ome_types
import pytest
import tifffile
from PIL import Image, UnidentifiedImageError

UNITS = {"µm": 1.0, "nm": 1e-3, "mm": 1e3, "m": 1e6, "Å": 1e-4}
SECONDS = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}


def said(xml: str) -> list[dict[str, Any]]:
    """What ome-types reads of each image that has planes, in the terms of a row."""
    found = []
    for image in ome_types.from_xml(xml).images:
        pixels = image.pixels
        if not pixels.tiff_data_blocks:
            continue
        names = [channel.name for channel in pixels.channels]
        increment = pixels.time_increment
        found.append(
            {
                **{f"size_{axis}": getattr(pixels, f"size_{axis}") for axis in "xyzct"},
                **{f"pixel_size_{axis}_um": _um(pixels, axis) for axis in "xyz"},
                "channel_names": names if any(names) else None,
                "date": None if image.acquisition_date is None else image.acquisition_date.isoformat(),
                "increment": None
                if increment is None
                else increment * SECONDS[pixels.time_increment_unit.value],
                "name": image.name,
            }
        )
    return found


def _um(pixels: Any, axis: str) -> float | None:
    size = getattr(pixels, f"physical_size_{axis}")
    return None if size is None else size * UNITS[getattr(pixels, f"physical_size_{axis}_unit").value]


def row_says(row: dict[str, Any]) -> dict[str, Any]:
    """A row in the same terms."""
    metadata = json.loads(row["metadata"])
    columns = [
        *(f"size_{axis}" for axis in "xyzct"),
        *(f"pixel_size_{axis}_um" for axis in "xyz"),
        "channel_names",
    ]
    date = metadata.get("acquisition_date")
    return {
        **{name: row[name] for name in columns},
        "date": None if date is None else date.removesuffix("Z") + ("+00:00" if date.endswith("Z") else ""),
        "increment": metadata.get("time_increment_s"),
        "name": metadata["ome"].get("Name"),
    }


def assert_same(file: Path, **options: Any) -> None:
    """Each row of a file says what ome-types says."""
    found = make.rows(file, **options)
    expected = said(json.loads(found[0]["metadata"])["ome_xml"])
    assert len(found) == len(expected)
    for row, facts in zip(found, expected, strict=True):
        ours = row_says(row)
        for name, value in facts.items():
            assert ours[name] == (pytest.approx(value) if isinstance(value, float) else value), (file, name)


def test_real_ome_files_say_what_ome_types_says(shared: Path) -> None:
    files = sorted((shared / "open").rglob("*.ome.tif*"))
    assert len(files) >= 8
    for file in files:
        assert_same(file)


@pytest.mark.parametrize(
    "attributes",
    [
        'PhysicalSizeX="0.325" PhysicalSizeY="0.325" PhysicalSizeZ="2"',
        'PhysicalSizeX="325" PhysicalSizeXUnit="nm" PhysicalSizeY="0.000325" PhysicalSizeYUnit="mm"',
        'PhysicalSizeX="3250" PhysicalSizeXUnit="Å" TimeIncrement="4.5" TimeIncrementUnit="min"',
        'TimeIncrement="1500" TimeIncrementUnit="ms"',
        'TimeIncrement="30"',
        "",
    ],
)
@pytest.mark.parametrize(
    "date",
    [
        "",
        "<AcquisitionDate>2024-05-06T07:08:09</AcquisitionDate>",
        "<AcquisitionDate>2011-01-02T03:04:05Z</AcquisitionDate>",
    ],
)
def test_made_files_say_what_ome_types_says(tmp_path: Path, attributes: str, date: str) -> None:
    sizes = f'Type="uint16" SizeX="9" SizeY="8" SizeC="2" SizeZ="1" SizeT="1" {attributes}'
    inside = '<Channel ID="Channel:0:0" Name="DAPI"/><Channel ID="Channel:0:1" Name="Tub µ"/><TiffData/>'
    xml = make.ome_xml(sizes, inside, date)
    assert_same(make.with_ome_xml(tmp_path / "a.ome.tif", make.pixels((2, 8, 9)), xml))


def test_what_tifffile_writes_says_what_ome_types_says(tmp_path: Path) -> None:
    metadata = {
        "axes": "TCYX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeY": 0.25,
        "TimeIncrement": 12.0,
        "Channel": {"Name": ["H2B", "Tub"]},
        "AcquisitionDate": "2024-05-06T07:08:09",
    }
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(make.pixels((3, 2, 8, 9)), metadata=metadata, photometric="minisblack")
        writer.write(make.pixels((5, 4)), metadata={"Name": "second"})
    assert_same(tmp_path / "a.ome.tif")


def test_a_set_says_what_ome_types_says(tmp_path: Path) -> None:
    files = make_sets.spread(tmp_path, make.pixels((2, 3, 2, 8, 9)))
    assert_same(files[0])


def test_pixels_of_real_tiffs_are_pillows_where_it_reads_them(shared: Path) -> None:
    compared = 0
    for file in sorted((shared / "open").rglob("*.tif*")):
        try:
            with Image.open(file) as opened:
                opened.load()
                expected, mode = np.asarray(opened), opened.mode
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError, UserWarning):
            continue
        (first, *_) = make.rows(file, rows="plane")
        image = first["image_array"]
        known = {
            "L": "uint8",
            "P": "uint8",
            "RGB": "uint8",
            "I;16": "uint16",
            "I;16B": "uint16",
            "1": "bool",
            "F": "float32",
        }
        if known.get(mode) != image.dtype.name or expected.shape != image.shape:
            continue  # Pillow shows it otherwise: 16-bit colour as 8 bits, signed as unsigned
        if file.name == "float32_nan_be.tif":
            expected = expected.byteswap()  # Pillow forgets that the file is big-endian
        white_is_zero = json.loads(first["metadata"])["tags"].get("PhotometricInterpretation") == 0
        if white_is_zero and not np.array_equal(image, expected):
            expected = ~expected if mode == "1" else 255 - expected  # ours are the stored values
        assert np.array_equal(image, expected, equal_nan=image.dtype.kind == "f"), file
        compared += 1
    assert compared > 60
