"""Builds in another process, one after the other, each with a limit of time and memory: a crash is seen, and is not ours.

The process is used again for the next build, since starting one costs more than a little build; after one that died or
was stopped a new one is started. Run as a program this module is that process.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 20.0
BYTES = 2 << 30
LOOK_S = 0.02
START_S = 60.0


@dataclass(frozen=True)
class Built:
    """How a build ended: its report's warnings, or the class and text of its error; `died` says what else happened.

    `grown` is by how many bytes the process grew at most meanwhile.
    """

    warnings: tuple[str, ...] = ()
    error: str = ""
    text: str = ""
    where: str = ""
    fix: str = ""
    died: str = ""
    grown: int = field(default=0, compare=False)


class Builder:
    """Builds packages in a process of its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def build(self, manifest: Path, package: Path, root: Path) -> Built:
        """Build one package; `died` is not empty where the process did not live to tell how it went."""
        process = self._ready()
        assert process.stdin is not None and process.stdout is not None
        print(json.dumps([str(manifest), str(package), str(root)]), file=process.stdin, flush=True)
        started = time.monotonic()
        while not select.select([process.stdout], [], [], LOOK_S)[0]:
            if time.monotonic() - started > SECONDS:
                return self._stopped(f"took more than {SECONDS:.0f} s")
            if resident(process.pid) > BYTES:
                return self._stopped(f"used more than {BYTES >> 20} MB")
        line = process.stdout.readline()
        if not line:
            return self._stopped(f"the process ended with status {process.wait()}")
        told = json.loads(line)
        if told.pop("peak") > BYTES:
            return self._stopped(f"used more than {BYTES >> 20} MB")
        return Built(**{**told, "warnings": tuple(told.get("warnings", ()))})

    def close(self) -> None:
        """Let the process end."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ready(self) -> subprocess.Popen[str]:
        if self._process is None:
            program = [sys.executable, __file__]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
            self._process = subprocess.Popen(
                program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            assert self._process.stdout is not None
            assert select.select([self._process.stdout], [], [], START_S)[0]
            assert self._process.stdout.readline() == "ready\n"
        return self._process

    def _stopped(self, why: str) -> Built:
        self.close()
        return Built(died=why)


def resident(pid: int | str, which: str = "VmRSS") -> int:
    """Bytes that a process holds in memory; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(which)), 0)


def answer(manifest: str, package: str, root: str) -> dict[str, Any]:
    """Build, and tell how it went."""
    import datapkg

    forget = Path("/proc/self/clear_refs")
    if forget.exists():
        forget.write_text("5")  # the peak counts from here
    before = resident("self")
    try:
        report = datapkg.build(manifest, package, root=root, engine="inline")
    except datapkg.DatapkgError as error:
        told = {"error": type(error).__name__, "text": str(error), "where": error.where, "fix": error.fix}
    except BaseException:  # noqa: BLE001 - whatever it is, a test must see it
        told = {"died": traceback.format_exc()}
    else:
        told = {"warnings": report.warnings}
    peak = resident("self", "VmHWM")
    return {**told, "peak": peak, "grown": peak - before}


if __name__ == "__main__":
    import datapkg.builder  # noqa: F401 - a start is not a build

    print("ready", flush=True)
    for task in sys.stdin:
        print(json.dumps(answer(*json.loads(task))), flush=True)
