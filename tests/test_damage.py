"""A sample of the campaign `flips`: damage of any kind is found, and never read as a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from campaigns import flips

FLIPS = 200


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flips.package(tmp_path_factory.mktemp("flips"))


@pytest.fixture(scope="module")
def expected(package: Path) -> flips.Values:
    return dict(flips.values(package))


def test_every_flipped_bit_is_found_and_none_is_read(package: Path, expected: flips.Values) -> None:
    assert [
        said for harm in flips.flips(package, FLIPS) if (said := flips.outcome(package, harm, expected))
    ] == []


def test_every_cut_and_lost_file_is_found(package: Path, expected: flips.Values) -> None:
    assert [said for harm in flips.cuts(package) if (said := flips.outcome(package, harm, expected))] == []


def test_the_campaign_would_see_a_wrong_value(package: Path, expected: flips.Values) -> None:
    """Without verified reads some of these flips do give wrong values: the sample is not blind."""
    seen = 0
    for harm in flips.flips(package, FLIPS):
        if not harm.file.startswith("frames.lance/data"):
            continue
        path = package / harm.file
        content = path.read_bytes()
        path.write_bytes(harm.apply(content) or b"")
        read = dict(flips.values(package, {"frames"}, verify=False))
        path.write_bytes(content)
        seen += any(not isinstance(value, Exception) and value != expected[at] for at, value in read.items())
    assert seen
