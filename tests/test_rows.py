"""Positions and addresses of rows."""

from __future__ import annotations

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
