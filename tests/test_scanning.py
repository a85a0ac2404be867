"""A pinned table as an Arrow dataset for engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make_versions
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import datapkg
from datapkg import Table
from datapkg.scanning import ScannedTable

ROW = {"%row": (pa.int64(), pa.array)}


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return datapkg.open(make_versions.package(tmp_path_factory.mktemp("versions")))["cells"]


def scan(table: Table, names: dict[str, str], columns: list[str] | None, condition: Any = None) -> pa.Table:
    return ScannedTable(table.rows, names, ROW).scanner(columns, condition).to_reader().read_all()


def test_it_says_its_columns_and_reads_those_asked_for(cells: Table) -> None:
    dataset = ScannedTable(cells.rows, {"Well": "Well", "area": "Cells%2EArea"}, ROW)
    assert dataset.schema.names == ["Well", "area", "%row"]
    assert scan(cells, {"Well": "Well"}, None).column_names == ["Well", "%row"]
    assert scan(cells, {"Well": "Well", "area": "Cells%2EArea"}, ["area"]).column_names == ["area"]


def test_positions_are_those_of_the_table(cells: Table) -> None:
    found = scan(cells, {"File": "File"}, ["%row", "File"])
    files = cells.to_arrow(["File"]).column(0).to_pylist()
    assert [files[row] for row in found.column("%row").to_pylist()] == found.column("File").to_pylist()
    assert found.column("%row").to_pylist() != sorted(found.column("%row").to_pylist())


@pytest.mark.parametrize(
    "condition",
    [
        pc.field("Well") == "A03",
        pc.field("U") == pa.scalar(2**64 - 1, pa.uint64()),  # Lance has no such literal
        pc.field("area") > 1,  # Lance knows it by another name
        (pc.field("%row") < 7) & (pc.field("Well") != "A00"),
        pc.is_null(pc.field("U")) | (pc.field("File") == "p04_1.tif"),
    ],
    ids=str,
)
def test_a_condition_holds_whoever_answers_it(condition: Any, cells: Table) -> None:
    names = {"File": "File", "Well": "Well", "U": "U", "area": "Cells%2EArea"}
    everything = scan(cells, names, None)
    expected = everything.filter(condition).select(["%row", "File"]).sort_by("%row")
    found = scan(cells, names, ["%row", "File"], condition).sort_by("%row")
    assert 0 < len(found) < 20 and found.equals(expected)


def test_a_name_of_our_own_never_means_a_stored_column(cells: Table) -> None:
    swapped = {"Well": "well", "well": "Well"}
    assert len(scan(cells, swapped, ["well"], pc.field("Well") == "a2")) == 4


def test_what_goes_wrong_is_kept(tmp_path: Path) -> None:
    package = make_versions.package(tmp_path)
    for path in package.glob("cells.lance/data/*"):
        path.write_bytes(b"\0" * path.stat().st_size)
    dataset = ScannedTable(datapkg.open(package)["cells"].rows, {"Well": "Well"}, {})
    with pytest.raises(Exception, match="damaged"):
        dataset.scanner(["Well"]).to_reader().read_all()
    assert isinstance(dataset.failure, datapkg.DamageError)


def test_no_column_still_counts_rows(cells: Table) -> None:
    assert np.array_equal(np.sort(scan(cells, {}, ["%row"]).column(0).to_numpy()), np.arange(20))
