"""What is done beside is done in order, and before the work that it stands beside is over."""

from __future__ import annotations

import pytest

from datapkg.aside import aside


def test_all_is_done_in_order_when_the_work_is_over() -> None:
    found: list[int] = []
    with aside() as beside:
        for number in range(100):
            beside(found.append, number)
    assert found == list(range(100))


def test_what_fails_beside_is_raised_and_a_failure_of_the_work_comes_first() -> None:
    with pytest.raises(ZeroDivisionError), aside() as beside:
        beside(divmod, 1, 0)
    found: list[int] = []
    with pytest.raises(KeyError), aside() as beside:
        beside(divmod, 1, 0)
        beside(found.append, 1)
        raise KeyError
    assert found == [1]
