"""Parts of one file on threads: the order stays, and so does the first error."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, current_thread

import pytest

from datapkg.errors import SourceError
from datapkg.sources.threads import in_order


def test_results_come_in_the_parts_order() -> None:
    together = Barrier(3)

    def work(part: int) -> int:
        together.wait(10)  # three at a time, in whatever order they end
        return part * part

    assert list(in_order(work, range(12), threads=3, ahead=3)) == [n * n for n in range(12)]


def test_without_threads_the_caller_works() -> None:
    names = set(in_order(lambda _: current_thread().name, range(3), threads=0, ahead=1))
    assert names == {current_thread().name}


def parts(asked: list[int], broken: int) -> Iterator[int]:
    for part in range(100):
        if part == broken:
            raise SourceError("broken", f"part {part}")
        asked.append(part)
        yield part


def work(part: int) -> int:
    if part == 5:
        raise SourceError("bad", f"part {part}")
    return part


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize(("broken", "first"), [(7, "part 5: bad"), (4, "part 4: broken")])
def test_the_first_mistake_in_the_file_is_the_one_that_is_raised(
    threads: int, broken: int, first: str
) -> None:
    done = []
    with pytest.raises(SourceError, match=first):
        for result in in_order(work, parts([], broken), threads, ahead=6):
            done.append(result)
    assert done == list(range(min(broken, 5)))


def test_only_so_many_parts_are_taken_ahead() -> None:
    asked: list[int] = []
    results = in_order(abs, parts(asked, 50), threads=2, ahead=4)
    assert next(results) == 0
    assert asked == [0, 1, 2, 3, 4]
    results.close()  # type: ignore[attr-defined]
    assert asked == [0, 1, 2, 3, 4]
