"""Positions and addresses of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datapkg.rows import RowOrder


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 5)), max_size=6), st.randoms(use_true_random=False)
)
def test_every_position_has_its_address_and_back(fragments: list[tuple[int, int]], random: object) -> None:
    runs = [[number, start * 4, 4] for number, (pieces, _) in enumerate(fragments) for start in range(pieces)]
    random.shuffle(runs)  # type: ignore[attr-defined]
    order = RowOrder.of([number for run in runs for number in run])
    naive = [run[0] << 32 | run[1] + i for run in runs for i in range(run[2])]
    positions = np.arange(order.rows)
    assert order.addresses(positions).tolist() == naive
    assert order.positions(np.array(naive, np.int64)).tolist() == positions.tolist()
    assert order.physical == (naive == sorted(naive))


def test_a_table_without_rows_has_none() -> None:
    order = RowOrder.of([])
    assert order.rows == 0
    assert order.addresses(np.empty(0, np.int64)).tolist() == []
    assert order.positions(np.empty(0, np.int64)).tolist() == []


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=8),
    st.integers(0, 30),
    st.randoms(use_true_random=False),
)
def test_spans_are_the_runs_with_what_comes_before_them_in_their_fragment(
    pieces: list[tuple[int, int]], limit: int, random: Any
) -> None:
    at: dict[int, int] = {}
    runs = []
    for fragment, rows in pieces:
        first = at.get(fragment, 0) + 2  # a hole: rows that were deleted
        at[fragment] = first + rows
        runs.append((fragment, first, rows))
    random.shuffle(runs)
    order = RowOrder.of([number for run in runs for number in run])
    spans = list(order.spans(min(limit, order.rows)))
    assert sum(span.rows for span in spans) == min(limit, order.rows)
    for span in spans:
        address = int(order.addresses(np.array([span.first]))[0])
        assert address >> 32 == span.fragment
        live = [
            f
            for f, first, rows in runs
            for row in range(first, first + rows)
            if f == span.fragment and row < address & 0xFFFFFFFF
        ]
        assert span.offset == len(live)
