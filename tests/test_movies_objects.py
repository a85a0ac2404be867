"""Objects get their planes as lazy cells."""

from __future__ import annotations

from pathlib import Path

import make
import numpy as np
import pytest

import datapkg
from datapkg import Package
from datapkg.errors import SchemaError


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Package:
    target: Path = tmp_path_factory.mktemp("screen") / "p"
    make.build(make.PROJECT / "manifests" / "screen.yaml", target)
    return datapkg.open(target)


def test_each_object_has_the_plane_that_it_stands_in(screen: Package) -> None:
    objects = screen["movies_objects"].sample(12, seed=3).sample(frac=1, random_state=1)
    found = screen["movies"].with_planes(objects, region=0)
    assert found.drop(columns="image_array").equals(objects)
    assert found["image_array"].dtype == "datapkg[image]"
    for row in found.itertuples():
        box = row.bounding_box
        inside = row.image_array[box["top"] : box["bottom"], box["left"] : box["right"]]
        rows, columns = np.nonzero(row.image_array == row.label)
        assert (inside == row.label).sum() == len(rows) > 0
        assert (columns.min(), rows.max() + 1) == (box["left"], box["bottom"])


def test_objects_of_no_plane_are_refused(screen: Package) -> None:
    objects = screen["movies_objects"].to_pandas(limit=2)
    movies = screen["movies"]
    with pytest.raises(SchemaError, match="no column 't'"):
        movies.with_planes(objects.drop(columns="t"), channel=0)
    with pytest.raises(SchemaError, match="give one of: channel 0 'primary'"):
        movies.with_planes(objects)
    with pytest.raises(SchemaError, match="image_array already"):
        movies.with_planes(movies.with_planes(objects, channel=0), channel=0)
    with pytest.raises(SchemaError, match="no plane"):
        movies.with_planes(objects.assign(t=99), channel=0)
    assert len(movies.with_planes(objects.iloc[:0], channel=0)) == 0
