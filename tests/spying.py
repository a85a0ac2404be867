"""Ask a worker what it has loaded; this module itself loads next to nothing there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from datapkg.engine import ONE_CPU, Needs, Note, local


@dataclass(frozen=True)
class Answer:
    """A task's result, and what its worker had loaded then."""

    result: Any
    modules: set[str]


def spied(function: Callable[[Any, Note], Any], task: Any, note: Note) -> Answer:
    return Answer(function(task, note), set(sys.modules))


def spying(modules: set[str]) -> Any:
    """How a pool of workers runs tasks that tell what is loaded, into `modules`."""
    call = local._Pool.__call__

    def run(self: Any, function: Any, tasks: Any, progress: Note, needs: Needs = ONE_CPU) -> Iterator[Any]:
        for one in call(self, partial(spied, function), tasks, progress, needs):
            modules.update(one.modules)
            yield one.result

    return run
