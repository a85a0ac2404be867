"""Columns that are looked at together, as what they seem, show exactly what each shows alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.sources.text import alike
from datapkg.sources.text.alike import look_alike, seeming
from datapkg.sources.text.evidence import Evidence
from tests.test_text_types import SPELLED

ROWS = 6
FIRST_LINE = 7
MOSTLY = st.sampled_from(
    [
        ["1", "-7", "0", "30", "9007199254740992", "-9007199254740993"],
        ["1.5", "-0.25", "0", "-0", "3", "1e-05", "1E+05", "0.0", "1e-400", "9007199254740993"],
        ["1E5", "2e3", "12E0"],
        ["A01", "x", "N01", "In", "nAn", "t", "½", "é5"],
    ]
).flatmap(lambda cells: st.tuples(*[st.sampled_from([*cells, *cells, ""])] * ROWS))
COLUMN = st.one_of(MOSTLY, MOSTLY, st.tuples(*[SPELLED] * ROWS))
KINDS = st.sampled_from([pa.int64(), pa.float64(), pa.string(), pa.bool_(), None])


def array(cells: tuple[str, ...]) -> pa.StringArray:
    """Cells as they are read: an empty one is missing."""
    return pa.array([cell or None for cell in cells], pa.string())


def lines() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The rows' lines."""
    return np.arange(FIRST_LINE, FIRST_LINE + ROWS)


def bits(values: pa.Array) -> list[object]:
    """Values in which 0.0 and -0.0 differ."""
    return [str(value) if isinstance(value, float) else value for value in values.to_pylist()]


@given(
    st.lists(st.tuples(COLUMN, KINDS, st.booleans()), min_size=1, max_size=6),
    st.sampled_from([1, ROWS, 3 * ROWS, alike.CELLS]),
)
def test_columns_looked_at_as_what_they_seem_show_what_each_shows_alone(
    given_columns: list[tuple[tuple[str, ...], pa.DataType | None, bool]], cells: int
) -> None:
    columns = [array(column) for column, _, _ in given_columns]
    kinds = [
        seeming(column) if right else kind
        for column, (_, kind, right) in zip(columns, given_columns, strict=True)
    ]
    together = [Evidence() for _ in columns]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alike, "CELLS", cells)
        known = look_alike(together, columns, lines(), kinds)
    for at, column in enumerate(columns):
        if at not in known:
            assert together[at] == Evidence()
            continue
        alone = Evidence()
        alone.look(column, lines())
        if alone.decimal:  # the range of whole numbers means nothing then
            alone.low = alone.high = None
        assert together[at] == alone
        assert known[at].type == kinds[at]
        assert bits(known[at]) == bits(column.cast(known[at].type))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (("1", "", "-7", "0", "9007199254740992", "5"), pa.int64()),
        (("0", "1.5", "", "-0", "1e-05", "0.0"), pa.float64()),
        (("", "A01", "N01", "Iris", "t", "é5"), pa.string()),
    ],
)
def test_plain_columns_need_no_other_look(cells: tuple[str, ...], kind: pa.DataType) -> None:
    columns = [array(cells), array(cells[::-1])]
    assert look_alike([Evidence(), Evidence()], columns, lines(), [kind, kind]).keys() == {0, 1}


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        ("005", pa.int64()),
        ("+5", pa.int64()),
        ("-0", pa.int64()),
        ("0x10", pa.int64()),
        ("9007199254740993", pa.int64()),
        ("00.5", pa.float64()),
        ("nan", pa.float64()),
        ("inf", pa.float64()),
        ("1e-400", pa.float64()),
        ("9007199254740993", pa.float64()),
        ("NA", pa.string()),
        ("true", pa.string()),
        ("5", pa.string()),
        (" 5", pa.string()),
    ],
)
def test_a_column_with_anything_else_is_left_and_holds_up_no_other(odd: str, kind: pa.DataType) -> None:
    plain = {pa.int64(): "1", pa.float64(): "1.5", pa.string(): "x"}[kind]
    columns = [array((plain,) * ROWS), array((*(plain,) * (ROWS - 1), odd)), array((plain,) * ROWS)]
    assert look_alike([Evidence() for _ in columns], columns, lines(), [kind] * 3).keys() == {0, 2}


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (("", "12"), pa.int64()),
        (("-7", "x"), pa.int64()),
        (("-0",), pa.float64()),
        (("1e5",), pa.float64()),
        (("005",), pa.string()),
        (("true",), pa.string()),
        (("", ""), None),
    ],
)
def test_the_first_cell_tells_what_a_column_seems_to_hold(
    cells: tuple[str, ...], kind: pa.DataType | None
) -> None:
    assert seeming(array(cells)) == kind
