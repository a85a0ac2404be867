"""Rows of two versions are matched by key or place, and every cell that differs is found."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import make
from hypothesis import given, settings
from hypothesis import strategies as st

import datapkg
from datapkg.differ import Diff

Rows = dict[str, tuple[str, ...]]
COLUMNS = ("a", "b", "c")
CELLS = st.sampled_from(["", "0", "1", "-3", "2.5", "x", "005", "true", "18446744073709551615"])
ROWS = st.dictionaries(st.sampled_from("qrstuvw"), st.tuples(CELLS, CELLS, CELLS), max_size=7)


def csv(path: Path, rows: Mapping[str, tuple[str, ...]], columns: tuple[str, ...] = COLUMNS) -> None:
    lines = [",".join(("key", *columns)), *(",".join((key, *cells)) for key, cells in rows.items())]
    make.text(path, "\n".join(lines) + "\n")


def versions(tmp_path: Path, resource: str, *contents: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Path:
    """Build one version for each set of CSV files."""
    manifest = make.manifest(tmp_path / "data", resource)
    for files in contents:
        for old in (tmp_path / "data").glob("*.csv"):
            old.unlink()
        for name, rows in files.items():
            csv(tmp_path / "data" / name, rows)
        make.build(manifest, tmp_path / "p", allow_removals=True)
    return tmp_path / "p"


def holds(value: Any, text: str) -> bool:
    """Whether a value is what a cell of text says."""
    if value is None:
        return text == ""
    if isinstance(value, float):
        return float(text) == value
    return text == (str(value).lower() if isinstance(value, bool) else str(value))


def naive(old: Mapping[Any, tuple[str, ...]], new: Mapping[Any, tuple[str, ...]]) -> set[tuple[Any, str]]:
    return {
        (key, column)
        for key in old.keys() & new.keys()
        for i, column in enumerate(COLUMNS)
        if old[key][i] != new[key][i]
    }


def assert_equals_naive(
    found: Diff, old: Mapping[Any, tuple[str, ...]], new: Mapping[Any, tuple[str, ...]]
) -> None:
    """`old` and `new` hold the cells by key: a text, or file and row."""

    def plain(key: dict[str, Any]) -> Any:
        return key["key"] if "key" in key else (key["source_path"], key["source_row"])

    assert found.ok == (found.old.digest == found.new.digest) == (found.as_json() == {})
    table = found.as_json().get("t", {"added": [], "removed": [], "changed": []})
    assert sorted(plain(key) for key in table["added"]) == sorted(new.keys() - old.keys())
    assert sorted(plain(key) for key in table["removed"]) == sorted(old.keys() - new.keys())
    changed = {(plain(cell["key"]), cell["column"]) for cell in table["changed"]}
    assert changed == naive(old, new)
    assert len(table["changed"]) == len(changed)
    for cell in table["changed"]:
        i = COLUMNS.index(cell["column"])
        assert holds(cell["old"], old[plain(cell["key"])][i])
        assert holds(cell["new"], new[plain(cell["key"])][i])
    assert len(found.cells) == len(changed)
    assert list(found.rows.change).count("changed") == len({key for key, _ in changed})


def shuffled(draw: st.DrawFn, rows: Rows) -> Rows:
    return {key: rows[key] for key in draw(st.permutations(list(rows)))}


@st.composite
def two_versions(draw: st.DrawFn) -> tuple[Rows, Rows]:
    """Rows, and what became of them: most stay, some change, come or go, and the order may be another one."""
    old = draw(ROWS)
    new = {**old, **draw(ROWS)} if draw(st.booleans()) else draw(ROWS)
    return old, shuffled(draw, new) if draw(st.booleans()) else new


@settings(max_examples=30, deadline=None)
@given(pair=two_versions(), cut=st.tuples(st.integers(0, 7), st.integers(0, 7)))
def test_rows_with_a_primary_key_are_matched_wherever_they_stand(
    pair: tuple[Rows, Rows], cut: tuple[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        contents = []
        for rows, at in zip(pair, cut, strict=True):
            items = list(rows.items())
            contents.append({"1.csv": dict(items[:at]), "2.csv": dict(items[at:])})
        resource = 'name: t, path: "*.csv", schema: {primaryKey: [key]}'
        package = datapkg.open(versions(Path(folder), resource, *contents))
        found = package.diff(1)
        assert_equals_naive(found, *pair)
        assert "source_path" not in set(found.cells["column"])


@settings(max_examples=30, deadline=None)
@given(pair=two_versions())
def test_rows_without_a_key_are_matched_by_file_and_row(pair: tuple[Rows, Rows]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        contents = [{"1.csv": rows, "same.csv": {"z": ("1", "2", "3")}} for rows in pair]
        package = datapkg.open(versions(Path(folder), 'name: t, path: "*.csv"', *contents))
        found = package.diff(1)
        by_place = [{("1.csv", i): cells for i, cells in enumerate(rows.values())} for rows in pair]
        keys = [list(rows) for rows in pair]
        cells = [
            cell for cell in found.as_json().get("t", {"changed": []})["changed"] if cell["column"] == "key"
        ]
        assert len(cells) == sum(one != other for one, other in zip(*keys, strict=False))
        without_key = Stripped(found)
        assert_equals_naive(without_key, *by_place)  # type: ignore[arg-type]


class Stripped:
    """A result without the cells of the column `key`, which is a column as others where it is not the key."""

    def __init__(self, found: Diff) -> None:
        self.ok, self.old, self.new, self._json = found.ok, found.old, found.new, found.as_json()
        self.cells = found.cells[found.cells["column"] != "key"]
        rows = found.rows
        kept = set(self.cells.new_row)
        self.rows = rows[(rows.change != "changed") | rows.new_row.isin(kept)]

    def as_json(self) -> dict[str, Any]:
        return {
            name: {**table, "changed": [cell for cell in table["changed"] if cell["column"] != "key"]}
            for name, table in self._json.items()
        }


def test_keys_that_repeat_are_matched_in_their_order_and_that_is_said(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for text, schema in (("r,1\nr,2\ns,3\nr,4\n", ""), ("s,3\nr,9\n", ", schema: {primaryKey: [key]}")):
        make.text(data / "t.csv", f"key,a\n{text}")
        make.build(make.manifest(data, f"name: t, path: t.csv{schema}"), tmp_path / "p")
    found = datapkg.open(tmp_path / "p").diff(1)
    table = found.as_json()["t"]
    assert table["changed"] == [{"key": {"key": "r", "(occurrence)": 0}, "column": "a", "old": 1, "new": 9}]
    assert table["removed"] == [{"key": "r", "(occurrence)": 1}, {"key": "r", "(occurrence)": 2}]
    assert table["added"] == []
    assert "some rows have the same key" in str(found)
    assert "- 2 rows  r, no. 2; r, no. 3" in str(found)


def test_a_key_column_that_became_text_still_matches(tmp_path: Path) -> None:
    contents = [{"t.csv": {"1": ("1", "1", "1"), "2": ("2", "2", "2")}}]
    contents.append({"t.csv": {"2": ("2", "2", "9"), "1": ("1", "1", "1"), "x": ("3", "3", "3")}})
    resource = "name: t, path: t.csv, schema: {primaryKey: key}"
    found = datapkg.open(versions(tmp_path, resource, *contents)).diff(1)
    table = found.as_json()["t"]
    assert table["added"] == [{"key": "x"}]
    assert [(cell["key"], cell["old"], cell["new"]) for cell in table["changed"]] == [({"key": "2"}, 2, 9)]
    assert "matched as text" in str(found)


def test_the_same_rows_in_another_order_differ_and_no_cell_does(tmp_path: Path) -> None:
    rows = {"a": ("1", "1", "1"), "b": ("2", "2", "2")}
    resource = "name: t, path: t.csv, schema: {primaryKey: key}"
    package = versions(tmp_path, resource, {"t.csv": rows}, {"t.csv": dict(reversed(rows.items()))})
    found = datapkg.open(package).diff(1)
    assert not found.ok
    assert found.tables[["added", "removed", "changed"]].values.tolist() == [[0, 0, 0]]
    assert "the same rows stand in another order" in str(found)


def test_rows_that_moved_to_another_file_are_counted_not_changed(tmp_path: Path) -> None:
    one, two = {"a": ("1", "1", "1")}, {"b": ("2", "2", "2")}
    resource = 'name: t, path: "*.csv", schema: {primaryKey: key}'
    package = versions(tmp_path, resource, {"1.csv": one, "2.csv": two}, {"1.csv": {**one, **two}})
    found = datapkg.open(package).diff(1)
    assert found.rows.empty
    assert "1 row comes from another file" in str(found)
