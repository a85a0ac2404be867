"""A sample of the campaign `edits`: random edits and builds, and a model that agrees with every version."""

from __future__ import annotations

from pathlib import Path

import make
import pytest
from campaigns import edits, model
from campaigns.model import Sources

import datapkg

HISTORIES = 2


@pytest.mark.parametrize("trusting", [False, True])
def test_every_version_agrees_with_the_model(trusting: bool) -> None:
    edits.run(HISTORIES, random=False, trusting=trusting)


def test_a_wrong_cell_or_pixel_would_be_seen(tmp_path: Path) -> None:
    held = Sources(profiles={"a.csv": [{"Well": "A01", "Value": "7"}]}, images={"p1/A01.tif": make.image()})
    make.build(model.written(held, tmp_path / "data"), tmp_path / "p")
    package = datapkg.open(tmp_path / "p")
    assert model.agrees(package, held) == ""
    cell, kind, pixel = held.copy(), held.copy(), held.copy()
    cell.profiles["a.csv"][0]["Value"] = "8"
    assert model.agrees(package, cell).startswith("profiles.Value")
    kind.value_type = "string"
    assert model.agrees(package, kind).startswith("profiles.Value")
    pixel.images["p1/A01.tif"][0, 0] ^= 1
    assert model.agrees(package, pixel).startswith("p1/A01.tif")
