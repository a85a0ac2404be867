"""Lazy columns pass pandas' own suite for extension arrays, over cells that stand in a package."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import make
import pandas as pd
import pandas._testing as tm
import pytest
from pandas.tests.extension import base
from pandas.tests.extension.conftest import *  # noqa: F403 - the suite's own fixtures

import datapkg
from datapkg.lazy import LazyArray, LazyDtype

CELLS = 12
OLD = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)

ORDER = "cells can be equal, but have no order: > and < are refused, where Python's bytes and texts have them"
NONE = "the test asks pandas for fill_value=None, which pandas takes for `not given`, and so expects NaN"
CSV = "a CSV file cannot hold it, and to_csv says so"


def without(reason: str, *names: str) -> Callable[[type], type]:
    """Leave tests of pandas' suite out, and say why."""

    def left_out(self: object) -> None:
        raise AssertionError("this test does not run")

    def skipped(suite: type) -> type:
        for name in filter(partial(hasattr, suite), names):  # an older pandas has fewer tests
            setattr(suite, name, pytest.mark.skip(reason=reason)(left_out))
        return suite

    return skipped


def one_of(values: Sequence[Any]) -> Any:
    """A fixture of pandas' own tests, which an older suite does not bring along."""
    return pytest.fixture(params=values)(lambda request: request.param)


NUMERIC = ("count", "sum", "max", "min", "mean", "prod", "std", "var", "median", "kurt", "skew", "sem")

all_numeric_reductions = one_of(NUMERIC)
all_boolean_reductions = one_of(("all", "any"))
all_reductions = one_of((*NUMERIC, "all", "any"))
all_numeric_accumulations = one_of(("cumsum", "cumprod", "cummin", "cummax"))
all_arithmetic_operators = one_of(tm.arithmetic_dunder_methods)
comparison_op = one_of([getattr(operator, name.strip("_")) for name in tm.comparison_dunder_methods])
sort_by_key = one_of((None, lambda values: values))
if OLD:
    using_nan_is_na = one_of((True, False))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Twelve rows of a package, each with another file, metadata, and image: of one pixel, so that two have one ==."""
    folder: Path = tmp_path_factory.mktemp("suite")
    for number in range(CELLS):
        image = make.image(number, (1, 1)) + number * 200
        make.tiff(folder / "data" / f"{number:02}.tif", image, description=f"image {number:02}")
    make.build(make.manifest(folder / "data", 'name: frames, path: "*.tif"'), folder / "p")
    return datapkg.open(folder / "p")["frames"].to_pandas()


@without(NONE, "test_unstack")
@without("images, files and texts are no numbers to plot", "test_plot_on_y_axis")
@without("before 3.1 the suite expects map to give plain arrays only", *(["test_map"] if OLD else []))
class LazySuite(base.ExtensionTests):
    column: str

    def test_compare_scalar(self, data: LazyArray, comparison_op: Any) -> None:
        if comparison_op.__name__ not in ("eq", "ne"):
            pytest.skip(ORDER)
        super().test_compare_scalar(data, comparison_op)

    def test_compare_array(self, data: LazyArray, comparison_op: Any) -> None:
        if comparison_op.__name__ not in ("eq", "ne"):
            pytest.skip(ORDER)
        super().test_compare_array(data, comparison_op)

    @pytest.fixture
    def cells(self, stored: pd.DataFrame) -> LazyArray:
        """All cells of the column, those first that are sorted first."""
        array = stored[self.column].array
        return array.take(array.argsort())

    @pytest.fixture
    def dtype(self, cells: LazyArray) -> LazyDtype:
        return cells.dtype

    @pytest.fixture
    def data(self, cells: LazyArray) -> LazyArray:
        return cells[:10].copy()

    @pytest.fixture
    def data_missing(self, cells: LazyArray) -> LazyArray:
        return cells.take([-1, 0], allow_fill=True)

    @pytest.fixture
    def data_for_sorting(self, cells: LazyArray) -> LazyArray:
        return cells.take([1, 2, 0])

    @pytest.fixture
    def data_missing_for_sorting(self, cells: LazyArray) -> LazyArray:
        return cells.take([1, -1, 0], allow_fill=True)

    @pytest.fixture
    def data_for_grouping(self, cells: LazyArray) -> LazyArray:
        return cells.take([1, 1, -1, -1, 0, 0, 1, 2], allow_fill=True)


class Formatting(LazySuite):
    """Cells that Python formats with %: ``cell % column`` is not the column's to refuse."""

    def test_arith_series_with_scalar(self, data: LazyArray, all_arithmetic_operators: str) -> None:
        if all_arithmetic_operators == "__rmod__":
            pytest.skip("Python's own formatting of texts and bytes with %")
        super().test_arith_series_with_scalar(data, all_arithmetic_operators)

    def test_arith_frame_with_scalar(self, data: LazyArray, all_arithmetic_operators: str) -> None:
        if all_arithmetic_operators == "__rmod__":
            pytest.skip("Python's own formatting of texts and bytes with %")
        super().test_arith_frame_with_scalar(data, all_arithmetic_operators)


@without(
    "the other column is pandas' own of text or objects, and decides itself what it does",
    "test_arith_series_with_array",
)
class TestText(Formatting):
    column = "metadata"


@without(
    "the other column is pandas' own of text or objects, and decides itself what it does",
    "test_arith_series_with_array",
)
@without("a TIFF file is no text", "test_astype_str", "test_astype_string")
@without(
    "pandas writes bytes as JSON only where they are text", "test_values_for_json", "test_json_roundtrip"
)
@without(CSV, "test_EA_types")
class TestBytes(Formatting):
    column = "image_bytes"


@without(
    "an image is no text, and the abridged one of an array must not be taken for it",
    "test_astype_str",
    "test_astype_string",
)
@without(CSV, "test_EA_types")
@without("JSON gives lists back, which are no images", "test_json_roundtrip")
@without(
    "arrays can be computed with, their column cannot: load() or stack() it first",
    "test_invert",
    "test_unary_ufunc_dunder_equivalence",
    "test_arith_series_with_scalar",
    "test_arith_frame_with_scalar",
    "test_arith_series_with_array",
    "test_combine_le",
)
@without(
    "of two arrays == is an array, and of two columns one answer a cell",
    "test_compare_scalar",
    "test_compare_array",
)
@without(
    "pandas names each group by its cell, which an array cannot be",
    "test_groupby_extension_transform",
    "test_groupby_extension_apply",
)
@without(
    "pandas takes an array for several values, never for one cell; a list of one array is one cell",
    "test_series_constructor_scalar_with_index",
    "test_setitem_sequence_broadcasts",
    "test_setitem_mask",
    "test_setitem_mask_boolean_array_with_na",
    "test_setitem_integer_array",
    "test_setitem_mask_broadcast",
    "test_setitem_slice",
    "test_setitem_loc_iloc_slice",
    "test_setitem_with_expansion_row",
    "test_setitem_2d_values",
    "test_fillna_series",
    "test_fillna_frame",
    "test_fillna_limit_series",
    "test_fillna_limit_frame",
    "test_fillna_copy_series",
    "test_fillna_copy_frame",
    "test_where_series_listlike_other",
    "test_where_series_listlike_other_wrong_length",
    "test_mask_listlike_other_inplace",
)
class TestImage(LazySuite):
    column = "image_array"
