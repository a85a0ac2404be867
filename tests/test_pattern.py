"""Columns from paths: what a pattern means, and that it never guesses."""

from __future__ import annotations

import itertools
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.errors import ManifestError
from datapkg.manifest.pattern import PathPattern

MITOCHECK = r"{Plate:LT\d+_\d+}/{Well}_{Frame:d}_{Channel}.tif"


def test_columns_come_from_the_end_of_the_path() -> None:
    pattern = PathPattern(MITOCHECK)
    assert pattern.columns == {"Plate": "string", "Well": "string", "Frame": "int64", "Channel": "string"}
    found = pattern.match("screen/LT0001_02/C6_007_DAPI.tif")
    assert found == {"Plate": "LT0001_02", "Well": "C6", "Frame": 7, "Channel": "DAPI"}
    assert list(found) == list(pattern.columns)


def test_each_part_of_the_pattern_must_match_a_whole_part_of_the_path() -> None:
    with pytest.raises(ManifestError, match="does not match"):
        PathPattern(MITOCHECK).match("screen/old_LT0001_02/C6_007_DAPI.tif")
    with pytest.raises(ManifestError, match="does not match"):
        PathPattern("{Well}.tif").match("a/b.tiff")
    with pytest.raises(ManifestError, match="does not match"):
        PathPattern("{Plate}/{Well}.tif").match("b.tif")


def test_no_match_names_the_path_and_the_pattern() -> None:
    with pytest.raises(ManifestError) as error:
        PathPattern("{Well}_{Frame:d}.tif").match("x/C6_abc.tif")
    assert error.value.where == "x/C6_abc.tif"
    assert "{Well}_{Frame:d}.tif" in str(error.value)


def test_a_path_that_matches_in_two_ways_is_refused_and_both_are_shown() -> None:
    with pytest.raises(ManifestError) as error:
        PathPattern("{Plate}_{Well}").match("LT0001_02_C6")
    assert "Plate = LT0001, Well = 02_C6" in str(error.value)
    assert "Plate = LT0001_02, Well = C6" in str(error.value)


def test_a_repeated_name_must_agree_and_can_settle_what_would_be_ambiguous() -> None:
    pattern = PathPattern("{Plate}_{Well}/{Plate}.tif")
    assert pattern.match("LT0001_02_C6/LT0001_02.tif") == {"Plate": "LT0001_02", "Well": "C6"}
    with pytest.raises(ManifestError, match="does not match"):
        pattern.match("LT0001_02_C6/LT0002_02.tif")
    assert PathPattern("{Frame:d}/{Frame}.tif").match("007/7.tif") == {"Frame": 7}


@pytest.mark.parametrize(
    ("pattern", "path", "values"),
    [
        ("{z:f}um.tif", "-0.5um.tif", {"z": -0.5}),
        ("{Frame:d}.tif", "007.tif", {"Frame": 7}),
        ("{Frame}.tif", "007.tif", {"Frame": "007"}),
        ("{Well:[A-P][0-9]{2}}{rest}.tif", "C06x.tif", {"Well": "C06", "rest": "x"}),
        ("{a:[}]+}.tif", "}}.tif", {"a": "}}"}),
        ("{{{a}}}.tif", "{x}.tif", {"a": "x"}),
        (r"{a:\{x\}}.tif", "{x}.tif", {"a": "{x}"}),
        ("{M\u00fcller}.tif", "u\u0308.tif", {"M\u00fcller": "\u00fc"}),
        ("{Well ID}.tif", "C6.tif", {"Well ID": "C6"}),
    ],
)
def test_forms(pattern: str, path: str, values: dict[str, object]) -> None:
    assert PathPattern(pattern).match(path) == values


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("images.tif", "names no column"),
        ("{Well", "never closed"),
        ("Well}", "closes nothing"),
        ("{}.tif", "without a proper name"),
        ("{ Well }.tif", "without a proper name"),
        ("{Well:}.tif", "nothing behind the colon"),
        ("{Well:(C)6}.tif", "has a group"),
        ("{Well:[}.tif", "never closed"),
        ("{Well:*}.tif", "not one"),
        ("{Plate}\\{Well}.tif", "backslash outside"),
        ("**/{Well}.tif", "no wildcards"),
        ("/{Well}.tif", "begins or ends with /"),
        ("{Plate}//{Well}.tif", "empty part"),
        ("{Well}/{Well:d}.tif", "in two ways"),
        ("{a:d}/{a:f}.tif", "in two ways"),
    ],
)
def test_what_cannot_be_understood_is_refused_when_the_pattern_is_made(pattern: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        PathPattern(pattern)


def test_a_number_that_fits_no_int64_is_refused() -> None:
    with pytest.raises(ManifestError, match="too large"):
        PathPattern("{Frame:d}.tif").match("9223372036854775808.tif")
    assert PathPattern("{Frame:d}.tif").match("9223372036854775807.tif") == {"Frame": 2**63 - 1}


@pytest.mark.parametrize(
    "pattern", ["{a}_{b}_{c}_{d}_{e}_{f}.tif", "{a}{b}{c}{d}{e}{f}{g}.tif", "{a}{a}{b}{b}x"]
)
def test_long_names_take_no_forever(pattern: str) -> None:
    start = time.monotonic()
    with pytest.raises(ManifestError):
        PathPattern(pattern).match("_" * 240 + ".png")
    assert time.monotonic() - start < 10


def test_patterns_pickle() -> None:
    pattern = PathPattern(MITOCHECK)
    assert pickle.loads(pickle.dumps(pattern)).match("LT1_2/C6_1_D.tif")["Frame"] == 1


PIECES = ["{a}", "{b}", "{c:d}", "{a}", "_", "/", "x", "1"]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), st.text("_/x1", min_size=1, max_size=7))
def test_ways_are_counted_as_trying_all_of_them_does(pieces: list[str], path: str) -> None:
    text = "".join(pieces)
    if "{" not in text or "//" in text or text.strip("/") != text:
        return
    ways = all_ways(pieces, "/".join(path.split("/")[-1 - text.count("/") :]))
    try:
        found = PathPattern(text).match(path)
    except ManifestError as error:
        assert len(ways) == 0 if "does not match" in error.what else len(ways) >= 2
    else:
        assert ways == [found]


def all_ways(pieces: list[str], path: str) -> list[dict[str, object]]:
    """Every assignment, by trying every way to cut the path."""
    found: list[dict[str, object]] = []
    for cuts in itertools.combinations_with_replacement(range(len(path) + 1), len(pieces) - 1):
        edges = [0, *cuts, len(path)]
        parts = [path[one:other] for one, other in itertools.pairwise(edges)]
        values: dict[str, object] = {}
        for piece, part in zip(pieces, parts, strict=True):
            if not piece.startswith("{"):
                fits = piece == part
            elif piece == "{c:d}":
                fits = part.isdigit() and values.setdefault("c", int(part)) == int(part)
            else:
                fits = part != "" and "/" not in part and values.setdefault(piece[1], part) == part
            if not fits:
                break
        else:
            if values not in found:
                found.append(values)
    return found
