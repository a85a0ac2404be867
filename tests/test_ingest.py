"""The worker's share: tasks by bytes, batches joined."""

from __future__ import annotations

import itertools

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from datapkg.ingest import LEAST_TASK_BYTES, LEAST_TASK_FILES, TASK_BYTES, TASK_FILES, coalesced, grouped


@given(st.lists(st.integers(0, TASK_BYTES * 2), max_size=30))
def test_tasks_hold_every_file_once_in_order_and_are_bounded(sizes: list[int]) -> None:
    tasks = list(grouped(sizes, lambda size: size))
    assert [size for task in tasks for size in task] == sizes
    assert all(len(task) == 1 or sum(task) <= TASK_BYTES for task in tasks)
    assert all(sum(a) + b[0] > LEAST_TASK_BYTES for a, b in itertools.pairwise(tasks))


def test_a_task_has_at_most_so_many_files() -> None:
    assert [len(task) for task in grouped(range(LEAST_TASK_FILES + 1), lambda _: 0)] == [LEAST_TASK_FILES, 1]


def test_tasks_of_many_files_have_fewer_towards_the_end() -> None:
    lengths = [len(task) for task in grouped(range(20 * TASK_FILES), lambda _: 0)]
    assert (lengths[0], lengths[-2]) == (TASK_FILES, LEAST_TASK_FILES)
    assert lengths == sorted(lengths, reverse=True)
    assert sum(lengths) == 20 * TASK_FILES


@given(st.lists(st.integers(0, 40), max_size=20))
def test_small_batches_are_joined_and_no_row_is_lost(lengths: list[int]) -> None:
    batches = [pa.record_batch({"a": pa.array([i] * length, pa.int64())}) for i, length in enumerate(lengths)]
    joined = list(coalesced(batches, 160))
    values = [value for batch in joined for value in batch.column("a").to_pylist()]
    assert values == [i for i, length in enumerate(lengths) for _ in range(length)]
    assert all(batch.nbytes <= 160 or batch.num_rows <= 40 for batch in joined)


def test_many_tiny_batches_are_joined_in_order() -> None:
    batches = [pa.record_batch({"a": pa.array([i], pa.int64())}) for i in range(1000)]
    joined = list(coalesced(batches, 4000))
    assert [value for batch in joined for value in batch.column("a").to_pylist()] == list(range(1000))
    assert [batch.num_rows for batch in joined] == [500, 500]
