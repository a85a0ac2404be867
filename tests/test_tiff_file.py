"""What tifffile says while it reads goes to the report, and never to the terminal."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

import make_tiff as make
import pytest

from datapkg.errors import SourceError
from datapkg.sources.tiff.file import LOGGER, decoding, listening


def test_warnings_are_collected_and_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with listening("a.tif") as heard:
        LOGGER.warning("<tifffile.TiffFile 'a.tif'> something odd")
        LOGGER.info("nothing of note")
    assert (heard.warnings, heard.errors) == (["something odd"], [])
    assert capfd.readouterr() == ("", "")


def test_errors_refuse_the_file() -> None:
    with listening("a.tif") as heard:
        LOGGER.error("<tifffile.TiffPage 0 @8> missing data offset tag")
    with pytest.raises(SourceError, match=r"a\.tif: the TIFF is damaged \(missing data offset tag\)"):
        heard.refuse_errors()


def test_warnings_are_heard_however_logging_is_set_up() -> None:
    before = LOGGER.level
    LOGGER.setLevel(logging.CRITICAL)
    try:
        with listening("a.tif") as heard:
            LOGGER.warning("odd")
        assert (heard.warnings, LOGGER.level) == (["odd"], logging.CRITICAL)
    finally:
        LOGGER.setLevel(before)
    assert not LOGGER.filters


@pytest.mark.parametrize("shape", [[9, 9], [2, 2], [4, 6, 1, 1]])
def test_a_description_that_does_not_fit_is_not_followed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], shape: list[int]
) -> None:
    image = make.pixels((4, 6))
    file = make.tiff(tmp_path / "a.tif", image, description=f'{{"shape": {shape}}}', metadata=None)
    warnings = make.scan(file).warnings
    assert all(warning.startswith("a.tif: ") for warning in warnings)
    assert warnings or shape == [4, 6, 1, 1]
    (row,) = make.rows(file)
    assert row["image_array"].tobytes() == image.tobytes()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "error", [ValueError("odd"), struct.error("odd"), RuntimeError("odd"), IndexError("odd")]
)
def test_nonsense_in_a_file_is_a_source_error(error: Exception) -> None:
    with pytest.raises(SourceError, match="cannot be decoded"), decoding("a.tif"):
        raise error
