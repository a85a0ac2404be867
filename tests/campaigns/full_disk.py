"""The disk becomes full in the middle of a build: a clear error, no version harmed, and with space the build completes.

The disk is a small tmpfs (see `small_disk`), filled up to a random number of bytes that are left. Where mounts are not to
be had, and besides, the system refuses files over a random size.
"""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from campaigns import kills, small_disk, sound
from campaigns.kills import told
from campaigns.runner import Ended, Runner
from campaigns.states import Scenario, Stage, Trial
from datapkg.places import STAGING

SEED = 13
DISK_BYTES = 16 << 20
PAGE = 4096
BY_COMMAND = 10
"""Of so many trials one runs the command line with workers: it takes seconds."""
FULL, TOO_LARGE = "the disk is full", "a file would grow over the allowed size"


def growth(runner: Runner, stage: Stage, scenario: Scenario) -> int:
    """How many bytes of the disk a build takes."""
    with stage.trial(scenario) as trial:
        before = free(stage.trials)
        (ended,) = runner.together([trial.ask()], trial.cache)
        assert ended.created, ended
        return before - free(stage.trials)


def free(folder: Path) -> int:
    """Bytes that are left on the disk."""
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def filled(
    runner: Runner, stage: Stage, scenario: Scenario, left: int, command: bool
) -> tuple[list[str], str]:
    """Build while so many bytes are left on the disk: what is wrong then, and how the build ended."""
    with stage.trial(scenario) as trial:
        ask = trial.ask()
        filler = stage.trials / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(PAGE, free(stage.trials) - left))
        ended = _by_command(trial) if command else runner.together([ask], trial.cache)[0]
        filler.unlink()
        said = sound.gathered(_after(trial, ended, FULL))
    who = "the command" if command else "a build"
    return [f"{scenario.name}, {who} with {left} bytes left: {one}" for one in said], _how(ended)


def limited(runner: Runner, stage: Stage, scenario: Scenario, limit: int) -> tuple[list[str], str]:
    """Build while no file may be larger than so many bytes: what is wrong then, and how the build ended."""
    with stage.trial(scenario) as trial:
        (ended,) = runner.together([trial.ask()], trial.cache, largest=limit)
        said = sound.gathered(_after(trial, ended, TOO_LARGE))
    return [f"{scenario.name}, no file over {limit} bytes: {one}" for one in said], _how(ended)


def _after(trial: Trial, ended: Ended, why: str) -> Iterator[str]:
    if ended.bug or (ended.error and not (ended.error == "StoreError" and why in ended.text)):
        yield f"ended with {ended}"
    if any(trial.package.glob(f"{STAGING}*")):
        yield "the staging folder stays"
    if ended.error and kills.published(trial.package, len(trial.earlier()) + 1):
        yield f"there is a version, but the build said {ended}"
    yield from kills.after(trial, gc_first=False)


def _by_command(trial: Trial) -> Ended:
    command = kills.Command.of(trial)
    done = subprocess.run(
        command.arguments, env=command.environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return Ended(created=True)
    if done.returncode != 2 or "Traceback" in done.stderr:
        return Ended(bug=f"status {done.returncode}: {done.stderr}")
    return Ended(error="StoreError", text=done.stderr)


def _how(ended: Ended) -> str:
    return "error" if ended.error else "published, with warnings" if ended.warnings else "published"


def trials(runner: Runner, stage: Stage, count: int, seed: int = SEED) -> Iterator[tuple[str, list[str]]]:
    """Random amounts of space that are left, and random limits of a file's size: how it went, what was wrong."""
    rng = random.Random(seed)
    if stage.trials != stage.folder:
        needs = {scenario.name: growth(runner, stage, scenario) for scenario in stage.scenarios}
        for number in range(count):
            scenario = stage.scenarios[number % len(stage.scenarios)]
            left = rng.randrange(0, needs[scenario.name] + 8 * PAGE, PAGE)
            said, how = filled(runner, stage, scenario, left, number % BY_COMMAND == 0)
            yield f"full disk: {how}", said
    for number in range(count):
        scenario = stage.scenarios[number % len(stage.scenarios)]
        said, how = limited(runner, stage, scenario, int(2 ** rng.uniform(6, 14)))
        yield f"limited files: {how}", said


def run(count: int, stage: Stage) -> int:
    """Run the trials; print what was wrong."""
    wrong, done = 0, Counter[str]()
    with Runner() as runner:
        for how, said in trials(runner, stage, count):
            wrong += told(said)
            done[how] += 1
    print(f"{dict(done)}: {wrong} wrong")
    return 1 if wrong else 0


def main(count: int = 100) -> int:
    """Run `count` trials of each kind on a stage of their own."""
    with tempfile.TemporaryDirectory() as folder:
        return on_small_disk(count, Stage(Path(folder)))


def on_small_disk(count: int, stage: Stage) -> int:
    """Run the trials in a process that has a small disk; without one, where that is not allowed."""
    kept = stage.folder / "stage.pickle"
    kept.write_bytes(pickle.dumps(stage))
    here = [sys.executable, "-m", "campaigns.full_disk", str(count), str(kept)]
    path = os.pathsep.join([str(Path(__file__).resolve().parents[1]), *filter(None, sys.path)])
    with tempfile.TemporaryDirectory() as disk:
        mounted = [sys.executable, "-m", "campaigns.small_disk", disk, str(DISK_BYTES), *here, disk]
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(mounted, env=environment, check=False)
        if done.returncode == small_disk.NOT_ALLOWED:
            done = subprocess.run(here, env=environment, check=False)
    return done.returncode


if __name__ == "__main__":
    asked, kept, *disks = sys.argv[1:]
    found: Stage = pickle.loads(Path(kept).read_bytes())
    found.trials = Path(disks[0]) if disks else found.folder
    sys.exit(run(int(asked), found))
