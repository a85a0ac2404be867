"""Show how far a build is: a moving bar on a terminal, plain lines where there is none; always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..progress import Progress, Step
from ..report import count_of, size

LINE_EVERY_S = 10.0


@contextmanager
def shown() -> Iterator[Progress]:
    """Give a listener that shows each step while the block runs."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[files]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Bars(bar)


class Bars:
    """One bar for each thing that is done: files, MB/s, time left."""

    def __init__(self, bar: object) -> None:
        from rich.progress import Progress as Bar

        assert isinstance(bar, Bar)
        self._bar, self._doing, self._started = bar, "", time.monotonic()

    def __call__(self, step: Step) -> None:
        """Move the bar."""
        if step.doing != self._doing:
            self._doing, self._started = step.doing, time.monotonic()
            self._task = self._bar.add_task(step.doing, total=max(step.all_bytes, 1), files="", speed="")
        self._bar.update(
            self._task,
            completed=step.bytes if step.all_bytes else 1,
            files=_done(step),
            speed=_speed(step, self._started),
        )


class Lines:
    """A line when something begins, and every ten seconds while it lasts."""

    def __init__(self) -> None:
        self._doing, self._started, self._last = "", 0.0, 0.0

    def __call__(self, step: Step) -> None:
        """Print a line, if it is time for one."""
        now = time.monotonic()
        if step.doing != self._doing:
            self._doing, self._started, self._last = step.doing, now, now
            self._print(f"{step.doing}: {_all(step)}")
        elif now - self._last >= LINE_EVERY_S:
            self._last = now
            left = (step.all_bytes - step.bytes) * (now - self._started) / max(step.bytes, 1)
            self._print(f"{step.doing}: {_done(step)}, {_speed(step, self._started)}, {left:.0f} s left")

    def _print(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - the plain form of the progress bar


def _all(step: Step) -> str:
    """What there is to do."""
    return (
        f"{step.all_bytes:,} {step.unit}"
        if step.unit
        else f"{count_of(step.all_files, 'file', 'files')}, {size(step.all_bytes)}"
    )


def _done(step: Step) -> str:
    """How much of it is done."""
    if step.unit:
        return f"{step.bytes:,}/{step.all_bytes:,} {step.unit}"
    return f"{step.files:,}/{step.all_files:,} files"


def _speed(step: Step, started: float) -> str:
    seconds = max(time.monotonic() - started, 1e-3)
    return (
        f"{step.bytes / seconds:,.1f} {step.unit}/s"
        if step.unit
        else f"{step.bytes / 1e6 / seconds:.1f} MB/s"
    )
