"""All tables in a DataFusion session: filter, select, decode."""

from __future__ import annotations

import gc
import io
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import make
import make_versions
import numpy as np
import PIL.Image
import pyarrow as pa
import pytest
from datafusion import SessionContext, SQLOptions, col, lit, udf

import datapkg
from datapkg.doors import datafusion as door
from datapkg.errors import ExportError, SchemaError


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> SessionContext:
    return datapkg.open(make_versions.package(tmp_path_factory.mktemp("versions"))).datafusion()


def decoded(batches: list[object]) -> list[np.ndarray]:
    return [
        np.asarray(PIL.Image.open(io.BytesIO(value.as_py())))
        for batch in batches
        for value in batch.column("image_bytes")  # type: ignore[attr-defined]
    ]


def test_a_filter_selects_files_that_pillow_decodes(tmp_path: Path) -> None:
    for t in range(5):
        make.tiff(tmp_path / f"A01_{t}.tif", make.image(t, dtype="uint8"))
    make.build(
        make.manifest(tmp_path, 'name: frames, path: "*.tif", pattern: "{well}_{t:d}.tif"'), tmp_path / "p"
    )
    ctx = datapkg.open(tmp_path / "p").datafusion()
    found = ctx.table("frames").filter(col("t") == lit(3)).select("image_bytes").collect()
    (image,) = decoded(found)
    assert np.array_equal(image, make.image(3, dtype="uint8"))


def test_one_line_of_calls_outlives_its_session(package: Path) -> None:
    three = udf(lambda found: pa.array([one.as_py() == 1 for one in found]), pa.int64(), pa.bool_(), "stable")
    for ask in (
        lambda p: p.datafusion().sql('select * from frames where "Site" = 1'),
        lambda p: p.datafusion().table("frames").filter(col('"Site"') == lit(1)).select("path"),
        lambda p: p.datafusion().table("frames").filter(three(col('"Site"'))),
    ):
        asked = ask(datapkg.open(package))
        gc.collect()
        assert asked.count() == 3


def test_rows_are_found_by_time_stamp_through_true_names(context: SessionContext) -> None:
    moment = datetime(2024, 2, 1, 10, 0, 17)
    cells = context.table("cells").filter(col('"Seen"') == lit(moment)).select('"File"', '"Cells.Area"')
    assert cells.to_pydict() == {"File": ["p04_1.tif"], "Cells.Area": [float("-inf")]}
    later = context.sql(
        'select count(*) as n from cells c join frames f on c."File" = f.file_name '
        "where c.\"Seen\" > timestamp '2024-02-01T10:00:17'"
    )
    assert later.to_pydict() == {"n": [6]}


def test_deleted_rows_do_not_appear_and_changed_ones_are_new(context: SessionContext) -> None:
    names = context.sql('select "File" from cells order by 1').to_pydict()["File"]
    assert names == [f"p{plate:02}_{row}.tif" for plate in (0, 1, 2, 4, 5) for row in range(4)]
    found = (
        context.table("frames").filter(col("file_name") == lit("p02_1.tif")).select("image_bytes").collect()
    )
    assert np.array_equal(decoded(found)[0], make.image(121))
    assert context.sql("select count(*) as n from _sources").to_pydict()["n"][0] > 0


def test_conditions_and_columns_reach_lance(context: SessionContext) -> None:
    asked = context.table("cells").filter(col('"Cells.Area"') == lit(4.25)).select('"Well"')
    plan = str(asked.execution_plan().display_indent())
    assert "Lance" in plan or "FilteredRead" in plan
    assert asked.to_pydict() == {"Well": ["A03"]}


@pytest.mark.parametrize(
    "query",
    [
        "copy cells to '{folder}/x.csv'",
        "copy (select 1) to '{folder}/x.parquet'",
        "explain analyze copy (select 1) to '{folder}/x.parquet'",
        "create external table x stored as csv location '{folder}/cells.csv'",
        "create table x as select 1",
        "create view x as select 1",
        "insert into cells select * from cells",
        "insert overwrite cells select * from cells",
        "update cells set \"Well\" = 'x'",
        "delete from cells",
        "truncate cells",
        "drop table cells",
        "set datafusion.execution.batch_size = 1",
        "prepare x as select 1",
    ],
)
def test_sql_of_the_session_can_only_read(query: str, tmp_path: Path) -> None:
    make.text(tmp_path / "cells.csv", "Well,n\nA01,1")
    make.build(make.manifest(tmp_path, "name: cells, path: cells.csv"), tmp_path / "p")
    context = datapkg.open(tmp_path / "p").datafusion()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SchemaError, match="a statement that does more than read is refused"):
        context.sql(query.format(folder=tmp_path)).collect()
    assert sorted(tmp_path.rglob("*")) == before
    assert context.sql("select * from cells").to_pydict() == {"Well": ["A01"], "n": [1]}


def test_other_data_come_in_and_go_out_where_the_user_says_so(tmp_path: Path, package: Path) -> None:
    make.text(tmp_path / "other.csv", "Gene,n\nKIF11,1")
    context = datapkg.open(package).datafusion()
    context.register_csv("other", tmp_path / "other.csv")
    joined = context.sql('select n from other join wells on wells."Gene" = other."Gene"')
    assert joined.to_pydict() == {"n": [1]}
    context.sql(f"copy other to '{tmp_path}/out.csv'", options=SQLOptions()).collect()
    assert (tmp_path / "out.csv").read_text("utf-8").splitlines() == ["Gene,n", "KIF11,1"]
    with pytest.raises(Exception, match="nowhere"):
        context.sql("select * from nowhere")
    with pytest.raises(Exception, match="Insert into not implemented"):
        context.sql("insert into wells select * from wells", options=SQLOptions()).collect()


def test_the_session_is_of_the_major_version_that_lance_was_built_with(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert version("datafusion").split(".")[0] == door.major_of_lance()
    monkeypatch.setattr("datafusion.__version__", "12.0.0")
    with pytest.raises(ExportError, match=f"datafusion=={door.major_of_lance()}"):
        datapkg.open(package).datafusion()
