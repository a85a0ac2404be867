"""Rows are matched and read a few at a time, and the result does not depend on how many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import make
import numpy as np
import pytest

import datapkg
from datapkg.differ import gathering, matching
from datapkg.differ.identity import Identity
from datapkg.errors import DamageError

Rows = Sequence[tuple[object, ...]]
ROWS = 200


@pytest.fixture
def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "KEY_ROWS", 7)
    monkeypatch.setattr(gathering, "BLOCK_BYTES", 100)
    monkeypatch.setattr(gathering, "ASKED_ROWS", 5)


def build(folder: Path, *contents: Rows, key: str = "[plate, well]") -> datapkg.Package:
    """One version for each list of rows (plate, well, text, number)."""
    schema = f", schema: {{primaryKey: {key}}}" if key else ""
    manifest = make.manifest(folder / "data", f"name: t, path: t.csv{schema}")
    for rows in contents:
        lines = [",".join(map(str, row)) for row in rows]
        make.text(folder / "data" / "t.csv", "\n".join(["plate,well,text,number", *lines]) + "\n")
        make.build(manifest, folder / "p")
    return datapkg.open(folder / "p")


def rows() -> list[tuple[object, ...]]:
    return [(f"p{i // 20}", i % 20, "long text " * (i % 3), i * 0.5) for i in range(ROWS)]


def changed(order: str) -> list[tuple[object, ...]]:
    """Row 3 is gone, row 90 has other cells, a row is new; and perhaps all stand in another order."""
    new = rows()
    new[90] = (*new[90][:2], "other", -1.0)
    new[3:4] = []
    new.append(("q", 1, "", 1.0))
    return [new[i] for i in np.random.default_rng(1).permutation(len(new))] if order == "shuffled" else new


@pytest.mark.parametrize("order", ["aligned", "shuffled"])
def test_rows_are_found_in_small_pieces(tmp_path: Path, order: str, in_small_pieces: None) -> None:
    table = build(tmp_path, rows(), changed(order)).diff(1).as_json()["t"]
    assert table["added"] == [{"plate": "q", "well": 1}]
    assert table["removed"] == [{"plate": "p0", "well": 3}]
    assert [(cell["column"], cell["new"]) for cell in table["changed"]] == [
        ("text", "other"),
        ("number", -1.0),
    ]
    assert {tuple(cell["key"].values()) for cell in table["changed"]} == {("p4", 10)}


def match(folder: Path, old: Rows, new: Rows) -> matching.Matched:
    """Match rows by plate and well, where no manifest says that these make a key."""
    package = build(folder, old, new, key="")
    tables = package.checkout(1)["t"], package["t"]
    by = Identity(("plate", "well"))
    return matching.match_by_key(*(matching.Keys(table, np.arange(len(table)), by) for table in tables))


def test_a_key_that_repeats_among_aligned_rows_is_noticed(tmp_path: Path, in_small_pieces: None) -> None:
    old = rows()
    old[151] = (*old[10][:2], "again", 0.0)
    new = [*old[:-1], (*old[-1][:3], 7.0)]
    found = match(tmp_path, old, new)
    assert found.old.tolist() == found.new.tolist() == list(range(ROWS))
    assert found.occurrences is not None
    assert [side.of(np.array([10, 11, 151])).tolist() for side in found.occurrences] == [[0, 0, 1]] * 2


def test_keys_that_ascend_and_keys_that_do_not_repeat_are_not_counted(
    tmp_path: Path, in_small_pieces: None
) -> None:
    for folder, old in (("up", sorted(rows())), ("down", sorted(rows(), reverse=True))):
        assert match(tmp_path / folder, old, [*old[:-1], (*old[-1][:3], 7.0)]).occurrences is None


def test_missing_keys_equal_each_other(tmp_path: Path) -> None:
    old = [("", 1, "a", 1), ("p", "", "b", 2), ("", "", "c", 3)]
    found = match(tmp_path / "some", old, [("", "", "c", 4), ("", 1, "a", 1), ("p", "", "b", 2)])
    assert (found.old.tolist(), found.new.tolist()) == ([2, 0, 1], [0, 1, 2])
    assert found.occurrences is None
    none = [("", i, "a", i) for i in range(3)]
    found = match(tmp_path / "none", none, [("", 2, "a", 9), *none[:2]])
    assert found.old.tolist() == [2, 0, 1]


def test_a_table_may_have_no_rows(tmp_path: Path) -> None:
    package = build(tmp_path, [], rows(), [])
    assert len(package.diff(1, 2).rows) == ROWS
    assert set(package.diff(2, 3).rows.change) == {"removed"}


def test_a_key_that_one_version_does_not_have_is_not_used(tmp_path: Path) -> None:
    package = build(tmp_path, [("p", 1, "a", 1)])
    make.text(tmp_path / "data" / "t.csv", "plate,text,number\np,a,2\n")
    make.manifest(tmp_path / "data", "name: t, path: t.csv, schema: {primaryKey: plate}")
    make.build(tmp_path / "data" / "manifest.yaml", tmp_path / "p")
    found = datapkg.open(package.uri).diff(2, 1)  # the older one's key is the word here
    assert "because both versions do not have well" in str(found)
    assert found.as_json()["t"]["changed"][0]["key"] == {"source_path": "t.csv", "source_row": 0}


def test_damage_is_told_as_such(tmp_path: Path) -> None:
    package = build(tmp_path, rows(), changed("aligned"))
    for path in Path(package.uri).glob("t.lance/data/*"):
        path.write_bytes(b"damaged")
    with pytest.raises(DamageError, match="missing or damaged"):
        datapkg.open(package.uri).diff(1)


@pytest.mark.parametrize("count", [0, 1, 5, 150])
def test_rows_come_in_the_order_asked_for(tmp_path: Path, count: int) -> None:
    table = build(tmp_path, rows())["t"]
    positions = np.random.default_rng(2).permutation(ROWS)[:count]
    found = gathering.gather(table, positions, ["number", "plate"])
    assert found.equals(table.to_arrow(["number", "plate"]).take(positions))
