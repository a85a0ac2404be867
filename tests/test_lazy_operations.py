"""What pandas' users do with a frame: with image columns in it, each either works without a pixel, or says what to do."""

from __future__ import annotations

import io
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from make_lazy import build, images, no_pixel
from pandas.io.formats.excel import ExcelFormatter

import datapkg
from datapkg import Table
from datapkg.errors import DamageError, ExportError, SchemaError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("operations"))


@pytest.fixture
def frames(folder: Path) -> Table:
    return datapkg.open(folder)["frames"]


@pytest.fixture
def frame(frames: Table) -> pd.DataFrame:
    """Eight rows: wells A00 to A03 of plate p0, then of p1; the fourth and the first, the last and the fifth are equal."""
    return frames.to_pandas(["Plate", "Well", "size_x", "image_array", "image_bytes", "metadata"])


def rows_of(column: pd.Series, frame: pd.DataFrame) -> list[int]:
    """The rows of a frame whose images stand in a column, -1 for none."""
    keys = [None if one is None else one.sum() for one in column]
    known = [one.sum() for one in frame["image_array"]]
    return [-1 if key is None else known.index(key) for key in keys]


def with_shifted(frame: pd.DataFrame) -> pd.DataFrame:
    """Images and those of the rows before, as a table of channels has them side by side."""
    return frame[["image_array"]].assign(shifted=frame["image_array"].shift(1))


PICKED: dict[str, tuple[Callable[[pd.DataFrame], Any], list[int]]] = {
    "first": (lambda f: f.groupby("Well").first()["image_array"], [0, 1, 2, 0]),
    "last": (lambda f: f.groupby("Plate")["image_array"].last(), [0, 4]),
    "nth": (lambda f: f.groupby("Plate").nth(1)["image_array"], [1, 5]),
    "agg": (lambda f: f.groupby("Plate").agg(image=("image_array", "first"))["image"], [0, 4]),
    "transform": (lambda f: f[2:6].groupby("Plate")["image_array"].transform("first"), [2, 2, 4, 4]),
    "missing are left out": (lambda f: f.shift(1).groupby("Well")["image_array"].first(), [0, 1, 2, 0]),
    "missing count": (lambda f: f.assign(image_array=f["image_array"].shift(1)).groupby("Plate")["image_array"].first(skipna=False), [-1, 0]),
    "enough": (lambda f: f[1:].groupby("Plate")["image_array"].last(min_count=4), [-1, 4]),
    "resample": (lambda f: f.set_index(pd.date_range("2026", periods=8)).resample("4D")["image_array"].last(), [0, 4]),
    "pivot": (lambda f: f.pivot(index="Plate", columns="Well", values="image_array")["A01"], [1, 5]),
    "pivot table": (lambda f: f.pivot_table(index="Plate", columns="Well", values="image_array", aggfunc="first")["A02"], [2, 6]),
    "unstack": (lambda f: f.set_index(["Plate", "Well"])["image_array"].unstack()["A01"], [1, 5]),
    "melt": (lambda f: f[:2].melt("Well", ["image_array"])["value"], [0, 1]),
    "merge_asof": (lambda f: pd.merge_asof(pd.DataFrame({"n": [1, 3]}), f.assign(n=range(8)), on="n")["image_array"], [1, 0]),
    "merge by images": (lambda f: f[:1][["image_array"]].merge(f, on="image_array")["image_array"], [0, 0]),
    "shift": (lambda f: f["image_array"].shift(1)[:3], [-1, 0, 1]),
    "where": (lambda f: f["image_array"].where(f["Well"] == "A01")[:3], [-1, 1, -1]),
    "mask": (lambda f: f.mask(f["Well"] == "A01")["image_array"][:3], [0, -1, 2]),
    "ffill": (lambda f: f.shift(1).bfill()["image_array"][:2], [0, 0]),
    "fillna": (lambda f: f.reindex([0, 99]).fillna({"Well": "?"})["image_array"], [0, -1]),
    "replace": (lambda f: f.replace("A01", "B01").replace({300: 0})["image_array"][:2], [0, 1]),
    "explode": (lambda f: f[:1].assign(x=[[1, 2]]).explode("x")["image_array"], [0, 0]),
    "mode": (lambda f: f["image_array"][:4].mode(), [0]),
    "query": (lambda f: f.query("Well == 'A01' and image_array.notna()")["image_array"], [1, 5]),
    "eval": (lambda f: f.eval("twice = size_x * 2")["image_array"][:1], [0]),
    "index": (lambda f: f.set_index("image_array").reset_index()["image_array"][:2], [0, 1]),
    "levels of an index": (lambda f: f.set_index(["Well", "image_array"]).reset_index()["image_array"][:2], [0, 1]),
    "counts": (lambda f: f["image_array"].value_counts().index.to_series().sort_values()[:0], []),
    "counts in groups": (lambda f: f[:4].groupby("Plate")["image_array"].value_counts().reset_index()["image_array"][:1], [0]),
    "apply": (lambda f: f[["image_array"]].apply(lambda column: column.iloc[:1])["image_array"], [0]),
    "turned": (lambda f: f[["image_array"]].T.loc["image_array"][:3], [0, 1, 2]),
    "turned twice": (lambda f: with_shifted(f).T.T["shifted"][:4], [-1, 0, 1, 2]),
    "stacked": (lambda f: with_shifted(f)[:2].stack(), [0, -1, 1, 0]),
    "a row": (lambda f: with_shifted(f).iloc[2], [2, 1]),
    "rows": (lambda f: with_shifted(f).apply(lambda row: row, axis=1)["shifted"][:4], [-1, 0, 1, 2]),
    "crosstab": (lambda f: pd.crosstab(f["Well"], f["Plate"], values=f["image_array"], aggfunc="first")["p1"], [4, 5, 6, 4]),
    "asof": (lambda f: f["image_array"].asof([1.5, 2]), [1, 2]),
    "sorted": (lambda f: f.sort_values("image_array").groupby("image_array", sort=False).head(1).sort_index()["image_array"], [0, 1, 2, 4, 5, 6]),
}  # fmt: skip


@pytest.mark.parametrize(("ask", "rows"), PICKED.values(), ids=PICKED.keys())
def test_cells_are_moved_without_a_pixel(
    ask: Callable[[pd.DataFrame], pd.Series], rows: list[int], frame: pd.DataFrame, frames: Table
) -> None:
    with no_pixel(frames):
        found = ask(frame)
        assert found.dtype == "datapkg[image]"
    assert rows_of(found, frame) == rows


def index_of_images(frame: pd.DataFrame) -> str:
    return repr(pd.Index(frame["image_array"]))


def as_sql(frame: pd.DataFrame) -> int | None:
    with sqlite3.connect(":memory:") as database:
        return frame.to_sql("frames", database)


TOLD: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "describe": (lambda f: f.describe(), "count"),
    "memory": (lambda f: f.memory_usage(deep=True), "image_array"),
    "info": (lambda f: f.info(buf=io.StringIO()), "None"),
    "html": (lambda f: f.to_html(), "uint16 300x300"),
    "index": (index_of_images, "uint16 300x300"),
    "index of two": (lambda f: f.set_index(["Well", "image_array"]), "uint16 300x300"),
    "value counts": (lambda f: f["image_array"].value_counts(), "uint16 300x300"),
    "duplicated": (lambda f: f["image_array"].duplicated().sum(), "2"),
    "numbers": (lambda f: pd.factorize(f["image_array"])[0].tolist(), "[0, 1, 2, 0, 3, 4, 5, 3]"),
    "dummies": (lambda f: pd.get_dummies(f["image_array"]).shape, "(8, 6)"),
    "isin": (lambda f: f.isin(["A01", 300]).sum().tolist(), "[0, 2, 8, 0, 0, 0]"),
    "isin of columns": (lambda f: f["image_array"].isin(f["image_array"][:1]).sum(), "2"),
    "equals": (lambda f: f.equals(f.copy()), "True"),
    "equal": (lambda f: (f == f).all(axis=None), "True"),
    "compare": (lambda f: len(f.compare(f.iloc[[7, *range(1, 8)]].reset_index(drop=True))), "1"),
    "assert equal": (lambda f: pd.testing.assert_frame_equal(f, f.copy()), "None"),
    "searchsorted": (lambda f: f["image_array"].sort_values().searchsorted(f["image_array"].sort_values().array).tolist(), "[0, "),
    "rank": (lambda f: (f.rank()["image_array"] % 1 == 0.5).sum(), "4"),
    "rank of cells": (lambda f: f["image_array"].rank(method="dense").nunique(), "6"),
    "counts": (lambda f: f.groupby("Plate")["image_array"].nunique().tolist(), "[3, 3]"),
    "crosstab": (lambda f: pd.crosstab(f["Well"], f["image_array"]), "uint16 300x300"),
    "style": (lambda f: f.style.to_html().count("uint16 300x300"), "8"),
    "texts": (lambda f: f["metadata"].str.contains("ImageWidth").tolist(), "[True, True"),
    "parts of texts": (lambda f: f["metadata"].str[:8].dtype == "str", "True"),
    "texts of json": (lambda f: f[["metadata"]].to_json()[:30], "metadata"),
    "rows": (lambda f: f[["image_array"]].apply(lambda row: row.isna().sum(), axis=1).sum(), "0"),
    "means of numbers": (lambda f: f.groupby("Plate").mean(numeric_only=True).columns.tolist(), "['size_x']"),
}  # fmt: skip


@pytest.mark.parametrize(("ask", "part"), TOLD.values(), ids=TOLD.keys())
def test_questions_are_answered_without_a_pixel(
    ask: Callable[[pd.DataFrame], Any], part: str, frame: pd.DataFrame, frames: Table
) -> None:
    with no_pixel(frames):
        assert part in repr(ask(frame))


REFUSED: dict[str, tuple[Callable[[pd.DataFrame], Any], type[Exception], str]] = {
    "min of groups": (lambda f: f.groupby("Well").min(), TypeError, r"does not support min operations; leave it out"),
    "mean of groups": (lambda f: f.groupby("Well")["image_array"].mean(), TypeError, r"frame\[column\].map\(numpy.mean\)"),
    "pivot table": (lambda f: f.pivot_table(index="Well", values="image_array"), TypeError, "does not support mean"),
    "quantile of groups": (lambda f: f.groupby("Well")["image_array"].quantile(), TypeError, "does not support quantile"),
    "rank of groups": (lambda f: f.groupby("Well")["image_array"].rank(), TypeError, "does not support rank"),
    "quantile": (lambda f: f["image_array"].quantile(), TypeError, "does not support quantile"),
    "sum": (lambda f: f["image_array"].sum(), TypeError, "sum"),
    "text": (lambda f: f["image_array"].astype(str), TypeError, "cannot become str"),
    "text of a frame": (lambda f: f.astype("str"), TypeError, "image cannot become str"),
    "text of files": (lambda f: f["image_bytes"].astype(str), TypeError, "bytes cannot become str"),
    "numbers": (lambda f: f["image_array"].astype(float), TypeError, r"cannot become float64; .* frame\[column\].map"),
    "categories": (lambda f: f["image_array"].astype("category"), TypeError, r"pandas.factorize numbers equal cells"),
    "another value": (lambda f: f[["image_array"]].reindex([0, 99]).fillna(0), TypeError, r"fill other columns by their names: frame.fillna\("),
    "database": (as_sql, ExportError, "a table of an SQL database cannot hold a column of image\n  fix: leave it out"),
    "spreadsheet": (lambda f: list(ExcelFormatter(f).get_formatted_cells()), ExportError, "a spreadsheet cannot hold"),
    "place before": (lambda f: f["image_array"].asof(3), TypeError, "does not support asof"),
    "correlation": (lambda f: f[["size_x", "image_array"]].corr(), TypeError, "image cannot become float64"),
    "array of numbers": (lambda f: f["image_array"].to_numpy(float), TypeError, "image cannot become float64"),
    "windows": (lambda f: f["image_array"].rolling(2).mean(), pd.errors.DataError, "No numeric types"),
    "files as json": (lambda f: f.drop(columns="image_array").to_json(orient="records"), ExportError, r"JSON cannot hold a column of bytes\n  fix: leave it out"),
    "one column of files as json": (lambda f: f["image_bytes"].to_json(), ExportError, r"base64.b64encode\(file\)"),
    "text methods of images": (lambda f: f["image_array"].str.len(), AttributeError, "Can only use .str accessor with string values"),
    "difference": (lambda f: pd.testing.assert_frame_equal(f, f[::-1].reset_index(drop=True)[list(f)]), AssertionError, "are different"),
}  # fmt: skip


@pytest.mark.parametrize(("ask", "error", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_needs_numbers_or_text_is_refused_in_a_sentence_before_a_pixel_is_read(
    ask: Callable[[pd.DataFrame], Any],
    error: type[Exception],
    said: str,
    frame: pd.DataFrame,
    frames: Table,
) -> None:
    with no_pixel(frames), pytest.raises(error, match=said):
        ask(frame)


def test_cells_are_real_for_who_looks_at_them(frame: pd.DataFrame) -> None:
    first = images()[0]
    assert np.array_equal(frame.to_dict("records")[0]["image_array"], first)
    assert np.array_equal(next(frame.itertuples()).image_array, first)
    assert np.array_equal(next(frame.iterrows())[1]["image_array"], first)
    assert np.array_equal(frame.T.loc["image_array", 0], first)
    assert frame.apply(lambda row: int(row["image_array"].sum()), axis=1).tolist() == [
        int(image.sum()) for image in images()
    ]
    back = pd.read_json(io.StringIO(frame[["image_array"]][:1].to_json()))["image_array"]
    assert np.array_equal(np.array(back.iloc[0]), first)
    one, sums = frame[["Well", "image_array"]][:1], {"image_array": lambda image: f"sum {image.sum()}"}
    for html in (one.style.format(sums).to_html(), one.to_html(formatters=sums)):
        assert f"sum {first.sum()}" in html


@pytest.mark.parametrize("orient", ["split", "records", "index", "columns", "values", "table"])
def test_json_tells_of_damage_in_every_form(orient: Any, frames: Table, tmp_path: Path) -> None:
    shutil.copytree(frames.package.uri, tmp_path / "p")
    frame = datapkg.open(tmp_path / "p")["frames"].to_pandas(["Plate", "Well", "size_x", "image_array"])
    for path in (tmp_path / "p" / "frames.lance" / "data").iterdir():
        path.unlink()
    for part in (frame, frame[["image_array"]], frame["image_array"]):
        with pytest.raises(DamageError, match="missing or damaged"):
            part.to_json(orient=orient)


def test_a_database_holds_files_bit_for_bit(frame: pd.DataFrame) -> None:
    with sqlite3.connect(":memory:") as database:
        frame[["Well", "image_bytes", "metadata"]].to_sql("files", database)
        stored = database.execute("select image_bytes, metadata from files").fetchall()
    assert stored == list(zip(frame["image_bytes"], frame["metadata"], strict=True))


def test_files_and_texts_are_looked_up_by_themselves(frame: pd.DataFrame) -> None:
    assert frame.set_index("image_bytes").loc[frame["image_bytes"].iloc[1], "Well"] == "A01"
    assert frame.set_index("metadata").loc[frame["metadata"].iloc[1], "Well"].tolist()[0] == "A00"


def test_more_than_the_memory_is_refused_before_it_is_read(frames: Table) -> None:
    large = replace(frames.record, image_bytes={"image_array": 8 << 50})
    frames.opened.record = replace(frames.opened.record, tables=(large,))
    frame = datapkg.open(frames.package.uri)["frames"].to_pandas(["image_array"])
    assert len(frame["image_array"].array.load()) == 8
    frame = frames.to_pandas(["Well", "image_array"])
    with no_pixel(frames):
        for ask in (frame["image_array"].array.load, lambda: frame.T, lambda: frame.to_dict("list")):
            with pytest.raises(
                SchemaError, match=r"its 8 cells take about 9.0 PB, and there are .* of memory"
            ):
                ask()
