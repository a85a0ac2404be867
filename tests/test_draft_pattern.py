"""Patterns are guessed as a person would write them, and fit every path or are not given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.draft.pattern import guess
from datapkg.manifest.pattern import PathPattern
from datapkg.pixels import ImageLayout
from datapkg.sources.image_columns import image_columns

NAMES = st.text("AB012_-. {x", min_size=1, max_size=8).map(lambda stem: f"f{stem}.tif")


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (["r01c02f03p01-ch1sk1fk1fl1.tiff", "r11c02f03p02-ch2sk1fk1fl1.tiff"],
         "r{Row}c{Column}f{Site}p{ZPlane:d}-ch{Channel}sk{Frame:d}fk1fl1.tiff"),
        (["exp_A01_s1_w1.TIF", "exp_B12_s2_w2.TIF"], "exp_{Well}_s{Site}_{Channel}.TIF"),
        (["BR00121431_A01_T0001F001L01A01Z01C01.tif", "BR00121432_B01_T0001F002L01A01Z01C02.tif"],
         "{Plate}_{Well}_T{Frame:d}F{Site}L01A01Z{ZPlane:d}C{Channel}.tif"),
        (["A01-1/DAPI.tif", "E17-4/GFP.tif"], "{Well}-{Site}/{Channel}.tif"),
        (["P0001_01/A01_s1_DAPI.tif", "P0002_01/A01_s2_GFP.tif"], "{Plate}/{Well}_s{Site}_{Channel}.tif"),
        (["p1/A01_1.tif", "p1/A02_2.tif", "p2/A01_1.tif"], "{Plate}/{Well}_{Site}.tif"),
        (["screen/LT0001_02/C06_001_H2B.tif", "screen/LT0001_02/C06_002_H2B.tif"],
         "{Plate}/{Well}_{Frame:d}_{Channel}.tif"),
        (["xy01c1t001.tif", "xy02c2t002.tif"], "xy{Site}c{Channel}t{Frame:d}.tif"),
        (["AB48_t1.tif", "A01_t2.tif"], "{Well}_t{Frame:d}.tif"),
        (["A01_C01.tif", "A01_C02.tif"], "{Well}_{Channel}.tif"),
        (["Exp_Alexa-488_A01.tif", "Exp_DAPI_A02.tif"], "Exp_{Channel}_{Well}.tif"),
        (["day{1}_img001.tif", "day{1}_img002.tif"], "day{{1}}_img{part1}.tif"),
        (["A01_s1.tif", "A02_s2.TIF"], "{Well}_s{Site}.{Suffix:tif|TIF}"),
    ],
)  # fmt: skip
def test_names_as_microscopes_write_them(paths: list[str], pattern: str) -> None:
    found = guess(paths)
    assert found is not None
    assert found.pattern == pattern


@pytest.mark.parametrize(
    "paths",
    [
        ["A01_DAPI.tif", "overview.tif"],
        ["cells.tif", "wound.tif"],
        ["a/cells.tif", "b/wound.tif"],
        ["A*_1.tif", "A*_2.tif"],  # a pattern has no wildcards, so it cannot hold this name
    ],
)
def test_names_that_follow_none_get_none(paths: list[str]) -> None:
    assert guess(paths) is None


def test_a_number_stays_text_where_zeros_tell_files_apart() -> None:
    found = guess(["A01_t1.tif", "A01_t01.tif", "A01_t2.tif"])
    assert found is not None
    assert found.pattern == "{Well}_t{Frame}.tif"


@given(st.lists(NAMES, min_size=2, max_size=6, unique=True))
def test_a_guess_fits_every_path_and_no_two_alike(paths: list[str]) -> None:
    found = guess(paths)
    if found is None:
        return
    pattern = PathPattern(found.pattern)
    assert pattern.match(paths[0]) == found.example
    assert len({tuple(pattern.match(path).items()) for path in paths}) == len(paths)
    taken = {column.name for column in image_columns(ImageLayout("uint8", (1, 1)), ["bytes", "array"])}
    assert not taken & pattern.columns.keys()
