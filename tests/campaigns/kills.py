"""A build that is killed, at any step or at any moment, harms no version, and the next build completes.

Steps: every single change that a build makes to a file or folder, those of the storage engine and of the cache of hashes
among them; the build is killed before each. Moments: the command line's own process and its workers are killed after a
random time, all at once, or the first alone, as by the system when memory is short.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from campaigns import sound
from campaigns.runner import Runner
from campaigns.states import SCENARIOS, Scenario, Stage, Trial, own_cache
from datapkg import versions
from datapkg.places import STAGING, place

SEED = 11
CLI = "from datapkg.cli import main; main()"
ENDS_WITHIN_S = 120.0
STARTS_WITHIN_S = 600.0
"""Other work on the machine must fail no trial."""


def steps_of(runner: Runner, stage: Stage, scenario: Scenario) -> list[str]:
    """The steps of an undisturbed build, which are always the same."""
    if scenario.name not in stage.steps:
        with stage.trial(scenario) as trial:
            ended, steps, _ = runner.watched(trial.ask(), trial.cache, trial.folder)
            assert ended.created, ended
            stage.steps[scenario.name] = [str(step).replace(str(trial.folder), "") for step in steps]
    return stage.steps[scenario.name]


def killed_at(runner: Runner, stage: Stage, scenario: Scenario, step: int) -> list[str]:
    """Kill a build before a step: what is wrong then."""
    with stage.trial(scenario) as trial:
        ended, steps, killed = runner.watched(trial.ask(), trial.cache, trial.folder, kill_at=step)
        said = [] if killed else [f"the build ended before: {ended}"]
        said += sound.gathered(after(trial, gc_first=step % 2 == 0))
        place = str(steps[-1]).replace(str(trial.folder), "")
    return [f"{scenario.name}, killed before step {step} ({place}): {one}" for one in said]


def after(trial: Trial, gc_first: bool) -> Iterator[str]:
    """What is wrong with a package after a build of it was stopped."""
    earlier, expected = trial.earlier(), trial.expected()
    with own_cache(trial.cache):
        made = len(earlier) + 1
        if published(trial.package, made):
            earlier = [*earlier, expected]
        yield from sound.faults(trial.package, earlier)
        if gc_first and sound.reclaimable(trial.package):
            yield from sound.reclaimed(trial.package)
            yield from sound.faults(trial.package, earlier)
        first = (*trial.scenario.history, trial.scenario.state)
        release = first.index(trial.scenario.state) + 1
        yield from sound.completes(trial.ask(), made, expected, release)
        yield from sound.reclaimed(trial.package)
        yield from sound.faults(trial.package, [*trial.earlier(), expected])


def published(package: Path | str, version: int) -> bool:
    """Whether a version's record is there."""
    return version in versions.numbers(place(package))


@dataclass(frozen=True)
class Command:
    """The command line's build: how to run it, and how long it takes once it has begun to write."""

    arguments: tuple[str, ...]
    environment: dict[str, str]

    @staticmethod
    def of(trial: Trial) -> Command:
        ask = trial.ask()
        options = ("--root", ask["root"], "--allow-removals", "--workers", "2")
        program = (sys.executable, "-c", CLI, "build", ask["manifest"], ask["package"])
        return Command((*program, *options), {**os.environ, "DATAPKG_CACHE": str(trial.cache)})

    def start(self) -> psutil.Popen:
        """Start it as the first of a group of processes."""
        return psutil.Popen(
            self.arguments,
            env=self.environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def begun(trial: Trial, process: psutil.Popen) -> None:
    """Wait until a build has begun to write; on a busy machine it may be over before that is seen."""
    until = time.monotonic() + STARTS_WITHIN_S
    while not any(trial.package.glob(f"{STAGING}*")) and process.poll() is None:
        assert time.monotonic() < until, "the build did not begin"
        time.sleep(0.002)
    assert process.poll() in (None, 0), "the build failed"


def seconds_of(stage: Stage, scenario: Scenario) -> float:
    """How long the command line's build takes from its first change of the package."""
    with stage.trial(scenario) as trial:
        process = Command.of(trial).start()
        begun(trial, process)
        started = time.monotonic()
        assert process.wait() == 0
        return time.monotonic() - started


def killed_after(stage: Stage, scenario: Scenario, seconds: float, alone: bool) -> list[str]:
    """Kill the command line's build some time after it has begun: what is wrong then."""
    with stage.trial(scenario) as trial:
        process = Command.of(trial).start()
        begun(trial, process)
        time.sleep(seconds)
        started = [process, *_children(process)]
        semaphores = {path for one in started for path in _semaphores(one.pid)}
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if alone:
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(started, ENDS_WITHIN_S)
        said = [f"still runs: {one}" for one in alive]
        for one in alive:
            one.kill()
        for path in semaphores:  # whoever would clean them up was killed too
            path.unlink(missing_ok=True)
        said += sound.gathered(after(trial, gc_first=alone))
    who = "alone" if alone else "with its workers"
    return [f"{scenario.name}, killed {who} after {seconds:.3f} s: {one}" for one in said]


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _semaphores(pid: int) -> Iterator[Path]:
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return
    for line in maps.splitlines():
        if "/dev/shm/sem.mp-" in line:
            yield Path(line.split()[5])


def moments(
    stage: Stage, count: int, scenarios: Sequence[Scenario] = SCENARIOS
) -> Iterator[tuple[Scenario, float, bool]]:
    """Random moments, the same number in each scenario; every second time in each the first process alone is killed."""
    rng = random.Random(SEED)
    lengths = {one.name: seconds_of(stage, one) for one in scenarios}
    for number in range(count):
        scenario = scenarios[number % len(scenarios)]
        alone = (number // len(scenarios) + number) % 2 == 1
        yield scenario, rng.uniform(0, lengths[scenario.name]), alone


def main(count: int = 200, stride: int = 1) -> int:
    """Kill at every step (or at each of some), and at `count` random moments; print what was wrong."""
    wrong, done = 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder, Runner() as runner:
        stage = Stage(Path(folder), SCENARIOS)
        for scenario in SCENARIOS:
            for step in range(1, len(steps_of(runner, stage, scenario)) + 1, stride):
                wrong += told(killed_at(runner, stage, scenario, step))
                done[f"{scenario.name}, steps"] += 1
        for scenario, seconds, alone in moments(stage, count):
            wrong += told(killed_after(stage, scenario, seconds, alone))
            done["moments"] += 1
    print(f"killed at {dict(done)}: {wrong} wrong")
    return 1 if wrong else 0


def told(wrong: list[str]) -> int:
    """Print what was wrong at once; how much it is."""
    for said in wrong:
        print(said, flush=True)
    return len(wrong)
