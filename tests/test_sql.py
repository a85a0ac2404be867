"""SQL over all tables of a version, and over versions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import make
import make_versions
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datapkg
from datapkg import Package
from datapkg.errors import DamageError, DatapkgError, ExportError, NoTableError, SchemaError, VersionError


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Three versions, whose newest has rows deleted, changed and added."""
    return datapkg.open(make_versions.package(tmp_path_factory.mktemp("versions")))


@pytest.fixture
def opened(package: Path) -> Package:
    return datapkg.open(package)


def sorted_rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return sorted(map(tuple, frame.astype(object).where(frame.notna(), None).to_numpy()), key=repr)


def test_a_query_answers_over_several_tables(opened: Package) -> None:
    asked = "select Well, count(*) as n, sum(Site) as s from frames group by Well order by Well"
    frame = opened.sql(asked).to_pandas()
    assert frame.to_dict("list") == {"Well": ["A01", "A02"], "n": [2, 1], "s": [2, 1]}
    assert frame.dtypes.astype(str).tolist() == ["str", "int64", "int64"]
    both = opened.sql("select w.Gene, f.path from wells w left join frames f using (Well)").to_pandas()
    assert sorted_rows(both) == [("KIF11", None), (None, None)]


def test_rows_and_dtypes_are_those_of_to_pandas(versions: Package) -> None:
    frame = versions.sql("from cells order by source_path, source_row").to_pandas()
    expected = versions["cells"].to_pandas()
    frame.columns = expected.columns  # `well` is `well_1` in SQL
    pd.testing.assert_frame_equal(frame, expected)


def test_a_missing_whole_number_stays_exact(versions: Package) -> None:
    frame = versions.sql(
        "select U from cells where source_row in (1, 2) and source_path like '%p01%'"
    ).to_pandas()
    assert frame["U"].dtype == pd.UInt64Dtype()
    assert set(frame["U"].dropna()) == {2**53 + 1}


def test_columns_have_their_true_names(versions: Package) -> None:
    result = versions.sql(
        'select "Cells.Area", `Cells.Area` as b, Well, well_1 from cells where "Cells.Area" = 4.25'
    )
    assert result.columns == ["Cells.Area", "b", "Well", "well_1"]
    assert sorted_rows(result.to_pandas()) == [(4.25, 4.25, "A03", "a4")]


def test_rows_that_later_builds_removed_do_not_appear(versions: Package) -> None:
    names = versions.sql("select distinct File from cells").to_pandas()["File"]
    assert {name[:3] for name in names} == {"p00", "p01", "p02", "p04", "p05"}
    assert versions.sql("select count(*) as n from frames").to_pandas()["n"].tolist() == [20]


def test_versions_are_compared_in_one_query(versions: Package) -> None:
    asked = (
        "select new.file_name from frames new join frames@1.0.0 old using (file_name) "
        "where new.image_digest <> old.image_digest"
    )
    changed = versions.sql(asked).to_pandas()["file_name"].tolist()
    assert sorted(changed) == [f"p{plate:02}_{row}.tif" for plate in (0, 2) for row in range(4)]
    assert versions.sql("select count(*) as n from frames@1").to_pandas()["n"].tolist() == [20]
    gone = versions.sql('from "frames@1" select file_name where Plate = 3').to_pandas()
    assert len(gone) == 4


def test_images_of_a_result_are_lazy_and_those_of_their_rows(versions: Package) -> None:
    asked = "select file_name, image_array, image_bytes from frames where Plate = 2 order by file_name desc"
    frame = versions.sql(asked).to_pandas()
    assert frame["image_array"].dtype == "datapkg[image]" and frame["image_bytes"].dtype == "datapkg[bytes]"
    for row, name in enumerate(frame["file_name"]):
        expected = make.image(100 + 20 + int(name[4]))
        assert np.array_equal(frame["image_array"].iloc[row], expected)
        assert frame["image_bytes"].iloc[row][:2] == b"II"
    assert "uint16 6x8" in repr(frame)


def test_images_pass_through_joins_unions_and_lists(versions: Package) -> None:
    asked = (
        "select old.image_array as before, new.image_array as now from frames@1 old "
        "left join frames new using (file_name) where old.file_name in ('p00_1.tif', 'p03_0.tif') order by old.file_name"
    )
    frame = versions.sql(asked).to_pandas()
    assert np.array_equal(frame["before"].iloc[0], make.image(1))
    assert np.array_equal(frame["now"].iloc[0], make.image(201))
    assert frame["now"].isna().tolist() == [False, True]
    mixed = versions.sql(
        "select image_array from frames@1 where file_name = 'p00_1.tif' union all "
        "select image_array from frames where file_name = 'p00_1.tif'"
    ).to_pandas()
    assert sorted(image.tolist() for image in mixed["image_array"]) == sorted(
        make.image(seed).tolist() for seed in (1, 201)
    )
    listed = versions.sql(
        "select Plate, list(image_array order by Row) as i from frames group by 1 order by 1"
    ).to_pandas()
    assert [len(cell) for cell in listed["i"]] == [4] * 5
    assert np.array_equal(listed["i"].iloc[0][3], make.image(203))
    assert "[uint16 6x8, uint16 6x8" in repr(listed)


def test_an_image_that_is_missing_is_null_in_sql(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make.tiff(tmp_path / f"{name}.tif", make.image(shape=(2, 6, 8)), photometric="minisblack")
    planes = make.manifest(tmp_path, 'name: planes, path: "*.tif", rows: plane')
    make.build(planes, tmp_path / "p")
    opened = datapkg.open(tmp_path / "p")
    stored = opened["planes"].record
    assert {column.name: column.nulls for column in stored.columns}["image_bytes"] == 2
    asked = "select count(*) as n, count(image_bytes) as files, count(image_array) as images from planes"
    assert opened.sql(asked).to_pandas().to_numpy().tolist() == [[4, 2, 4]]
    without = opened.sql("select path, z, page from planes where image_bytes is null").to_pandas()
    assert without["page"].tolist() == [1, 1]
    shown = opened.sql("select image_bytes from planes order by path, page").to_pandas()
    assert shown["image_bytes"].isna().tolist() == [False, True, False, True]


def test_arrow_has_images_as_they_are_stored(versions: Package) -> None:
    result = versions.sql("select file_name, image_array from frames order by Plate, Row")
    table = result.to_arrow()
    assert table.schema == result.schema
    expected = versions["frames"].to_arrow(["file_name", "image_array"])
    assert table.column("image_array").to_pylist() == expected.column("image_array").to_pylist()
    missing = versions.sql(
        "select n.image_array from frames@1 o left join frames n using (file_name)"
    ).to_arrow()
    assert missing.column(0).null_count == 4
    lists = versions.sql("select list(image_array order by Row) as i from frames where Plate = 5").to_arrow()
    assert lists.column(0).to_pylist() == [[make.image(50 + row).tolist() for row in range(4)]]


def test_images_of_two_types_are_no_arrow_column(tmp_path: Path) -> None:
    make.tiff(tmp_path / "a.tif", make.image(1))
    make.tiff(tmp_path / "b.tif", make.image(2, (3, 4)))
    manifest = make.manifest(tmp_path, "name: a, path: a.tif", "name: b, path: b.tif")
    make.build(manifest, tmp_path / "p")
    opened = datapkg.open(tmp_path / "p")
    one = opened.sql("select a.image_array as x, b.image_array as y from a, b").to_arrow()
    assert one.column("y").to_pylist() == [make.image(2, (3, 4)).tolist()]
    union = opened.sql("select image_array from a union all select image_array from b")
    assert [image.shape for image in union.to_pandas()["image_array"]] == [(6, 8), (3, 4)]
    with pytest.raises(ExportError, match="stored in 2 types"):
        union.to_arrow()


def test_images_of_files_alone_are_decoded(tmp_path: Path) -> None:
    make.tiff(tmp_path / "a.tif", make.image(1))
    make.build(make.manifest(tmp_path, "name: a, path: a.tif, keep: bytes"), tmp_path / "p")
    opened = datapkg.open(tmp_path / "p")
    frame = opened.sql("select image_array from a").to_pandas()
    assert np.array_equal(frame["image_array"].iloc[0], make.image(1))
    with pytest.raises(ExportError, match="kept as files"):
        opened.sql("select image_array from a").to_arrow()
    assert opened.sql("select image_bytes from a").to_arrow().column(0)[0].as_py()[:2] == b"II"


def test_batches_come_one_after_the_other(versions: Package) -> None:
    result = versions.sql("select File, U from cells order by all")
    assert pa.Table.from_batches(result.to_batches(), result.schema) == result.to_arrow()
    assert versions.sql("select File from cells where false").to_arrow().num_rows == 0
    assert list(versions.sql("select image_array from frames where false").to_pandas()["image_array"]) == []


def test_a_sum_beyond_64_bits_is_refused(versions: Package) -> None:
    with pytest.raises(SchemaError, match="64 bits"):
        versions.sql("select sum(U) as s from cells").to_pandas()
    assert versions.sql("select sum(cast(U as double)) as s from cells").to_pandas()["s"].iloc[0] > 9e19


def test_two_columns_may_have_one_name(opened: Package) -> None:
    frame = opened.sql("select 1 as a, 'x' as a").to_pandas()
    assert list(frame.columns) == ["a", "a"] and frame.iloc[0].tolist() == [1, "x"]


def test_head_is_the_first_rows_and_repr_reads_none(versions: Package) -> None:
    result = versions.sql("select File from cells order by File")
    assert result.head(2)["File"].tolist() == ["p00_0.tif", "p00_1.tif"]
    assert repr(result) == "a query over cells: columns File"


PARTS = [
    *(f"U {op} {value}" for op in ("<", ">=", "=", "<>") for value in (2**63, 2**53 + 1, 18446744073709551615, 12)),
    *(f'"Cells.Area" {op} {value}' for op in ("<", ">", "=") for value in ("1.25", "'inf'::double", "4", "'nan'::double")),
    *(f"Well {op} 'A02'" for op in ("=", "<>", "<", ">=")),
    "well_1 = 'a2'", "Well in ('A00', 'A03')", "Plate_of(File)", "Note = 'it''s 4'", "Note like 'it%5'",
    "Day = date '2024-02-03'", "Day > date '2024-02-03'", "Seen between '2024-02-01 10:00:05' and '2024-02-01 10:00:18'",
    "Ok", "not Ok", "U is null", '"Cells.Area" is not null', "source_row in (1, 2, 3)", "U in (12, 20, 9007199254740993)",
    "coalesce(U, 0) = 0", "upper(Well) = 'A01'", "source_row % 2 = 1",
]  # fmt: skip
CONDITIONS = st.recursive(
    st.sampled_from([part.replace("Plate_of(File)", "File[2:3] = '02'") for part in PARTS]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | inner.map("not ({})".format)
    ),
    max_leaves=4,
)


@settings(max_examples=40)
@given(condition=CONDITIONS)
def test_a_condition_selects_what_it_selects_in_memory(condition: str, versions: Package) -> None:
    table = versions["cells"].to_arrow()
    table = table.rename_columns([{"well": "well_1"}.get(name, name) for name in table.column_names])
    asked = f"select File from cells where {condition} order by File"
    with duckdb.connect() as connection:
        connection.register("cells", table)
        expected = connection.sql(asked).to_arrow_table()
    assert versions.sql(asked).to_arrow().equals(expected)


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ("select * from frame", NoTableError, "did you mean 'frames'"),
        ("select * from frames@7", VersionError, "versions that are there: 1"),
        ("select * from frames@1.0.1", VersionError, "did you mean '1.0.0'"),
        ("select * from wells@1.0.0.Well", VersionError, "1.0.0.Well"),
        ("select Wel from frames", SchemaError, "did you mean 'Well'"),
        ("select f.Wel from frames f", SchemaError, "did you mean 'Well'"),
        ('select * from frames where Well = "C06"', SchemaError, "single quotes: 'C06'"),
        ("selec 1", SchemaError, "syntax error"),
        ("select nosuch(Well) from frames", SchemaError, "nosuch"),
        ("select sum(Well) from frames", SchemaError, "sum"),
        ("select octet_length(image_bytes) from frames", SchemaError, "filesize_bytes"),
        ("select {'a': image_array} from frames", SchemaError, "within other values"),
        ("select * from frames where path = ?", SchemaError, "parameters"),
        ("select * from '/etc/passwd'", NoTableError, "/etc/passwd"),
        ("select * from information_schema.tables", NoTableError, "information_schema.tables"),
        ("select * from sqlite_master", NoTableError, "sqlite_master"),
        ('select * from "%frames"', NoTableError, "frames"),
        ("select * from opened", NoTableError, "opened"),
    ],
)
def test_a_wrong_query_is_one_clear_error(
    query: str, kind: type[DatapkgError], said: str, opened: Package
) -> None:
    with pytest.raises(kind) as refused:
        opened.sql(query)
    assert said in str(refused.value)
    assert "Error:" not in str(refused.value) and "datapkg column" not in str(refused.value)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("with wells as (from wells where Well = '005') select count(*) from wells", 1),
        ("select count(*) from (with wells as (select 1) from wells) a, wells b", 2),
        ('select count(*) from (with "wells@7" as (select 1) from wells@7) a', 1),
        (
            "with recursive wells as (select 1 i union all select i + 1 from wells where i < 5) select count(*) from wells",
            5,
        ),
    ],
)
def test_a_part_of_a_query_may_have_a_table_s_name(query: str, count: int, opened: Package) -> None:
    assert opened.sql(query).to_pandas().iloc[0, 0] == count


def test_a_part_s_name_opens_no_file_elsewhere_in_the_query(opened: Package, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n", "utf-8")
    name = tmp_path / "x.csv"
    query = f'from (with "{name}" as (select 1) from "{name}") a, \'{name}\' b'
    with pytest.raises(SchemaError, match="file system operations are disabled"):
        opened.sql(query)


def test_what_cannot_be_computed_is_told_when_rows_are_read(opened: Package) -> None:
    result = opened.sql("select cast(Gene as integer) from wells")
    with pytest.raises(SchemaError, match="KIF11") as refused:
        result.to_pandas()
    assert "try_cast" in refused.value.fix


def test_nothing_is_written_and_no_file_is_read(
    opened: Package, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make.tree(package)
    monkeypatch.chdir(package.parent)
    secret = make.text(package.parent / "secret.csv", "a\n1\n")
    here = set(package.parent.iterdir())
    for query in (
        f"select * from read_csv('{secret}')", f"from '{secret}'", f"copy wells to '{secret}2'", f"attach '{secret}.db'",
        "with x as (insert into wells from wells returning *) from x", "create table t as from wells",
        "from enable_logging(storage = 'file', storage_path = 'log')", "set enable_external_access = true",
    ):  # fmt: skip
        with pytest.raises(DatapkgError):
            opened.sql(query).to_pandas()
    assert make.tree(package) == before and set(package.parent.iterdir()) == here


def test_the_database_is_closed_even_to_a_query_that_slipped_through(opened: Package) -> None:
    from datapkg.query.database import Database

    database = Database("from wells", opened.opened, lambda version: opened.opened)
    for query in (
        "from read_text('/etc/hostname')",
        "copy wells to '/tmp/x.csv'",
        "set threads = 1",
        "load httpfs",
    ):
        database.text = query
        with pytest.raises(SchemaError), database.relation() as relation:
            relation.fetchall()


def test_damage_is_told_as_damage(opened: Package, package: Path) -> None:
    result = opened.sql("select Gene from wells")
    for path in package.glob("wells.lance/data/*"):
        path.write_bytes(b"\0" * path.stat().st_size)
    with pytest.raises(DamageError, match="wells"):
        datapkg.open(package).sql("select Gene from wells").to_pandas()
    assert result.columns == ["Gene"]


def test_a_verified_package_hashes_what_a_query_reads(opened: Package, package: Path) -> None:
    assert datapkg.open(package, verify=True).sql("from wells").to_pandas()["Gene"].iloc[0] == "KIF11"
    (path,) = package.glob("wells.lance/data/*")
    content = bytearray(path.read_bytes())
    content[content.index(b"KIF11")] ^= 1
    path.write_bytes(content)
    assert datapkg.open(package).sql("from wells").to_pandas()["Gene"].iloc[0] == "JIF11"
    with pytest.raises(DamageError, match="wells"):
        datapkg.open(package, verify=True).sql("from wells").to_pandas()


def test_queries_run_side_by_side(versions: Package) -> None:
    def ask(plate: int) -> list[str]:
        asked = f"select file_name from frames where Plate = {plate} order by 1"
        return list(versions.sql(asked).to_pandas()["file_name"])

    plates = [0, 1, 2, 4, 5] * 6
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(ask, plates))
    assert found == [[f"p{plate:02}_{row}.tif" for row in range(4)] for plate in plates]


def test_a_result_that_is_left_half_read_harms_none(versions: Package) -> None:
    batches = versions.sql("select a.File from cells a, cells b, cells c").to_batches()
    next(batches)
    assert versions.sql("select count(*) as n from cells").to_pandas()["n"].tolist() == [20]
    assert sum(batch.num_rows for batch in batches) > 0


@pytest.mark.parametrize(
    "write",
    [
        lambda result: result.to_pandas(),
        lambda result: result.to_arrow(),
        lambda result: list(result.to_batches()),
    ],
)
def test_a_result_can_be_read_again(opened: Package, write: Callable[[Any], Any]) -> None:
    result = opened.sql("select Well from wells order by Well")
    assert str(write(result)) == str(write(result))
