"""One task of one peer, in a process of its own: how long, how much private memory, how many bytes read.

    python -m benchmarks.suite.tasks '{"set": "small", "peer": "Lance", "task": "many", ...}'

Seconds count the work, not the start of the process and its imports, but for `first`, which is all of a cold process. What
came out is told as a sum, so that peers can be held against each other.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .engines import PEERS
from .peers import Peer
from .sets import TableSet, sets
from .tables import TABLES

WELL, OF_WELL = "C06", 10
SAMPLE = 1000


def main() -> None:
    """Do it, and print one line of JSON."""
    asked = json.loads(sys.argv[1])
    data = sets(Path(asked["folder"]), asked["scale"])[asked["set"]]
    at = Path(asked["at"])
    if isinstance(data, TableSet):
        load(TABLES[asked["peer"]].loads)
        work = table_work(data, asked["peer"], asked["task"], at)
    else:
        peer = PEERS[asked["peer"]](data, at)
        if asked["task"] != "first":
            load(["tifffile", *peer.loads(asked["task"])])
        work = image_work(peer, asked["task"], asked)
    watch = Memory()
    read = bytes_read()
    before = time.clock_gettime(time.CLOCK_BOOTTIME) - process_start() if asked["task"] == "first" else 0.0
    started = time.perf_counter()
    try:
        check = work()
    except NotImplementedError:
        print(json.dumps({"cannot": True}))
        return
    seconds = before + time.perf_counter() - started
    print(
        json.dumps({"seconds": seconds, "memory": watch.stop(), "read": bytes_read() - read, "check": check})
    )


def load(modules: Iterable[str]) -> None:
    """Import what a task needs, so that this is no part of it."""
    for name in modules:
        import_module(name)


def image_work(peer: Peer, task: str, asked: dict[str, Any]) -> Callable[[], Any]:
    """What a task on images does; it gives a sum of what came out."""
    images = peer.images
    numbers = np.random.default_rng(asked["round"]).permutation(images.count)[:SAMPLE].tolist()
    files = [Path(path) for path in asked.get("files", ())]
    if task in ("one", "many", "scan", "filter"):
        peer.open()
        with suppress(NotImplementedError):
            peer.one(1)
    if task == "filter":
        with suppress(NotImplementedError):
            peer.of_well("A01", 1)
    turned = images.image(asked["image"], turn=1) if task == "change" else None

    def first() -> int:
        peer.open()
        return total([peer.one(0)])

    def change() -> None:
        assert turned is not None
        peer.change(asked["image"], turned)

    works: dict[str, Callable[[], Any]] = {
        "build": peer.build,
        "first": first,
        "one": lambda: total(peer.one(number) for number in numbers),
        "many": lambda: total(peer.many(numbers)),
        "scan": lambda: total(peer.scan()),
        "filter": lambda: total(peer.of_well(WELL, OF_WELL)),
        "append": lambda: peer.append(files),
        "change": change,
        "old": lambda: total(peer.before(range(10))),
        "nothing": lambda: own(peer, peer.build),
        "diff": lambda: own(peer, lambda: len(differences(peer))),
        "verify": lambda: own(peer, lambda: verified(peer)),
    }
    return works[task]


def table_work(table: TableSet, peer: str, task: str, at: Path) -> Callable[[], Any]:
    """What a task on a table does."""
    build, read, _ = TABLES[peer]

    def read_it() -> list[float]:
        frame = read(at)
        return [*map(float, frame.shape), float(frame["Count"].sum())]

    return (lambda: build(table, at)) if task == "build" else read_it


def own(peer: Peer, work: Callable[[], Any]) -> Any:
    """What only datapkg does."""
    if not peer.ours:
        raise NotImplementedError
    return work()


def differences(peer: Peer) -> Any:
    """The images that differ between the last two versions, with their pixels compared."""
    import datapkg

    opened = datapkg.open(peer.at)
    return opened.diff(opened.version - 1).images


def verified(peer: Peer) -> bool:
    """Whether every file of the package is as written."""
    import datapkg

    return bool(datapkg.verify(peer.at).ok)


def total(images: Iterable[Any]) -> int:
    """The sum of all pixels: they were read, and are the same for every peer."""
    return sum(int(np.sum(image, dtype=np.int64)) for image in images)


def process_start() -> float:
    """When this process began, in seconds since the machine did."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def bytes_read() -> int:
    """What this process has read by system calls; a memory map is not among it."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


class Memory:
    """Watches the private memory of this process and its children, mapped files apart."""

    def __init__(self) -> None:
        self._peak, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self._look()

    def _look(self) -> None:
        import psutil

        me = psutil.Process()
        held = 0
        for process in [me, *me.children(recursive=True)]:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                continue
            held += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
        self._peak = max(self._peak, held)

    def stop(self) -> int:
        """The largest amount seen, in bytes."""
        self._done.set()
        self._thread.join()
        self._look()
        return self._peak * 1024


if __name__ == "__main__":
    main()
