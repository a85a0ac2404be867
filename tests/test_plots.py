"""Plots show what the tables hold."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import make
import numpy as np
import pytest
from PIL import Image
from test_imports import loaded_after

import datapkg
from datapkg import Table
from datapkg.errors import ExportError, SchemaError
from datapkg.plots.figure import Plot
from datapkg.plots.wells import well_place

WELLS = """Metadata_Plate,Metadata_Well,Area,Class,Alive,Empty
p1,A01,1,G1,true,
p1,A01,3,M,false,
p1,C06,7,M,true,
p$1$,H12,,M,true,
p$1$,b2,5,G1,true,
"""


@pytest.fixture
def cells(tmp_path: Path) -> Table:
    return table(tmp_path, WELLS)


def table(tmp_path: Path, text: str) -> Table:
    make.text(tmp_path / "d" / "cells.csv", text)
    make.build(make.manifest(tmp_path / "d", "name: cells, path: cells.csv"), tmp_path / "p")
    return datapkg.open(tmp_path / "p")["cells"]


def grids(plot: Plot) -> dict[str, np.ma.MaskedArray]:
    """The values that are drawn, by plate."""
    return {
        axes.get_title("left"): axes.images[0].get_array()
        for axes in plot.axes
        if axes.images and axes.get_title("left")
    }


def test_a_plate_has_a_value_for_each_well(cells: Table) -> None:
    found = grids(cells.plate("Area"))
    assert list(found) == ["p1", "p$1$"]
    assert found["p1"].shape == (8, 12)
    assert (found["p1"][0, 0], found["p1"][2, 5], found["p$1$"][1, 1]) == (2, 7, 5)
    assert found["p1"].count() == 2 and found["p$1$"].count() == 1


@pytest.mark.parametrize(
    ("function", "value"), [("median", 2), ("sum", 4), ("min", 1), ("max", 3), ("count", 2), (None, 2)]
)
def test_the_function_makes_one_value_of_a_wells_rows(
    cells: Table, function: str | None, value: float
) -> None:
    assert grids(cells.plate("Area", function=function))["p1"][0, 0] == value


def test_rows_are_counted_and_truths_averaged(cells: Table) -> None:
    assert grids(cells.plate(where="Class = 'M'"))["p1"][0, 0] == 1
    assert grids(cells.plate())["p$1$"].count() == 2
    assert grids(cells.plate("Alive"))["p1"][0, 0] == 0.5


@pytest.mark.parametrize(
    ("well", "shape"), [("I13", (16, 24)), ("P24", (16, 24)), ("AF48", (32, 48)), ("Q1", (32, 48))]
)
def test_a_plate_is_the_smallest_that_has_all_wells(
    tmp_path: Path, well: str, shape: tuple[int, int]
) -> None:
    plot = table(tmp_path, f"Well,Area\nA01,1\n{well},2\n").plate("Area")
    grid = plot.axes[0].images[0].get_array()
    assert grid is not None
    assert grid.shape == shape
    assert grid[well_place(well)] == 2


@pytest.mark.parametrize(
    ("written", "place"),
    [
        *(
            (text, (0, 0))
            for text in ("A01", "A1", "a1", "A-1", "A - 1", "A_01", "A 1", " A1 ", "r01c01", "R1-C1")
        ),
        *((text, (26, 11)) for text in ("AA12", "AA-12", "aa012", "r27c12")),
        *(
            (text, None)
            for text in ("", "1", "A", "A00", "12A", "A1B2", "AAA1", "A123", "c01r01", "A--1", "A1.0")
        ),
    ],
)
def test_wells_are_understood_as_laboratories_write_them(written: str, place: tuple[int, int] | None) -> None:
    assert well_place(written) == place


@pytest.mark.parametrize("numbers", ["001,013,096", "1,13,96"])
def test_wells_that_are_numbers_are_drawn_where_the_user_says_how_they_count(
    numbers: str, tmp_path: Path
) -> None:
    rows = "".join(f"{well},{int(well)}\n" for well in numbers.split(","))
    cells = table(tmp_path, f"Well,Area\n{rows}")
    with pytest.raises(
        SchemaError, match=r'along rows or down columns\n  fix: write numbered="rows" where 2 is A02'
    ):
        cells.plate("Area")
    by_rows, by_columns = (
        cells.plate("Area", numbered=way).axes[0].images[0].get_array() for way in ("rows", "columns")
    )
    assert by_rows is not None and by_columns is not None
    assert by_rows.shape == (8, 12)
    assert (by_rows[0, 0], by_rows[1, 0], by_rows[7, 11]) == (1, 13, 96)
    assert (by_columns[0, 0], by_columns[4, 1], by_columns[7, 11]) == (1, 13, 96)
    larger = cells.plate("Area", numbered="rows", wells=384).axes[0].images[0].get_array()
    assert larger is not None and larger.shape == (16, 24) and larger[3, 23] == 96


@pytest.mark.parametrize(
    ("number", "wells", "fix"),
    [(97, 96, "leave wells= out"), (1537, None, "up to 1536"), (9999, 96, "up to 1536")],
)
def test_a_number_beyond_the_plate_is_refused(
    number: int, wells: int | None, fix: str, tmp_path: Path
) -> None:
    cells = table(tmp_path, f"Well,Area\n1,1\n{number},2\n")
    with pytest.raises(SchemaError, match=f"a well of the number {number}\n  fix: {fix}|{fix}"):
        cells.plate("Area", numbered="rows", wells=wells)


@pytest.mark.parametrize(
    "text",
    [
        "Metadata_Row,Metadata_Col,Area\n1,1,5\n3,12,7\n,,9\n",
        "Row,Column,Area\nA,1,5\nC,12,7\n",
        "row,col,Area\na,01,5\nc,12,7\n",
    ],
)
def test_rows_and_columns_of_their_own_make_wells(text: str, tmp_path: Path) -> None:
    grid = table(tmp_path, text).plate("Area").axes[0].images[0].get_array()
    assert grid is not None and (grid[0, 0], grid[2, 11], grid.count()) == (5, 7, 2)


@pytest.mark.parametrize("text", ["0,1", "1,0", "A,0", "1.5,2", "-1,2", "A1,2"])
def test_a_row_or_a_column_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="does not say its row and column"):
        table(tmp_path, f"Row,Column,Area\n{text},5\n").plate("Area")


def test_a_larger_plate_can_be_asked_for(cells: Table) -> None:
    assert grids(cells.plate("Area", wells=384))["p1"].shape == (16, 24)


def test_what_cannot_be_drawn_is_told(cells: Table, tmp_path: Path) -> None:
    for options, told in (
        ({"column": "Class"}, 'holds no numbers\n  fix: to count rows, write where="`Class` ='),
        ({"column": "Empty"}, "holds no numbers"),
        ({"column": "Arae"}, "did you mean 'Area'|Area"),
        ({"column": "Area", "function": "mode"}, "give one of: mean"),
        ({"function": "mean"}, "needs a column"),
        ({"column": "Area", "wells": 48}, "give one of: 96, 384, 1536"),
        ({"column": "Area", "numbered": "diagonals"}, "give one of: rows, columns"),
    ):
        with pytest.raises(SchemaError, match=told):
            cells.plate(**options)  # type: ignore[arg-type]
    for number, wells in enumerate(
        ("042,A01", "A01,A", "A0", "3A", "A100", "AAA1", "A1.5", "A01-2", "well 7")
    ):
        text = "".join(f"{well},1\n" for well in wells.split(","))
        with pytest.raises(SchemaError, match="does not say its row and column"):
            table(tmp_path / f"a{number}", f"Well,Area\n{text}").plate("Area", numbered="rows")
    with pytest.raises(SchemaError, match="has no column of wells"):
        table(tmp_path / "b", "Site,Area\n1,1\n").plate("Area")
    with pytest.raises(SchemaError, match="leave wells= out"):
        table(tmp_path / "c", "Well,Area\nP24,1\n").plate("Area", wells=96)
    with pytest.raises(SchemaError, match="up to 1536 wells"):
        table(tmp_path / "d", "Well,Area\nAZ99,1\n").plate("Area")
    many = "".join(f"p{number},A01,1\n" for number in range(13))
    with pytest.raises(SchemaError, match="choose up to 12"):
        table(tmp_path / "e", f"Plate,Well,Area\n{many}").plate("Area")


def test_an_overview_shows_tables_and_versions(package: Path, manifest: Path) -> None:
    make.text(
        manifest.parent / "wells.csv", "Well,Gene,Count,Area\n005,KIF11,1,0.5\n042,,2,1.5\n043,,2,1.5\n"
    )
    make.build(manifest, package)
    figure = datapkg.open(package).plot()
    rows, sizes, totals, held = figure.axes
    assert [label.get_text() for label in rows.get_yticklabels()] == ["wells", "frames"]
    assert [text.get_text() for text in rows.texts] == ["3", "3"]
    assert [one.get_title("left") for one in (rows, sizes)] == ["rows (logarithmic)", "size (logarithmic)"]
    assert all(text.get_text().endswith("KB") for text in sizes.texts)
    assert totals.collections[0].get_offsets()[:, 1].tolist() == [5, 6]
    assert [text.get_text() for text in totals.texts] == ["1.0.0", "2"]
    assert min(held.collections[0].get_offsets()[:, 1]) > 1000
    assert figure.get_suptitle() == "little version 2"


def test_a_plot_shows_itself_as_a_picture(package: Path, tmp_path: Path) -> None:
    figure = datapkg.open(package).plot()
    picture = np.asarray(Image.open(io.BytesIO(figure._repr_png_())).convert("L"))
    assert picture.std() > 20 and min(picture.shape) > 200
    figure.savefig(tmp_path / "overview.svg")
    assert (tmp_path / "overview.svg").stat().st_size > 1000


def test_without_matplotlib_the_way_to_get_it_is_told(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ExportError, match=r"lance-datapkg\[matplotlib\]"):
        datapkg.open(package).plot()


def test_matplotlib_is_loaded_only_for_plots(package: Path) -> None:
    code = (
        f"import datapkg; p = datapkg.open({str(package)!r}); repr(p); p._repr_html_(); datapkg.Table.plate"
    )
    assert "matplotlib" not in loaded_after(code)
