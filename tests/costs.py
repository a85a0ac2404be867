"""What a question costs: requests and bytes, by the engine's own counts and by those of what is read beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from datapkg import Table
from datapkg.places import Folder


@dataclass
class Cost:
    """Requests and bytes; in `parts` the bytes of each part that was read without the engine."""

    requests: int
    bytes: int
    parts: list[int]


@contextmanager
def counted(table: Table) -> Iterator[Cost]:
    """Count what is read of a table in a folder from here on; the numbers are there at the end."""
    cost = Cost(0, 0, [])
    read_into = Folder.read_into

    def noted(self: Folder, name: str, parts: Sequence[tuple[int, memoryview]]) -> None:
        cost.parts += [len(part) for _, part in parts]
        read_into(self, name, parts)

    table.rows.pinned.lance.io_stats_incremental()
    Folder.read_into = noted  # type: ignore[method-assign]
    try:
        yield cost
    finally:
        Folder.read_into = read_into  # type: ignore[method-assign]
        found = table.rows.pinned.lance.io_stats_incremental()
        cost.requests = found.read_iops + len(cost.parts)
        cost.bytes = found.read_bytes + sum(cost.parts)


def read_by(table: Table, ask: Callable[[], Any]) -> tuple[int, int]:
    """Requests and bytes that a question costs."""
    with counted(table) as cost:
        ask()
    return cost.requests, cost.bytes
