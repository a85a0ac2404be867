"""Values that repeat are read from their pages' dictionaries: each once, and they are the ones that the engine reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import stores
from costs import counted
from hypothesis import given, settings
from hypothesis import strategies as st
from make_sqlite import built, database
from stores import MOTO
from test_blobs import both_ways

import datapkg
from datapkg import Table, shared_values, store
from datapkg.blobs import DirectBlobs, listed_blobs
from datapkg.errors import DamageError
from datapkg.places import Folder, place
from datapkg.records import FilesList


def some(count: int, size: int, seed: int = 0) -> list[bytes]:
    rng = np.random.default_rng(seed)
    return [rng.bytes(size + at) for at in range(count)]


def table_of(folder: Path, values: Sequence[bytes | None]) -> Table:
    database(folder / "x.db", "create table t (b blob)", rows=[(one,) for one in values], into="t")
    return built(folder, "name: t, path: x.db")["t"]


def entries(table: Table) -> list[dict[str, Any]]:
    return list(table.opened.files.placed.get("t", {}).get("b", {}).values())


class Column:
    """A column of bytes in a data file that the store wrote, and what a list of files says of it."""

    def __init__(self, folder: Path, values: Sequence[bytes | None], batches: int = 1) -> None:
        schema = pa.schema([pa.field("b", pa.large_binary())])
        parts = [
            pa.array(part.tolist(), pa.large_binary())
            for part in np.array_split(np.array([*values, 0], object)[:-1], batches)
        ]
        given = [pa.record_batch([part], schema=schema) for part in parts]
        written = store.write_fragment(Folder(folder), "a", "t", schema, given)
        assert written is not None
        self.place, self.file = Folder(folder).staging("a"), written.files[0]
        path = self.file.path
        equal = {
            name: {"dtype": one.dtype, "shape": [], "fragments": {"0": [path, *one.places]}}
            for name, one in written.pixels.items()
        }
        placed = {"t": {name: {"0": {"path": path, **one}} for name, one in written.placed.items()}}
        listed = {"t": [["data", path, self.file.bytes, ""]]}
        self.files = FilesList(1, listed, {}, {"t": equal}, placed)

    @property
    def kind(self) -> str:
        return str(self.files.placed["t"]["b"]["0"]["kind"]) if self.files.placed["t"] else "blobs"

    def direct(self) -> DirectBlobs:
        return DirectBlobs(self.place, self.files, "t", listed_blobs(self.files, "t", "b"))

    def read(self, rows: Sequence[int]) -> list[bytes | None]:
        found = self.direct().read(np.array(rows, np.int64))
        assert found is not None
        return list(found.to_pylist())


GAPS = {"none": lambda at: False, "some": lambda at: at % 5 == 2, "most": lambda at: at % 3 > 0}
ORDERS = {
    "mixed": lambda at, count: at * 13 % count,
    "sorted": lambda at, count: at * count // 400,
    "runs": lambda at, count: at // 9 % count,
}


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("count", "size"), [(2, 300), (7, 40), (30, 3000), (40, 0)])
def test_values_that_repeat_are_those_that_were_written(
    gap: str, order: str, count: int, size: int, tmp_path: Path
) -> None:
    values = some(count, size)
    written = [None if GAPS[gap](at) else values[ORDERS[order](at, count)] for at in range(400)]
    column = Column(tmp_path, written, batches=3)
    assert column.kind == "values, shared"
    assert column.read(range(400)) == written
    for row in (0, 2, 5, 399):
        assert column.read([row]) == [written[row]]
    assert column.read([399, 1, 1, 2]) == [written[at] for at in (399, 1, 1, 2)]


@settings(max_examples=40)
@given(
    picked=st.lists(st.none() | st.integers(0, 8), min_size=100, max_size=300),
    size=st.sampled_from([0, 30, 700]),
    others=st.integers(0, 200),
)
def test_values_of_any_kind_are_as_the_engine_reads_them(
    picked: list[int | None], size: int, others: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = some(9, size)
    rows = [None if at is None else values[at] for at in picked] + some(others, size, 1)
    table = table_of(tmp_path_factory.mktemp("shared"), [*rows, b"x"])
    both_ways(table, "b")


def test_many_pages_have_a_dictionary_each_and_the_last_used_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [some(40, 30_000, seed) for seed in range(3)]
    table = table_of(tmp_path, [values[at // 400][at % 40] for at in range(1200)])
    (entry,) = entries(table)
    assert len(entry["shared"]) > 2
    assert both_ways(table, "b")
    rows = [0, 1199, 1, 1198, 600]
    monkeypatch.setattr(shared_values, "HELD_BYTES", 2_000_000)
    table = datapkg.open(tmp_path / "p")["t"]
    with counted(table) as cost:
        found = [
            batch.column(0)[0].as_py() for row in rows for _, batch in table.rows.take(np.array([row]), ["b"])
        ]
    assert found == [values[row // 400][row % 40] for row in rows]
    assert len(cost.parts) == 5  # each was given up before it was wanted again
    held = table.rows._blobs("b")._dictionaries._held
    assert len(held) == 1
    monkeypatch.undo()
    table = datapkg.open(tmp_path / "p")["t"]
    with counted(table) as cost:
        for row in rows:
            list(table.rows.take(np.array([row]), ["b"]))
    assert len(cost.parts) == 3


def test_pages_of_other_kinds_stand_beside(tmp_path: Path) -> None:
    repeated, single = some(30, 20_000), some(300, 60_000, 1)
    large, nothing = some(2, 9_000_000, 2), [None] * 50
    written = [*(repeated[at % 30] for at in range(600)), *single, *large, *nothing, repeated[0]]
    column = Column(tmp_path, written, batches=6)
    assert column.kind == "values, shared"
    assert column.read(range(0, len(written), 7)) == written[::7]
    assert column.read(range(len(written) - 60, len(written))) == written[-60:]


def test_data_files_are_the_same_from_build_to_build(tmp_path: Path) -> None:
    values = some(20, 500)
    contents = set()
    for name in "abc":
        column = Column(tmp_path / name, [values[at % 20] for at in range(300)])
        contents.add(column.place.local(column.file.path).read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("byte", [0, 2, 9, 20, 300])
def test_a_harmed_dictionary_is_damage_or_another_value(byte: int, tmp_path: Path) -> None:
    """What LZ4 and the lengths do not show, a verified read does: as everywhere, storage has no checksums of its own."""
    values = some(20, 500)
    column = Column(tmp_path, [values[at % 20] for at in range(300)])
    path = column.place.local(column.file.path)
    content = bytearray(path.read_bytes())
    begin = column.files.placed["t"]["b"]["0"]["pages"][1]
    content[begin + byte] ^= 64
    path.write_bytes(content)
    if byte < 100:
        with pytest.raises(DamageError, match=r"table t of .*damaged"):
            column.read([3])
    else:
        assert len(column.read(range(300))) == 300
    path.write_bytes(content[:200])
    with pytest.raises(DamageError, match="missing or damaged"):
        column.read([3])


def test_a_list_that_makes_no_sense_is_damage_or_the_engines(tmp_path: Path) -> None:
    values = some(20, 500)
    column = Column(tmp_path, [values[at % 20] for at in range(300)])
    entry = column.files.placed["t"]["b"]["0"]
    pages, (size, text) = list(entry["pages"]), entry["shared"]["0"]
    for wrong in ({"0": [size + 1, text]}, {"0": [size, text[:-8]]}, {}):
        entry["shared"] = wrong
        with pytest.raises(DamageError):
            column.read([3])
    entry["shared"] = {"0": [size, text]}
    for at, wrong_number in ((0, 299), (4, 19)):
        entry["pages"] = [*pages[:at], wrong_number, *pages[at + 1 :]]
        with pytest.raises(DamageError):
            column.read([3])
    entry["pages"] = [pages[0], pages[1] + (1 << 30), *pages[2:]]
    assert column.direct().read(np.array([3])) is None


@MOTO
def test_values_in_a_bucket_cost_one_request_for_all_of_a_page(
    tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    values = some(20, 500)
    written = [values[at % 20] if at % 4 else None for at in range(300)]
    column = Column(tmp_path, written)
    bucket = place(uri)
    bucket.move_in(column.place, [(column.file.path, column.file.path)])
    direct = DirectBlobs(bucket, column.files, "t", listed_blobs(column.files, "t", "b"))
    for row, most in ((5, 1), (8, 0), (299, 0)):
        before = reached.requests()
        found = direct.read(np.array([row]))
        assert reached.requests() - before <= most
        assert found is not None
        assert found.to_pylist() == [written[row]]
