"""What small columns say of rows is read once, in one request."""

from __future__ import annotations

from pathlib import Path

import make
import numpy as np
import pytest

import datapkg
from datapkg.facts import RowFacts
from datapkg.rows import RowOrder


@pytest.fixture
def facts(tmp_path: Path) -> RowFacts:
    for seed in range(40):
        make.tiff(tmp_path / "data" / f"{seed:02}.tif", make.image(seed, (2 + seed % 2, 3)))
    make.build(make.manifest(tmp_path / "data", 'name: frames, path: "*.tif"'), tmp_path / "p")
    return RowFacts(datapkg.open(tmp_path / "p")["frames"].rows)


@pytest.mark.parametrize("order", [[0, 0, 40], [0, 20, 20, 0, 0, 20]])
def test_values_come_in_the_order_asked(order: list[int], facts: RowFacts) -> None:
    facts.rows.order = RowOrder.of(order)
    names = [f"{number:02}.tif" for number in ([*range(20, 40), *range(20)] if order[1] else range(40))]
    for at in ([7, 3, 7], list(range(40)), []):
        paths, shapes = facts.get(np.array(at, np.int64), ["path", "shape"])
        assert paths.tolist() == [names[row] for row in at]
        assert [type(shape) for shape in shapes] == [tuple] * len(at)


def test_known_rows_are_not_read_again(facts: RowFacts) -> None:
    stats = facts.rows.pinned.lance.io_stats_incremental
    assert not facts.all_known(np.array([1]), ["image_digest"])
    facts.get(np.array([1, 2]), ["dtype", "image_digest"])
    stats()
    one, two = facts.get(np.array([2, 1]), ["dtype", "image_digest"])
    assert stats().read_iops == 0
    assert one.tolist() == ["uint16"] * 2
    assert two[0] != two[1]


def test_neighbours_in_the_same_file_are_read_with_a_row(
    facts: RowFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datapkg.facts.NEIGHBOURS", 8)
    facts.rows.order = RowOrder.of([0, 0, 20, 0, 20, 20])
    facts.get(np.array([18]), ["path"])
    facts.get(np.array([33]), ["path"])
    assert [row for row in range(40) if facts.all_known(np.array([row]), ["path"])] == [
        16,
        17,
        18,
        19,
        *range(32, 40),
    ]
    paths = facts.get(np.arange(40), ["path"])[0]
    assert paths.tolist() == [f"{number:02}.tif" for number in range(40)]


def test_what_the_record_proves_is_never_read(facts: RowFacts) -> None:
    stats = facts.rows.pinned.lance.io_stats_incremental
    assert facts.all_known(np.arange(40), ["dtype"]) and not facts.all_known(np.array([0]), ["shape"])
    stats()
    assert set(facts.get(np.arange(40), ["dtype", "series", "page"])[0]) == {"uint16"}
    assert stats().read_iops == 0


def test_equal_values_are_one_object(facts: RowFacts) -> None:
    (shapes,) = facts.get(np.arange(40), ["shape"])
    assert len({id(shape) for shape in shapes}) == 2
