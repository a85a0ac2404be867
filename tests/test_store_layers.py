"""Layers: columns in files of their own follow a table through deletions, new rows, other columns and old versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from datapkg import store
from datapkg.errors import StoreError
from datapkg.places import Folder
from datapkg.records import Pin
from datapkg.store import Committed, Fragment, Layer, PinnedTable

BASE = pa.schema(
    [("k", pa.int64()), ("pixels", pa.large_list(pa.list_(pa.uint8(), 4))), ("a.b", pa.string())]
)
SCORE = pa.schema([("score", pa.float32())])
LABELS = pa.schema(
    [("labels", pa.list_(pa.struct([("label", pa.string()), ("p", pa.float64())]))), ("a.c", pa.int8())]
)
OWN = [store.stored_name(name) for name in BASE.names]


class Growing:
    """A table that is committed again and again, each time by an attempt of its own."""

    def __init__(self, path: Path) -> None:
        self.package, self.attempts = Folder(path), 0
        self.done: Committed | None = None

    def begin(self) -> str:
        self.attempts += 1
        self.package.begin(f"{self.attempts:032x}")
        return f"{self.attempts:032x}"

    def rows(self, *numbers: int) -> Fragment:
        values = {
            "k": pa.array(numbers, pa.int64()),
            "pixels": pa.array([[[n % 250] * 4] * (1 + n % 3) for n in numbers], BASE.field("pixels").type),
            "a.b": pa.array([f"row {n}" for n in numbers]),
        }
        return self.written(pa.record_batch(values, BASE))

    def scores(self, *values: float | None) -> Fragment:
        return self.written(pa.record_batch({"score": pa.array(values, pa.float32())}, SCORE))

    def labels(self, *values: str | None) -> Fragment:
        lists = [None if v is None else [{"label": v, "p": 0.5}] * len(v) for v in values]
        numbers = pa.array([None if v is None else len(v) for v in values], pa.int8())
        return self.written(pa.record_batch([pa.array(lists, LABELS.field(0).type), numbers], schema=LABELS))

    def written(self, batch: pa.RecordBatch) -> Fragment:
        found = store.write_fragment(self.package, f"{self.attempts:032x}", "t", batch.schema, [batch])
        assert found is not None
        return found

    def commit(self, fragments: list[Fragment], *layers: Layer) -> Pin:
        self.done = store.commit(self.package, f"{self.attempts:032x}", "t", BASE, fragments, layers)
        return self.done.pin

    def update(
        self, base: Pin, deleted: dict[int, list[int]], fragments: list[Fragment], *layers: Layer
    ) -> Pin:
        gone = {number: np.array(rows) for number, rows in deleted.items()}
        files: list[Any] = []
        self.done = store.update(
            self.package, f"{self.attempts:032x}", "t", base, files, gone, fragments, OWN, layers
        )
        return self.done.pin

    def read(self, pin: Pin, *columns: str) -> list[tuple[Any, ...]]:
        batches = PinnedTable(self.package, "t", pin).batches(list(columns), batch_bytes=1 << 20)
        rows = pa.Table.from_batches(list(batches)).select(list(columns)).to_pydict()
        return list(zip(*rows.values(), strict=True))


@pytest.fixture
def grown(tmp_path: Path) -> tuple[Growing, Pin]:
    """Two fragments of rows 0 to 4 and 10 to 12, each with two layers."""
    table = Growing(tmp_path / "p")
    table.begin()
    rows = [table.rows(0, 1, 2, 3, 4), table.rows(10, 11, 12)]
    score = Layer(SCORE, {-1: table.scores(0, 1, 2, 3, 4), -2: table.scores(10, None, 12)})
    labels = Layer(LABELS, {-1: table.labels("", "a", "aa", "aaa", None), -2: table.labels("x", "y", "z")})
    return table, table.commit(rows, score, labels)


def test_a_first_version_reads_rows_and_layers_together(grown: tuple[Growing, Pin]) -> None:
    table, pin = grown
    assert table.read(pin, "k", "score") == [
        (0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (10, 10), (11, None), (12, 12)
    ]  # fmt: skip
    assert table.read(pin, "labels", "a%2Ec", "a%2Eb")[3:5] == [
        ([{"label": "aaa", "p": 0.5}] * 3, 3, "row 3"),
        (None, None, "row 4"),
    ]
    assert table.read(pin, "pixels")[2] == ([[2] * 4] * 3,)


def test_no_pixel_is_written_again_for_another_layer(grown: tuple[Growing, Pin]) -> None:
    table, pin = grown
    assert table.done is not None
    before = {file.path for file in table.done.files if file.role == "data"}
    table.begin()
    score = Layer(SCORE, {0: table.scores(5, 6, 7, 8, 9), 1: table.scores(1, 2, 3)})
    changed = table.update(pin, {}, [], score, Layer(LABELS, {}))
    after = {file.path for file in table.done.files if file.role == "data"}
    assert (len(before), len(after - before), len(before - after)) == (6, 2, 2)
    assert table.read(changed, "k", "score", "a%2Ec")[4:] == [
        (4, 9, None),
        (10, 1, 1),
        (11, 2, 1),
        (12, 3, 1),
    ]


def test_rows_go_and_come_under_layers_that_stay(grown: tuple[Growing, Pin]) -> None:
    table, pin = grown
    table.begin()
    rows = [table.rows(20, 21)]
    score = Layer(SCORE, {-1: table.scores(20, 21), 0: table.scores(None, 0.5, None, 3, 4)})
    labels = Layer(LABELS, {-1: table.labels("new", None)})
    changed = table.update(pin, {0: [0, 2], 1: [0, 1, 2]}, rows, score, labels)
    assert table.read(changed, "k", "score", "a%2Ec") == [
        (1, 0.5, 1), (3, 3, 3), (4, 4, None), (20, 20, 3), (21, 21, None)
    ]  # fmt: skip
    assert len(table.read(pin, "k", "score", "labels")) == 8  # the version before is what it was


def test_a_layer_goes_comes_back_and_changes_its_type(grown: tuple[Growing, Pin]) -> None:
    table, pin = grown
    table.begin()
    without = table.update(pin, {0: [1]}, [], Layer(LABELS, {}))
    lance = PinnedTable(table.package, "t", without).lance
    assert lance.schema.names == [*OWN, "labels", "a%2Ec"]
    table.begin()
    text = pa.schema([("score", pa.string())])
    files = {
        0: table.written(pa.record_batch([pa.array(["0", None, "2", "3", "4"])], schema=text)),
        1: table.written(pa.record_batch([pa.array(["x", "y", "z"])], schema=text)),
    }
    other = table.update(without, {1: [1]}, [], Layer(LABELS, {}), Layer(text, files))
    assert table.read(other, "score", "a%2Ec") == [
        ("0", 0),
        ("2", 2),
        ("3", 3),
        ("4", None),
        ("x", 1),
        ("z", 1),
    ]
    assert table.read(without, "k", "a%2Ec")[:2] == [(0, 0), (2, 2)]
    assert table.read(pin, "score")[:2] == [(0.0,), (1.0,)]


def test_the_type_of_a_layer_changes_at_once(grown: tuple[Growing, Pin]) -> None:
    table, pin = grown
    table.begin()
    text = pa.schema([("score", pa.string())])
    files = {
        0: table.written(pa.record_batch([pa.array(list("abcde"))], schema=text)),
        1: table.written(pa.record_batch([pa.array(list("xyz"))], schema=text)),
    }
    changed = table.update(pin, {}, [], Layer(text, files), Layer(LABELS, {}))
    assert [score for score, _ in table.read(changed, "score", "labels")] == list("abcdexyz")


def test_fragments_are_joined_with_the_files_beside_them(grown: tuple[Growing, Pin]) -> None:
    table, pin = grown
    table.begin()
    rows = [table.rows(0, 1, 2, 3, 4, 10, 11, 12)]
    score = Layer(SCORE, {-1: table.scores(0, 1, 2, 3, 4, 10, None, 12)})
    changed = table.update(pin, {0: list(range(5)), 1: list(range(3))}, rows, score)
    assert table.read(changed, "k", "score") == table.read(pin, "k", "score")
    assert len(PinnedTable(table.package, "t", changed).lance.get_fragments()) == 1


def test_a_layer_without_a_file_for_some_rows_is_refused(grown: tuple[Growing, Pin]) -> None:
    table, pin = grown
    table.begin()
    with pytest.raises(StoreError, match="no values of score are stored for a part of the rows"):
        table.update(pin, {}, [table.rows(30)], Layer(SCORE, {}), Layer(LABELS, {-1: table.labels("a")}))
    text = pa.schema([("score", pa.string())])
    with pytest.raises(StoreError, match="no values of score"):
        table.update(pin, {}, [], Layer(text, {}), Layer(LABELS, {}))


def test_another_programs_commit_does_not_leak_into_layers(grown: tuple[Growing, Pin]) -> None:
    import lance

    table, pin = grown
    strange = lance.dataset(str(table.package.path / "t.lance"))
    strange.delete("k = 3")
    strange.add_columns({"noise": "k * 2"})
    table.begin()
    score = Layer(SCORE, {0: table.scores(5, 6, 7, 8, 9), 1: table.scores(1, 2, 3)})
    changed = table.update(pin, {}, [], score)
    assert PinnedTable(table.package, "t", changed).lance.schema.names == [*OWN, "score"]
    assert [k for k, _ in table.read(changed, "k", "score")] == [0, 1, 2, 3, 4, 10, 11, 12]


def test_a_table_without_rows_has_layers_too(tmp_path: Path) -> None:
    table = Growing(tmp_path / "p")
    table.begin()
    pin = table.commit([], Layer(SCORE, {}))
    table.begin()
    changed = table.update(pin, {}, [table.rows(1)], Layer(SCORE, {-1: table.scores(7)}))
    assert table.read(changed, "k", "score") == [(1, 7)]
