"""The page of results: a table for each set, what datapkg loses, and plots; nothing on it is written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

TITLES = {
    "large": "Images of 1 MP, uint16",
    "small": "Images of 64 x 64, uint8",
    "movie": "A CellH5 movie of two channels, 1 MP, uint16",
    "long": "A long table",
    "wide": "A wide table",
}
HELD = {
    "build": "the build",
    "many": "random images in one call",
    "scan": "reading all",
    "read": "reading into pandas",
}
READ = {"first": "the first image", "one": "random images", "filter": "the well"}
TASKS = {
    "build": "build from the files",
    "size": "size of what is stored, MB",
    "first": "cold process: import, open, first image",
    "one": "random images, one by one",
    "many": "the same in one call",
    "scan": "read all",
    "filter": "find a well, read 10 images",
    "read": "read into pandas",
    "append": "add 1 %",
    "change": "change one image",
    "nothing": "build again, nothing changed",
    "old": "10 images of the version before",
    "diff": "what differs from the version before",
    "verify": "verify every file",
    **{f"{task} memory": f"private memory of {words}, MB" for task, words in HELD.items()},
    **{f"{task} read": f"read by system calls for {words}, MB" for task, words in READ.items()},
}
TIMED = [task for task in TASKS if not task.endswith((" memory", " read"))]
OURS = "datapkg"
MARKERS = "osd"
Results = Mapping[str, Any]


def write_page(results: Results, folder: Path) -> None:
    """Write ``benchmarks.md`` beside the folder of results, and the plots into it."""
    lines = list(_page(results, folder))
    folder.with_suffix(".md").write_text("\n".join(lines) + "\n", "utf-8")
    _plots(results, folder)


def _page(results: Results, folder: Path) -> Iterator[str]:
    libraries = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    yield "# Beside what people use instead"
    yield ""
    yield (
        f"Made by `python -m benchmarks.run --scale {results['scale']:g} --rounds {results['rounds']}` on {results['date']}: "
        f"{results['machine']}, Python {results['python']}; {libraries}."
    )
    yield (
        "Seconds, medians of the rounds; every task runs in a process of its own, peers in turn, on a warm file cache. "
        "Bold is the best of a row. A dash: the peer has no such thing. Memory is the process's own and its workers', without "
        "mapped files; what is read through a memory map is no system call."
    )
    values = _medians(results["rows"])
    for name, title in TITLES.items():
        if name in {row["set"] for row in results["rows"]}:
            yield from ("", f"## {title}", "", f"![]({folder.name}/{name}.svg)", "")
            yield from _table(values, name)
    yield from ("", "## What datapkg loses", "")
    yield from _losses(values)
    failed = sorted(
        {
            f"- {row['peer']}, {row['set']}, {row['task']}: {row['failed']}"
            for row in results["rows"]
            if "failed" in row
        }
    )
    if failed:
        yield from ("", "## What failed", "", *failed)


def _medians(rows: Sequence[Results]) -> dict[tuple[str, str, str], float]:
    """By set, task and peer."""
    held: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        key = row["set"], row["peer"]
        if "seconds" in row:
            held.setdefault((key[0], row["task"], key[1]), []).append(row["seconds"])
        if "seconds" in row and row["task"] == "build":
            held.setdefault((key[0], "size", key[1]), []).append(row["size"] / 1e6)
        for kind in ("memory", "read"):
            if kind in row:
                held.setdefault((key[0], f"{row['task']} {kind}", key[1]), []).append(row[kind] / 1e6)
    return {key: median(found) for key, found in held.items()}


def _peers(values: Mapping[tuple[str, str, str], float], name: str) -> list[str]:
    found = dict.fromkeys(peer for of, _, peer in values if of == name)
    return sorted(found, key=lambda peer: peer != OURS)


def _table(values: Mapping[tuple[str, str, str], float], name: str) -> Iterator[str]:
    peers = _peers(values, name)
    yield f"| | {' | '.join(peers)} |"
    yield f"|---|{'---:|' * len(peers)}"
    for task, title in TASKS.items():
        row = [values.get((name, task, peer)) for peer in peers]
        known = [value for value in row if value is not None]
        if known:
            cells = [_shown(value, value == min(known) and len(known) > 1) for value in row]
            yield f"| {title} | {' | '.join(cells)} |"


def _shown(value: float | None, best: bool) -> str:
    if value is None:
        return "-"
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 else f"{value:.4f}"
    return f"**{text}**" if best else text


def _losses(values: Mapping[tuple[str, str, str], float]) -> Iterator[str]:
    """Where a peer is better by more than a twentieth, the worst first."""
    found = []
    for (name, task, peer), ours in values.items():
        if peer != OURS or task not in TASKS or task.endswith(" read"):
            continue
        others = {p: v for (n, t, p), v in values.items() if (n, t) == (name, task) and p != OURS}
        if others:
            best = min(others, key=others.__getitem__)
            if ours > 1.05 * others[best] > 0:
                found.append(
                    (
                        ours / others[best],
                        f"- {TITLES[name]}, {TASKS[task]}: {ours / others[best]:.1f} times {best}",
                    )
                )
    yield from (line for _, line in sorted(found, reverse=True)) if found else ["Nothing here."]


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
                (values[name, task, peer] / values[name, task, OURS], row + (at - len(peers) / 2) * 0.07)
                for row, task in enumerate(tasks)
                if (name, task, peer) in values
            ]
            marker = MARKERS[at // 10]  # there are ten colours
            axes.plot(*zip(*points, strict=True), marker, label=peer, markersize=5)
        axes.axvline(1, color="black", linewidth=1)
        axes.set(xscale="log", yticks=range(len(tasks)), yticklabels=[TASKS[task] for task in tasks])
        axes.set_xlabel("times datapkg's own figure: right of the line, datapkg needs less")
        axes.invert_yaxis()
        axes.grid(axis="x", alpha=0.3)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        pyplot.close(figure)
