"""The page of results: what is won and lost, two tables for each set, and plots; nothing on it is written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

TITLES = {
    "large": "Images of 1 MP, uint16",
    "small": "Images of 64 x 64, uint8",
    "movie": "A CellH5 movie of two channels, 1 MP, uint16",
    "long": "A long table",
    "wide": "A wide table",
}
READING = {
    "first": "cold process: import, open, first image",
    "one": "random images, one by one",
    "many": "the same in one call",
    "scan": "read all",
    "filter": "find a well, read 10 images",
    "old": "10 images of the version before",
    "read": "read into pandas",
}
STORING = {
    "build": "build from the files",
    "size": "MB on the disk",
    "append": "add 1 %",
    "change": "change one image",
}
ALONE = {
    "nothing": "build again with nothing changed",
    "diff": "tell what differs from the version before",
    "verify": "verify every file",
}
HELD = {
    "build": "the build",
    "many": "random images in one call",
    "scan": "reading all",
    "read": "reading into pandas",
}
READ = {"first": "the first image", "one": "random images", "filter": "the well"}
COSTS = {
    **{f"{task} memory": f"memory of {words}, MB" for task, words in HELD.items()},
    **{f"{task} read": f"read for {words}, MB" for task, words in READ.items()},
}
TASKS = {**READING, **STORING, **COSTS}
TIMED = [*READING, *STORING]
NO_WORK = {
    "TIFF files": ("build", "append", "build memory"),
    "CellH5 file": ("build", "build memory"),
    "CSV": ("build", "build memory"),
}
"""What is no work for files that are kept as they are."""
TOLD = {
    "one": "1,000 random images one by one, s",
    "many": "in one call",
    "scan": "reading all",
    "read": "reading into pandas, s",
    "build": "the build",
    "size": "MB on the disk",
}
PACKED = "datapkg packed"
OURS = "datapkg"
MARKERS = "osd"
Results = Mapping[str, Any]
Values = Mapping[tuple[str, str, str], float]
"""Medians by set, task and peer."""


class Row(NamedTuple):
    """One task of one set: datapkg's figure, the best other's, and that of packed images where there is one."""

    name: str
    task: str
    ours: float
    best: float
    peer: str
    packed: float | None

    @property
    def times(self) -> float:
        """How much more datapkg needs."""
        return self.ours / self.best if self.best else 1.0


def write_page(results: Results, folder: Path) -> None:
    """Write ``benchmarks.md`` beside the folder of results, and the plots into it."""
    lines = list(_page(results, folder))
    folder.with_suffix(".md").write_text("\n".join(lines) + "\n", "utf-8")
    _plots(results, folder)


def _page(results: Results, folder: Path) -> Iterator[str]:
    values = _medians(results["rows"])
    rows = list(_compared(values))
    yield from ("# Beside what people use instead", "")
    yield from _summary(values, rows)
    yield from ("", *_how(results), "", "## What datapkg loses", "", *_losses(rows))
    for name, title in TITLES.items():
        if any(of == name for of, _, _ in values):
            yield from ("", f"## {title}", "", f"![]({folder.name}/{name}.svg)", "")
            yield from _table(values, name, READING)
            yield from _table(values, name, STORING)
            yield from _alone(values, name)
            yield from ("", "<details><summary>Memory, and what is read</summary>", "")
            yield from _table(values, name, COSTS)
            yield from ("", "</details>")
    failed = set(_failed(results["rows"]))
    if failed:
        yield from ("", "## What failed", "", *sorted(failed))


def _how(results: Results) -> Iterator[str]:
    """How it was measured."""
    libraries = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    yield (
        f"Made by `python -m benchmarks.run --scale {results['scale']:g} --rounds {results['rounds']}` on {results['date']}: "
        f"{results['machine']}, Python {results['python']}; {libraries}."
    )
    yield ""
    yield (
        "Seconds, unless said otherwise: medians of the rounds, of which there are "
        f"{results['rounds']}, but a task of a peer that has taken {results['enough']:g} s in all is not repeated. Every task "
        f"runs in a process of its own, peers in turn; {results['cache']}. Imports "
        "count in the cold process alone. Bold is the best of a column; a dash: the peer has no such thing. All decode large TIFF "
        "files on all cores; small ones datapkg decodes in a process a core, where the others' loops have one. Random images are "
        "1,000, or all where there are fewer. Memory is private, workers' included, without "
        "mapped files; read is what system calls read, and a memory map is none. "
        "Files that are kept as they are (TIFF files, CellH5 file, CSV) are copied, which is no work to compare a build with."
    )
    if results.get("note"):
        yield from ("", results["note"])


def _compared(values: Values) -> Iterator[Row]:
    """Each task that datapkg and another can do."""
    for (name, task, peer), ours in values.items():
        if peer != OURS or task not in TASKS or task.endswith(" read"):
            continue
        others = {
            p: v
            for (n, t, p), v in values.items()
            if (n, t) == (name, task) and p not in (OURS, PACKED) and task not in NO_WORK.get(p, ())
        }
        if others:
            best = min(others, key=others.__getitem__)
            yield Row(name, task, ours, others[best], best, values.get((name, task, PACKED)))


def _summary(values: Values, rows: Sequence[Row]) -> Iterator[str]:
    """What to know of it in a few lines."""
    won, near = (sum(row.times <= most for row in rows) for most in (1, 2))
    yield (
        f"In {won} of {len(rows)} comparisons datapkg needs the least of all, in {near - won} more at most twice the least, "
        f"and in {len(rows) - near} more than that. The best of the others stands in brackets; smaller is better."
    )
    yield ""
    for name, title in TITLES.items():
        told = [
            f"{words} {_shown(row.ours)} ({row.peer} {_shown(row.best)})"
            for task, words in TOLD.items()
            for row in rows
            if (row.name, row.task) == (name, task)
        ]
        packed = values.get((name, "size", PACKED))
        told += [f"with `array: packed` {_shown(packed)} MB"] if packed else []
        if told:
            yield f"- {title}: {', '.join(told)}."


def _medians(rows: Sequence[Results]) -> Values:
    """By set, task and peer."""
    held: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        name, task, peer = row["set"], row["task"], row["peer"]
        found = {f"{task} {kind}": row[kind] / 1e6 for kind in ("memory", "read") if kind in row}
        if "seconds" in row:
            found[task] = row["seconds"]
        if task == "build" and "size" in row and "seconds" in row:
            found["size"] = row["size"] / 1e6
        for what, value in found.items():
            held.setdefault((name, what, peer), []).append(value)
    return {key: median(found) for key, found in held.items()}


def _failed(rows: Sequence[Results]) -> Iterator[str]:
    """What failed, and where peers did not give the same pixels."""
    for row in rows:
        if "failed" in row:
            yield f"- {row['peer']}, {row['set']}, {row['task']}: {row['why']}"
    sums: dict[tuple[str, str, int], dict[str, str]] = {}
    for row in rows:
        if row["task"] in READING and row.get("check") is not None:
            sums.setdefault((row["set"], row["task"], row["round"]), {})[row["peer"]] = str(row["check"])
    for (name, task, _), found in sums.items():
        if len(set(found.values())) > 1:
            yield f"- {name}, {task}: not all read the same values: {found}"


def _peers(values: Values, name: str) -> list[str]:
    found = dict.fromkeys(peer for of, _, peer in values if of == name)
    return sorted(found, key=lambda peer: (peer != OURS, peer != PACKED))


def _table(values: Values, name: str, tasks: Mapping[str, str]) -> Iterator[str]:
    """A row for each peer, a column for each task that more than one can do."""
    peers = _peers(values, name)
    columns = {
        task: [values.get((name, task, peer)) for peer in peers]
        for task in tasks
        if sum((name, task, peer) in values for peer in peers) > 1
    }
    if not columns:
        return
    yield f"| | {' | '.join(tasks[task] for task in columns)} |"
    yield f"|---|{'---:|' * len(columns)}"
    least = {task: min(value for value in column if value is not None) for task, column in columns.items()}
    for at, peer in enumerate(peers):
        cells = [_shown(column[at], column[at] == least[task]) for task, column in columns.items()]
        if set(cells) != {"-"}:
            yield f"| {peer} | {' | '.join(cells)} |"
    yield ""


def _alone(values: Values, name: str) -> Iterator[str]:
    told = [
        f"{words} {_shown(values[name, task, OURS])} s"
        for task, words in ALONE.items()
        if (name, task, OURS) in values
    ]
    if told:
        yield f"What datapkg alone has: {'; '.join(told)}."


def _shown(value: float | None, best: bool = False) -> str:
    if value is None:
        return "-"
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 else f"{value:.2g}"
    return f"**{text}**" if best else text


def _losses(rows: Sequence[Row]) -> Iterator[str]:
    """Where a peer is better by more than a twentieth, the worst first."""
    lost = sorted((row for row in rows if row.times > 1.05), key=lambda row: -row.times)
    if not lost:
        yield "Nothing here."
        return
    yield "| | | times the best | datapkg | packed | the best | which is |"
    yield "|---|---|---:|---:|---:|---:|---|"
    for row in lost:
        figures = " | ".join(_shown(value) for value in (row.times, row.ours, row.packed, row.best))
        yield f"| {TITLES[row.name]} | {TASKS[row.task]} | {figures} | {row.peer} |"


def _plots(results: Results, folder: Path) -> None:
    """For each set, each task's time as a ratio to datapkg's."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "datapkg"
    from matplotlib import pyplot

    values = _medians(results["rows"])
    for name in {row["set"] for row in results["rows"]}:
        peers = [peer for peer in _peers(values, name) if peer != OURS]
        tasks = [
            task
            for task in TIMED
            if (name, task, OURS) in values and any((name, task, p) in values for p in peers)
        ]
        figure, axes = pyplot.subplots(figsize=(9, 0.5 * len(tasks) + 1.2), layout="constrained")
        for at, peer in enumerate(peers):
            points = [
                (
                    values[name, task, peer] / values[name, task, OURS],
                    row + (at - (len(peers) - 1) / 2) * 0.06,
                )
                for row, task in enumerate(tasks)
                if (name, task, peer) in values and task not in NO_WORK.get(peer, ())
            ]
            marker = MARKERS[at // 10]  # there are ten colours
            x, y = zip(*points, strict=True)
            axes.plot(x, y, marker, label=peer, markersize=5)
        for row in range(0, len(tasks), 2):
            axes.axhspan(row - 0.5, row + 0.5, color="0.95", zorder=0)
        axes.axvline(1, color="black", linewidth=1)
        axes.margins(y=0.01)
        axes.set(xscale="log", yticks=range(len(tasks)), yticklabels=[TASKS[task] for task in tasks])
        axes.set_xlabel("times datapkg's own figure: right of the line, datapkg needs less")
        axes.invert_yaxis()
        axes.grid(axis="x", alpha=0.3)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        pyplot.close(figure)
