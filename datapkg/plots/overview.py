"""A package at a glance: rows and sizes of its tables, and of its versions over time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from .. import versions
from ..doors.optional import optional
from ..errors import DamageError
from ..records import Record
from ..report import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ..reader import Package
    from .figure import Plot

BAR, OPENED = "#4477aa", "#cc6677"
MOST_TABLES, MOST_VERSIONS, MOST_NAMED = 30, 100, 12
SHORTEST, ROOM = 0.5, 20


def overview(package: Package) -> Plot:
    """See `Package.plot`."""
    optional("matplotlib")
    from .figure import Plot, plain

    names = package.tables[:MOST_TABLES]
    tall = 0.26 * len(names) + 0.5
    figure = Plot(figsize=(10, tall + 2.6), layout="constrained")
    axes = figure.subplots(2, 2, height_ratios=(tall, 2))
    more = "" if len(names) == len(package.tables) else f" of the first {MOST_TABLES} tables"
    rows = [len(package[name]) for name in names]
    _bars(plain(axes[0, 0], f"rows{more} (logarithmic)"), names, rows, [f"{count:,}" for count in rows])
    sizes = [package.opened.stored_bytes.get(name, 0) for name in names]
    _bars(
        plain(axes[0, 1], f"size{more} (logarithmic)"),
        [""] * len(names),
        sizes,
        [size(count) for count in sizes],
    )
    kept = versions.numbers(package.place)[-MOST_VERSIONS:]
    history = [versions.read_record(package.place, number) for number in kept]
    totals = [sum(table.rows for table in record.tables) for record in history]
    _steps(plain(axes[1, 0], "rows of all tables, by version"), package, history, totals)
    held = [_stored(package, record) for record in history]
    _steps(plain(axes[1, 1], "size of all tables, by version"), package, history, held)
    axes[1, 1].yaxis.set_major_formatter(lambda value, _: size(int(value)))
    figure.suptitle(f"{package.name} version {package.version}", fontsize=11, x=0.01, ha="left")
    return figure


def _bars(axes: Axes, names: Sequence[str], values: Sequence[int], words: Sequence[str]) -> None:
    """Bars on a logarithmic scale: a table of ten rows stands beside one of a million."""
    places = range(len(names))
    drawn = axes.barh(places, [max(value, SHORTEST) for value in values], color=BAR)
    axes.set_yticks(places, names)
    axes.set_xscale("log")
    axes.set_xlim(SHORTEST, max([*values, 1]) * ROOM)
    axes.set_xticks([])
    axes.minorticks_off()
    axes.bar_label(drawn, words, padding=3, fontsize=8)
    axes.invert_yaxis()


def _steps(axes: Axes, package: Package, history: Sequence[Record], values: Sequence[int]) -> None:
    """A point for each version at the time it was made; the one that is open is marked."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    times: list[Any] = [datetime.fromisoformat(record.created) for record in history]
    axes.step(times, values, where="post", color=BAR)
    opened = [record.version == package.version for record in history]
    axes.scatter(times, values, c=[OPENED if one else BAR for one in opened], zorder=3)
    named = versions.named(package.place)
    for at in range(max(0, len(history) - MOST_NAMED), len(history)):
        number = history[at].version
        axes.annotate(
            named.get(number, str(number)),
            (times[at], values[at]),
            (4, 5),
            textcoords="offset points",
            fontsize=8,
        )
    if times[0] == times[-1]:
        axes.set_xlim(times[0] - timedelta(hours=12), times[0] + timedelta(hours=12))
    else:
        axes.margins(x=0.15)
    axes.set_ylim(0, max([*values, 1]) * 1.25)
    locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _stored(package: Package, record: Record) -> int:
    """The bytes of a version's tables; 0 where the list of its files is damaged."""
    try:
        listed = versions.read_files(package.place, record)
    except DamageError:
        return 0
    return sum(int(one[2]) for files in listed.files.values() for one in files)
