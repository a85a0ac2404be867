"""How a table follows from the version before."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datapkg.rows import RowOrder
from datapkg.succession import STAY, Succession


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
def test_rows_that_stay_keep_their_places_and_all_others_go(sizes: list[int], data: Any) -> None:
    """Files of the version before as runs in any order; some stay, in another order, and new ones come between."""
    places = data.draw(st.permutations(range(len(sizes))))
    starts = dict(zip(places, np.cumsum([0, *(sizes[i] for i in places)]).tolist(), strict=False))
    before = [number for i, rows in enumerate(sizes) for number in (7, starts[i], rows)]
    firsts = np.cumsum([0, *sizes]).tolist()
    stays = [(STAY, firsts[i], sizes[i]) for i in range(len(sizes)) if data.draw(st.booleans())]
    comes = [(-1 - i, 0, rows) for i, rows in enumerate(data.draw(st.lists(st.integers(1, 3), max_size=3)))]
    pieces = data.draw(st.permutations([*stays, *comes]))

    made = Succession.of(before, np.array(pieces, np.int64).reshape(-1, 3))
    old = RowOrder.of(before)
    wanted: list[int] = []
    for fragment, first, rows in pieces:
        if fragment == STAY:
            wanted += old.addresses(np.arange(first, first + rows)).tolist()
        else:
            wanted += [(19 - fragment) << 32 | row for row in range(rows)]
    order = RowOrder.of(made.numbered([20, 21, 22]))
    assert order.addresses(np.arange(order.rows)).tolist() == wanted

    every = old.addresses(np.arange(old.rows))
    gone = made.gone(every)
    assert sorted(every[~gone].tolist()) == sorted(one for one in wanted if one >> 32 == 7)
    assert sum(len(rows) for rows in made.deleted.values()) == gone.sum()
