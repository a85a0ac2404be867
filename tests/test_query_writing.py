"""A query's rows as files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import make
import make_versions
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import datapkg
from datapkg import Package
from datapkg.errors import ExportError

ALL = "select * exclude (Note), Note from cells order by source_path, source_row"


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return datapkg.open(make_versions.package(tmp_path_factory.mktemp("versions")))


def test_parquet_holds_every_value_and_images_as_stored(versions: Package, tmp_path: Path) -> None:
    result = versions.sql(ALL)
    assert result.write(tmp_path / "x.parquet") == 20
    assert pq.read_table(tmp_path / "x.parquet").equals(result.to_arrow())
    images = versions.sql("select file_name, image_array, image_bytes from frames")
    images.write(str(tmp_path / "i.parquet"))
    back = pq.read_table(tmp_path / "i.parquet")
    assert back.column("image_array").to_pylist() == images.to_arrow().column("image_array").to_pylist()
    assert len(back) == 20


def test_csv_tells_missing_from_empty_and_keeps_all_digits(versions: Package, tmp_path: Path) -> None:
    asked = (
        "select U, \"Cells.Area\" as a, case when source_row = 0 then '' end as t, Ok, Day, "
        "[source_row, null] as l, 1.50::decimal(5, 2) as d "
        "from cells where source_path like '%p01%' order by source_row"
    )
    assert versions.sql(asked).write(tmp_path / "x.csv") == 4
    text = (tmp_path / "x.csv").read_text("utf-8")
    assert text.splitlines()[0] == '"U","a","t","Ok","Day","l","d"'
    rows = list(csv.reader(text.splitlines()))
    assert rows[1] == ["18446744073709551615", "inf", "", "false", "2024-02-02", "[0, null]", '"1.50"']
    assert rows[2][0] == "9007199254740993"
    assert text.splitlines()[1].split(",")[2] == '""' and text.splitlines()[2].split(",")[2] == ""


def test_json_holds_every_value(versions: Package, tmp_path: Path) -> None:
    asked = (
        'select U, "Cells.Area" as a, Well, Ok, Seen, ["Cells.Area", \'nan\'::double] as l, 1.50::decimal(5, 2) as d '
        "from cells where source_path like '%p01%' order by source_row"
    )
    assert versions.sql(asked).write(tmp_path / "x.json") == 4
    rows = json.loads((tmp_path / "x.json").read_text("utf-8"))
    assert rows[0] == {
        "U": 18446744073709551615, "a": "INF", "Well": "A00", "Ok": False, "Seen": "2024-02-01T10:00:04",
        "l": ["INF", "NaN"], "d": "1.50",
    }  # fmt: skip
    assert rows[1]["U"] == 2**53 + 1 and rows[2]["U"] is None and rows[1]["a"] == "-INF"
    assert versions.sql("from cells where false").write(tmp_path / "none.json") == 0
    assert json.loads((tmp_path / "none.json").read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("query", "name", "said"),
    [
        ("from cells", "x.xlsx", "choose one of: .parquet, .csv, .json"),
        ("from cells", "x.jsn", "did you mean '.json'"),
        ("from cells", "x", "no suffix"),
        ("from frames", "x.csv", "image"),
        ("select list(image_array) as i from frames", "x.json", "'i'"),
        ("select Well as a, File as a from cells", "x.json", "two columns are named 'a'"),
        ("select 'a'::blob as b", "x.json", "to_base64"),
        ("select interval 1 month as i", "x.parquet", "varchar"),
        ("from cells", "no/folder/x.csv", "No such file"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_and_leaves_nothing(
    query: str, name: str, said: str, versions: Package, tmp_path: Path
) -> None:
    with pytest.raises(ExportError) as refused:
        versions.sql(query).write(tmp_path / name)
    assert said in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.json"])
def test_no_file_is_written_over(name: str, versions: Package, tmp_path: Path) -> None:
    make.text(tmp_path / name, "mine")
    with pytest.raises(ExportError, match="is there already"):
        versions.sql("from cells").write(tmp_path / name)
    assert (tmp_path / name).read_text("utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_query_that_fails_half_way_leaves_no_file(versions: Package, tmp_path: Path) -> None:
    result = versions.sql("select cast(Well as integer) from cells")
    for name in ("x.csv", "x.parquet", "x.json"):
        with pytest.raises(datapkg.SchemaError):
            result.write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_parquet_reads_back_in_pandas(versions: Package, tmp_path: Path) -> None:
    versions.sql("select Well, count(*) as n from cells group by Well order by Well").write(
        tmp_path / "n.parquet"
    )
    frame = pd.read_parquet(tmp_path / "n.parquet")
    assert frame.to_dict("list") == {"Well": ["A00", "A01", "A02", "A03"], "n": [5] * 4}
    assert pa.types.is_int64(pq.read_schema(tmp_path / "n.parquet").field("n").type)
