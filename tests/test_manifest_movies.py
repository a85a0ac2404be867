"""Options of a ch5 resource that take a part of its movies: what they may say, and what is wrong said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from datapkg.errors import ManifestError
from datapkg.manifest.load import load
from datapkg.manifest.models import Resource

HEAD = "name: m\nresources:\n- name: t\n"
TABLE, IMAGES, MOVIES = (f'{HEAD}  path: "{path}"\n' for path in ("a.csv", "*.tif", "*.ch5"))


def resource(folder: Path, text: str) -> Resource:
    (folder / "m.yaml").write_text(text)
    (found,) = load(folder / "m.yaml").manifest.resources
    return found


def test_parts_are_names_or_numbers_one_or_many(tmp_path: Path) -> None:
    options = "  positions: 'P1/*/*'\n  channels: [H2B, 1]\n  regions: 0\n  frames: [3, 0-1]\n"
    movies = resource(tmp_path, MOVIES + options)
    found = (movies.positions, movies.channels, movies.regions, movies.frames)
    assert found == (("P1/*/*",), ("H2B", 1), (0,), (3, "0-1"))


def test_a_number_in_quotes_is_a_name(tmp_path: Path) -> None:
    assert resource(tmp_path, MOVIES + '  channels: "0"\n').channels == ("0",)


WRONG = [
    (TABLE, "channels: x", "5:3: channels has no meaning for a text table"),
    (IMAGES, "frames: 3", "5:3: frames has no meaning for images"),
    (IMAGES, "positions: a/b/c", "5:3: positions has no meaning for images"),
    (TABLE, "regions: [0]", "5:3: regions has no meaning for a text table"),
    (MOVIES, "position: a/b/c", "5:3: unknown key 'position' | did you mean 'positions'?"),
    (MOVIES, "positions: C06", "5:14: 'C06' does not say plate, well and site | write \"plate/well/site"),
    (MOVIES, "positions: a//c", "5:14: 'a//c' does not say plate, well and site"),
    (MOVIES, "positions: a/**/b", "5:14: ** has no meaning in 'a/**/b' | write \"a/*/b\""),
    (MOVIES, "positions: 3", "5:14: positions must be text, not the number 3"),
    (MOVIES, "channels: []", "5:13: channels is empty | write channels: [H2B]"),
    (MOVIES, "channels: [a, 1.5]", "5:17: 1.5 is neither a name nor a number | write names as in"),
    (MOVIES, "channels: -1", "5:13: -1 is neither a name nor a number"),
    (MOVIES, "regions: [true]", "5:13: True is neither a name nor a number"),
    (MOVIES, "regions: {a: 1}", "5:12: regions must be text or a list"),
    (MOVIES, "frames: [3, -1]", "5:15: -1 names no frames | write whole numbers from 0 on"),
    (MOVIES, "frames: 9-0", "5:11: the frames '9-0' end before they begin | write \"0-9\""),
    (MOVIES, "frames: first", "5:11: 'first' names no frames"),
]


@pytest.mark.parametrize(("head", "option", "said"), WRONG)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, head: str, option: str, said: str) -> None:
    with pytest.raises(ManifestError) as error:
        resource(tmp_path, f"{head}  {option}\n")
    (one,) = error.value.mistakes
    told = str(one).replace(f"{tmp_path / 'm.yaml'}:", "").replace("\n  fix: ", " | ")
    assert told.startswith(said)
